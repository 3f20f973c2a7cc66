"""Records of an export -> Arrow record batches, column by column.

Law: a batch holds what `arrow_rows.batch_of` makes of the documents that `EntityDecoder` reads, in their order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from .arrow_paths import path_column
from .arrow_rows import misfit
from .arrow_shape import Shape
from .arrow_slots import MAKE, bitmap, index_of, spread, struct
from .arrow_types import PATH, word_of
from .column_groups import grouped
from .intern import Names
from .record_batch import (
    BOOLEAN,
    BYTES,
    DOUBLE,
    EMPTY,
    GEOPOINT,
    IN_VECTOR,
    INTEGER,
    MAPPING,
    NULL,
    REFERENCE,
    STRING,
    TIMESTAMP,
    RecordBatch,
    Wanted,
)
from .spans import Spans
from .words import Ints

_WORD_OF_KIND = {
    NULL: "null",
    BOOLEAN: "boolean",
    INTEGER: "integer",
    DOUBLE: "double",
    TIMESTAMP: "timestamp",
    STRING: "string",
    BYTES: "bytes",
    REFERENCE: "reference",
    GEOPOINT: "geopoint",
    MAPPING: "map",
    EMPTY: "array",
    IN_VECTOR: "vector",
}
_KIND_OF_WORD = {word: kind for kind, word in _WORD_OF_KIND.items()}


class _Values(NamedTuple):
    """The values of one field, or of the elements of one array.

    Attributes:
        depth: Their level.
        alone: Their column, if one has them alone.
        rows: Its rows.
        slots: Where each of them belongs.
        inside: The column of the elements of their arrays and vectors, if there are any.
        size: How many slots there are.
        in_array: Whether these are elements themselves.
    """

    depth: int
    alone: int | None
    rows: Ints
    slots: Ints
    inside: int | None
    size: int
    in_array: bool = False


class Columns:
    """What a batch of records holds, ready to become columns.

    Attributes:
        odd: The records that nothing is made of, for the decoder of single records; of the rest, there is a row for each
            that is wanted.
        rows: Those records.
    """

    def __init__(self, records: Spans, names: Names, wanted: Wanted | None = None) -> None:
        count = len(records.start)
        kept = np.arange(count)
        while True:
            self._batch = RecordBatch(records, names, wanted)
            self._groups = grouped(self._batch)
            self._paths = self._path_column()
            odd = self._batch.odd
            if not odd.any():
                break
            good = np.flatnonzero(~odd)
            kept, records = kept[good], records.take(good)
        self.rows: Ints = kept[self._batch.rows]
        self.odd: Ints = np.setdiff1d(np.arange(count), kept, assume_unique=True)

    def _path_column(self) -> Any:
        batch = self._batch
        paths = path_column(batch.words, batch.keys, batch.rows, batch.parent[batch.rows], batch.parents)
        if paths.null_count:
            batch.odd[batch.rows[paths.is_null().to_numpy(zero_copy_only=False)]] = True
        return paths

    def shape(self) -> Shape:
        """What occurs in the documents."""
        shape = Shape({"map"})
        self._grow(shape, 0, 0)
        return shape

    def _grow(self, shape: Shape, depth: int, parent: int) -> None:
        if depth < len(self._groups):
            for number, columns in self._groups[depth].children.get(parent, {}).items():
                member = shape.member(self._batch.names.texts[number])
                for column, inside in zip(columns, (False, True)):
                    if column is not None:
                        self._grow_by(member, depth, column, inside)

    def _grow_by(self, shape: Shape, depth: int, column: int, inside: bool) -> None:
        groups = self._groups[depth]
        words = {_WORD_OF_KIND[k] for k in groups.kinds(column)}
        if "vector" in words:
            shape.words.add("vector")
            words.discard("vector")
            if not words:
                return
        if inside:
            shape.words.add("array")
            shape = shape.elements()
        shape.words |= words
        if "array" in words:
            shape.elements()
        if "map" in words:
            self._grow(shape, depth + 1, column)

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """The record batch with these columns.

        Raises:
            DataError: `bad-value` for a value that its column cannot hold.
        """
        columns = self._members([f for f in schema if f.name != PATH], 0, 0, len(self.rows))
        ordered = iter(columns)
        return pa.RecordBatch.from_arrays(
            [self._paths if f.name == PATH else next(ordered) for f in schema], schema=schema
        )

    def _members(self, fields: list[pa.Field[Any]], depth: int, parent: int, count: int) -> list[Any]:
        groups = self._groups[depth] if depth < len(self._groups) else None
        below = groups.children.get(parent, {}) if groups else {}
        numbers = {self._batch.names.texts[number]: columns for number, columns in below.items()}
        return [self._field(one, depth, *numbers.get(one.name, (None, None)), count) for one in fields]

    def _field(self, one: pa.Field[Any], depth: int, alone: int | None, inside: int | None, count: int) -> Any:
        rows = slots = np.zeros(0, np.int64)
        if alone is not None:
            groups = self._groups[depth]
            rows = groups.rows[alone]
            slots = groups.slot[groups.level.properties.entity[rows]]
        return self._array(one, _Values(depth, alone, rows, slots, inside, count))

    def _array(self, one: pa.Field[Any], values: _Values) -> Any:
        word = word_of(one)
        parts = {word: one}
        if word == "mixed":
            parts = {f.name: f for f in (one.type.field(i) for i in range(one.type.num_fields))}
        self._check(one, values, set(parts))
        arrays = [self._part(name, part, values) for name, part in parts.items()]
        if word != "mixed":
            return arrays[0]
        there = np.zeros(values.size, bool)
        for array in arrays:
            there |= array.is_valid().to_numpy(zero_copy_only=False)
        return struct(one.type, there, arrays)

    def _check(self, one: pa.Field[Any], values: _Values, words: set[str]) -> None:
        """Whether the field can hold what occurs."""
        if values.depth >= len(self._groups):
            return
        groups = self._groups[values.depth]
        if values.in_array:
            words = words | {"null"}
        for column, inside in ((values.alone, False), (values.inside, True)):
            for kind in groups.kinds(column):
                word = "array" if inside and kind != IN_VECTOR else _WORD_OF_KIND[kind]
                if word not in words and not (values.in_array and kind == IN_VECTOR):
                    assert column is not None
                    rows = groups.rows[column]
                    row = rows[groups.level.kind[rows] == kind][0]
                    at = int(np.searchsorted(self._batch.rows, groups.level.document[row]))
                    raise misfit(word, one, f"{self._paths[at].as_py()}, {one.name}")

    def _inner(self, values: _Values) -> Ints:
        groups = self._groups[values.depth]
        return groups.rows[values.inside] if values.inside is not None else np.zeros(0, np.int64)

    def _part(self, word: str, one: pa.Field[Any], values: _Values) -> Any:
        """The values of one type, null where there are others or none."""
        if values.depth >= len(self._groups) or word == "json":
            return pa.nulls(values.size, one.type)
        if word in ("array", "vector"):
            return self._lists(word, one, values)
        groups = self._groups[values.depth]
        kind = _KIND_OF_WORD[word]
        rows, slots = values.rows, values.slots
        if kind not in groups.kinds(values.alone):
            return pa.nulls(values.size, one.type)
        if len(groups.kinds(values.alone)) > 1:
            chosen = groups.level.kind[rows] == kind
            rows, slots = rows[chosen], slots[chosen]
        if not len(rows) or (word == "null" and values.in_array):
            return pa.nulls(values.size, one.type)
        if word == "map":
            assert values.alone is not None
            members = [one.type.field(i) for i in range(one.type.num_fields)]
            children = self._members(members, values.depth + 1, values.alone, len(rows))
            return spread(struct(one.type, np.ones(len(rows), bool), children), slots, values.size)
        if word in ("string", "bytes"):
            number = index_of(groups.text_number[rows], slots, values.size)
            return groups.texts.take(number).view(one.type)
        return MAKE[word](groups, rows, slots, values.size, one.type)

    def _lists(self, word: str, one: pa.Field[Any], values: _Values) -> Any:
        groups = self._groups[values.depth]
        rows = self._inner(values)
        if len(rows):
            rows = rows[(groups.level.kind[rows] == IN_VECTOR) == (word == "vector")]
        slots = groups.slot[groups.level.properties.entity[rows]]
        lengths = np.bincount(slots, minlength=values.size)
        there = lengths > 0
        if word == "array":
            there[values.slots[groups.level.kind[values.rows] == EMPTY]] = True
            inner = _Values(values.depth, values.inside, rows, np.arange(len(rows)), None, len(rows), in_array=True)
            elements = self._array(one.type.value_field, inner)
        else:
            elements = pa.array(groups.bits[rows].view(np.float64))
        offsets = np.zeros(values.size + 1, np.int32)
        np.cumsum(lengths, out=offsets[1:])
        buffers = [bitmap(there), pa.py_buffer(offsets.tobytes())]
        return pa.Array.from_buffers(one.type, values.size, buffers, children=[elements])
