"""The records of an export, some megabytes at a time, ready to become record batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from ..core.change import DeadLetter
from ..core.errors import DataError
from ..core.values import Document
from ..formats.arrow_rows import batch_of
from ..formats.arrow_shape import Shape
from ..formats.native.columns import ColumnBatch, column_reader
from ..formats.spans import Spans
from .base import Partition
from .export_reader import RecordFile, Wanted, decode_one
from .firestore_export import FirestoreExport

GATHERED_BYTES = 1 << 20
"""Records of small files come together until they have so many bytes."""


class Part:
    """The documents of some records: most of them as columns, the odd ones by row."""

    def __init__(self, columns: ColumnBatch, odd: dict[int, tuple[str, Document]]) -> None:
        self._columns, self._odd = columns, odd
        self.count = len(columns.rows) + len(odd)

    def shape(self) -> Shape:
        """What occurs in them."""
        shape = self._columns.shape()
        for _, fields in self._odd.values():
            shape.add(fields)
        return shape

    def batch(self, schema: pa.Schema) -> pa.RecordBatch:
        """They, in their order."""
        batch = self._columns.batch(schema)
        if not self._odd:
            return batch
        other = batch_of(list(self._odd.values()), schema)
        rows = np.concatenate([self._columns.rows, np.array(list(self._odd))])
        joined = pa.Table.from_batches([batch, other], schema=schema).take(np.argsort(rows))
        return joined.combine_chunks().to_batches()[0]


class _Held(NamedTuple):
    file: RecordFile
    records: Spans


class PartsReader:
    """Reads partitions.

    Args:
        export: The export.
        wanted: Which collections and fields are wanted.
        dead_letters: Is given what cannot be decoded; `None`: that is an error.

    Attributes:
        documents: How many records were read so far.
        record_bytes: Their bytes.
    """

    def __init__(
        self, export: FirestoreExport, wanted: Wanted, dead_letters: Callable[[DeadLetter], None] | None
    ) -> None:
        self.documents = self.record_bytes = 0
        self._export, self._wanted, self._dead_letters = export, wanted, dead_letters
        self._read = column_reader(wanted)

    def parts(self, partitions: Iterable[Partition]) -> Iterator[Part]:
        """The documents of these partitions; what came before damage is given before its error."""
        for held in self._gathered(partitions):
            columns = self._read(Spans.joined([one.records for one in held]))
            yield Part(columns, dict(self._odd(held, columns.odd.tolist())))

    def _gathered(self, partitions: Iterable[Partition]) -> Iterator[list[_Held]]:
        held: list[_Held] = []
        size = 0
        try:
            for one in self._held(partitions):
                held.append(one)
                size += one.records.size
                if size >= GATHERED_BYTES:
                    yield held
                    held, size = [], 0
        except DataError:
            if held:
                yield held
            raise
        if held:
            yield held

    def _held(self, partitions: Iterable[Partition]) -> Iterator[_Held]:
        for one in partitions:
            file, start, end = self._export.file_of(one)
            with file:
                for records in file.spans(start, end):
                    self.documents += len(records.start)
                    self.record_bytes += records.size
                    yield _Held(file, records)

    def _odd(self, held: list[_Held], rows: list[int]) -> Iterator[tuple[int, tuple[str, Document]]]:
        ends = np.cumsum([len(one.records.start) for one in held])
        for row in rows:
            which = int(np.searchsorted(ends, row, side="right"))
            file, records = held[which]
            at = row - int(ends[which]) + len(records.start)
            ((offset, _, record),) = records.part(at, at + 1).records()
            found = decode_one(file, offset, record, self._wanted)
            if isinstance(found, DeadLetter):
                if self._dead_letters is None:
                    raise DataError("bad-document", found.reason, where=found.key, fix="Give dead_letters to go on.")
                self._dead_letters(found)
            elif found is not None:
                yield row, (found.path, found.after or {})
