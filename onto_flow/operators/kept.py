"""Accumulators that keep contributions: one entry of a map cell per different value, or per row, with its weight.

Law: what is kept is a multiset, so it depends only on the rows that are in it; the key of an entry sorts as the result
does. The group's own state holds the first few keys, so that a change reads and writes its own entry; where the first few
run out they are found again: from the keys in order, which a drained engine keeps in memory once it has needed them, else
by reading the entries. Values equal in canonical bytes are one; order is Firestore's; ties go by path, then by value.

| accumulator | an entry per | state | per change |
|---|---|---|---|
| count_distinct | different value | their number | O(1) |
| min, max | different value | the first keys | O(log n) |
| first, last | row | the first keys | O(log n) |
| top_k, collect with a limit | row | the first keys | O(log n + limit) |
| collect | row | - | O(n): it shows all of them |

Example:
    >>> best = Keeps(Accumulator("best", "top_k", limit=2), 0)
    >>> rows, state = {}, best.create()
    >>> for path, votes in (("movies/b", 9), ("movies/c", 7), ("movies/a", 9), ("movies/d", 8)):
    ...     key, value = best.entry(path, (votes, path))
    ...     rows[key] = (1, value)
    ...     best.appeared(state, key, None)
    >>> best.result(state, rows, None)
    ['movies/a', 'movies/b']
"""

from __future__ import annotations

import heapq
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from itertools import chain, islice, repeat
from typing import Any

from ..core.codec import encode
from ..core.order_bytes import descending, order_bytes, path_part
from ..plan.nodes import Accumulator
from .ordered import Ordered

Entries = Mapping[bytes, tuple[int, Any]]
"""Key -> (weight, value)."""

SPARE = 16
"""How many keys beyond the limit the group's own state holds, so that not every removal has to look for the next."""


class Keeps:
    """One accumulator that keeps contributions.

    State: [number of entries, the first keys in order]; the keys are all there are, or more than the limit.

    Args:
        accumulator: Which one.
        index: Its place in the view, which begins its keys in the map cell.
    """

    def __init__(self, accumulator: Accumulator, index: int) -> None:
        kind = accumulator.kind
        self.prefix = index.to_bytes(2, "big")
        self._distinct = kind == "count_distinct"
        self._by_value = kind in ("min", "max")
        self._one = kind in ("min", "max", "first", "last")
        self._descending = kind in ("max", "last", "top_k") or accumulator.descending
        self._limit = 0 if self._distinct else 1 if self._one else accumulator.limit

    def create(self) -> list[Any]:
        """The state of no rows."""
        return [0, ()]

    def entry(self, member: str, contribution: Any) -> tuple[bytes, Any]:
        """The key of a row's entry, and the value that the result shows of it."""
        if self._distinct:
            return self.prefix + encode(contribution), None
        if self._by_value:
            return self.prefix + self._ordered(contribution), contribution
        order, value = contribution
        return self.prefix + self._ordered(order) + path_part(member) + encode(value), value

    def _ordered(self, value: Any) -> bytes:
        ordered = order_bytes(value)
        return descending(ordered) if self._descending else ordered

    def appeared(self, state: list[Any], key: bytes, index: Ordered | None) -> None:
        """An entry that was not there; `index`: the keys in order, where they are at hand."""
        size, first = state
        state[0] = size + 1
        if index is not None:
            index.add(key)
        if self._limit and (size == len(first) or (first and key < first[-1])):
            keys = list(first)
            insort(keys, key)
            state[1] = tuple(keys[: self._limit + SPARE])

    def vanished(self, state: list[Any], key: bytes, index: Ordered | None) -> None:
        """An entry whose weight became 0."""
        size, first = state
        state[0] = size - 1
        if index is not None:
            index.remove(key)
        if first and key <= first[-1]:
            at = bisect_left(first, key)
            state[1] = (*first[:at], *first[at + 1 :])

    def wants_index(self, state: list[Any]) -> bool:
        """Whether the result needs keys beyond those in the state."""
        size, first = state
        return bool(size) and (self._limit is None or len(first) < min(self._limit, size))

    def result(self, state: list[Any], entries: Entries, index: Ordered | None) -> Any:
        """What the group shows; looks for the first keys again where too few are left.

        Args:
            state: The accumulator's state, which may change in form, not in content.
            entries: The map cell, of this and other accumulators.
            index: The keys of this accumulator in order, where they are at hand.
        """
        if self._distinct:
            return state[0]
        if self._limit is None:
            keys: Any = sorted(self.keys(entries)) if index is None else index
            return list(self._values(keys, entries))
        if self.wants_index(state):
            room = self._limit + SPARE
            state[1] = tuple(heapq.nsmallest(room, self.keys(entries)) if index is None else index.first(room))
        found = list(islice(self._values(state[1], entries), self._limit))
        return (found[0] if found else None) if self._one else found

    def keys(self, entries: Entries) -> Iterator[bytes]:
        """The keys of this accumulator, in no order."""
        return (key for key in entries if key.startswith(self.prefix))

    def _values(self, keys: Any, entries: Entries) -> Iterator[Any]:
        return chain.from_iterable(repeat(value, weight) for weight, value in map(entries.__getitem__, keys))
