"""What a running job tells of itself: the same numbers under the same names on every engine.

| name | kind | what |
|---|---|---|
| `documents` | counter | documents read from the source |
| `changes` | counter | changes taken from the feed |
| `writes{view, kind}` | counter | view documents written to the sink: `create`, `update`, `delete` |
| `operations{kind}` | counter | what a sink that counts did: `read`, `write`, and what for (`docs/tables.md`) |
| `freshness_seconds` | histogram | from the commit of the oldest change in a batch to the write of what it changed |
| `gaps_open`, `gaps_lost` | gauge, counter | what the feed should have had and did not give |
| `dead_letters` | gauge | failed and not taken back |
| `wrong_types{collection, field}` | counter | fields of another type than declared in what was read |
| `publications` | counter | how often tables were shown |
| `checkpoints`, `state_bytes` | counter, gauge | states made durable, and their size |
| `oldest_unacked_seconds` | gauge | age of the oldest change that is not durable yet; 0 without one |
| `feed_silent_seconds` | gauge | since the feed last gave a change |

Labels hold names that models declare and kinds of writes, never the path of a document or a value.
"""

from __future__ import annotations

import bisect
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from ..core.change import DeadLetter, ViewChange
from ..core.gaps import Gaps

FRESHNESS_BOUNDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0)
"""Upper bounds of the buckets of `freshness_seconds`, in seconds; above the last one lies the rest."""
ALIVE_SECONDS = 60.0
"""A job that has not shown a sign of life for so long counts as hung."""


@dataclass
class Histogram:
    """Counts of observations by bucket, and their sum.

    Example:
        >>> ages = Histogram((1.0, 10.0))
        >>> for age in (0.5, 1.0, 3.0, 70.0):
        ...     ages.observe(age)
        >>> ages.counts, ages.sum, ages.quantile(0.5), ages.quantile(1.0)
        ([2, 1, 1], 74.5, 1.0, inf)
    """

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    sum: float = 0.0

    def __post_init__(self) -> None:
        self.counts = self.counts or [0] * (len(self.bounds) + 1)

    def observe(self, value: float) -> None:
        """Counts one value."""
        self.counts[bisect.bisect_left(self.bounds, value)] += 1
        self.sum += value

    def quantile(self, share: float) -> float | None:
        """The upper bound of the bucket that this share of the observations lies in or below; `None` without any."""
        wanted, seen = share * sum(self.counts), 0
        for bound, count in zip((*self.bounds, float("inf")), self.counts):
            seen += count
            if count and seen >= wanted:
                return bound
        return None


class Metrics:
    """The numbers of one job; written by its thread, read by any.

    Args:
        clock: Seconds that only grow.
        wall: Seconds since 1970, as commits are timed.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time) -> None:
        self._clock, self._wall = clock, wall
        self._lock = threading.Lock()
        self._heard = self._alive = clock()
        self._unacked: float | None = None
        self.stage = "starting"
        self.ready = False
        self.documents = self.changes = self.publications = self.checkpoints = 0
        self.state_bytes = 0
        self._gaps = Gaps()
        self._dead: set[str] = set()
        self.writes: dict[tuple[str, str], int] = {}
        self.operations: Mapping[str, int] = {}
        self.wrong_types: Mapping[tuple[str, str], int] = {}
        self.freshness = Histogram(FRESHNESS_BOUNDS)

    def alive(self) -> None:
        """The job goes on; a feed that is quiet is alive too."""
        self._alive = self._clock()

    @property
    def hung(self) -> bool:
        """Whether the job has shown no sign of life for `ALIVE_SECONDS`."""
        return self._clock() - self._alive > ALIVE_SECONDS

    def counts_in(self, gaps: Gaps, wrong_types: Mapping[tuple[str, str], int]) -> None:
        """Whoever runs the job counts in these from now on."""
        self._gaps, self.wrong_types = gaps, wrong_types

    @property
    def gaps_open(self) -> int:
        """How many gaps of the feed are open."""
        return self._gaps.open

    @property
    def gaps_lost(self) -> int:
        """How many were given up."""
        return self._gaps.lost

    def heard(self, changes: int, oldest_commit: float | None) -> None:
        """The feed gave changes.

        Args:
            changes: How many.
            oldest_commit: When the oldest of them was committed, in seconds since 1970, where that is known.
        """
        self.changes += changes
        if changes:
            self._heard = self._alive = self._clock()
        if oldest_commit is not None:
            self._unacked = oldest_commit if self._unacked is None else min(self._unacked, oldest_commit)

    def acknowledged(self) -> None:
        """All that was heard is durable."""
        self._unacked = None

    def wrote(self, changes: Iterable[ViewChange], oldest_commit: float | None = None) -> None:
        """View documents were written: what the oldest of these commits changed is what a reader waited longest for."""
        with self._lock:
            for change in changes:
                kind = "delete" if change.new is None else "create" if change.old is None else "update"
                key = (change.view, kind)
                self.writes[key] = self.writes.get(key, 0) + 1
            if oldest_commit is not None:
                self.freshness.observe(max(0.0, self._wall() - oldest_commit))

    def created(self, view: str, count: int) -> None:
        """So many view documents were written that were not there before."""
        with self._lock:
            self.writes[view, "create"] = self.writes.get((view, "create"), 0) + count

    def dead(self, letter: DeadLetter) -> None:
        """Something failed, or what had failed is well again."""
        if letter.cleared:
            self._dead.discard(letter.key)
        else:
            self._dead.add(letter.key)

    @property
    def dead_letters(self) -> int:
        """How many failures are open."""
        return len(self._dead)

    def written(self) -> dict[tuple[str, str], int]:
        """(view, kind) -> how many view documents were written, as it is now."""
        with self._lock:
            return dict(self.writes)

    @property
    def feed_silent_seconds(self) -> float:
        """Since when the feed has given nothing."""
        return self._clock() - self._heard

    @property
    def oldest_unacked_seconds(self) -> float:
        """The age of the oldest change that is not durable."""
        return 0.0 if self._unacked is None else max(0.0, self._wall() - self._unacked)
