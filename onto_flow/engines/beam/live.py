"""The objects of the keys that a worker had lately, so that a state which is as it was left need not be decoded again.

Law: an object stands for bytes. It is given back only where the state holds the very bytes that it was written as, so a
bundle that failed, another worker's step or an older state is never mistaken for it. What a failed step touched is dropped.

A worker runs many steps at a time, each by an instance of its own, and objects are one instance's alone: what is kept
with them is not made for two threads. What all instances of a process keep has one bound. Who has to go is the first in
a queue; one that was met since it came, or since it was asked last, goes to the end instead.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import count
from threading import Lock
from typing import Any

from ...core.compact import unseen
from .room import room

Held = dict[Any, tuple[bytes, Any]]
"""Which cell, or part of one -> the bytes of its state, and the object that they are."""

_SIZE, _HELD, _MET = range(3)
Entry = list[Any]
"""How many bytes the objects of a key stand for, they, and whether it was met since it came or was last asked about.

Who changes an object that is alone of its key may put it there himself, with bytes of an eighth more or less than that.
"""

_Place = tuple[int, bytes]


class Pool:
    """What is kept in one process.

    Args:
        most: How many bytes all of it may stand for; `None`: for as many as there is `room` for.
    """

    def __init__(self, most: int | None = None) -> None:
        self.most, self._size = room() if most is None else most, 0
        self._held: OrderedDict[_Place, Entry] = OrderedDict()
        self._entries: dict[int, dict[bytes, Entry]] = {}
        self._lock, self._numbers = Lock(), count()

    def bound(self, most: int) -> None:
        """It keeps no more than so many bytes from now on."""
        with self._lock:
            self.most = most
            self._make_room()

    def number(self) -> int:
        """A number that no other instance has."""
        return next(self._numbers)

    def take(self, place: _Place, entries: dict[bytes, Entry]) -> Held:
        """See `Live`."""
        with self._lock:
            entry = entries.pop(place[1], None)
            if entry is None:
                return {}
            self._forget(place, entry)
        held: Held = entry[_HELD]
        return held

    def give(self, place: _Place, entries: dict[bytes, Entry], held: Held) -> None:
        """See `Live`."""
        size = sum([len(raw) for raw, _ in held.values()])
        with self._lock:
            before = entries.pop(place[1], None)
            if before is not None:
                self._forget(place, before)
            if 0 < size <= self.most:
                self._add(place, entries, _entry(size, held))
                self._size += size
                self._make_room()

    def renew(self, place: _Place, entries: dict[bytes, Entry], name: Any, raw: bytes, made: Any) -> None:
        """See `Live`."""
        with self._lock:
            entry = entries.get(place[1])
            if entry is None:
                entry = _entry(0, {})
                self._add(place, entries, entry)
            held: Held = entry[_HELD]
            held[name] = unseen((raw, made))
            size = sum([len(raw) for raw, _ in held.values()])
            self._size += size - entry[_SIZE]
            entry[_SIZE], entry[_MET] = size, True
            if size > self.most:
                del entries[place[1]]
                self._forget(place, entry)
            elif self._size > self.most:
                self._make_room()

    def drop(self, number: int) -> None:
        """All that one instance keeps goes."""
        with self._lock:
            for place in [p for p in self._held if p[0] == number]:
                self._size -= self._held.pop(place)[_SIZE]
            self._entries.pop(number, None)

    def _add(self, place: _Place, entries: dict[bytes, Entry], entry: Entry) -> None:
        self._held[place] = entries[place[1]] = entry
        self._entries[place[0]] = entries

    def _forget(self, place: _Place, entry: Entry) -> None:
        self._size -= entry[_SIZE]
        del self._held[place]

    def _make_room(self) -> None:
        while self._size > self.most:
            place, entry = next(iter(self._held.items()))
            if entry[_MET]:
                entry[_MET] = False
                self._held.move_to_end(place)
            else:
                del self._entries[place[0]][place[1]]
                self._forget(place, entry)


def _entry(size: int, held: Held) -> Entry:
    entry: Entry = [size, held, False]
    return unseen(entry)


_OF_PROCESS = Pool()


def pool_of_process(most: int | None = None) -> Pool:
    """What all instances of this process keep.

    Args:
        most: How many bytes it may stand for from now on; `None`: as before. It is one number: who says one says it for all.
    """
    if most is not None:
        _OF_PROCESS.bound(most)
    return _OF_PROCESS


class Live:
    """What one instance of an operator's steps keeps.

    Args:
        pool: What it is a part of.

    Attributes:
        entries: By key.
    """

    def __init__(self, pool: Pool = _OF_PROCESS) -> None:
        self._pool, self._number = pool, pool.number()
        self.entries: dict[bytes, Entry] = {}

    def find(self, key: bytes) -> Held | None:
        """What is kept of a key, to look at."""
        entry = self.entries.get(key)
        if entry is None:
            return None
        entry[_MET] = True
        held: Held = entry[_HELD]
        return held

    def take(self, key: bytes) -> Held:
        """What is kept of a key, which is nobody's until it is given back."""
        return self._pool.take((self._number, key), self.entries)

    def give(self, key: bytes, held: Held) -> None:
        """Keeps objects instead of those that were kept of a key."""
        self._pool.give((self._number, key), self.entries, held)

    def renew(self, key: bytes, name: Any, raw: bytes, made: Any) -> None:
        """The object of a cell, which was changed in place, or is new, stands for these bytes now."""
        self._pool.renew((self._number, key), self.entries, name, raw, made)

    def close(self) -> None:
        """Nothing is kept any more."""
        self._pool.drop(self._number)
        self.entries.clear()
