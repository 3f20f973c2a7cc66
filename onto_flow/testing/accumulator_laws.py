"""The laws of an accumulator of one's own, tried on some values.

Example:
    >>> class Longest:
    ...     def create(self): return 0
    ...     def add(self, state, value): return max(state, len(value))
    ...     def retract(self, state, value): return state
    ...     def merge(self, left, right): return max(left, right)
    ...     def result(self, state): return state
    >>> check_accumulator(Longest(), ["a", "bb"])
    Traceback (most recent call last):
        ...
    AssertionError: Longest: retract does not undo add: after adding 'a' and taking it back the state is 1, not 0
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import reduce
from itertools import islice, permutations, product
from typing import Any, Protocol

from ..core.codec import decode, encode
from ..core.errors import DataError

MOST = 2000
"""So many selections of values are tried, the small ones first."""


class Folding(Protocol):
    """What is checked: `onto_flow.Accumulator`, or anything with its methods."""

    def create(self) -> Any: ...
    def add(self, state: Any, value: Any) -> Any: ...
    def retract(self, state: Any, value: Any) -> Any: ...
    def merge(self, left: Any, right: Any) -> Any: ...
    def result(self, state: Any) -> Any: ...


def check_accumulator(accumulator: Folding, values: Sequence[Any]) -> None:
    """Checks that retract undoes add, that neither order nor grouping counts, and that states are plain and left alone.

    Args:
        accumulator: Which one.
        values: Some values of rows; the more different, the better.

    Raises:
        AssertionError: A law that does not hold, with the values that show it, as few as there are.
    """
    for some in islice(_selections(values), MOST):
        _Check(accumulator, some).run()


def _selections(values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    for size in range(4):
        yield from product(values, repeat=size)


class _Check:
    def __init__(self, accumulator: Folding, values: tuple[Any, ...]) -> None:
        self.of, self.values = accumulator, values
        self.name = type(accumulator).__name__

    def run(self) -> None:
        """All laws for these values."""
        state = self._state(self.values)
        self._alone(state)
        self._plain(state)
        self.of.result(state)
        for other in permutations(self.values):
            self._same(self._state(other), state, f"the order of {self._shown()} counts")
        for value in dict.fromkeys(map(encode, self.values)):
            self._undone(state, decode(value))
        self._merged(state)

    def _undone(self, state: Any, value: Any) -> None:
        rest = list(self.values)
        del rest[next(i for i, v in enumerate(rest) if encode(v) == encode(value))]
        taken = f"after adding {self._shown()} and taking {'it' if not rest else repr(value)} back"
        self._same(self.of.retract(state, value), self._state(rest), f"retract does not undo add: {taken}")

    def _merged(self, state: Any) -> None:
        for at in range(len(self.values) + 1):
            left, right = self._state(self.values[:at]), self._state(self.values[at:])
            parts = f"merge of {list(self.values[:at])} and {list(self.values[at:])}"
            self._same(self.of.merge(left, right), state, f"{parts} is not the state of both")
            self._same(self.of.merge(right, left), state, f"{parts} depends on their order")

    def _plain(self, state: Any) -> None:
        again = decode(self._bytes(state))
        for value in self.values[:1]:
            self._same(self.of.add(again, value), self.of.add(state, value), "a state that was stored acts otherwise")

    def _bytes(self, state: Any) -> bytes:
        try:
            return encode(state)
        except DataError as error:
            what = f"{self.name}: the state {state!r:.200} is not made of plain values: {error.what}"
            raise AssertionError(what) from error

    def _alone(self, state: Any) -> None:
        before = self._bytes(state)
        for value in self.values[:1]:
            for act in (self.of.add, self.of.retract):
                act(state, value)
        self.of.merge(state, state)
        self.of.result(state)
        if encode(state) != before:
            raise AssertionError(
                f"{self.name}: a state was changed in place: {decode(before)!r:.200} to {state!r:.200}"
            )

    def _state(self, values: Sequence[Any]) -> Any:
        return reduce(self.of.add, values, self.of.create())

    def _same(self, found: Any, expected: Any, law: str) -> None:
        if encode(found) != encode(expected):
            raise AssertionError(f"{self.name}: {law} the state is {found!r:.200}, not {expected!r:.200}")

    def _shown(self) -> str:
        return repr(self.values[0]) if len(self.values) == 1 else f"{list(self.values)!r:.200}"
