"""The bytes of each type of value, both ways: what `codec` makes whole values, messages and state cells of.

One byte of type, then the content. Lengths and counts are unsigned LEB128; integers are minimal two's complement, big
endian, so that exact sums of any size fit; doubles are 8 bytes big endian with one NaN; maps are sorted by key. A tuple
has its own type: it is what messages and state are made of, and never a value of a document.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .errors import DataError
from .fields import Fields
from .values import GeoPoint, Reference, Vector, from_micros, to_micros

MAX_DEPTH = 64

NONE, FALSE, TRUE, INT, DOUBLE, STR, BYTES, TIME, GEO, REF, VECTOR, LIST, MAP, TUPLE = range(14)
_NAN = struct.pack(">d", math.nan)
_pack_double = struct.Struct(">d").pack
_unpack_double = struct.Struct(">d").unpack_from


def put_size(out: bytearray, n: int) -> None:
    """Adds an unsigned LEB128."""
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)


def put_value(out: bytearray, value: Any, depth: int) -> None:
    """Adds the bytes of a value that stands in `depth` others.

    Raises:
        DataError: `bad-value` for a type that has no form, `too-deep` beyond `MAX_DEPTH` levels.
    """
    put = _PUT.get(type(value))
    if put is None:
        put = _put_of_subclass(value)
    put(out, value, depth)


def _put_none(out: bytearray, value: None, depth: int) -> None:
    out.append(NONE)


def _put_bool(out: bytearray, value: bool, depth: int) -> None:
    out.append(TRUE if value else FALSE)


def _put_int(out: bytearray, value: int, depth: int) -> None:
    raw = value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)
    out.append(INT)
    put_size(out, len(raw))
    out += raw


def _put_double(out: bytearray, value: float, depth: int) -> None:
    out.append(DOUBLE)
    out += _NAN if value != value else _pack_double(value)


def _put_str(out: bytearray, value: str, depth: int) -> None:
    try:
        raw = value.encode()
    except UnicodeEncodeError as error:
        raise DataError("bad-value", f"a string that is not Unicode text: {value!r:.80}") from error
    out.append(STR)
    put_size(out, len(raw))
    out += raw


def _put_bytes(out: bytearray, value: bytes, depth: int) -> None:
    out.append(BYTES)
    put_size(out, len(value))
    out += value


def _put_time(out: bytearray, value: datetime, depth: int) -> None:
    out.append(TIME)
    out += to_micros(value).to_bytes(8, "big", signed=True)


def _put_geo(out: bytearray, value: GeoPoint, depth: int) -> None:
    out.append(GEO)
    for degrees in (value.latitude, value.longitude):
        out += _NAN if degrees != degrees else _pack_double(degrees)


def _put_reference(out: bytearray, value: Reference[Any], depth: int) -> None:
    out.append(REF)
    _put_str(out, value.path, depth)
    _put_str(out, value.database or "", depth)


def _put_vector(out: bytearray, value: Vector, depth: int) -> None:
    out.append(VECTOR)
    put_size(out, len(value.values))
    for element in value.values:
        out += _NAN if element != element else _pack_double(element)


def _put_sequence(tag: int) -> Callable[[bytearray, Any, int], None]:
    def put(out: bytearray, value: Any, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise DataError("too-deep", f"a value is nested deeper than {MAX_DEPTH} levels")
        out.append(tag)
        put_size(out, len(value))
        for element in value:
            put_value(out, element, depth + 1)

    return put


def _put_map(out: bytearray, value: dict[str, Any], depth: int) -> None:
    if depth >= MAX_DEPTH:
        raise DataError("too-deep", f"a value is nested deeper than {MAX_DEPTH} levels")
    out.append(MAP)
    put_size(out, len(value))
    try:
        names = sorted(value)
    except TypeError as error:
        raise DataError("bad-value", f"a map with keys that are not strings: {list(value)!r:.80}") from error
    for name in names:
        if not isinstance(name, str):
            raise DataError("bad-value", f"a map with a key that is not a string: {name!r:.80}")
        _put_str(out, name, depth)
        put_value(out, value[name], depth + 1)


_PUT: dict[type, Callable[[bytearray, Any, int], None]] = {
    type(None): _put_none,
    bool: _put_bool,
    int: _put_int,
    float: _put_double,
    str: _put_str,
    bytes: _put_bytes,
    datetime: _put_time,
    GeoPoint: _put_geo,
    Reference: _put_reference,
    Vector: _put_vector,
    list: _put_sequence(LIST),
    dict: _put_map,
    Fields: _put_map,
    tuple: _put_sequence(TUPLE),
}


def _put_of_subclass(value: Any) -> Callable[[bytearray, Any, int], None]:
    for cls, put in _PUT.items():
        if isinstance(value, cls):
            return put
    raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")


def get_size(data: bytes, at: int) -> tuple[int, int]:
    """The unsigned LEB128 that begins at `at`, and where it ends."""
    n = shift = 0
    while True:
        byte = data[at]
        at += 1
        n |= (byte & 0x7F) << shift
        if byte < 0x80:
            return n, at
        shift += 7


def _slice(data: bytes, at: int) -> tuple[bytes, int]:
    n, at = get_size(data, at)
    if at + n > len(data):
        raise IndexError(f"length {n} beyond the end")
    return data[at : at + n], at + n


def get_value(data: bytes, at: int) -> tuple[Any, int]:
    """The value whose bytes begin at `at`, and where they end.

    Raises:
        IndexError, struct.error, UnicodeDecodeError, KeyError: The bytes are not such a form.
    """
    return _GET[data[at]](data, at + 1)


def _get_int(data: bytes, at: int) -> tuple[int, int]:
    raw, at = _slice(data, at)
    return int.from_bytes(raw, "big", signed=True), at


def _get_double(data: bytes, at: int) -> tuple[float, int]:
    return _unpack_double(data, at)[0], at + 8


def _get_str(data: bytes, at: int) -> tuple[str, int]:
    raw, at = _slice(data, at)
    return raw.decode(), at


def _get_time(data: bytes, at: int) -> tuple[datetime, int]:
    return from_micros(int.from_bytes(data[at : at + 8], "big", signed=True)), at + 8


def _get_geo(data: bytes, at: int) -> tuple[GeoPoint, int]:
    return GeoPoint(_unpack_double(data, at)[0], _unpack_double(data, at + 8)[0]), at + 16


def _get_reference(data: bytes, at: int) -> tuple[Reference[Any], int]:
    path, at = _get_str(data, at + 1)
    database, at = _get_str(data, at + 1)
    return Reference(path, database or None), at


def _get_vector(data: bytes, at: int) -> tuple[Vector, int]:
    n, at = get_size(data, at)
    return Vector(struct.unpack_from(f">{n}d", data, at)), at + 8 * n


def _get_list(data: bytes, at: int) -> tuple[list[Any], int]:
    n, at = get_size(data, at)
    out = []
    for _ in range(n):
        value, at = get_value(data, at)
        out.append(value)
    return out, at


def _get_tuple(data: bytes, at: int) -> tuple[tuple[Any, ...], int]:
    out, at = _get_list(data, at)
    return tuple(out), at


def _get_map(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    n, at = get_size(data, at)
    out = {}
    for _ in range(n):
        name, at = _get_str(data, at + 1)
        out[name], at = get_value(data, at)
    return out, at


_GET: dict[int, Callable[[bytes, int], tuple[Any, int]]] = {
    NONE: lambda data, at: (None, at),
    FALSE: lambda data, at: (False, at),
    TRUE: lambda data, at: (True, at),
    INT: _get_int,
    DOUBLE: _get_double,
    STR: _get_str,
    BYTES: _slice,
    TIME: _get_time,
    GEO: _get_geo,
    REF: _get_reference,
    VECTOR: _get_vector,
    LIST: _get_list,
    MAP: _get_map,
    TUPLE: _get_tuple,
}
