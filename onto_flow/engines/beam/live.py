"""The objects of the keys that a worker had lately, so that a state which is as it was left need not be decoded again.

Law: an object stands for bytes. It is given back only where the state holds the very bytes that it was written as, so a
bundle that failed, another worker's step or an older state is never mistaken for it. What a failed step touched is dropped.

A worker runs many steps at a time, each by an instance of its own, and objects are one instance's alone: what is kept
with them is not made for two threads. What all instances of a process keep has one bound; the key met longest ago goes.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from threading import Lock
from typing import Any

from ...core.compact import unseen

BYTES = 32 << 20
"""How many bytes of state the objects of a process may stand for; as objects they take some seven times as many."""

Held = dict[Any, tuple[bytes, Any]]
"""Which cell, or part of one -> the bytes of its state, and the object that they are."""

_Entry = list[Any]
"""How many bytes the objects stand for, and they; changed in place."""

_Place = tuple[int, bytes]
_NOTHING: _Entry = [0, {}]


class Pool:
    """What is kept in one process.

    Args:
        most: How many bytes all of it may stand for.
    """

    def __init__(self, most: int = BYTES) -> None:
        self._most, self._size = most, 0
        self._held: OrderedDict[_Place, _Entry] = OrderedDict()
        self._lock, self._numbers = Lock(), count()

    def number(self) -> int:
        """A number that no other instance has."""
        return next(self._numbers)

    def find(self, place: _Place) -> Held | None:
        """See `Live`."""
        found = self._held.get(place)
        return None if found is None else found[1]

    def take(self, place: _Place) -> Held:
        """See `Live`."""
        with self._lock:
            size, held = self._held.pop(place, _NOTHING)
            self._size -= size
        return held if size else {}

    def give(self, place: _Place, held: Held) -> None:
        """See `Live`."""
        size = sum([len(raw) for raw, _ in held.values()])
        with self._lock:
            before, _ = self._held.pop(place, _NOTHING)
            self._size -= before
            if 0 < size <= self._most:
                self._held[place] = [size, held]
                self._size += size
                self._make_room()

    def renew(self, place: _Place, name: Any, raw: bytes, made: Any) -> None:
        """See `Live`."""
        with self._lock:
            entry = self._held.get(place)
            if entry is None:
                entry = self._held[place] = [0, {}]
            held = entry[1]
            before = held.get(name)
            held[name] = unseen((raw, made))
            grown = len(raw) if before is None else len(raw) - len(before[0])
            entry[0] += grown
            self._size += grown
            self._held.move_to_end(place, last=entry[0] <= self._most)
            if self._size > self._most:
                self._make_room()

    def drop(self, number: int) -> None:
        """All that one instance keeps goes."""
        with self._lock:
            for place in [p for p in self._held if p[0] == number]:
                self._size -= self._held.pop(place)[0]

    def _make_room(self) -> None:
        while self._size > self._most:
            _, (size, _) = self._held.popitem(last=False)
            self._size -= size


_OF_PROCESS = Pool()


class Live:
    """What one instance of an operator's steps keeps.

    Args:
        pool: What it is a part of.
    """

    def __init__(self, pool: Pool = _OF_PROCESS) -> None:
        self._pool, self._number = pool, pool.number()

    def find(self, key: bytes) -> Held | None:
        """What is kept of a key, to look at."""
        return self._pool.find((self._number, key))

    def take(self, key: bytes) -> Held:
        """What is kept of a key, which is nobody's until it is given back."""
        return self._pool.take((self._number, key))

    def give(self, key: bytes, held: Held) -> None:
        """Keeps objects instead of those that were kept of a key."""
        self._pool.give((self._number, key), held)

    def renew(self, key: bytes, name: Any, raw: bytes, made: Any) -> None:
        """The object of a cell, which was changed in place, or is new, stands for these bytes now."""
        self._pool.renew((self._number, key), name, raw, made)

    def close(self) -> None:
        """Nothing is kept any more."""
        self._pool.drop(self._number)
