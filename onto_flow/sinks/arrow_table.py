"""View documents as Arrow tables: `__path__`, then the view's attributes, typed by its schema.

| logical type | Arrow | word |
|---|---|---|
| bool, int, float, str, bytes | bool, int64, double, string, binary | boolean, integer, double, string, bytes |
| timestamp | timestamp[us, UTC] | timestamp |
| geopoint | struct<latitude: double, longitude: double> | geopoint |
| reference | string: its path, with the database before it where it is another | reference |
| vector | list<double> | vector |
| list, struct | list, struct | array, map |
| map, any, a struct without fields | string: JSON in Firestore's typed form | json |

The words are those of `formats.arrow_types`: they stand in the metadata of fields, so that documents can be read back.

A value that does not fit its declared type (`fitting`) is never cast: it is null in the table and told by path and
attribute. So is what has no form at all, such as an array in an array. One odd document stops no table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import pyarrow as pa

from ..core.errors import EngineError
from ..core.types import ANY, Type
from ..core.values import Document, GeoPoint, Vector
from ..formats import arrow_types
from ..formats.arrow_types import ELEMENT, PATH, TYPE_KEY
from ..formats.typed_json import encode_value
from .base import FAILED, Table
from .fitting import MISFITS, double, exactly, integer, reference, text

CHUNK_ROWS = 4096
ROW_GROUP_ROWS = 1 << 17
ROW_GROUP_BYTES = 32 << 20
"""A row group ends at so many rows, or at so many bytes as Arrow."""

_WORDS = {
    "bool": "boolean",
    "int": "integer",
    "float": "double",
    "str": "string",
    "bytes": "bytes",
    "timestamp": "timestamp",
    "geopoint": "geopoint",
    "reference": "reference",
    "vector": "vector",
    "map": "json",
    "struct": "json",
    "any": "json",
}


def schema_of(table: Table) -> pa.Schema:
    """The columns of a table.

    Raises:
        EngineError: `sink-failed` when an attribute has the name of a column of the table's own.

    Example:
        >>> str(schema_of(Table("Room", "rooms", (("seats", Type("int")),))).field("seats").type)
        'int64'
    """
    names = [name for name, _ in table.schema]
    if PATH in names or FAILED in names[:-1]:
        own = PATH if PATH in names else FAILED
        raise EngineError(
            "sink-failed", f"{table.view}.{own} has the name of a column of the table's own", fix="Rename it."
        )
    path = pa.field(PATH, pa.string(), nullable=False)
    return pa.schema([path, *(_field(name, type_) for name, type_ in table.schema)])


def row_groups(documents: Iterable[tuple[str, Document]], table: Table, misfits: dict[str, str]) -> Iterator[pa.Table]:
    """The tables of some documents after each other, of a bounded size each: what a file's row groups are made of.

    Args:
        documents: Paths and fields.
        table: Names the columns.
        misfits: Is given path -> what of the document does not fit.
    """
    rows = iter(documents)
    held: list[pa.Table] = []
    while chunk := list(islice(rows, CHUNK_ROWS)):
        data, found = to_arrow(chunk, table)
        misfits.update(found)
        held.append(data)
        if sum(map(len, held)) >= ROW_GROUP_ROWS or sum(t.nbytes for t in held) >= ROW_GROUP_BYTES:
            yield pa.concat_tables(held)
            held = []
    if held:
        yield pa.concat_tables(held)


def to_arrow(documents: Iterable[tuple[str, Document]], table: Table) -> tuple[pa.Table, dict[str, str]]:
    """The table of some documents, and path -> what of the document does not fit in it.

    Raises:
        EngineError: `sink-failed` when an attribute has the name of the column of paths.

    Example:
        >>> rooms = Table("Room", "rooms", (("seats", Type("int")),))
        >>> data, misfits = to_arrow([("rooms/a", {"seats": 3}), ("rooms/b", {"seats": "three"})], rooms)
        >>> data.to_pylist()
        [{'__path__': 'rooms/a', 'seats': 3}, {'__path__': 'rooms/b', 'seats': None}]
        >>> misfits
        {'rooms/b': "Room.seats is declared as int and holds 'three'"}
    """
    known = {name for name, _ in table.schema}
    schema = schema_of(table)
    rows = list(documents)
    misfits: dict[str, str] = {}
    columns = [pa.array([path for path, _ in rows], pa.string())]
    for name, type_ in table.schema:
        convert = converter_of(type_)
        values = [_fitting(convert, document.get(name), table, path, name, type_, misfits) for path, document in rows]
        columns.append(pa.array(values, schema.field(name).type))
    for path, document in rows:
        unknown = [name for name in document if name not in known]
        if unknown:
            misfits.setdefault(path, f"{table.view} has no attribute {unknown[0]!r} in its schema")
    return pa.Table.from_arrays(columns, schema=schema), misfits


def flagged(
    table: Table, documents: Iterable[tuple[str, Document]], failed: Collection[str]
) -> tuple[Table, Iterable[tuple[str, Document]]]:
    """A table and its documents with the column that flags some of them; as they are where none is flagged.

    Example:
        >>> rooms = Table("Room", "rooms", (("seats", Type("int")),))
        >>> to_arrow(*reversed(flagged(rooms, [("rooms/a", {"seats": 3})], {"rooms/a"})))[0].to_pylist()
        [{'__path__': 'rooms/a', 'seats': 3, '__failed__': True}]
    """
    if not failed:
        return table, documents
    with_flag = replace(table, schema=(*table.schema, (FAILED, Type("bool"))))
    return with_flag, ((path, {**document, FAILED: path in failed}) for path, document in documents)


def _fitting(
    convert: Callable[[Any], Any],
    value: Any,
    table: Table,
    path: str,
    name: str,
    type_: Type,
    misfits: dict[str, str],
) -> Any:
    try:
        return None if value is None else convert(value)
    except MISFITS:
        misfits.setdefault(path, f"{table.view}.{name} is declared as {type_} and holds {value!r:.80}")
        return None


def _field(name: str, type_: Type) -> pa.Field[Any]:
    if type_.kind == "list":
        return arrow_types.arrow_field(name, "array", [_field(ELEMENT, items_of(type_))])
    if type_.kind == "struct" and type_.fields:
        return arrow_types.arrow_field(name, "map", [_field(inner, t) for inner, t in type_.fields])
    if type_.kind == "reference":
        return pa.field(name, pa.string(), metadata={TYPE_KEY: "reference"})
    return arrow_types.arrow_field(name, _WORDS[type_.kind])


def items_of(type_: Type) -> Type:
    """The type of a list's elements."""
    return type_.items[0] if type_.items else ANY


def converter_of(type_: Type) -> Callable[[Any], Any]:
    """From a value of a type, but not `None`, to what Arrow takes; raises one of `MISFITS`."""
    if type_.kind == "list":
        item = converter_of(items_of(type_))
        return lambda value: [None if v is None else item(v) for v in exactly(list, value)]
    if type_.kind == "struct" and type_.fields:
        parts = {name: converter_of(t) for name, t in type_.fields}
        return lambda value: _struct(value, parts)
    return _CONVERTERS[type_.kind]


def _struct(value: Any, parts: dict[str, Callable[[Any], Any]]) -> dict[str, Any]:
    exactly(dict, value)
    for name in value:
        if name not in parts:
            raise KeyError(name)
    return {name: None if value.get(name) is None else part(value[name]) for name, part in parts.items()}


def _an(cls: type) -> Callable[[Any], Any]:
    return lambda value: exactly(cls, value)


def _geo(value: Any) -> dict[str, float]:
    exactly(GeoPoint, value)
    return {"latitude": double(value.latitude), "longitude": double(value.longitude)}


def _json(value: Any) -> str:
    return json.dumps(encode_value(value), ensure_ascii=False)


def _json_map(value: Any) -> str:
    return _json(exactly(dict, value))


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _an(bool),
    "int": integer,
    "float": double,
    "str": text,
    "bytes": _an(bytes),
    "timestamp": lambda value: exactly(datetime, value),
    "geopoint": _geo,
    "reference": reference,
    "vector": lambda value: [double(v) for v in exactly(Vector, value).values],
    "map": _json_map,
    "struct": _json_map,
    "any": _json,
}
