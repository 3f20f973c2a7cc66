"""Sets of values in bounded memory: 64-bit hashes, all of them while they are few, then those below a falling ceiling.

Law: below its ceiling a sketch holds every value that it was given, with its exact count. So two sketches can be compared
below the lower of their ceilings: what is true there of a share of all values is an estimate for all.
"""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from heapq import heapify, heapreplace, nsmallest
from typing import Any
from zlib import crc32

from ..core.values import GeoPoint, Reference, to_micros

ALL = 1 << 64
MAX_VALUES = 400_000
"""Hashes in all sketches of a survey together, some 140 bytes each."""

MAX_DOCUMENTS = 1_000_000
"""Hashes of documents, of each kind, in all collections together, 8 bytes each."""


def text_of(value: str) -> str:
    """What a text is compared as: a path without slashes around it and without the database before it.

    Example:
        >>> text_of("/users/u1"), text_of("projects/p/databases/(default)/documents/users/u1"), text_of("http://x/y/")
        ('users/u1', 'users/u1', 'http://x/y/')
    """
    if "/" not in value or "://" in value:
        return value
    if value.startswith("projects/"):
        return value.partition("/documents/")[2] or value
    return value.strip("/")


def hash_text(value: str) -> int:
    """The hash of a text, an id or a path."""
    return _hash(value.encode("utf-8", "surrogatepass"))


def _hash(raw: bytes) -> int:
    """The upper half, which ceilings cut, is the same in every run; the lower half only tells values apart."""
    return crc32(raw) << 32 | (hash(raw) & 0xFFFFFFFF)


def _hash_reference(value: Reference[Any]) -> int:
    return hash_text(value.path if value.database is None else f"{value.database}/documents/{value.path}")


HASHES: dict[type, Callable[[Any], int]] = {
    str: lambda v: hash_text(text_of(v)),
    int: lambda v: _hash(b"\xff%d" % v),
    float: lambda v: _hash(b"\xfe" + struct.pack(">d", v)),
    datetime: lambda v: _hash(b"\xfd%d" % to_micros(v)),
    bytes: lambda v: _hash(b"\xfc" + v),
    GeoPoint: lambda v: _hash(b"\xfb" + struct.pack(">dd", v.latitude, v.longitude)),
    Reference: _hash_reference,
}
"""A text is never equal to a value of another type: no UTF-8 text begins with these bytes. A reference equals its path."""


class Sketch:
    """The different values of a field, and how often each occurs.

    Example:
        >>> sketch = Sketch()
        >>> sketch.add({hash_text("a"): 2, hash_text("b"): 1}.items())
        >>> sketch.distinct, sketch.exact
        (2, True)
    """

    __slots__ = ("ceiling", "counts")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.ceiling = ALL

    def add(self, counts: Iterable[tuple[int, int]]) -> None:
        """More values: their hashes, and how often each occurs."""
        known, ceiling = self.counts, self.ceiling
        for number, count in counts:
            if number < ceiling:
                known[number] = known.get(number, 0) + count

    def merge(self, other: Sketch) -> None:
        """All that another one was given, too; that one is empty afterwards."""
        if other.ceiling < self.ceiling:
            self.lower(other.ceiling)
        self.add(other.counts.items())
        other.counts = {}

    def __len__(self) -> int:
        return len(self.counts)

    def lower(self, ceiling: int) -> None:
        """Keeps the hashes below a lower ceiling."""
        self.ceiling = ceiling
        self.counts = {n: c for n, c in self.counts.items() if n < ceiling}

    @property
    def exact(self) -> bool:
        """Whether every value is here."""
        return self.ceiling == ALL

    @property
    def distinct(self) -> int:
        """How many different values there are; an estimate where it is not `exact`."""
        return len(self.counts) * ALL // self.ceiling

    def hashes(self) -> Iterable[int]:
        """The hashes."""
        return self.counts

    def has(self, number: int) -> bool:
        """Whether a hash (below the ceiling) is here."""
        return number in self.counts

    def probes(self, count: int) -> list[int]:
        """The smallest hashes."""
        return nsmallest(count, self.counts)


class Sketches:
    """The sketches of a survey, bounded together."""

    def __init__(self) -> None:
        self._all: list[Sketch] = []

    def new(self) -> Sketch:
        """An empty one."""
        sketch = Sketch()
        self._all.append(sketch)
        return sketch

    def settle(self) -> None:
        """Lowers the ceilings of the largest until all are small enough; to be called after every batch."""
        _lower_largest(self._all, MAX_VALUES)


class Documents:
    """Which documents exist: hashes of their paths or ids, sorted once all are known."""

    def __init__(self) -> None:
        self.ceiling = ALL
        self._numbers = array("Q")
        self._sorted = True

    def extend(self, numbers: Iterable[int]) -> None:
        """More documents."""
        ceiling = self.ceiling
        self._numbers.extend(numbers if ceiling == ALL else [n for n in numbers if n < ceiling])
        self._sorted = False

    def __len__(self) -> int:
        return len(self._numbers)

    def lower(self, ceiling: int) -> None:
        """Keeps the hashes below a lower ceiling."""
        self.ceiling = ceiling
        self._numbers = array("Q", [n for n in self._numbers if n < ceiling])

    @property
    def numbers(self) -> array[int]:
        """The hashes in order."""
        if not self._sorted:
            self._numbers = array("Q", sorted(self._numbers))
            self._sorted = True
        return self._numbers

    def hashes(self) -> Iterable[int]:
        """The hashes."""
        return self._numbers

    def has(self, number: int) -> bool:
        """Whether a hash (below the ceiling) is here."""
        numbers = self.numbers
        at = bisect_left(numbers, number)
        return at < len(numbers) and numbers[at] == number

    def differ(self, count: int) -> bool:
        """Whether (nearly) all are different, as far as so many of them tell; ids under different parents may be equal."""
        some = self.numbers[:count]
        return len(set(some)) >= 0.98 * len(some)

    def sample(self, count: int) -> Sketch:
        """Some of them, as the values of a field."""
        sketch = Sketch()
        sketch.ceiling = self.ceiling
        if len(self.numbers) > count:
            sketch.ceiling = max(self.numbers[count], 1)
        sketch.add((n, 1) for n in self.numbers[:count])
        return sketch


def bound(all_documents: Iterable[Documents]) -> None:
    """Lowers the ceilings of the largest until all together are small enough."""
    _lower_largest(list(all_documents), MAX_DOCUMENTS)


def _lower_largest(some: Sequence[Sketch | Documents], most: int) -> None:
    total = sum(map(len, some))
    if total <= most:
        return
    heap = [(-len(one), number) for number, one in enumerate(some)]
    heapify(heap)
    while total > most:
        size, number = heap[0]
        some[number].lower(some[number].ceiling // 2)
        total += size + len(some[number])
        heapreplace(heap, (-len(some[number]), number))


def hashed(counts: Mapping[Any, int], kind: type) -> list[tuple[int, int]]:
    """The hashes of different values of one type, with their counts."""
    of = HASHES[kind]
    return [(of(value), count) for value, count in counts.items()]
