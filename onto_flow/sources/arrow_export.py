"""The documents of an export as Arrow: record batches, a table, or a stream that Polars and DuckDB take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..core.change import DeadLetter
from ..core.collection import Collection, Projection
from ..core.errors import DataError
from ..core.values import Document
from ..formats.arrow_conform import canonical, conform
from ..formats.arrow_rows import batch_of
from ..formats.arrow_shape import Shape
from ..formats.arrow_types import PATH
from ..formats.lockstep_log import Spans
from ..formats.native.columns import ColumnBatch, column_reader
from .base import Partition
from .export_reader import RecordFile, decode_one
from .firestore_export import FirestoreExport

MAX_COLUMNS = 10_000
"""Columns of an inferred schema, nested ones too; maps whose keys are data would have one for each key."""


class ArrowExport:
    """The documents of a collection, or of all, with a column for each field.

    The columns are `__path__`, then the fields by name, as `onto_flow.formats.arrow_types` says: a field of several types
    is a struct with a member for each; nothing is cast.

    Args:
        export: An export, or its place.
        collection: The path of a collection (`users`, `prices/{symbol}/daily`), or a `Collection`; by default all.
        fields: The fields that are read; by default all.
        schema: The columns; by default they are inferred. Fields that it does not name are not read; a value that its
            column cannot hold is an error.
        dead_letters: Is given what cannot be decoded; by default that is an error.

    Example:
        >>> import tempfile
        >>> from onto_flow.formats.export_writer import write_export
        >>> place = tempfile.mkdtemp()
        >>> write_export(place, [("rooms/a", {"size": 3}), ("rooms/b", {"size": "big"}), ("users/u", {"age": 5})])
        3
        >>> ArrowExport(place, collection="rooms").read_table().column("size").to_pylist()
        [{'integer': 3, 'string': None}, {'integer': None, 'string': 'big'}]
    """

    def __init__(
        self,
        export: FirestoreExport | str | Path,
        *,
        collection: str | Collection | None = None,
        fields: Iterable[str] | None = None,
        schema: pa.Schema | None = None,
        dead_letters: Callable[[DeadLetter], None] | None = None,
    ) -> None:
        self.export = export if isinstance(export, FirestoreExport) else FirestoreExport(export)
        self._given = schema
        names = tuple(fields) if fields is not None else None
        if schema is not None:
            names = tuple(name for name in schema.names if name != PATH and (names is None or name in names))
        self._fields = None if names is None else frozenset(names)
        self._projection = None
        if collection is not None:
            chosen = Collection(collection) if isinstance(collection, str) else collection
            self._projection = Projection(((chosen, names),))
        self._wanted = lru_cache(maxsize=10_000)(self._asked)
        self._dead_letters = dead_letters

    def _asked(self, parent: str) -> tuple[bool, frozenset[str] | None]:
        if self._projection is not None and not self._projection.wants(f"{parent}/x"):
            return False, frozenset()
        return True, self._fields

    @cached_property
    def schema(self) -> pa.Schema:
        """The columns; where they are inferred, all of the export is looked through, in bounded memory."""
        if self._given is not None:
            return self._given
        shape = Shape({"map"})
        for part in self._parts(None):
            shape.merge(part.shape())
            _check_size(shape)
        return shape.schema()

    @cached_property
    def _built(self) -> pa.Schema:
        if self._given is None:
            return self.schema
        return pa.schema([f if f.name == PATH else canonical(f) for f in self._given])

    def partitions(self) -> list[Partition]:
        """The parts of the export, which may be read by several workers."""
        return list(self.export.partitions())

    def batches(self, partition: Partition | None = None) -> Iterator[pa.RecordBatch]:
        """The record batches of the export, or of one part of it; one is held at a time.

        Raises:
            DataError: `bad-export` for a damaged file; `bad-value` for a value that does not fit the given schema; what a
                document is refused for, unless `dead_letters` takes it.
        """
        for part in self._parts(partition):
            if part.count:
                yield self._finished(part.batch(self._built))

    def _finished(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._given is None:
            return batch
        try:
            return batch.cast(self._given)
        except pa.ArrowInvalid as error:
            raise DataError("bad-value", f"A value does not fit the schema: {error!s:.300}") from error

    def read_table(self) -> pa.Table:
        """All of it, read once."""
        if self._given is not None:
            return pa.Table.from_batches(self.batches(), schema=self._given)
        shape, batches = Shape({"map"}), []
        schema = shape.schema()
        for part in self._parts(None):
            shape.merge(part.shape())
            _check_size(shape)
            wider = shape.schema()
            schema = schema if schema.equals(wider, check_metadata=True) else wider
            if part.count:
                batches.append(part.batch(schema))
        return pa.Table.from_batches([conform(batch, schema) for batch in batches], schema=schema)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream of its batches."""
        reader: Any = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _parts(self, partition: Partition | None) -> Iterator[_Part]:
        read = column_reader(self._wanted)
        for one in [partition] if partition is not None else self.export.partitions():
            file, start, end = self.export.file_of(one)
            with file:
                for records in file.spans(start, end):
                    columns = read(records)
                    yield _Part(columns, dict(self._odd(file, records, columns.odd.tolist())))

    def _odd(self, file: RecordFile, records: Spans, rows: list[int]) -> Iterator[tuple[int, tuple[str, Document]]]:
        for row in rows:
            ((offset, _, record),) = records.part(row, row + 1).records()
            found = decode_one(file, offset, record, self._wanted)
            if isinstance(found, DeadLetter):
                if self._dead_letters is None:
                    raise DataError("bad-document", found.reason, where=found.key, fix="Give dead_letters to go on.")
                self._dead_letters(found)
            elif found is not None:
                yield row, (found.path, found.after or {})


class _Part:
    """The documents of some records: most of them as columns, the odd ones by row."""

    def __init__(self, columns: ColumnBatch, odd: dict[int, tuple[str, Document]]) -> None:
        self._columns, self._odd = columns, odd
        self.count = len(columns.rows) + len(odd)

    def shape(self) -> Shape:
        shape = self._columns.shape()
        for _, fields in self._odd.values():
            shape.add(fields)
        return shape

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        batch = self._columns.batch(schema)
        if not self._odd:
            return batch
        other = batch_of(list(self._odd.values()), schema)
        rows = np.concatenate([self._columns.rows, np.array(list(self._odd))])
        joined = pa.Table.from_batches([batch, other], schema=schema).take(np.argsort(rows))
        return joined.combine_chunks().to_batches()[0]


def _check_size(shape: Shape) -> None:
    if _size(shape) > MAX_COLUMNS:
        raise DataError(
            "bad-value",
            f"The documents have more than {MAX_COLUMNS:,} different fields",
            fix="Name the ones to read with fields=, or give a schema.",
        )


def _size(shape: Shape) -> int:
    inner = 0 if shape.element is None else _size(shape.element)
    return len(shape.words) + inner + sum(map(_size, shape.members.values()))
