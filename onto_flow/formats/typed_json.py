"""Values <-> REST's typed JSON (`{"integerValue": "1"}`), strict both ways.

Law: `decode_value(encode_value(v))` is `v`, and nothing is guessed: an unknown key, two keys, a number that does not
fit, or text that is not base64 is an error that says where. Source: the REST reference of Firestore, `Value`.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, Document, GeoPoint, Reference, Vector
from .names import full_name
from .times import format_time
from .typed_json_decoder import MAX_DEPTH as MAX_DEPTH
from .typed_json_decoder import VECTOR
from .typed_json_decoder import VECTOR_KEY as VECTOR_KEY
from .typed_json_decoder import decode_fields as decode_fields
from .typed_json_decoder import decode_value as decode_value
from .typed_json_decoder import vector_of_map as vector_of_map


def map_of_vector(vector: Vector) -> dict[str, Any]:
    """The map that stands for a vector where a format has none."""
    return {VECTOR_KEY: VECTOR, "value": list(vector.values)}


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
