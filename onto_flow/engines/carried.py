"""What a distributed engine carries back from its workers, as our own bytes; and the fence of a cutover, as data.

Every partition that was read to its end says so with the number of documents that it held, and one that cannot be read
says why, in place of that.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from ..core.change import Change, DeadLetter, ViewChange
from ..core.collection import Projection
from ..core.errors import DataError, EngineError, OntoFlowError
from ..core.gaps import Gap
from ..formats.native.changes import view_change_decoder
from ..operators.base import Output
from ..operators.messages import Event
from ..plan.nodes import Plan
from ..sources.base import Partition, Source
from .coding import decode, encode
from .wrong_types import Mistyped, WrongTypes

LOAD, FEED = "load", "feed"
_IDLE_SECONDS = 0.05

ToEvent = Callable[[Change], tuple[str, Event]]


class End(NamedTuple):
    """The end of a partition.

    Attributes:
        phase: `load` or `feed`.
        partition: The name of the partition.
        read: How many documents or changes it held.
        given: How many of them were handed on: not those that could not be read, and not those that nobody wants.
    """

    phase: str
    partition: str
    read: int
    given: int


class Begun(NamedTuple):
    """The beginning of a load: how many partitions it has, and how many documents, where the source knows."""

    partitions: int
    expected: int | None


class Unreadable(NamedTuple):
    """A partition that could not be read to its end: the error, as its parts."""

    data: bool
    code: str
    what: str
    where: str
    fix: str

    @classmethod
    def of(cls, error: OntoFlowError) -> Unreadable:
        """The parts of an error."""
        return cls(isinstance(error, DataError), error.code, error.what, error.where, error.fix)

    def error(self) -> OntoFlowError:
        """The error that the source raised."""
        kind = DataError if self.data else EngineError
        return kind(self.code, self.what, where=self.where, fix=self.fix)


class Fenced(NamedTuple):
    """What the fence found when all partitions had ended: counts, and why nothing may be published (`None`: it may)."""

    documents: int
    changes: int
    refused: tuple[Any, ...] | None


class Seeds(NamedTuple):
    """The seeds of a batch job are in their files: the manifest of them, to be written when the views are."""

    manifest: str


Carried = Output | Mistyped | Begun | End | Unreadable | Fenced | Seeds

_TYPES: tuple[type[Any], ...] = (ViewChange, DeadLetter, End, Unreadable, Fenced, Gap, Mistyped, Begun, Seeds)
_TAG = {cls: tag for tag, cls in enumerate(_TYPES)}


def encode_carried(carried: Carried, prefix: bytes = b"") -> bytes:
    """The bytes of an output or marker, behind others; what a dead letter holds that has no form is shown as text."""
    tag = _TAG[type(carried)]
    try:
        return encode((tag, *carried), prefix)
    except DataError:
        if not isinstance(carried, DeadLetter):
            raise
        return encode((tag, *carried._replace(payload=repr(carried.payload)[:10_000])), prefix)


def _decode_carried(data: bytes, begin: int = 0) -> Carried:
    tag, *parts = decode(data, begin)
    carried: Carried = _TYPES[tag](*parts)
    return carried


_NO_CHANGE = encode_carried(ViewChange("", "", None, None, (0, 0, 0)))

VIEW_CHANGE = _NO_CHANGE[: _NO_CHANGE.index(encode(""))]
"""What the bytes of a view change begin with."""

decode_carried: Callable[..., Carried] = view_change_decoder(VIEW_CHANGE, _decode_carried)
"""(data, begin=0) -> the output or marker that these bytes are, from `begin` on."""


def half_read(documents: int, expected: int | None, missing: int) -> EngineError:
    """The error of a source that gave another number of documents than it says, or did not end."""
    return EngineError(
        "bad-export",
        f"the source gave {documents} documents and says that it has {expected}, "
        f"{missing} of the partitions did not end; nothing was published",
    )


def read_partition(
    source: Source, partition: Partition, to_event: ToEvent, plan: Plan, *, load: bool
) -> Iterator[tuple[str, Event] | DeadLetter | Mistyped | End | Unreadable]:
    """Reads a partition to its end in a worker: (document path, event), dead letters, wrong types, the marker.

    Args:
        source: Opens the partition.
        partition: Which one.
        to_event: `engines.base.seed` or `event`.
        plan: What is read of documents, and which types are declared.
        load: Whether these are documents, or changes of a feed.
    """
    try:
        yield from _read(source, partition, to_event, plan, plan.projection if load else None)
    except OntoFlowError as error:
        yield Unreadable.of(error)


def _read(
    source: Source, partition: Partition, to_event: ToEvent, plan: Plan, projection: Projection | None
) -> Iterator[tuple[str, Event] | DeadLetter | Mistyped | End]:
    reader = source.open(partition, projection=projection)
    changes, wrong = 0, WrongTypes(plan)
    try:
        while (batch := reader.next_batch()) is not None:
            if not batch:
                time.sleep(_IDLE_SECONDS)
            wrong.look(item for item in batch if isinstance(item, Change))
            for item in batch:
                if isinstance(item, DeadLetter):
                    yield item
                else:
                    changes += 1
                    yield to_event(item)
        documents = reader.documents_read
    finally:
        reader.close()
    yield from wrong.told()
    phase, read = (FEED, changes) if projection is None else (LOAD, documents)
    yield End(phase, partition.name, read, changes)
