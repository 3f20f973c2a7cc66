"""The logical types as types of PostgreSQL, and their values as its text.

| logical type | column | in JSON, inside a struct |
|---|---|---|
| bool, int, float, str | boolean, bigint, double precision, text | as they are; a double that jsonb lacks as text |
| bytes | bytea | base64 |
| timestamp | timestamptz | RFC 3339 |
| geopoint | point: (longitude, latitude) | `{"latitude": ..., "longitude": ...}` |
| reference | text: its path, with the database before it where it is another | the same |
| vector | double precision[] | array |
| list of one of these | an array of that type | array |
| list of anything else, struct | jsonb | array, object |
| map, any, a struct without fields | jsonb: Firestore's typed form | the same |

A value that does not fit its declared type is never cast: it is null in the table and told. So is what PostgreSQL has no
place for: NUL in text. NaN, the infinities and minus zero, which jsonb lacks, stand as text there (`"NaN"`, `"-0.0"`).
"""

from __future__ import annotations

import base64
import json
import math
import re
from collections.abc import Callable
from datetime import datetime, timezone
from json.encoder import encode_basestring
from typing import Any

from ...core.types import ANY, Type
from ...core.values import GeoPoint, Vector
from ...formats.times import format_time
from ...formats.typed_json import encode_value
from ..fitting import double, exactly, integer, reference, text

MAX_VALUE = 64 * 2**20
"""Characters of a value's text; a value of jsonb may have 256 MB."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_to_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
Literal = Callable[[Any], str]


class Refused(ValueError):
    """A value that fits its type and that PostgreSQL has no place for."""


def sql_type(type_: Type) -> str:
    """The column type of a logical type.

    Example:
        >>> sql_type(Type("int")), sql_type(Type("list", items=(Type("timestamp"),))), sql_type(Type("map"))
        ('bigint', 'timestamp with time zone[]', 'jsonb')
    """
    if type_.kind == "list":
        item = _items(type_)
        return f"{_SQL[item.kind]}[]" if item.kind in _ELEMENTS else "jsonb"
    return _SQL[type_.kind]


def copied_literal(type_: Type) -> Literal:
    """What makes text of a value, never `None`, of a type, escaped for COPY; it raises one of `MISFITS`."""
    literal = _literal(type_)
    return literal if type_.kind in _UNESCAPED else lambda value: copied(literal(value))


def copied(value: str) -> str:
    """A value's text, escaped for COPY.

    Raises:
        Refused: It is longer than a value may be.
    """
    if len(value) > MAX_VALUE:
        raise Refused(f"it has {len(value):,} characters, and a value has at most {MAX_VALUE:,}")
    return value.translate(_ESCAPES) if _ESCAPED.search(value) else value


def _items(type_: Type) -> Type:
    return type_.items[0] if type_.items else ANY


def _literal(type_: Type) -> Literal:
    if sql_type(type_) == "jsonb":
        return _json(type_)
    if type_.kind == "list":
        item = _ELEMENTS[_items(type_).kind]
        return lambda value: f"{{{','.join('NULL' if v is None else item(v) for v in exactly(list, value))}}}"
    return _LITERALS[type_.kind]


def _text(value: Any) -> str:
    found = text(value)
    if "\0" in found:
        raise Refused("PostgreSQL has no place for a NUL character in text")
    return found


def _bool(value: Any) -> str:
    return "t" if exactly(bool, value) else "f"


def _int(value: Any) -> str:
    return str(int(integer(value)))


def _float(value: Any) -> str:
    return repr(float(double(value)))


def _bytes(value: Any) -> str:
    raw: bytes = exactly(bytes, value)
    return rf"\x{raw.hex()}"


def _timestamp(value: Any) -> str:
    time: datetime = exactly(datetime, value)
    return time.isoformat() if time.tzinfo is timezone.utc else format_time(time)


def _geopoint(value: Any) -> str:
    exactly(GeoPoint, value)
    return f"({_float(value.longitude)},{_float(value.latitude)})"


def _reference(value: Any) -> str:
    return _text(reference(value))


def _vector(value: Any) -> str:
    return f"{{{','.join(_float(v) for v in exactly(Vector, value).values)}}}"


def _quoted(literal: Literal) -> Literal:
    def quote(value: Any) -> str:
        plain = literal(value).replace("\\", r"\\").replace('"', r"\"")
        return f'"{plain}"'

    return quote


def _json(type_: Type) -> Literal:
    """A value as JSON text, plain where the declared type says what it is."""
    if type_.kind == "list":
        item = _json(_items(type_))
        return lambda value: f"[{','.join(['null' if v is None else item(v) for v in exactly(list, value)])}]"
    if type_.kind == "struct" and type_.fields:
        return _json_struct(type_.fields)
    return _JSON[type_.kind]


def _json_struct(fields: tuple[tuple[str, Type], ...]) -> Literal:
    parts = [(name, f"{_json_text(name)}:", _json(type_)) for name, type_ in fields]
    names = dict(fields).keys()

    def literal(value: Any) -> str:
        held: dict[str, Any] = exactly(dict, value)
        if not held.keys() <= names:
            raise KeyError(min(held.keys() - names))
        texts = [key + ("null" if (v := held.get(name)) is None else part(v)) for name, key, part in parts]
        return f"{{{','.join(texts)}}}"

    return literal


def _json_text(value: Any) -> str:
    return encode_basestring(_text(value))


def _json_double(value: Any) -> str:
    number = double(value)
    if math.isfinite(number):
        return repr(number) if number or math.copysign(1, number) > 0 else '"-0.0"'
    return '"NaN"' if math.isnan(number) else f'"{"-" * (number < 0)}Infinity"'


def _json_geopoint(value: Any) -> str:
    exactly(GeoPoint, value)
    return f'{{"latitude":{_json_double(value.latitude)},"longitude":{_json_double(value.longitude)}}}'


def _json_vector(value: Any) -> str:
    return f"[{','.join(map(_json_double, exactly(Vector, value).values))}]"


def _json_typed(value: Any) -> str:
    """Firestore's typed JSON, so that jsonb keeps it as it is."""
    typed = encode_value(value)
    found = _to_json(typed)
    if "-0.0" in found:
        found = _to_json(_with_minus_zero(typed))
    if r"\u0000" in found and _NUL.search(found):
        raise Refused("PostgreSQL has no place for a NUL character in jsonb")
    return found


def _with_minus_zero(value: Any) -> Any:
    """The same JSON with minus zero as text: jsonb would drop its sign."""
    if isinstance(value, dict):
        return {name: _with_minus_zero(v) for name, v in value.items()}
    if isinstance(value, list):
        return [_with_minus_zero(v) for v in value]
    return "-0.0" if isinstance(value, float) and value == 0 and math.copysign(1, value) < 0 else value


def _json_map(value: Any) -> str:
    return _json_typed(exactly(dict, value))


_SQL = {
    "bool": "boolean",
    "int": "bigint",
    "float": "double precision",
    "str": "text",
    "bytes": "bytea",
    "timestamp": "timestamp with time zone",
    "geopoint": "point",
    "reference": "text",
    "vector": "double precision[]",
    "struct": "jsonb",
    "map": "jsonb",
    "any": "jsonb",
}
_UNESCAPED = ("bool", "int", "float", "timestamp", "geopoint")
"""Their texts are short and have nothing to escape."""
_LITERALS: dict[str, Literal] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _text,
    "bytes": _bytes,
    "timestamp": _timestamp,
    "geopoint": _geopoint,
    "reference": _reference,
    "vector": _vector,
}
_ELEMENTS: dict[str, Literal] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _quoted(_text),
    "bytes": _quoted(_bytes),
    "timestamp": _timestamp,
    "geopoint": _quoted(_geopoint),
    "reference": _quoted(_reference),
}
"""The elements of an array, quoted where they may hold commas, braces or blanks, or may read NULL."""
_JSON: dict[str, Literal] = {
    "bool": lambda value: "true" if exactly(bool, value) else "false",
    "int": _int,
    "float": _json_double,
    "str": _json_text,
    "bytes": lambda value: f'"{base64.b64encode(exactly(bytes, value)).decode()}"',
    "timestamp": lambda value: f'"{format_time(exactly(datetime, value))}"',
    "geopoint": _json_geopoint,
    "reference": lambda value: _json_text(reference(value)),
    "vector": _json_vector,
    "map": _json_map,
    "struct": _json_map,
    "any": _json_typed,
}
