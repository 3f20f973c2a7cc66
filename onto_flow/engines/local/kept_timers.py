"""Timers over a store: those of the next minute are in memory, the others on the disk until their time is near."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ...operators.base import Key
from ...plan.nodes import TimerKind
from .store import Store
from .timers import Timer, Timers

NEAR = 60_000_000
"""How far ahead, in microseconds, timers are read."""

MOST = 10_000
"""About how many are read at a time, and given by one batch."""

_NEXT = """SELECT operator, key, kind, at FROM timers WHERE at > ? AND at <= ? AND (kind = 'until') = ?
    ORDER BY at LIMIT ?"""
_SET = """INSERT INTO timers VALUES (?, ?, ?, ?)
    ON CONFLICT (operator, key, kind) DO UPDATE SET at = min(at, excluded.at)"""
_DROP = "DELETE FROM timers WHERE operator = ? AND key = ? AND kind = ?"
_BEFORE_ALL = -(2**63)


class KeptTimers(Timers):
    """See `Timers`; what was set or given since the last checkpoint is written by the next one.

    Args:
        store: Keeps them.
        numbers: Operator -> its number there.
    """

    def __init__(self, store: Store, numbers: Mapping[str, int]) -> None:
        super().__init__()
        self._store = store
        self._numbers = numbers
        self._names = {number: name for name, number in numbers.items()}
        self._read_until = {True: _BEFORE_ALL, False: _BEFORE_ALL}
        self._given: set[Timer] = set()
        self._was_set: set[Timer] = set()

    def set(self, at: int, operator: str, key: Key, kind: TimerKind) -> None:
        """See `Timers`."""
        self._was_set.add((operator, key, kind))
        super().set(at, operator, key, kind)

    def due(self, now: int, moment: int = 0) -> Iterator[Timer]:
        """See `Timers`."""
        self._read(now, moment)
        for timer in super().due(now, moment):
            self._given.add(timer)
            yield timer

    def is_due(self, now: int, moment: int = 0) -> bool:
        """See `Timers`."""
        self._read(now, moment)
        return super().is_due(now, moment)

    def save(self) -> None:
        """Writes what was given and set, in the transaction that is open."""
        self._store.write(_DROP, [self._row(timer) for timer in self._given])
        waiting = [(*self._row(timer), self._at[timer]) for timer in self._was_set if timer in self._at]
        self._store.write(_SET, waiting)

    def saved(self) -> None:
        """The transaction was committed: what lies far ahead may leave memory."""
        for timer in self._was_set:
            if self._at.get(timer, _BEFORE_ALL) > self._read_until[timer[2] == "until"]:
                del self._at[timer]
        self._was_set.clear()
        self._given.clear()
        self._tidy()

    def _row(self, timer: Timer) -> tuple[int, Key, str]:
        operator, key, kind = timer
        return self._numbers[operator], key, kind

    def _read(self, now: int, moment: int) -> None:
        until = self._read_until
        if now < until[False] and moment < until[True]:
            return
        if super().is_due(now, moment):
            return
        for declared, time in ((True, moment), (False, now)):
            if time >= self._read_until[declared]:
                self._read_until[declared] = self._read_next(self._read_until[declared], time + NEAR, declared)

    def _read_next(self, after: int, until: int, declared: bool) -> int:
        """Reads the next timers; returns up to which time."""
        rows = self._store.read(_NEXT, after, until, declared, MOST)
        if len(rows) == MOST:
            until = rows[-1][3]
            rows += self._store.read(_NEXT, until - 1, until, declared, -1)
        for number, key, kind, at in rows:
            timer = (self._names[number], key, kind)
            if timer not in self._given:
                super().set(at, *timer)
        return until
