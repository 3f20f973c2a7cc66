"""The scalar values of change events in protobuf, and how their fields are walked. `event_body` puts them together."""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from typing import NoReturn

from ..core.errors import DataError
from ..core.values import EPOCH, GeoPoint
from .wire import get_varint, signed

_64_BITS = (1 << 64) - 1
_SECONDS = (-62_135_596_800, 253_402_300_799)
"""Years 1 to 9999."""

_unpack_double = struct.Struct("<d").unpack_from


def refuse(what: str, at: int) -> NoReturn:
    """Raises `bad-value`, with the byte."""
    raise DataError("bad-value", what, where=f"byte {at}")


def begin(data: bytes, at: int, end: int) -> int:
    """Where the content of a map or an array begins."""
    size = data[at + 1]
    at += 2
    if size > 127:
        size, at = get_varint(data, at - 1)
    if at + size != end:
        refuse("a map or an array that is not as long as it says", at)
    return at


def take_field(
    data: bytes, at: int, end: int, known: tuple[int, ...], found: dict[int, tuple[int, int]], strict: bool = False
) -> int:
    """Takes one field: where its content lies goes to `found` when it is known; else it is passed over."""
    start = at
    tag = data[at]
    at += 1
    if tag > 127:
        tag, at = get_varint(data, start)
    number, kind = tag >> 3, tag & 7
    if kind == 2:
        size = data[at]
        at += 1
        if size > 127:
            size, at = get_varint(data, at - 1)
        stop = at + size
    elif kind == 0:
        stop = get_varint(data, at)[1]
    elif kind in (1, 5):
        stop = at + (8 if kind == 1 else 4)
    else:
        refuse(f"a field of wire type {kind}", start)
    if stop > end or not number:
        refuse("a field that is longer than its message, or has no number", start)
    if number in known:
        if number in found or kind != 2:
            refuse(f"field {number} occurs twice, or is no message", start)
        found[number] = at, stop
    elif strict:
        refuse(f"the unknown field {number}", start)
    return stop


def part(data: bytes, span: tuple[int, int] | None) -> bytes:
    """The bytes of a field that `take_field` found; none where it did not."""
    return b"" if span is None else data[span[0] : span[1]]


def content_of(data: bytes, at: int, end: int) -> bytes:
    """Bytes with their length before them, which end where the value ends."""
    size = data[at]
    at += 1
    if size > 127:
        size, at = get_varint(data, at - 1)
    if at + size != end:
        refuse("a value that is not as long as it says", at)
    return data[at:end]


def text(data: bytes, at: int, end: int) -> str:
    """A value of text, with its tag of two bytes."""
    size = data[at + 2]
    start = at + 3
    if size > 127:
        size, start = get_varint(data, at + 2)
    if data[at + 1] != 1 or start + size != end:
        refuse("a text that is not as long as it says", at)
    return data[start:end].decode()


def _bytes(data: bytes, at: int, end: int) -> bytes:
    if data[at + 1] != 1:
        refuse("a value of an unknown tag", at)
    return content_of(data, at + 2, end)


def _boolean(data: bytes, at: int, end: int) -> bool:
    if end - at != 2 or data[at + 1] > 1:
        refuse("a boolean that is neither 0 nor 1", at)
    return data[at + 1] == 1


def _integer(data: bytes, at: int, end: int) -> int:
    number, at = get_varint(data, at + 1)
    if at != end:
        refuse("an integer that is not as long as it says", at)
    return signed(number)


def _double(data: bytes, at: int, end: int) -> float:
    if end - at != 9:
        refuse("a double that has not 8 bytes", at)
    value: float = _unpack_double(data, at + 1)[0]
    return value


def _null(data: bytes, at: int, end: int) -> None:
    if end - at != 2 or data[at + 1]:
        refuse("a null that is not 0", at)


def _geo_point(data: bytes, at: int, end: int) -> GeoPoint:
    """A part that is 0 is left out, as protobuf has it."""
    content = content_of(data, at + 1, end)
    parts = {0x09: 0.0, 0x11: 0.0}
    for start in range(0, len(content), 9):
        if content[start] not in parts:
            refuse("a geo point of an unknown form", at)
        parts[content[start]] = _unpack_double(content, start + 1)[0]
    return GeoPoint(parts[0x09], parts[0x11])


def _timestamp(data: bytes, at: int, end: int) -> datetime:
    size = data[at + 1]
    if size > 127 or at + 2 + size != end:
        refuse("a time that is not as long as it says", at)
    return EPOCH + timedelta(microseconds=micros_of(data, at + 2, end))


def micros_of(data: bytes, at: int, end: int) -> int:
    """The time of a Timestamp {1 seconds, 2 nanoseconds}; what is below a microsecond is cut, as Firestore does."""
    seconds = nanos = 0
    while at < end:
        tag = data[at]
        number, at = get_varint(data, at + 1)
        if tag == 0x08:
            seconds = signed(number)
        elif tag == 0x10:
            nanos = number & _64_BITS
        else:
            refuse(f"a time with the unknown tag {tag:02x}", at)
    if at != end or nanos >= 10**9 or not _SECONDS[0] <= seconds <= _SECONDS[1]:
        refuse("a time outside the years 1 to 9999", at)
    return seconds * 1_000_000 + nanos // 1000


SCALARS = {
    0x08: _boolean,
    0x10: _integer,
    0x19: _double,
    0x42: _geo_point,
    0x52: _timestamp,
    0x58: _null,
    0x92: _bytes,
}
