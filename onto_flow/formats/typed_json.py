"""Values <-> REST's typed JSON (`{"integerValue": "1"}`), strict both ways.

Law: `decode_value(encode_value(v))` is `v`, and nothing is guessed: an unknown key, two keys, a number that does not
fit, or text that is not base64 is an error that says where. Source: the REST reference of Firestore, `Value`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, Document, GeoPoint, Reference, Vector
from .names import full_name, split_name
from .times import format_time, parse_time

MAX_DEPTH = 20
"""Firestore's limit of maps in maps."""

VECTOR_KEY, _VECTOR = "__type__", "__vector__"
_SPECIAL = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf, "-0.0": -0.0}
"""Doubles as text; minus zero is so where numbers lose its sign, as those of PostgreSQL's jsonb do."""


def vector_of_map(fields: dict[str, Any]) -> Any:
    """The vector that a map stands for; the map itself when it is none.

    Example:
        >>> vector_of_map({"__type__": "__vector__", "value": [1.0, 2.0]}), vector_of_map({"value": [1.0]})
        (Vector(values=(1.0, 2.0)), {'value': [1.0]})
    """
    if len(fields) == 2 and fields.get(VECTOR_KEY) == _VECTOR:
        values = fields.get("value")
        if isinstance(values, list) and all(type(v) is float for v in values):
            return Vector(tuple(values))
    return fields


def map_of_vector(vector: Vector) -> dict[str, Any]:
    """The map that stands for a vector where a format has none."""
    return {VECTOR_KEY: _VECTOR, "value": list(vector.values)}


def encode_fields(fields: Document, database: str | None = None) -> dict[str, Any]:
    """The `fields` of a REST document.

    Args:
        fields: Values as in `core.values`.
        database: What references without a database of their own point into; `None` writes them as relative paths.

    Raises:
        DataError: `bad-value`, `too-deep`, with the path of the field.

    Example:
        >>> encode_fields({"n": 1, "tags": ["a", None]})
        {'n': {'integerValue': '1'}, 'tags': {'arrayValue': {'values': [{'stringValue': 'a'}, {'nullValue': None}]}}}
    """
    return _encode_map(fields, database, "$", 0)


def encode_value(value: Any, database: str | None = None) -> dict[str, Any]:
    """The typed JSON of one value.

    Example:
        >>> encode_value(float("nan")), encode_value(b"\\x00"), encode_value(Reference("users/u1"))
        ({'doubleValue': 'NaN'}, {'bytesValue': 'AA=='}, {'referenceValue': 'users/u1'})
    """
    return _encode(value, database, "$", 0)


def decode_fields(fields: Any, database: str | None = None, where: str = "$") -> dict[str, Any]:
    """The values of a REST document's `fields`.

    Args:
        fields: What `json.loads` gave.
        database: The document's database: references into it become `Reference(path)`.
        where: The JSON path of `fields`, for errors.

    Raises:
        DataError: `bad-value`, `too-deep`, with the JSON path.

    Example:
        >>> decode_fields({"at": {"timestampValue": "2024-05-01T00:00:00Z"}})["at"].isoformat()
        '2024-05-01T00:00:00+00:00'
    """
    return _decode_map(fields, database, where, 0)


def decode_value(value: Any, database: str | None = None, where: str = "$") -> Any:
    """The value that a typed JSON stands for."""
    return _decode(value, database, where, 0)


def _error(what: str, where: str, code: str = "bad-value") -> DataError:
    return DataError(code, what, where=where[:400])


def _encode_map(fields: Any, database: str | None, where: str, depth: int) -> dict[str, Any]:
    out = {}
    for name, value in fields.items():
        if not isinstance(name, str):
            raise _error(f"a map with a key that is not a string: {name!r:.80}", where)
        out[_text(name, where)] = _encode(value, database, f"{where}.{name}", depth)
    return out


def _encode(value: Any, database: str | None, where: str, depth: int) -> dict[str, Any]:
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            raise _error(f"maps are nested deeper than {MAX_DEPTH} levels", where, "too-deep")
        return {"mapValue": {"fields": _encode_map(value, database, where, depth + 1)} if value else {}}
    if isinstance(value, Vector):
        return _encode(map_of_vector(value), database, where, depth)
    if isinstance(value, (list, tuple)):
        if any(isinstance(v, (list, tuple)) for v in value):
            raise _error("an array in an array, which Firestore does not have", where)
        elements = [_encode(v, database, f"{where}[{i}]", depth) for i, v in enumerate(value)]
        return {"arrayValue": {"values": elements} if elements else {}}
    if isinstance(value, Reference):
        return {"referenceValue": full_name(value.path, value.database or database)}
    name, put = _ENCODE.get(type(value)) or _encoder_of_subclass(value, where)
    return {name: put(value, where)}


def _encoder_of_subclass(value: Any, where: str) -> tuple[str, Callable[[Any, str], Any]]:
    for cls, found in _ENCODE.items():
        if isinstance(value, cls):
            return found
    raise _error(f"{type(value).__name__} is not a value of Firestore: {value!r:.80}", where)


def _text(value: str, where: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _error(f"a string that is not Unicode text: {value!r:.80}", where) from error
    return value


def _integer_text(value: int, where: str) -> str:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise _error(f"{value!r:.80} does not fit 64 bits", where)
    return str(int(value))


def _double_json(value: float, where: str) -> float | str:
    if math.isfinite(value):
        return float(value)
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _geo_json(value: GeoPoint, where: str) -> dict[str, Any]:
    return {"latitude": _double_json(value.latitude, where), "longitude": _double_json(value.longitude, where)}


_ENCODE: dict[type, tuple[str, Callable[[Any, str], Any]]] = {
    str: ("stringValue", _text),
    bool: ("booleanValue", lambda v, where: bool(v)),
    int: ("integerValue", _integer_text),
    float: ("doubleValue", _double_json),
    type(None): ("nullValue", lambda v, where: None),
    datetime: ("timestampValue", lambda v, where: format_time(v)),
    bytes: ("bytesValue", lambda v, where: base64.b64encode(v).decode()),
    GeoPoint: ("geoPointValue", _geo_json),
}


def _decode_map(fields: Any, database: str | None, where: str, depth: int) -> dict[str, Any]:
    out = {}
    for name, value in _object(fields, where).items():
        out[_text(name, where)] = _decode(value, database, f"{where}.{name}", depth)
    return out


def _decode(value: Any, database: str | None, where: str, depth: int) -> Any:
    if not isinstance(value, dict) or len(value) != 1:
        raise _error(f'not a typed value such as {{"stringValue": "a"}}: {value!r:.80}', where)
    ((kind, content),) = value.items()
    get = _DECODE.get(kind)
    if get is not None:
        return get(content, where)
    if kind == "arrayValue":
        return _decode_array(content, database, where, depth)
    if kind == "mapValue":
        if depth >= MAX_DEPTH:
            raise _error(f"maps are nested deeper than {MAX_DEPTH} levels", where, "too-deep")
        inner = _only(content, "fields", where)
        return vector_of_map(_decode_map({} if inner is None else inner, database, where, depth + 1))
    if kind == "referenceValue":
        return _decode_reference(content, database, where)
    raise _error(f"{kind!r:.80} is not a type of value", where)


def _decode_array(content: Any, database: str | None, where: str, depth: int) -> list[Any]:
    values = _only(content, "values", where)
    if values is None:
        return []
    if not isinstance(values, list):
        raise _error(f"values that are not a list: {values!r:.80}", where)
    if any(isinstance(v, dict) and "arrayValue" in v for v in values):
        raise _error("an array in an array, which Firestore does not have", where)
    return [_decode(v, database, f"{where}[{i}]", depth) for i, v in enumerate(values)]


def _decode_reference(content: Any, database: str | None, where: str) -> Reference[Any]:
    try:
        named, path = split_name(content)
    except DataError as error:
        raise _error(error.what, where) from error
    return Reference(path, None if named == database else named)


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise _error(f"not an object: {value!r:.80}", where)
    return value


def _only(value: Any, name: str, where: str) -> Any:
    if set(_object(value, where)) - {name}:
        raise _error(f"more than {name!r}: {sorted(value)!r:.80}", where)
    return value.get(name)


def _kind(cls: type, what: str) -> Callable[[Any, str], Any]:
    def get(value: Any, where: str) -> Any:
        if type(value) is not cls:
            raise _error(f"not {what}: {value!r:.80}", where)
        return _text(value, where) if isinstance(value, str) else value

    return get


def _integer(value: Any, where: str) -> int:
    try:
        number = int(value) if type(value) in (int, str) else None
        if number is None or str(number) != str(value) or not MIN_INTEGER <= number <= MAX_INTEGER:
            raise ValueError("not a decimal integer of 64 bits")
    except ValueError as error:
        raise _error(f"not an integer of 64 bits: {value!r:.80}", where) from error
    return number


def _double(value: Any, where: str) -> float:
    if type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    if isinstance(value, str) and value in _SPECIAL:
        return _SPECIAL[value]
    raise _error(f"not a double: {value!r:.80}", where)


def _null(value: Any, where: str) -> None:
    if value not in (None, "NULL_VALUE"):
        raise _error(f"not null: {value!r:.80}", where)


def _bytes(value: Any, where: str) -> bytes:
    try:
        return base64.b64decode(_kind(str, "base64 text")(value, where), validate=True)
    except (binascii.Error, ValueError) as error:
        if isinstance(error, DataError):
            raise
        raise _error(f"not base64 text: {value!r:.80}", where) from error


def _geo(value: Any, where: str) -> GeoPoint:
    if set(_object(value, where)) - {"latitude", "longitude"}:
        raise _error(f"not a geo point: {value!r:.80}", where)
    return GeoPoint(_double(value.get("latitude", 0.0), where), _double(value.get("longitude", 0.0), where))


def _timestamp(value: Any, where: str) -> datetime:
    try:
        return parse_time(value)
    except DataError as error:
        raise _error(error.what, where) from error


_DECODE: dict[str, Callable[[Any, str], Any]] = {
    "nullValue": _null,
    "booleanValue": _kind(bool, "true or false"),
    "integerValue": _integer,
    "doubleValue": _double,
    "timestampValue": _timestamp,
    "stringValue": _kind(str, "text"),
    "bytesValue": _bytes,
    "geoPointValue": _geo,
}
