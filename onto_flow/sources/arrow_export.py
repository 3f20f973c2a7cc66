"""The documents of an export as Arrow: record batches, a table, or a stream that Polars and DuckDB take."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa

from ..core.change import DeadLetter
from ..core.collection import Collection, Projection
from ..core.errors import DataError, UsageError
from ..formats.arrow_conform import canonical, conform, same_numbers
from ..formats.arrow_shape import Shape
from ..formats.arrow_types import PATH
from .arrow_parts import PartsReader
from .base import Partition
from .firestore_export import FirestoreExport

MAX_COLUMNS = 10_000
"""Columns of an inferred schema, nested ones too; maps whose keys are data would have one for each key."""


class Read(NamedTuple):
    """What was read: record batches of one schema, and how many records they come from, with how many bytes."""

    schema: pa.Schema
    batches: list[pa.RecordBatch]
    documents: int
    record_bytes: int


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

    Attributes:
        asked: The schema that was given, the collection, the fields.

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
        if isinstance(fields, str):
            raise UsageError(
                "wrong-usage", f"fields={fields!r:.80} is no list of names", fix=f"Use fields=[{fields!r:.80}]."
            )
        names = tuple(fields) if fields is not None else None
        if schema is not None:
            names = tuple(name for name in schema.names if name != PATH and (names is None or name in names))
        self._fields = None if names is None else frozenset(names)
        chosen = Collection(collection) if isinstance(collection, str) else collection
        self._projection = None if chosen is None else Projection(((chosen, names),))
        self.asked = schema, chosen, names
        self._wanted = lru_cache(maxsize=10_000)(self._asked)
        self.dead_letters = dead_letters

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
        reader = self._reader(self.dead_letters)
        for part in reader.parts(self.export.uncounted(self.export.split_bytes)):
            shape.merge(part.shape())
            check_size(shape)
        self.export.check(reader.documents, reader.record_bytes)
        return shape.schema()

    @cached_property
    def _built(self) -> pa.Schema:
        if self._given is None:
            return self.schema
        return pa.schema([f.with_type(pa.string()) if f.name == PATH else canonical(f) for f in self._given])

    def partitions(self) -> list[Partition]:
        """The parts of the export, which may be read by several workers."""
        return list(self.export.partitions())

    def batches(self, partition: Partition | None = None) -> Iterator[pa.RecordBatch]:
        """The record batches of the export, or of one part of it; one is held at a time.

        Raises:
            DataError: `bad-export` for a damaged file; `bad-value` for a value that does not fit the given schema; what a
                document is refused for, unless `dead_letters` takes it.
        """
        schema = self._built
        for part in self._reader(self.dead_letters).parts([partition] if partition else self.export.partitions()):
            if part.count:
                yield self._finished(part.batch(schema))

    def _finished(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        if self._given is None:
            return batch
        try:
            fitted = batch.cast(self._given)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError("bad-value", f"A value does not fit the schema: {error!s:.300}") from error
        for field, own, column in zip(self._given, batch.columns, fitted.columns):
            if not same_numbers(own, column):
                raise DataError("bad-value", f"A number of {field.name!r} does not fit {field.type} exactly")
        return fitted

    def read_table(self, *, workers: int = 1) -> pa.Table:
        """All of it, read once; documents are counted on the way, and compared with the metadata at the end.

        Args:
            workers: How many processes read; this one is one of them.

        Raises:
            DataError: As for `batches`.
            EngineError: `engine-failed` when a worker process dies.
        """
        if workers > 1:
            from .arrow_workers import read_with

            return read_with(self, workers)
        read = self.read(self.export.uncounted(self.export.split_bytes), self.dead_letters)
        self.export.check(read.documents, read.record_bytes)
        return pa.Table.from_batches(read.batches, schema=read.schema)

    def read(self, partitions: Iterable[Partition], dead_letters: Callable[[DeadLetter], None] | None) -> Read:
        """What some partitions hold, with the columns that they need."""
        reader, shape, batches = self._reader(dead_letters), Shape({"map"}), []
        schema = shape.schema() if self._given is None else self._built
        for part in reader.parts(partitions):
            if self._given is None:
                shape.merge(part.shape())
                check_size(shape)
                wider = shape.schema()
                schema = schema if schema.equals(wider, check_metadata=True) else wider
            if part.count:
                batches.append(self._finished(part.batch(schema)))
        if self._given is None:
            batches = [conform(batch, schema) for batch in batches]
        return Read(self._given or schema, batches, reader.documents, reader.record_bytes)

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """The Arrow C stream of its batches."""
        reader: Any = pa.RecordBatchReader.from_batches(self.schema, self.batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _reader(self, dead_letters: Callable[[DeadLetter], None] | None) -> PartsReader:
        return PartsReader(self.export, self._wanted, dead_letters)


def check_size(shape: Shape) -> None:
    """Refuses a schema of too many columns."""
    if _size(shape) > MAX_COLUMNS:
        raise DataError(
            "bad-value",
            f"The documents have more than {MAX_COLUMNS:,} different fields",
            fix="Name the ones to read with fields=, or give a schema.",
        )


def _size(shape: Shape) -> int:
    inner = 0 if shape.element is None else _size(shape.element)
    return len(shape.words) + inner + sum(map(_size, shape.members.values()))
