"""Timers of the embedded engine: of one key and kind, the earliest time asked for counts."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator

from ...operators.base import Key
from ...plan.nodes import TimerKind

Timer = tuple[str, Key, TimerKind]
"""(operator, key, kind)."""


class Timers:
    """What waits for a time, in memory.

    Example:
        >>> timers = Timers()
        >>> timers.set(9, "ingest", "users/u1", "garbage"), timers.set(5, "ingest", "users/u1", "garbage")
        (None, None)
        >>> list(timers.due(5)), list(timers.due(9))
        ([('ingest', 'users/u1', 'garbage')], [])
    """

    def __init__(self) -> None:
        self._at: dict[Timer, int] = {}
        self._heap: list[tuple[int, int, Timer]] = []
        self._order = itertools.count()

    def set(self, at: int, operator: str, key: Key, kind: TimerKind) -> None:
        """Asks for a timer; one that is asked for earlier stays."""
        timer = (operator, key, kind)
        held = self._at.get(timer)
        if held is None or at < held:
            self._at[timer] = at
            heapq.heappush(self._heap, (at, next(self._order), timer))

    def due(self, now: int) -> Iterator[Timer]:
        """Gives, and takes away, the timers whose time has come, those that are set meanwhile included."""
        while self._heap and self._heap[0][0] <= now:
            at, _, timer = heapq.heappop(self._heap)
            if self._at.get(timer) == at:
                del self._at[timer]
                yield timer

    def is_due(self, now: int) -> bool:
        """Whether `due` gives one."""
        while self._heap and self._at.get(self._heap[0][2]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return bool(self._heap) and self._heap[0][0] <= now

    def _tidy(self) -> None:
        """Drops what was replaced or taken away from the heap, where that is most of it."""
        if len(self._heap) > 2 * len(self._at) + 100:
            self._heap = [(at, next(self._order), timer) for timer, at in self._at.items()]
            heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self._at)
