"""What a source is: partitions, open at a resume point, next batch, next wake-up, snapshot, acknowledge.

The same contract serves a source of documents (an export, a file of documents) and a feed of changes. Documents are
changes with the version `BELOW_EVENTS`; whoever runs the source stamps them with the time of the export.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, runtime_checkable

from ..core.change import Change, DeadLetter
from ..core.collection import Collection, Projection


@dataclass(frozen=True)
class Partition:
    """A part of a source that one reader reads.

    Attributes:
        name: Stable between runs: a file, a file and a range of blocks, a topic partition.
        size: Bytes, where known: how work is divided and progress shown.
    """

    name: str
    size: int | None = None


@dataclass(frozen=True)
class SourceInfo:
    """What a source knows of itself before it is read.

    Attributes:
        kind: `firestore-export`, `emulator-export`, `jsonl`, ...
        bounded: Whether it ends by itself.
        documents: How many documents all partitions together must give; `None` where nobody knows. An engine publishes
            nothing from a source that gave another number.
        snapshot_time: The time of the consistent view that the documents are.
        start_time: When reading the documents began, where they are no consistent view.
        ranks_below_events: Whether every event is newer than every document of this source.
        keeps_unacknowledged: Whether a feed sends again what was not acknowledged, and only so much beyond it: a job
            that never acknowledges comes to a stand.
    """

    kind: str
    bounded: bool = True
    documents: int | None = None
    snapshot_time: datetime | None = None
    start_time: datetime | None = None
    ranks_below_events: bool = False
    keeps_unacknowledged: bool = False


@runtime_checkable
class Reader(Protocol):
    """One partition being read."""

    @property
    def documents_read(self) -> int:
        """How many documents this partition gave so far, those that were not wanted or not readable included.

        A reader that was opened at a resume point goes on counting from there, so at the end of all partitions the sum
        is `SourceInfo.documents`. A feed counts what it read.
        """

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next changes; empty when there is nothing yet; `None` at the end.

        A document or event that cannot be read comes as a dead letter in its place, and reading goes on.

        Raises:
            DataError: The rest cannot be read (`bad-export`: file, byte offset, what to do).
        """

    def next_wake(self) -> datetime | None:
        """When to ask again after an empty batch; `None`: at once."""

    def snapshot(self) -> bytes:
        """The resume point after the last batch, for `Source.open`."""

    def close(self) -> None:
        """Lets go of files and connections."""


@runtime_checkable
class Source(Protocol):
    """A source of documents or a feed of changes."""

    def info(self) -> SourceInfo:
        """What the source knows of itself."""

    def partitions(self) -> Sequence[Partition]:
        """Its parts; together they hold every document once."""

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> Reader:
        """Begins to read a partition, from the start or from a resume point.

        Args:
            partition: One of `partitions()`.
            resume: What an earlier reader's `snapshot()` gave.
            projection: Documents and fields that nobody wants need not be decoded. Counting goes on for all.
        """

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Says that everything up to this resume point is safe and need not be sent again."""


@runtime_checkable
class Divisible(Protocol):
    """A source whose partitions can be cut anywhere between blocks, while they are read.

    Attributes:
        block: Bytes of a block.
    """

    block: int

    def whole(self) -> Sequence[Partition]:
        """Its partitions, each as large as it can be, with its size."""

    def part(self, partition: Partition, first: int, behind: int) -> Partition:
        """The blocks of a whole partition from `first` to before `behind`: the documents that begin there."""


@runtime_checkable
class Follower(Protocol):
    """A feed that must know what it is joined to before it is opened."""

    def follows(self, snapshot: int | None) -> None:
        """Says the time of the documents before it, in microseconds; `None` where they rank below every event."""


@runtime_checkable
class Selective(Protocol):
    """A source that is spared what nobody reads: it is told before it is asked for anything else."""

    def selects(self, projection: Projection) -> None:
        """Says what is read of it."""


@runtime_checkable
class Remembering(Protocol):
    """A feed that may lose its place, and then tells what is gone by what was there."""

    def remembers(self, live: Callable[[Collection], Iterable[str]]) -> None:
        """Says, before it is opened, how to find the documents that a job takes to exist in a collection."""


@runtime_checkable
class Calling(Protocol):
    """A feed that says when something has come, so that nobody needs to ask it often."""

    def calls(self, ring: Callable[[], None]) -> None:
        """Says, before it is opened, what is to be called then, from any thread."""


@runtime_checkable
class Subscribed(Protocol):
    """A feed whose messages somebody else may pull: an engine whose workers read subscriptions themselves."""

    @property
    def subscription(self) -> str:
        """The full name of the subscription."""

    @property
    def opened(self) -> tuple[str, ...]:
        """The URIs that whoever reads its messages opens: the feed's own, and what its events are read from."""

    def contents(self, projection: Projection | None) -> Any:
        """What reads its messages (`line_contents.EventContents`)."""
