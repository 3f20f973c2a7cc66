"""The parts of an EntityProto: meanings, values, keys and paths. `entity` puts them together."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, NamedTuple

from ..core.errors import DataError
from ..core.values import GeoPoint
from .wire import get_varint, signed

NONE, WHEN, POINT, BLOB, TEXT, BYTESTRING, MAP, EMPTY_LIST, VECTOR = 0, 7, 9, 14, 15, 16, 19, 24, 31
"""The meanings that a property may have."""

_unpack_double = struct.Struct("<d").unpack_from


def bad_document(what: str, at: int) -> DataError:
    """The error for a record, with the byte where it was found."""
    return DataError("bad-document", what[0].upper() + what[1:], where=f"byte {at} of the record")


def get_bytes(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Bytes with their length before them, and the place behind; they end before `end`."""
    size = data[at]
    at += 1
    if size > 127:
        size, at = get_varint(data, at - 1)
    if at + size > end:
        raise bad_document("a text that is longer than its message", at)
    return data[at : at + size], at + size


class PathTags(NamedTuple):
    """The tags of a path: keys and references have their own."""

    begin: bytes
    id: bytes
    name: bytes
    end: int


KEY_PATH = PathTags(b"\x0b\x12", b"\x18", b"\x22", 0x0C)
REFERENCE_PATH = PathTags(b"\x73\x7a", b"\x80\x01", b"\x8a\x01", 0x74)


def get_path(data: bytes, at: int, end: int, tags: PathTags = KEY_PATH) -> tuple[str, int]:
    """A path, and the place behind it; the id 7 becomes `__id7__`, as Firestore shows it."""
    parts: list[bytes] = []
    begin, id_tag, name_tag, stop = tags
    while at < end and data[at] == begin[0]:
        if data[at + 1] != begin[1]:
            raise bad_document("a path without the name of a collection", at)
        part, at = get_bytes(data, at + 2, end)
        parts.append(part)
        if data[at] == name_tag[0]:
            part, at = get_bytes(data, at + len(name_tag), end)
        elif data[at] == id_tag[0]:
            number, at = get_varint(data, at + len(id_tag))
            part = b"__id%d__" % signed(number)
        else:
            raise bad_document("a path element without an id", at)
        parts.append(part)
        if data[at] != stop:
            raise bad_document("a path element of an unknown form", at)
        at += 1
    path = b"/".join(parts)
    if not all(parts) or not parts or path.count(b"/") != len(parts) - 1:
        raise bad_document(f"{path!r:.200} is not the path of a document", at)
    return path.decode(), at


def get_blob(data: bytes, at: int, stop: int) -> bytes:
    """A value of bytes."""
    value, at = get_bytes(data, at + 1, stop)
    if at != stop:
        raise bad_document("a value that is longer than it says", at)
    return value


def _text(data: bytes, at: int, stop: int) -> str:
    size = data[at + 1]
    at += 2
    if size > 127:
        size, at = get_varint(data, at - 1)
    if at + size != stop:
        raise bad_document("a text that is not as long as it says", at)
    return data[at:stop].decode()


def _integer(data: bytes, at: int, stop: int) -> int:
    number, at = get_varint(data, at + 1)
    if at != stop:
        raise bad_document("an integer that is longer than it says", at)
    return signed(number)


def _boolean(data: bytes, at: int, stop: int) -> bool:
    if stop - at != 2 or data[at + 1] > 1:
        raise bad_document("a boolean that is neither 0 nor 1", at)
    return data[at + 1] == 1


def _number(data: bytes, at: int, stop: int) -> float:
    if stop - at != 9:
        raise bad_document("a double that has not 8 bytes", at)
    value: float = _unpack_double(data, at + 1)[0]
    return value


def _point(data: bytes, at: int, stop: int) -> GeoPoint:
    if stop - at != 20 or (data[at + 1], data[at + 10], data[at + 19]) != (0x31, 0x39, 0x2C):
        raise bad_document("a geo point of an unknown form", at)
    return GeoPoint(_unpack_double(data, at + 2)[0], _unpack_double(data, at + 11)[0])


PLAIN: dict[int, Callable[[bytes, int, int], Any]] = {
    0x08: _integer,
    0x10: _boolean,
    0x1A: _text,
    0x21: _number,
    0x2B: _point,
}
"""How a value without a meaning is read, by its tag; references need to know where they are."""

TAGS = {WHEN: 0x08, POINT: 0x2B, BLOB: 0x1A, BYTESTRING: 0x1A, MAP: 0x1A, VECTOR: 0x21}
"""The tag that a value with a meaning has."""
