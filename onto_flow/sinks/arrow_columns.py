"""View columns as Arrow, and back: without a dictionary for each document.

Law: the table of some columns is that of their documents (`arrow_table`), and its documents are those of the columns.
Where a value does not fit there is no table: the documents then tell which it is, one by one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import timezone
from functools import partial
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ..core.columns import Column, Lists, Maps, Plain, ViewColumns
from ..core.types import Type
from ..core.values import Document, GeoPoint, Reference, Vector, path_order
from ..formats.arrow_types import PATH
from ..formats.typed_json import decode_value
from .arrow_table import ROW_GROUP_BYTES, ROW_GROUP_ROWS, converter_of, items_of, schema_of
from .arrow_values import array_of, flags_of, offsets_of
from .base import Table
from .fitting import MISFITS, exactly


def arrow_of(columns: ViewColumns, table: Table) -> pa.Table | None:
    """The table of some documents; `None` where one of them does not fit.

    Example:
        >>> rooms = Table("Room", "rooms", (("seats", Type("int")),))
        >>> arrow_of(ViewColumns("Room", ["rooms/a"], {"seats": Plain([3], "int")}, (0, 0, 1)), rooms).to_pylist()
        [{'__path__': 'rooms/a', 'seats': 3}]
    """
    schema = schema_of(table)
    if columns.columns.keys() != {name for name, _ in table.schema}:
        return None
    arrays: list[Any] = [array_of(columns.paths, "str", pa.string())]
    try:
        for name, type_ in table.schema:
            arrays.append(_array(columns.columns[name], type_, schema.field(name).type))
    except (*MISFITS, pa.ArrowException):
        return None
    return pa.Table.from_arrays(arrays, schema=schema)


def _array(column: Column, type_: Type, arrow: Any) -> Any:
    if isinstance(column, Lists) and type_.kind == "list":
        items = _array(column.items, items_of(type_), arrow.value_type)
        mask = flags_of([n is None for n in column.lengths]) if None in column.lengths else None
        return pa.ListArray.from_arrays(offsets_of(n or 0 for n in column.lengths), items, type=arrow, mask=mask)
    if isinstance(column, Maps) and column.parts.keys() == {name for name, _ in type_.fields}:
        parts = [_array(column.parts[name], t, arrow.field(at).type) for at, (name, t) in enumerate(type_.fields)]
        mask = None if column.there is None else flags_of([not there for there in column.there])
        return pa.StructArray.from_arrays(parts, fields=list(arrow), mask=mask)
    if isinstance(column, Plain) and column.kind == type_.kind != "any":
        return array_of(column.values, column.kind, arrow)
    convert = _exactly(type_)
    return pa.array([None if value is None else convert(value) for value in column.rows()], arrow)


def _exactly(type_: Type) -> Callable[[Any], Any]:
    """As `converter_of`, for what can be read back as it was: no integer becomes a double, no key is added."""
    if type_.kind == "list" or type_.fields:
        return partial(exactly, _Nothing)
    return _EXACTLY.get(type_.kind) or converter_of(type_)


class _Nothing:
    """No value is one."""


def _vector(value: Any) -> list[float]:
    return [exactly(float, number) for number in exactly(Vector, value).values]


def _geopoint(value: Any) -> dict[str, float]:
    exactly(GeoPoint, value)
    return {"latitude": exactly(float, value.latitude), "longitude": exactly(float, value.longitude)}


_EXACTLY: dict[str, Callable[[Any], Any]] = {
    "float": partial(exactly, float),
    "vector": _vector,
    "geopoint": _geopoint,
}


def in_path_order(tables: Sequence[pa.Table]) -> pa.Table:
    """The rows of tables with the same columns, in the order of their paths."""
    whole = pa.concat_tables(tables)
    if is_in_order(whole):
        return whole
    paths = whole[PATH].to_pylist()
    order = sorted(range(len(paths)), key=lambda at: path_order(paths[at]))
    return whole.combine_chunks().take(pa.array(order))


def is_in_order(table: pa.Table) -> bool:
    """Whether the paths are in order, each once; one with a number for a name is never said to be."""
    paths: Any = table[PATH]
    if len(paths) and pc.any(pc.match_substring(paths, "/__id")).as_py():
        return False
    above = pc.replace_substring_regex(paths, "/[^/]*$", "")
    return bool(pc.count_distinct(above).as_py() <= 1 and pc.all(pc.less(paths[:-1], paths[1:])).as_py())


def has_twice(table: pa.Table) -> bool:
    """Whether two rows in path order have one path."""
    return any(one == other for one, other in pairwise(table[PATH].to_pylist()))


def in_row_groups(table: pa.Table) -> Iterator[pa.Table]:
    """A table in parts of a bounded size each."""
    rows = min(ROW_GROUP_ROWS, ROW_GROUP_BYTES * len(table) // max(table.nbytes, 1))
    for at in range(0, len(table), max(rows, 1)):
        yield table.slice(at, max(rows, 1))


def documents_in(data: pa.Table, table: Table) -> Iterator[tuple[str, Document]]:
    """Paths and documents of a table that `arrow_of` made."""
    readers = [(name, _reader(type_)) for name, type_ in table.schema]
    for batch in data.to_batches():
        for row in batch.to_pylist():
            yield row[PATH], {name: read(row[name]) for name, read in readers}


def _reader(type_: Type) -> Callable[[Any], Any]:
    read = _value_reader(type_)
    return lambda value: None if value is None else read(value)


def _value_reader(type_: Type) -> Callable[[Any], Any]:
    if type_.kind == "list":
        item = _reader(items_of(type_))
        return lambda value: [item(v) for v in value]
    if type_.kind == "struct" and type_.fields:
        parts = [(name, _reader(t)) for name, t in type_.fields]
        return lambda value: {name: read(value[name]) for name, read in parts}
    return _READERS.get(type_.kind, lambda value: value)


def _reference(text: str) -> Reference[Any]:
    """A path has an even number of parts; with its database before it, an odd one."""
    if text.count("/") % 2:
        return Reference(text)
    database, _, path = text.partition("/documents/")
    return Reference(path, database)


def _json(text: str) -> Any:
    return decode_value(json.loads(text))


_READERS: dict[str, Callable[[Any], Any]] = {
    "timestamp": lambda value: value.replace(tzinfo=timezone.utc),
    "geopoint": lambda value: GeoPoint(**value),
    "vector": lambda value: Vector(tuple(value)),
    "reference": _reference,
    "map": _json,
    "struct": _json,
    "any": _json,
}
