"""View attributes as columns of PostgreSQL, and their values in the text form of COPY.

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
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.change import ViewVersion
from ...core.types import ANY, Type
from ...core.values import Document, GeoPoint, Vector
from ...formats.times import format_time
from ...formats.typed_json import encode_value
from ..base import Table
from ..fitting import MISFITS, double, exactly, integer, reference, text

NULL = r"\N"
MAX_VALUE = 64 * 2**20
"""Characters of a value's text; a value of jsonb may have 256 MB."""
MAX_PATH_BYTES = 2600
"""The index of the primary key holds no more than 2,704 bytes of a row."""

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_ESCAPED = re.compile(r"[\\\t\n\r]")
_ESCAPES = {"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"}
Literal = Callable[[Any], str]


class Refused(ValueError):
    """A value that fits its type and that PostgreSQL has no place for."""


@dataclass(frozen=True)
class Column:
    """A column of a view table.

    Attributes:
        name: The attribute's name in Firestore.
        type_: Its logical type.
        sql: The column's type, as PostgreSQL shows it.
        literal: A value, never `None`, as the text of that type.
    """

    name: str
    type_: Type
    sql: str
    literal: Literal


def columns_of(table: Table) -> tuple[Column, ...]:
    """The columns of a view's attributes."""
    return tuple(Column(name, type_, sql_type(type_), _literal(type_)) for name, type_ in table.schema)


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


def copy_line(path: str, version: ViewVersion, values: Sequence[str], *, gone: bool = False) -> str:
    r"""A line of COPY: path, version, whether the document is gone, and the columns.

    Example:
        >>> copy_line("rooms/a", (1, 0, 7), ["3"])
        'rooms/a\t{1,0,7}\tf\t3\n'
    """
    generation, epoch, seq = version
    return "\t".join([copied(path), f"{{{generation},{epoch},{seq}}}", "t" if gone else "f", *values]) + "\n"


def row(document: Document, columns: tuple[Column, ...], view: str) -> tuple[list[str], str]:
    """The values of a document in COPY's form, and what of the document does not fit (empty: all does).

    Example:
        >>> columns = columns_of(Table("Room", "rooms", (("seats", Type("int")),)))
        >>> row({"seats": 3}, columns, "Room"), row({"seats": "three"}, columns, "Room")
        ((['3'], ''), (['\\\\N'], "Room.seats is declared as int and holds 'three'"))
    """
    values, misfit, found = [], "", 0
    for column in columns:
        value = document.get(column.name)
        found += column.name in document
        try:
            values.append(NULL if value is None else copied(_limited(column.literal(value))))
        except Refused as refused:
            values.append(NULL)
            misfit = misfit or f"{view}.{column.name} holds {value!r:.80}: {refused}"
        except MISFITS:
            values.append(NULL)
            misfit = misfit or f"{view}.{column.name} is declared as {column.type_} and holds {value!r:.80}"
    if found < len(document):
        known = {column.name for column in columns}
        unknown = next(name for name in document if name not in known)
        misfit = misfit or f"{view} has no attribute {unknown!r} in its schema"
    return values, misfit


def refused_path(path: str) -> str:
    """Why a table cannot have a row for this path; empty where it can."""
    if "\0" in path:
        return "its path has a NUL character, which PostgreSQL has no place for"
    try:
        size = len(path.encode())
    except UnicodeEncodeError:
        return "its path is not Unicode text"
    return f"its path has {size:,} bytes; a primary key holds {MAX_PATH_BYTES:,}" if size > MAX_PATH_BYTES else ""


def copied(value: str) -> str:
    """A value's text, escaped for COPY."""
    return _ESCAPED.sub(lambda m: _ESCAPES[m[0]], value) if _ESCAPED.search(value) else value


def _limited(value: str) -> str:
    if len(value) > MAX_VALUE:
        raise Refused(f"it has {len(value):,} characters, and a value has at most {MAX_VALUE:,}")
    return value


def _items(type_: Type) -> Type:
    return type_.items[0] if type_.items else ANY


def _literal(type_: Type) -> Literal:
    if sql_type(type_) == "jsonb":
        json_of = _json(type_)
        return lambda value: _json_text(json_of(value))
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
    return format_time(exactly(datetime, value))


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


def _json_text(value: Any) -> str:
    """JSON that jsonb takes and keeps as it is."""
    found = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if not found.isascii():
        found.encode()
    if "-0.0" in found:
        found = json.dumps(_with_minus_zero(value), ensure_ascii=False, separators=(",", ":"))
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


def _json(type_: Type) -> Callable[[Any], Any]:
    """A value as JSON, plain where the declared type says what it is."""
    if type_.kind == "list":
        item = _json(_items(type_))
        return lambda value: [None if v is None else item(v) for v in exactly(list, value)]
    if type_.kind == "struct" and type_.fields:
        parts = {name: _json(t) for name, t in type_.fields}
        return lambda value: _struct(exactly(dict, value), parts)
    return _JSON[type_.kind]


def _struct(value: dict[str, Any], parts: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
    for name in value:
        if name not in parts:
            raise KeyError(name)
    return {name: None if value.get(name) is None else part(value[name]) for name, part in parts.items()}


def _json_double(value: Any) -> float | str:
    number = double(value)
    return number if math.isfinite(number) else "NaN" if math.isnan(number) else f"{'-' * (number < 0)}Infinity"


def _json_geopoint(value: Any) -> dict[str, Any]:
    exactly(GeoPoint, value)
    return {"latitude": _json_double(value.latitude), "longitude": _json_double(value.longitude)}


def _json_map(value: Any) -> Any:
    return encode_value(exactly(dict, value))


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
_JSON: dict[str, Callable[[Any], Any]] = {
    "bool": lambda value: exactly(bool, value),
    "int": integer,
    "float": _json_double,
    "str": text,
    "bytes": lambda value: base64.b64encode(exactly(bytes, value)).decode(),
    "timestamp": _timestamp,
    "geopoint": _json_geopoint,
    "reference": reference,
    "vector": lambda value: [_json_double(v) for v in exactly(Vector, value).values],
    "map": _json_map,
    "struct": _json_map,
    "any": encode_value,
}
