"""The columns of a view in BigQuery, and what of a document fits them.

| logical type | column | in the Storage Write API | in a file that is loaded |
|---|---|---|---|
| bool, int, float, str | BOOL, INT64, FLOAT64, STRING | the same | the same; NaN and infinities as text |
| bytes | BYTES | bytes | base64 |
| timestamp | TIMESTAMP | microseconds | RFC 3339 |
| geopoint | GEOGRAPHY | `POINT(longitude latitude)` | the same |
| reference | STRING: its path | the same | the same |
| vector; list of one of these | REPEATED | repeated | array |
| struct; list of structs | RECORD; REPEATED RECORD | a message | object |
| map, any, list of lists, of maps or of vectors | JSON: Firestore's typed form | text | the value |

Source: the BigQuery documentation on the Storage Write API's data type conversions and on loading JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ...core.errors import EngineError
from ...core.types import Type
from ...core.values import GeoPoint, Vector
from ...formats.typed_json import encode_value
from ..base import FAILED, Table
from ..fitting import MISFITS, double, exactly, integer, reference, text

PATH = "__path__"
GENERATION = "__generation__"
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]{0,299}")
_TAKEN = ("_table_", "_file_", "_partition", "_row_timestamp", "__root__", "_colidentifier", "_change_")
_SCALARS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "bool": ("BOOL", lambda value: exactly(bool, value)),
    "int": ("INT64", integer),
    "float": ("FLOAT64", double),
    "str": ("STRING", text),
    "bytes": ("BYTES", lambda value: exactly(bytes, value)),
    "timestamp": ("TIMESTAMP", lambda value: exactly(datetime, value)),
    "geopoint": ("GEOGRAPHY", lambda value: _point(value)),
    "reference": ("STRING", reference),
}


@dataclass(frozen=True)
class Column:
    """A column.

    Attributes:
        name: Its name.
        kind: BigQuery's word for its type.
        fit: What it holds of a value that is not `None`; raises one of `MISFITS`.
        repeated: Whether it holds an array.
        fields: The columns of a RECORD.
    """

    name: str
    kind: str
    fit: Callable[[Any], Any]
    repeated: bool = False
    fields: tuple[Column, ...] = ()

    def described(self) -> dict[str, Any]:
        """The column as BigQuery's REST API says it."""
        mode = "REPEATED" if self.repeated else "REQUIRED" if self.name == PATH else "NULLABLE"
        said: dict[str, Any] = {"name": self.name, "type": self.kind, "mode": mode}
        return {**said, "fields": [column.described() for column in self.fields]} if self.fields else said


def columns_of(table: Table) -> tuple[Column, ...]:
    """The columns of a view: its path, its attributes, the generation that wrote the row, and the flag of failing code.

    Raises:
        EngineError: `sink-failed` for a name that no column can have.
    """
    columns = (
        Column(PATH, "STRING", text),
        *(_column(name, type_) for name, type_ in table.schema),
        Column(GENERATION, "INT64", integer),
        Column(FAILED, "BOOL", bool),
    )
    _check_names(columns, table.view)
    return columns


def row_of(document: dict[str, Any], columns: tuple[Column, ...]) -> tuple[dict[str, Any], str | None]:
    """What columns hold of a document, and what of it does not fit.

    Example:
        >>> columns = columns_of(Table("Room", "rooms", (("seats", Type("int")),)))
        >>> row_of({"seats": 3}, columns), row_of({"seats": "3"}, columns)
        (({'seats': 3}, None), ({}, "seats is INT64 and holds '3'"))
    """
    row, misfit = {}, None
    for column in columns:
        value = document.get(column.name)
        if value is not None:
            try:
                row[column.name] = column.fit(value)
            except MISFITS:
                kind = f"an array of {column.kind}" if column.repeated else column.kind
                misfit = misfit or f"{column.name} is {kind} and holds {value!r:.80}"
    return row, misfit


def _column(name: str, type_: Type) -> Column:
    if type_.kind in _SCALARS:
        return Column(name, *_SCALARS[type_.kind])
    if type_.kind == "vector":
        return Column(name, "FLOAT64", _vector, repeated=True)
    if type_.kind == "struct" and type_.fields:
        fields = tuple(_column(n, t) for n, t in type_.fields)
        return Column(name, "RECORD", lambda value: _struct(value, fields), fields=fields)
    if type_.kind == "list" and type_.items and _repeats(type_.items[0]):
        inner = _column(name, type_.items[0])
        return Column(name, inner.kind, lambda value: [inner.fit(v) for v in exactly(list, value)], True, inner.fields)
    return Column(name, "JSON", lambda value: json.dumps(encode_value(value), separators=(",", ":")))


def _repeats(type_: Type) -> bool:
    return type_.kind in _SCALARS or (type_.kind == "struct" and bool(type_.fields))


def _struct(value: Any, fields: tuple[Column, ...]) -> dict[str, Any]:
    exactly(dict, value)
    if value.keys() - {field.name for field in fields}:
        raise KeyError("a name that is not declared")
    return {f.name: f.fit(value[f.name]) for f in fields if value.get(f.name) is not None}


def _vector(value: Any) -> list[float]:
    return list(exactly(Vector, value).values)


def _point(value: Any) -> str:
    point = exactly(GeoPoint, value)
    if not (math.isfinite(point.longitude) and math.isfinite(point.latitude)):
        raise ValueError("not on the earth")
    return f"POINT({point.longitude!r} {point.latitude!r})"


def _check_names(columns: tuple[Column, ...], where: str) -> None:
    seen: set[str] = set()
    for column in columns:
        low = column.name.lower()
        if low in seen or not _NAME.fullmatch(column.name) or low.startswith(_TAKEN):
            fix = "Letters, digits and _, different without regard to case, and none of BigQuery's own."
            raise EngineError("sink-failed", f"{where}.{column.name!r:.80} cannot be a column of BigQuery", fix=fix)
        seen.add(low)
        _check_names(column.fields, f"{where}.{column.name}")
