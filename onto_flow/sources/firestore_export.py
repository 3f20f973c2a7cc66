"""Exports of Firestore and of its emulator, from a local folder or an object store."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..core.codec import decode
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.options import count_of, truth_of
from ..formats.export_layout import ExportLayout, OutputFile, check_layout, find_export
from ..formats.leveldb_log import BLOCK
from ..formats.object_path import place_of
from ..formats.times import parse_time
from .base import Partition, SourceInfo
from .export_reader import BATCH_DOCUMENTS, ExportReader, RecordFile, prepare

if TYPE_CHECKING:
    from .line_question import LineBatch, Question

SPLIT_BYTES = 64 << 20
_RANGE = re.compile(r"(.*)@(\d+)-(\d+)", re.DOTALL)
"""A part of a file; folders may have an @ in their names, files are called `output-N`."""

FEW_LINES = 1000
"""So few lines are made one by one: that takes less time than to load what makes many at once."""

COUNT_BELOW = 1 << 30
"""Local exports below this size are counted before they are read; others while they are read, by whoever reads them."""


class FirestoreExport:
    """The documents of an export.

    Law: the partitions together give every record of the listed files once, as a document or as a dead letter.

    Args:
        place: The export: its folder or one of its metadata files; a path, or a URL that fsspec knows (`gs://...`).
        verify: Compare checksums, and the files with the metadata.
        accept_mismatch: Read the files that are there even when they contradict the metadata.
        snapshot_time: The time of the consistent view; by default that of the side file `onto_flow.json`.
        split_bytes: Larger files become several partitions.
        batch_documents: The most records of one batch.
        storage: Options of the object store's fsspec filesystem, such as credentials.

    Attributes:
        named: The place and the options as they were given, for a worker process.

    Raises:
        UsageError: `wrong-usage` for a place or an option that cannot be understood.
        EngineError: `missing-extra` for an object store whose package is not installed.
    """

    block = BLOCK

    def __init__(
        self,
        place: str | Path,
        *,
        verify: bool | str = True,
        accept_mismatch: bool | str = False,
        snapshot_time: datetime | str | None = None,
        split_bytes: int | str = SPLIT_BYTES,
        batch_documents: int | str = BATCH_DOCUMENTS,
        storage: Mapping[str, Any] | None = None,
    ) -> None:
        self.place = place_of(place, storage)
        self.named = (str(place), dict(storage or {}))
        self.verify = truth_of("verify", verify)
        self.accept_mismatch = truth_of("accept_mismatch", accept_mismatch)
        self.snapshot_time = parse_time(snapshot_time) if isinstance(snapshot_time, str) else snapshot_time
        self.split_bytes = _blocks(count_of("split_bytes", split_bytes))
        self.batch_documents = count_of("batch_documents", batch_documents)

    @cached_property
    def layout(self) -> ExportLayout:
        """The files of the export, as the metadata lists them."""
        return find_export(self.place)

    @cached_property
    def _counted(self) -> int | None:
        """How many documents there are, after the comparison with the metadata."""
        layout = self.layout
        documents = record_bytes = None
        prepare(sum(f.size for f in layout.files))
        small = isinstance(layout.root, Path) and sum(f.size for f in layout.files) < COUNT_BELOW
        if self.verify and small:
            documents, record_bytes = self._measure()
        if not self.accept_mismatch:
            check_layout(layout, documents, record_bytes)
            documents = layout.documents if documents is None else documents
        return documents

    def _measure(self) -> tuple[int, int]:
        documents = record_bytes = 0
        for output in self.layout.files:
            with RecordFile(self.layout.root, output.name, verify=False) as file:
                count, size = file.measure()
                documents += count
                record_bytes += size
        return documents, record_bytes

    def info(self) -> SourceInfo:
        """What the metadata says, compared with the files.

        Raises:
            DataError: `not-found`, or `bad-export` when files and metadata differ.
        """
        counted = self._counted
        return SourceInfo(
            kind="emulator-export" if self._emulator else "firestore-export",
            documents=counted,
            snapshot_time=self.snapshot_time or self.layout.snapshot_time,
            start_time=self.layout.start,
        )

    @cached_property
    def _emulator(self) -> bool:
        """By the label in the metadata; without metadata, by the first project that a document names (`dev~...`)."""
        if self.layout.emulator is not None:
            return self.layout.emulator
        for output in self.layout.files:
            with RecordFile(self.layout.root, output.name, verify=False) as file:
                for _, _, record in file.records(0, None):
                    with suppress(DataError):
                        return file.decoder.key(record).emulator
        return False

    def partitions(self) -> Sequence[Partition]:
        """One for each file; a big one is several ranges of blocks: `file@start-end`."""
        _ = self._counted
        return self.uncounted(self.split_bytes)

    def uncounted(self, split_bytes: int) -> Sequence[Partition]:
        """As `partitions`, but no document is counted: whoever reads them all calls `check`.

        Args:
            split_bytes: Larger files become several partitions.
        """
        if not self.accept_mismatch:
            check_layout(self.layout, None, None)
        return [part for output in self.layout.files for part in _split(output, _blocks(split_bytes))]

    def whole(self) -> Sequence[Partition]:
        """See `sources.base.Divisible`."""
        return [Partition(output.name, output.size) for output in self.layout.files if output.size]

    def part(self, partition: Partition, first: int, behind: int) -> Partition:
        """See `sources.base.Divisible`."""
        end = min(behind * BLOCK, partition.size or behind * BLOCK)
        return Partition(f"{partition.name}@{first * BLOCK}-{end}", end - first * BLOCK)

    def check(self, documents: int, record_bytes: int) -> None:
        """Compares what was counted while all was read with the metadata.

        Raises:
            DataError: `bad-export`.
        """
        if self.verify and not self.accept_mismatch:
            check_layout(self.layout, documents, record_bytes)
        self.__dict__["_counted"] = documents

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> ExportReader:
        """Begins to read a file or a part of one."""
        file, start, end = self.file_of(partition)
        offset, count = decode(resume) if resume else (start, 0)
        reader = ExportReader(file, offset, end, projection, self.batch_documents)
        reader.documents_read = count
        return reader

    def line_batches(self, question: Question, *, most: int | None = None) -> Iterator[LineBatch]:
        """The documents as lines of JSON, without values of Python on the way.

        Args:
            question: Which documents are asked for, and what of them.
            most: How many are wanted of the first ones.

        Raises:
            DataError: `bad-export` for damage, and where files and metadata differ: before the first line when files are
                missing, behind the last one when the metadata promises other documents.
        """
        from .export_lines import ExportLines

        if not self.accept_mismatch:
            check_layout(replace(self.layout, bytes=None), None, None)
        few = most is not None and most <= FEW_LINES and not question.where
        if not few:
            prepare(sum(output.size for output in self.layout.files))
        names = [output.name for output in self.layout.files if output.size]
        files = (RecordFile(self.layout.root, name, verify=self.verify) for name in names)
        lines = ExportLines(question, self.batch_documents, few=few)
        yield from lines.batches(files)
        if self.verify:
            self.check(lines.documents, lines.record_bytes)

    def file_of(self, partition: Partition) -> tuple[RecordFile, int, int | None]:
        """The file of a partition, and which range of it."""
        found = _RANGE.fullmatch(partition.name)
        name, start, end = found.groups() if found else (partition.name, 0, None)
        file = RecordFile(self.layout.root, name, verify=self.verify)
        return file, int(start), None if end is None else int(end)

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """An export stays as it is."""


def _blocks(size: int) -> int:
    """Bytes of whole blocks."""
    return max(size // BLOCK, 1) * BLOCK


def _split(output: OutputFile, size: int) -> Iterator[Partition]:
    if output.size <= size:
        if output.size:
            yield Partition(output.name, output.size)
        return
    for start in range(0, output.size, size):
        end = min(start + size, output.size)
        yield Partition(f"{output.name}@{start}-{end}", end - start)
