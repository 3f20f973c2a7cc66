"""What a stream begins with, and what `Maintain` gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from .seeds import SeedsAt


@dataclass(frozen=True)
class Load:
    """The documents that a stream begins with.

    Attributes:
        documents: The collection of `Change`s that they are; read in the same pipeline.
        ends: The collection of end markers of their partitions (`carried.End` or `Unreadable`, encoded).
        partitions: How many partitions must end; `None`: a marker `carried.Begun` says it.
        expected: How many documents the source says that it has; `None` where nobody knows, or where the marker says it.
        letters: The collection of what could not be read, encoded.
        seeds: In place of documents and end markers: the seeds of a batch job, which the stream reads.
    """

    documents: Any = None
    ends: Any = None
    partitions: int | None = None
    expected: int | None = None
    letters: Any = None
    seeds: SeedsAt | None = None


class Gated(NamedTuple):
    """What the gate gives.

    Attributes:
        changes: View changes, each behind whether it was let out at the fence (`gate.CAUSED`).
        let_out: Of each shard, how many it let out then; `None` without a load, and with seeds.
    """

    changes: Any
    let_out: Any = None


class Maintained(NamedTuple):
    """What `Maintain` gives; piping it pipes the view changes.

    Attributes:
        views: `ViewChange`s.
        dead_letters: `DeadLetter`s.
        gaps: `Gap`s: what the feed should have had and did not give.
        receipts: The receipt of the cutover as JSON, one; `None` without a load.
        gated: The view changes of a stream as the gate gives them: what takes them (`WriteViewTable`) is given these.
        seeds: The manifest of the seeds as JSON, one; `None` where none are written.
    """

    views: Any
    dead_letters: Any
    gaps: Any
    receipts: Any = None
    gated: Gated | None = None
    seeds: Any = None

    def __or__(self, transform: Any) -> Any:
        takes = getattr(getattr(transform, "transform", transform), "takes_gated", False)
        if not takes or self.gated is None:
            return self.views | transform
        return tuple(c for c in self.gated if c is not None) | transform
