"""Reads a source of documents inside a pipeline: by blocks that a runner may split while they are read, or by partitions.

Law: whatever is split, and where, each document comes once. A range owns the records that begin in its blocks, so a log
may be entered at any block. Blocks are claimed before they are read; what a runner takes away is never read here.

The number of documents is compared with what the source says of itself, and the job fails where they differ: a table of
half an export is no table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.io.restriction_trackers import OffsetRange, OffsetRestrictionTracker
from apache_beam.transforms.core import RestrictionProvider

from ...core.change import Change, DeadLetter
from ...core.collection import Projection
from ...core.errors import DataError
from ...sources.base import Divisible, Partition, Reader, Source
from ..carried import half_read
from ..coding import decode
from ..steady import uncollected
from .elements import Block
from .reading import encode_partition

OpenSource = Callable[[], Source]
"""Opens the source on a worker; it travels there by its import path and its arguments."""

BLOCKS_AT_ONCE = 128
"""So many blocks are claimed and read at once: 4 MiB of an export."""

SPLIT_BYTES = 64 << 20
"""A runner is given ranges of so many bytes to begin with; it may split them on."""

DEAD_LETTERS = "dead_letters"


class ReadBlocks(beam.PTransform):
    """All documents of a source as `Block`s.

    Args:
        open: Opens the source on a worker.
        projection: Documents and fields that are wanted; `None`: all of them.
        splittable: Whether the runner knows splittable DoFns; without them a partition is read by one worker to its end.
    """

    def __init__(
        self,
        open: OpenSource,
        *,
        projection: Projection | None = None,
        splittable: bool = True,
    ) -> None:
        super().__init__()
        self._open, self._projection, self._splittable = open, projection, splittable

    def expand(self, begin: Any) -> Any:
        """Lists the partitions, reads them, counts what was read."""
        reader = Reads(self._open, self._projection)
        start = begin | "start" >> beam.Create([b""]).with_output_types(bytes)
        listed = start | "list" >> beam.ParDo(_List(self._open, whole=self._splittable)).with_output_types(bytes)
        if self._splittable:
            read = listed | "read" >> beam.ParDo(_ReadRange(reader)).with_output_types(Block)
        else:
            listed |= "spread" >> beam.Reshuffle()
            read = listed | "read" >> beam.ParDo(_ReadPartition(reader)).with_output_types(Block)
        counted = read | "documents" >> beam.Map(_documents).with_output_types(int) | "sum" >> beam.CombineGlobally(sum)
        _ = counted | "count" >> beam.ParDo(_Count(self._open)).with_output_types(bytes)
        return read


class _List(beam.DoFn):
    """The partitions of a source, listed when the job runs: it need not be there when a job is made."""

    def __init__(self, open: OpenSource, *, whole: bool) -> None:
        super().__init__()
        self._open, self._whole = open, whole

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partitions"

    def process(self, element: bytes) -> Iterable[bytes]:
        """Lists them."""
        source = self._open()
        listed = source.whole() if self._whole and isinstance(source, Divisible) else source.partitions()
        return [encode_partition(p) for p in listed]


class Reads:
    """Reads a partition in blocks of documents."""

    def __init__(self, open: OpenSource, projection: Projection | None) -> None:
        self._open, self._projection = open, projection

    def source(self) -> Source:
        """The source, opened."""
        return self._open()

    def blocks(self, source: Source, partition: Partition) -> Iterator[Block]:
        """All documents of a partition.

        Raises:
            DataError: What the source raises: the job fails.
        """
        reader = source.open(partition, projection=self._projection)
        before = 0
        try:
            while (batch := _next(reader)) is not None:
                read, before = reader.documents_read - before, reader.documents_read
                yield self._block(batch, read)
            if reader.documents_read > before:
                yield Block((), read=reader.documents_read - before)
        finally:
            reader.close()

    def _block(self, batch: Iterable[Change | DeadLetter], read: int) -> Block:
        letters = tuple(item for item in batch if isinstance(item, DeadLetter))
        changes: Any = tuple(batch) if not letters else tuple(item for item in batch if isinstance(item, Change))
        return Block(changes, letters, read)


class _ReadPartition(beam.DoFn):
    """A partition, read to its end."""

    def __init__(self, reader: Reads) -> None:
        super().__init__()
        self._reader = reader

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partition"

    def process(self, element: bytes) -> Iterator[Block]:
        """Reads it."""
        return self._reader.blocks(self._reader.source(), Partition(*decode(element)))


class _ReadRange(beam.DoFn, RestrictionProvider):
    """A range of blocks of a partition, which the runner may cut while it is read; one block, if it cannot be cut."""

    def __init__(self, reader: Reads) -> None:
        super().__init__()
        self._reader = reader
        self._block: int | None = None

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "range"

    def _size(self) -> int:
        if self._block is None:
            source = self._reader.source()
            self._block = source.block if isinstance(source, Divisible) else 0
        return self._block

    def initial_restriction(self, element: bytes) -> OffsetRange:
        """All blocks."""
        block, size = self._size(), Partition(*decode(element)).size
        return OffsetRange(0, -(-size // block) if block and size else 1)

    def create_tracker(self, restriction: OffsetRange) -> OffsetRestrictionTracker:
        """Of offsets, which are blocks."""
        return OffsetRestrictionTracker(restriction)

    def split(self, element: bytes, restriction: OffsetRange) -> Iterator[OffsetRange]:
        """Ranges to begin with."""
        return restriction.split(max(SPLIT_BYTES // (self._size() or SPLIT_BYTES), 1), 1)

    def restriction_size(self, element: bytes, restriction: OffsetRange) -> int:
        """Bytes."""
        return restriction.size() * self._size() or Partition(*decode(element)).size or 1

    def process(self, element: bytes, tracker: Any = beam.DoFn.RestrictionParam()) -> Iterator[Block]:
        """Reads what it may claim."""
        source, partition = self._reader.source(), Partition(*decode(element))
        at = tracker.current_restriction().start
        while claimed := _claimed(tracker, at):
            cut = source.part(partition, at, at + claimed) if isinstance(source, Divisible) else partition
            yield from self._reader.blocks(source, cut)
            at += claimed


def _claimed(tracker: Any, at: int) -> int:
    """How many blocks from one on are now ours; 0: none is left of the range, or the rest was taken away."""
    count = 0
    while count < BLOCKS_AT_ONCE and at + count < tracker.current_restriction().stop:
        if not tracker.try_claim(at + count):
            break
        count += 1
    return count


class _Count(beam.DoFn):
    """How many documents were read -> nothing, or the job fails."""

    def __init__(self, open: OpenSource) -> None:
        super().__init__()
        self._open = open

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "compare"

    def process(self, element: int) -> Iterable[bytes]:
        """Compares.

        Raises:
            DataError: `bad-export`.
        """
        expected = self._open().info().documents
        if expected not in (None, element):
            what = half_read(element, expected, 0).what
            raise DataError("bad-export", what, fix="Copy the export again, or say accept_mismatch.")
        return ()


def _next(reader: Reader) -> Sequence[Change | DeadLetter] | None:
    with uncollected():
        return reader.next_batch()


def _documents(block: Block) -> int:
    return block.read


class Unpack(beam.DoFn):
    """Blocks -> their documents, as batches for whoever takes batches."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "documents"

    def infer_output_type(self, input_type: Any) -> Any:
        """Documents."""
        return Change

    def get_output_batch_type(self, input_element_type: Any) -> Any:
        """See `beam.DoFn`."""
        return list[Change]

    @beam.DoFn.yields_batches
    def process(self, element: Block) -> Iterator[list[Change]]:
        """The documents of a block."""
        yield list(element.changes)


def documents_of(block: Block) -> tuple[Change, ...]:
    """The documents of a block, one by one: for runners without batches."""
    return block.changes


def letters_of(block: Block) -> tuple[DeadLetter, ...]:
    """What could not be read."""
    return block.letters
