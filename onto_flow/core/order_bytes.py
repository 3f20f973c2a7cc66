"""Values as bytes that sort as Firestore orders them: keys of what is kept in order.

Law: `order_bytes(a) < order_bytes(b)` is `order_key(a) < order_key(b)`, equal bytes are equal values, and no value's bytes
begin another's. So bytes of several values may follow each other, and `descending` of them sorts the other way round.

| value | bytes |
|---|---|
| null, false, true, NaN | one byte |
| number | the double at or below it (8 bytes), what an integer is above that (2 bytes), integer or double |
| timestamp | microseconds above the least one (8 bytes) |
| string, bytes, id | with `00` as `00 ff`, then `00 01` |
| array, map | each element, or key and value; then `00` |
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

from .path_bytes import path_bytes
from .values import MIN_INTEGER, GeoPoint, Reference, Vector, to_micros

_END = b"\0\1"
_INVERTED = bytes(range(255, -1, -1))
_SIGN = 1 << 63
_ALL = (1 << 64) - 1
_pack_double = struct.Struct(">d").pack
_NULL, _FALSE, _TRUE, _NAN, _NUMBER, _TIME, _STR, _BYTES, _REFERENCE, _GEO, _LIST, _VECTOR, _MAP = (
    bytes((tag,)) for tag in range(1, 14)
)


def order_bytes(value: Any) -> bytes:
    """The bytes of a value of Firestore.

    Raises:
        DataError: `bad-value` for what is none.

    Example:
        >>> sorted(["b", 2, 1.5, None, True, [1], float("nan"), {"a": 1}], key=order_bytes)
        [None, True, nan, 1.5, 2, 'b', [1], {'a': 1}]
        >>> sorted([1, 3, 2], key=lambda n: descending(order_bytes(n)))
        [3, 2, 1]
    """
    return _FORMS.get(type(value), _of_subclass)(value)


def descending(ordered: bytes) -> bytes:
    """Bytes that sort the other way round."""
    return ordered.translate(_INVERTED)


def path_part(path: str) -> bytes:
    """The bytes of a path, in the order of `values.path_order`, with an end."""
    return path_bytes(path) + b"\0\0"


def _bits(value: float) -> bytes:
    """A double that is not NaN, in the order of its value; both zeros are one."""
    bits = int.from_bytes(_pack_double(value or 0.0), "big")
    return (bits ^ (_ALL if bits & _SIGN else _SIGN)).to_bytes(8, "big")


def _integer(value: int) -> bytes:
    below = float(value)
    if below > value:
        below = math.nextafter(below, -math.inf)
    return _NUMBER + _bits(below) + (value - int(below)).to_bytes(2, "big") + b"\0"


def _double(value: float) -> bytes:
    if value != value:
        return _NAN
    return _NUMBER + _bits(value) + (b"\0\0\1" if value == 0 and math.copysign(1.0, value) < 0 else b"\0\0\2")


def _degrees(value: float) -> bytes:
    """A double among doubles: NaN first, then by value, the negative zero before the other."""
    if value != value:
        return b"\0"
    return b"\1" + _bits(value) + (b"\0" if value == 0 and math.copysign(1.0, value) < 0 else b"\1")


def _text(raw: bytes) -> bytes:
    return raw.replace(b"\0", b"\0\xff") + _END


def _reference(value: Reference[Any]) -> bytes:
    return _REFERENCE + _text((value.database or "").encode()) + path_part(value.path)


def _map(value: dict[str, Any]) -> bytes:
    members = (_STR + _text(name.encode()) + order_bytes(value[name]) for name in sorted(value))
    return _MAP + b"".join(members) + b"\0"


def _vector(value: Vector) -> bytes:
    return _VECTOR + len(value.values).to_bytes(4, "big") + b"".join(map(_degrees, value.values))


_FORMS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda v: _NULL,
    bool: lambda v: _TRUE if v else _FALSE,
    int: _integer,
    float: _double,
    datetime: lambda v: _TIME + (to_micros(v) - MIN_INTEGER).to_bytes(8, "big"),
    str: lambda v: _STR + _text(v.encode()),
    bytes: lambda v: _BYTES + _text(v),
    Reference: _reference,
    GeoPoint: lambda v: _GEO + _degrees(v.latitude) + _degrees(v.longitude),
    list: lambda v: _LIST + b"".join(map(order_bytes, v)) + b"\0",
    tuple: lambda v: _LIST + b"".join(map(order_bytes, v)) + b"\0",
    Vector: _vector,
    dict: _map,
}


def _of_subclass(value: Any) -> bytes:
    for cls, form in _FORMS.items():
        if isinstance(value, cls):
            return form(value)
    from .errors import DataError

    raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")
