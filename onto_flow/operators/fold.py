"""A fold over rows that come and go: the accumulators of a group, or of a many slot, while a step changes them.

Law: a fold over rows, then without some of them, is the fold over the others; a row that comes and goes in one step
touches nothing that is kept.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from ..core.equality import same
from ..plan.evaluator import Row
from ..plan.nodes import Accumulator
from .accumulators import ABELIAN, Abelian
from .kept import Keeps
from .ordered import Ordered

Indexes = dict[int, Ordered]
"""Accumulator -> the keys of its entries in order."""


class Accumulators:
    """The accumulators of a view that take the same rows.

    Args:
        accumulators: All of the view: the place of one there is its place in rows and results.
        over: Index of the many slot that they are over; -1: of groups.
    """

    def __init__(self, accumulators: Sequence[Accumulator], over: int = -1) -> None:
        self.width = len(accumulators)
        wanted = [(at, a) for at, a in enumerate(accumulators) if a.over == over]
        self.abelian: dict[int, Abelian] = {at: ABELIAN[a.kind](a) for at, a in wanted if a.abelian}
        self.kept = {at: Keeps(a, at) for at, a in wanted if not a.abelian}

    def create(self) -> list[Any]:
        """The states of no rows, those that are abelian first."""
        return [*(a.create() for a in self.abelian.values()), *(k.create() for k in self.kept.values())]


class Fold:
    """The accumulators while they change.

    Args:
        accumulators: Which ones.
        states: Their states, changed in place.
        entries: The entries that they keep, changed in place.
        indexes: The keys of entries in order, made when they are needed; `None` where they would not be there next time.
    """

    def __init__(
        self,
        accumulators: Accumulators,
        states: list[Any],
        entries: MutableMapping[bytes, Any],
        indexes: Indexes | None,
    ) -> None:
        self.accumulators, self.states, self.entries, self.indexes = accumulators, states, entries, indexes
        self._net: dict[bytes, list[Any]] = {}
        self._first_kept = len(accumulators.abelian)

    def change(self, member: str, old: Sequence[Row], new: Sequence[Row]) -> None:
        """Takes a member's rows back and adds others; `settle` must follow."""
        single = len(old) == len(new) == 1
        for at, (index, accumulator) in enumerate(self.accumulators.abelian.items()):
            if single and same(old[0][index], new[0][index]):
                continue
            state = self.states[at]
            for row in old:
                if row[index] is not None:
                    state = accumulator.retract(state, row[index])
            for row in new:
                if row[index] is not None:
                    state = accumulator.add(state, row[index])
            self.states[at] = state
        for at, (index, kept) in enumerate(self.accumulators.kept.items(), self._first_kept):
            if single and same(old[0][index], new[0][index]):
                continue
            for rows, weight in ((old, -1), (new, 1)):
                for row in rows:
                    if row[index] is not None:
                        self._weigh(at, *kept.entry(member, row[index]), weight)

    def _weigh(self, at: int, key: bytes, value: Any, weight: int) -> None:
        net = self._net.get(key)
        if net is None:
            self._net[key] = [weight, value, at]
        else:
            net[0] += weight

    def settle(self) -> None:
        """Writes the entries that changed; those that appear first, so that the first keys seldom run out."""
        if not self._net:
            return
        keeps = list(self.accumulators.kept.items())
        vanished = []
        for key, (weight, value, at) in self._net.items():
            if not weight:
                continue
            held = self.entries.get(key)
            total = weight if held is None else weight + held[0]
            if not total:
                vanished.append((key, at))
                continue
            self.entries[key] = (total, value)
            if held is None:
                index, kept = keeps[at - self._first_kept]
                kept.appeared(self.states[at], key, self._index(index))
        for key, at in vanished:
            del self.entries[key]
            index, kept = keeps[at - self._first_kept]
            kept.vanished(self.states[at], key, self._index(index))
        self._net = {}

    def _index(self, index: int) -> Ordered | None:
        return None if self.indexes is None else self.indexes.get(index)

    def results(self) -> list[Any]:
        """The results, in the order of the view's accumulators."""
        results: list[Any] = [None] * self.accumulators.width
        for at, (index, accumulator) in enumerate(self.accumulators.abelian.items()):
            results[index] = accumulator.result(self.states[at])
        for at, (index, kept) in enumerate(self.accumulators.kept.items(), self._first_kept):
            state = self.states[at]
            if self.indexes is not None and index not in self.indexes and kept.wants_index(state):
                self.indexes[index] = Ordered(kept.keys(self.entries))
            results[index] = kept.result(state, self.entries, self._index(index))
        return results
