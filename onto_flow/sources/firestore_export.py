"""Exports of Firestore and of its emulator, from a local folder or an object store."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from traceback import format_exception
from typing import Any, BinaryIO

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import DataError, UsageError
from ..formats.entity import EntityDecoder
from ..formats.export_layout import ExportLayout, OutputFile, Place, check_layout, find_export
from ..formats.leveldb_log import BLOCK, read_records
from ..formats.object_path import place_of
from ..formats.ranged_file import RangedFile
from ..formats.times import parse_time
from .base import Partition, SourceInfo

SPLIT_BYTES = 64 << 20
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 16 << 20
"""A batch ends at so many documents, or when so much was read, wanted or not."""

COUNT_BELOW = 1 << 30
"""Local exports below this size are counted before they are read; others while they are read, by whoever reads them."""

PAYLOAD_BYTES = 64 << 10
"""How much of a document that cannot be decoded goes to the dead letters."""

_log = logging.getLogger(__name__)


class FirestoreExport:
    """The documents of an export.

    Law: the partitions together give every record of the listed files once, as a document or as a dead letter.

    Args:
        place: The export: its folder or one of its metadata files; a path, or a URL that fsspec knows (`gs://...`).
        verify: Compare checksums, and the files with the metadata.
        accept_mismatch: Read the files that are there even when they contradict the metadata.
        snapshot_time: The time of the consistent view; by default that of the side file `onto_flow.json`.
        split_bytes: Larger files become several partitions.
        batch_documents: The most documents of one batch.
        storage: Options of the object store's fsspec filesystem, such as credentials.

    Raises:
        UsageError: `wrong-usage` for a place or an option that cannot be understood.
        EngineError: `missing-extra` for an object store whose package is not installed.
    """

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
        self.verify = _flag("verify", verify)
        self.accept_mismatch = _flag("accept_mismatch", accept_mismatch)
        self.snapshot_time = parse_time(snapshot_time) if isinstance(snapshot_time, str) else snapshot_time
        self.split_bytes = max(int(split_bytes) // BLOCK, 1) * BLOCK
        self.batch_documents = max(int(batch_documents), 1)

    @cached_property
    def layout(self) -> ExportLayout:
        """The files of the export, as the metadata lists them."""
        return find_export(self.place)

    @cached_property
    def _counted(self) -> int | None:
        """How many documents there are, after the comparison with the metadata."""
        layout = self.layout
        documents = record_bytes = None
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
            with _RecordFile(self.layout.root, output.name, verify=False) as file:
                for _, _, record in file.records(0, None):
                    documents += 1
                    record_bytes += len(record)
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
            with _RecordFile(self.layout.root, output.name, verify=False) as file:
                for _, _, record in file.records(0, None):
                    with suppress(DataError):
                        return file.decoder.key(record).emulator
        return False

    def partitions(self) -> Sequence[Partition]:
        """One for each file; a big one is several ranges of blocks: `file@start-end`."""
        _ = self._counted
        return [part for output in self.layout.files for part in self._split(output)]

    def _split(self, output: OutputFile) -> Iterator[Partition]:
        if output.size <= self.split_bytes:
            if output.size:
                yield Partition(output.name, output.size)
            return
        for start in range(0, output.size, self.split_bytes):
            end = min(start + self.split_bytes, output.size)
            yield Partition(f"{output.name}@{start}-{end}", end - start)

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> ExportReader:
        """Begins to read a file or a part of one."""
        name, at, range_ = partition.name.partition("@")
        start, _, end = range_.partition("-")
        file = _RecordFile(self.layout.root, name, verify=self.verify)
        offset, count = decode(resume) if resume else (int(start or 0), 0)
        reader = ExportReader(file, offset, int(end) if at else None, projection, self.batch_documents)
        reader.documents_read = count
        return reader

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """An export stays as it is."""


class ExportReader:
    """Reads a range of one output file.

    Attributes:
        documents_read: Records so far, wanted or not.
    """

    def __init__(
        self, file: _RecordFile, start: int, end: int | None, projection: Projection | None, batch_documents: int
    ) -> None:
        self.documents_read = 0
        self._file = file
        self._decoder = file.decoder
        self._records = file.records(start, end)
        self._damage: DataError | None = None
        self._next = start
        self._batch = batch_documents
        self._wanted = lru_cache(maxsize=10_000)(lambda parent: _wanted(projection, parent)) if projection else None

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next documents; a batch is empty only when nothing in much data was wanted."""
        batch: list[Change | DeadLetter] = []
        size = 0
        while len(batch) < self._batch and size < BATCH_BYTES:
            taken = self._take(raising=not batch)
            if taken is None:
                return batch or None
            size += len(taken[1])
            item = self._item(*taken)
            if item is not None:
                batch.append(item)
        return batch

    def _take(self, *, raising: bool) -> tuple[int, bytes] | None:
        """The next record; behind damage there is none, and what came before it is given first."""
        try:
            taken = None if self._damage else next(self._records, None)
        except DataError as error:
            self._damage, taken = error, None
        if taken is None:
            if self._damage and raising:
                raise self._damage
            return None
        offset, self._next, record = taken
        self.documents_read += 1
        return offset, record

    def _item(self, offset: int, record: bytes) -> Change | DeadLetter | None:
        name = f"{self._file.name}@{offset}"
        try:
            key = self._decoder.key(record)
            name, wanted = key.path, None
            if self._wanted is not None:
                wants, wanted = self._wanted(name.rpartition("/")[0])
                if not wants:
                    return None
            fields = self._decoder.fields(record, key, wanted)
        except DataError as error:
            where = f"{self._file.name}@{offset}" + (f", {error.where}" if error.where else "")
            reason = f"{error.code}: {error.what} ({where})"
            return DeadLetter(f"document:{name}", reason, "".join(format_exception(error)), record[:PAYLOAD_BYTES])
        return Change(name, None, fields, BELOW_EVENTS, None)

    def next_wake(self) -> datetime | None:
        """There is nothing to wait for."""
        return None

    def snapshot(self) -> bytes:
        """The offset of the next record, and how many came before it."""
        return encode((self._next, self.documents_read))

    def close(self) -> None:
        """Closes the file."""
        self._file.close()


class _RecordFile:
    """An output file: its records, with errors that say where."""

    def __init__(self, root: Place, name: str, *, verify: bool) -> None:
        self.name = name
        self.decoder = EntityDecoder(lambda text: _log.warning("%s: %s", name, text))
        self._verify = verify
        try:
            self._file: BinaryIO = (root / name).open("rb")
        except OSError as error:
            raise DataError("bad-export", f"The file cannot be read: {error.strerror}", where=name) from error
        self.end = self._file.seek(0, 2)

    def records(self, start: int, end: int | None) -> Iterator[tuple[int, int, bytes]]:
        last = b""
        try:
            for found in read_records(self._file, start=start, end=end, verify=self._verify, name=self.name):
                last = found[2]
                yield found
            self._check()
        except DataError as error:
            self._check()
            raise DataError("bad-export", error.what, where=error.where + self._behind(last), fix=error.fix) from error

    def _check(self) -> None:
        """What is read from a store must be one and the same object from beginning to end."""
        if isinstance(self._file, RangedFile):
            self._file.check()

    def _behind(self, record: bytes) -> str:
        try:
            return f", behind the document {self.decoder.key(record).path}"
        except DataError:
            return ""

    def close(self) -> None:
        self._file.close()

    def __enter__(self) -> _RecordFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _wanted(projection: Projection, parent: str) -> tuple[bool, frozenset[str] | None]:
    """A projection looks at the collection alone, so any id stands for all."""
    path = f"{parent}/x"
    return projection.wants(path), projection.fields(path)


def _flag(name: str, value: bool | str) -> bool:
    known = {"": True, "1": True, "true": True, "0": False, "false": False}
    if isinstance(value, bool):
        return value
    if value.lower() not in known:
        raise UsageError("wrong-usage", f"{name}={value!r} is neither true nor false")
    return known[value.lower()]
