"""Values in plain JSON, as feeds made by hand carry them; and the forms that the Admin SDK's values take in it.

| Admin SDK, as `JSON.stringify` writes it | value |
|---|---|
| `{"_seconds": 1, "_nanoseconds": 0}` | timestamp |
| `{"_latitude": 52.5, "_longitude": 13.4}` | geo point |
| `{"type": "Buffer", "data": [1, 2]}` | bytes |
| `{"_firestore": ..., "_path": {"segments": ["users", "u1"]}, ...}` | reference |
| `{"_values": [1, 2]}` | vector |

What JSON cannot tell: 1 and 1.0 (a number without a point is an integer), NaN and infinities (they are null), a reference
that was sent as its path (it is text), a map that looks like one of the forms. Source: googleapis/nodejs-firestore.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from ..core.errors import DataError
from ..core.keys import check_path
from ..core.values import EPOCH, MAX_INTEGER, MIN_INTEGER, GeoPoint, Reference, Vector
from .typed_json import MAX_DEPTH


def read_plain(fields: Any, where: str = "$") -> dict[str, Any]:
    """The fields of a document whose values are plain JSON.

    Raises:
        DataError: `bad-value`, `too-deep`, with the JSON path.

    Example:
        >>> read_plain({"n": 1, "x": 1.5, "tags": ["a", None]})
        {'n': 1, 'x': 1.5, 'tags': ['a', None]}
    """
    return _Reader(admin=False).document(fields, where)


def read_admin(fields: Any, where: str = "$") -> dict[str, Any]:
    """The fields of a document whose values the Admin SDK wrote.

    Raises:
        DataError: As for `read_plain`.

    Example:
        >>> read_admin({"at": {"_seconds": 5, "_nanoseconds": 1000}, "b": {"type": "Buffer", "data": [1]}})
        {'at': datetime.datetime(1970, 1, 1, 0, 0, 5, 1, tzinfo=datetime.timezone.utc), 'b': b'\\x01'}
    """
    return _Reader(admin=True).document(fields, where)


class _Reader:
    def __init__(self, admin: bool) -> None:
        self._forms = _FORMS if admin else {}

    def document(self, fields: Any, where: str) -> dict[str, Any]:
        if not isinstance(fields, dict):
            raise DataError("bad-value", f"not the fields of a document: {fields!r:.80}", where=where)
        return self._map(fields, where, 0)

    def _map(self, fields: dict[str, Any], where: str, depth: int) -> dict[str, Any]:
        return {_text(name, where): self._value(value, where, name, depth) for name, value in fields.items()}

    def _value(self, value: Any, where: str, name: Any, depth: int) -> Any:
        kind = type(value)
        if value is None or kind is bool:
            return value
        where = f"{where}.{name:.100}" if isinstance(name, str) else f"{where}[{name}]"
        if kind is str:
            return _text(value, where)
        if kind is int or kind is float:
            return _number(value, where)
        if kind is list:
            if isinstance(name, int):
                raise DataError("bad-value", "an array in an array, which Firestore does not have", where=where[:400])
            return [self._value(element, where, at, depth) for at, element in enumerate(value)]
        form = self._forms.get(frozenset(value)) if len(value) <= _MOST_KEYS else None
        found = NotImplemented if form is None else form(value, where)
        if found is not NotImplemented:
            return found
        if depth >= MAX_DEPTH:
            raise DataError("too-deep", f"maps are nested deeper than {MAX_DEPTH} levels", where=where[:400])
        return self._map(value, where, depth + 1)


def _text(value: str, where: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise DataError(
                "bad-value", f"a string that is not Unicode text: {value!r:.80}", where=where[:400]
            ) from error
    return value


def _number(value: float, where: str) -> float:
    fits = math.isfinite(value) if isinstance(value, float) else MIN_INTEGER <= value <= MAX_INTEGER
    if not fits:
        raise DataError("bad-value", f"{value!r:.80} does not fit 64 bits", where=where[:400])
    return value


def _bad(what: str, value: Any, where: str) -> DataError:
    return DataError("bad-value", f"not {what}: {value!r:.80}", where=where[:400])


def _timestamp(value: dict[str, Any], where: str) -> Any:
    seconds, nanos = value["_seconds"], value["_nanoseconds"]
    try:
        if type(seconds) is int and type(nanos) is int and 0 <= nanos < 10**9:
            return EPOCH + timedelta(seconds=seconds, microseconds=nanos // 1000)
    except OverflowError as error:
        raise _bad("a time in the years 1 to 9999", value, where) from error
    raise _bad("a timestamp", value, where)


def _geo_point(value: dict[str, Any], where: str) -> GeoPoint:
    latitude, longitude = value["_latitude"], value["_longitude"]
    if any(type(part) not in (int, float) for part in (latitude, longitude)):
        raise _bad("a geo point", value, where)
    return GeoPoint(float(_number(latitude, where)), float(_number(longitude, where)))


def _buffer(value: dict[str, Any], where: str) -> Any:
    data = value["data"]
    if value["type"] != "Buffer" or not isinstance(data, list):
        return NotImplemented
    try:
        if any(type(byte) is not int for byte in data):
            raise ValueError("a byte is a number")
        return bytes(data)
    except (ValueError, OverflowError) as error:
        raise _bad("bytes", value, where) from error


def _reference(value: dict[str, Any], where: str) -> Reference[Any]:
    path = value["_path"]
    segments = path.get("segments") if isinstance(path, dict) else None
    if not isinstance(segments, list) or not all(isinstance(s, str) for s in segments):
        raise _bad("a reference", value, where)
    try:
        return Reference(check_path(_text("/".join(segments), where)))
    except DataError as error:
        raise _bad("a reference", value, where) from error


def _vector(value: dict[str, Any], where: str) -> Vector:
    numbers = value["_values"]
    if not isinstance(numbers, list) or any(type(n) not in (int, float) for n in numbers):
        raise _bad("a vector", value, where)
    return Vector(tuple(float(_number(n, where)) for n in numbers))


_FORMS: dict[frozenset[str], Callable[[dict[str, Any], str], Any]] = {
    frozenset({"_seconds", "_nanoseconds"}): _timestamp,
    frozenset({"_latitude", "_longitude"}): _geo_point,
    frozenset({"type", "data"}): _buffer,
    frozenset({"_firestore", "_path"}): _reference,
    frozenset({"_firestore", "_path", "_converter"}): _reference,
    frozenset({"_values"}): _vector,
}
_MOST_KEYS = 3
