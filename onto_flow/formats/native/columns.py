"""Who makes Arrow columns of many records: the compiled decoder where it was built, else steps of whole arrays.

Law: a batch is what `arrow_batches.Columns` makes of the same records.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import pyarrow as pa

from ..arrow_batches import Columns
from ..arrow_shape import Shape
from ..arrow_types import PATH, word_of
from ..intern import Names
from ..record_batch import Wanted
from ..spans import Spans
from ..words import Ints
from . import extension
from .compiled import new_decoder

WORDS = (
    "null",
    "boolean",
    "integer",
    "double",
    "timestamp",
    "string",
    "bytes",
    "reference",
    "geopoint",
    "map",
    "array",
    "vector",
)
"""The kinds of values, in the order in which the extension numbers them."""

_KIND = {word: kind for kind, word in enumerate(WORDS)}
_SHOWN = tuple(1 << kind for kind in range(len(WORDS)))


class ColumnBatch(Protocol):
    """What a batch of records holds, ready to become columns; see `arrow_batches.Columns`."""

    rows: Ints
    odd: Ints

    def shape(self) -> Shape:
        """What occurs in the documents."""

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The record batch with these columns."""


def column_reader(wanted: Wanted | None = None) -> Callable[[Spans], ColumnBatch]:
    """The reader of the records of one export.

    Args:
        wanted: Which collections and fields are wanted; `None`: all.
    """
    compiled = extension()
    if compiled is None:
        names = Names()
        return lambda records: Columns(records, names, wanted)
    decoder = new_decoder(compiled, wanted)
    return lambda records: NativeColumns(decoder, records, wanted)


class _Field(NamedTuple):
    """What occurs in a field: kinds as bits, the field of its arrays' elements or -1, how many, the fields of its maps."""

    kinds: int
    element: int
    elements: int
    children: dict[str, int]

    @property
    def words(self) -> set[str]:
        return {word for word, bit in zip(WORDS, _SHOWN) if self.kinds & bit}


class NativeColumns:
    """What a batch of records holds, as the compiled decoder found it.

    Args:
        decoder: A compiled decoder.
        records: The records.
        wanted: What the decoder was made for.

    Attributes:
        odd: The records that nothing is made of.
        rows: Those that have a row.
    """

    def __init__(self, decoder: Any, records: Spans, wanted: Wanted | None) -> None:
        self._values = decoder.columns(records.words.data, records.start, records.stop)
        self._fields = [_Field(*found) for found in self._values.tree()]
        self._records, self._wanted = records, wanted
        self.rows: Ints = np.frombuffer(self._values.rows(), np.int64)
        self.odd: Ints = np.frombuffer(self._values.odd(), np.int64)

    def shape(self) -> Shape:
        """What occurs in the documents."""
        shape = Shape({"map"})
        self._grow(shape, self._fields[0])
        return shape

    def _grow(self, shape: Shape, field: _Field) -> None:
        for name, number in field.children.items():
            self._grow_by(shape.member(name), self._fields[number])

    def _grow_by(self, shape: Shape, field: _Field) -> None:
        words = field.words
        shape.words |= words
        if "array" in words:
            element = shape.elements()
            if field.element >= 0:
                self._grow_by(element, self._fields[field.element])
        if "map" in words:
            self._grow(shape, field)

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The record batch with these columns.

        Raises:
            DataError: `bad-value` for a value that its column cannot hold.
        """
        count = len(self.rows)
        offsets, data = self._values.paths()
        paths = pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(data)])
        try:
            columns = iter(self._members([f for f in schema if f.name != PATH], self._fields[0], count))
        except _MisfitError:
            return Columns(self._records, Names(), self._wanted).batch(schema)  # which says where it is
        return pa.RecordBatch.from_arrays([paths if f.name == PATH else next(columns) for f in schema], schema=schema)

    def _members(self, fields: list[pa.Field[Any]], parent: _Field, count: int) -> list[Any]:
        return [self._array(one, parent.children.get(one.name, -1), count) for one in fields]

    def _array(self, one: pa.Field[Any], number: int, count: int, *, in_array: bool = False) -> Any:
        words = self._fields[number].words if number >= 0 else set()
        if in_array:
            words = words - {"null"}
        word = word_of(one)
        if word != "mixed":
            if words - {word}:
                raise _MisfitError
            return self._part(word, one, number, count) if words else pa.nulls(count, one.type)
        parts = [one.type.field(i) for i in range(one.type.num_fields)]
        if words - {part.name for part in parts}:
            raise _MisfitError
        arrays = [
            self._part(part.name, part, number, count) if part.name in words else pa.nulls(count, part.type)
            for part in parts
        ]
        there = np.zeros(count, bool)
        for array in arrays:
            if array.null_count < count:
                there |= array.is_valid().to_numpy(zero_copy_only=False)
        return pa.Array.from_buffers(one.type, count, [_bitmap(there)], children=arrays)

    def _part(self, word: str, one: pa.Field[Any], number: int, count: int) -> Any:
        """The values of one type, null where there are others or none."""
        type_: Any = one.type
        valid, *buffers = map(_buffer, self._values.buffers(number, _KIND[word], count))
        if word in ("array", "vector"):
            if word == "array":
                field = self._fields[number]
                children = [self._array(type_.value_field, field.element, field.elements, in_array=True)]
            else:
                children = [pa.Array.from_buffers(pa.float64(), buffers[1].size // 8, [None, buffers.pop()])]
            return pa.Array.from_buffers(type_, count, [valid, *buffers], children=children)
        if word == "map":
            inner = [type_.field(i) for i in range(type_.num_fields)]
            children = self._members(inner, self._fields[number], count)
        elif word == "geopoint":
            children = [pa.Array.from_buffers(pa.float64(), count, [valid, side]) for side in buffers]
        elif word == "reference":
            sides = ([valid, *buffers[:2]], buffers[2:])
            children = [pa.Array.from_buffers(pa.string(), count, side) for side in sides]
        elif word == "null":
            return (
                pa.array(np.ones(count, bool)) if valid is None else pa.Array.from_buffers(type_, count, [valid, valid])
            )
        else:
            return pa.Array.from_buffers(type_, count, [valid, *buffers])
        return pa.Array.from_buffers(type_, count, [valid], children=children)


class _MisfitError(Exception):
    """A field cannot hold what occurs."""


def _buffer(data: bytes | None) -> Any:
    return None if data is None else pa.py_buffer(data)


def _bitmap(there: Any) -> Any:
    return None if there.all() else pa.array(there).buffers()[1]
