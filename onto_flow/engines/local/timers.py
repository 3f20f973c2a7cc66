"""Timers of the embedded engine: of one key and kind, the earliest time asked for counts.

Those of the kind `until` wait for declared time, all others for processing time.
"""

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
        >>> timers.set(7, "ingest", "holds/h1", "until"), list(timers.due(9)), list(timers.due(0, 7))
        (None, [], [('ingest', 'holds/h1', 'until')])
    """

    def __init__(self) -> None:
        self._at: dict[Timer, int] = {}
        self._heaps: dict[bool, list[tuple[int, int, Timer]]] = {True: [], False: []}
        self._order = itertools.count()

    def set(self, at: int, operator: str, key: Key, kind: TimerKind) -> None:
        """Asks for a timer; one that is asked for earlier stays."""
        timer = (operator, key, kind)
        held = self._at.get(timer)
        if held is None or at < held:
            self._at[timer] = at
            heapq.heappush(self._heaps[kind == "until"], (at, next(self._order), timer))

    def due(self, now: int, moment: int = 0) -> Iterator[Timer]:
        """Gives, and takes away, the timers whose time has come, those that are set meanwhile included.

        Args:
            now: Processing time.
            moment: Declared time.
        """
        for heap, time in ((self._heaps[True], moment), (self._heaps[False], now)):
            while heap and heap[0][0] <= time:
                at, _, timer = heapq.heappop(heap)
                if self._at.get(timer) == at:
                    del self._at[timer]
                    yield timer

    def is_due(self, now: int, moment: int = 0) -> bool:
        """Whether `due` gives one."""
        for heap, time in ((self._heaps[True], moment), (self._heaps[False], now)):
            while heap and self._at.get(heap[0][2]) != heap[0][0]:
                heapq.heappop(heap)
            if heap and heap[0][0] <= time:
                return True
        return False

    def _tidy(self) -> None:
        """Drops what was replaced or taken away from the heap, where that is most of it."""
        if sum(map(len, self._heaps.values())) > 2 * len(self._at) + 100:
            for until, heap in self._heaps.items():
                heap[:] = [(at, next(self._order), t) for t, at in self._at.items() if (t[2] == "until") == until]
                heapq.heapify(heap)

    def __len__(self) -> int:
        return len(self._at)
