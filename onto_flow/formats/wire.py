"""The few protobuf wire forms that exports are made of: varints, and fields that carry a length.

Source: the protobuf encoding guide. Groups are read where they occur, in `entity`.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..core.errors import DataError

_TWO_63, _TWO_64 = 1 << 63, 1 << 64
_MAX_VARINT_BITS = 70


def get_varint(data: bytes, at: int) -> tuple[int, int]:
    """An unsigned number and the place behind it.

    Raises:
        IndexError: The data ends inside it.
        DataError: `bad-document` when it is longer than 10 bytes.

    Example:
        >>> get_varint(bytes([0xAC, 0x02]), 0)
        (300, 2)
    """
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
        if shift >= _MAX_VARINT_BITS:
            raise DataError("bad-document", "a number of more than 10 bytes", where=f"byte {at} of the record")


def signed(number: int) -> int:
    """The 64-bit signed integer that an unsigned number stands for.

    Example:
        >>> signed((1 << 64) - 1), signed(5)
        (-1, 5)
    """
    number &= _TWO_64 - 1
    return number - _TWO_64 if number >= _TWO_63 else number


def varint(number: int) -> bytes:
    """The bytes of a number; a negative one takes 10.

    Example:
        >>> varint(300).hex(), len(varint(-1))
        ('ac02', 10)
    """
    if 0 <= number < 0x80:
        return bytes((number,))
    number &= _TWO_64 - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def chunk(tag: bytes, content: bytes) -> bytes:
    """A field with a length: strings, bytes and messages."""
    return tag + varint(len(content)) + content


def walk(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: their numbers, and integers or bytes.

    Raises:
        DataError: `bad-document` for a message that is cut or holds other wire types.

    Example:
        >>> list(walk(bytes([0x08, 0x02, 0x12, 0x01, 0x41])))
        [(1, 2), (2, b'A')]
    """
    at = 0
    try:
        while at < len(data):
            tag, at = get_varint(data, at)
            value, at = get_varint(data, at)
            if tag & 7 == 0:
                yield tag >> 3, value
                continue
            if tag & 7 != 2 or at + value > len(data):
                raise DataError("bad-document", f"a field of wire type {tag & 7}, or cut", where=f"byte {at}")
            yield tag >> 3, data[at : at + value]
            at += value
    except IndexError as error:
        raise DataError("bad-document", "a message that ends inside a field", where=f"byte {at}") from error
