"""Accumulators with O(1) state: what a group keeps of its rows, and how a row is taken back.

Law: `retract` undoes `add` exactly, in any order, so that a state depends only on the rows that are in it; `merge` is the
state of the rows of both, so it is associative and commutative. Accumulators that keep contributions are in `kept`.

| accumulator | algebra | state per group |
|---|---|---|
| count | abelian | an integer |
| sum | abelian | an exact integer, an exact sum of doubles as a multiple of 2**-1074, counts of NaN and infinities |
| avg | abelian | as sum, and an integer |
| histogram | abelian | an integer per bin |
| the user's own | abelian | what it says, and the rows that it could not take |

Example:
    >>> total = Sum()
    >>> state = total.create()
    >>> for number in (0.1, 0.2, 10**16, -10**16):
    ...     state = total.add(state, number)
    >>> state = total.retract(total.retract(state, 0.1), 0.2)
    >>> total.result(total.add(state, 0.3))
    0.3
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Protocol

from ..core.codec import encode
from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER
from ..plan.nodes import Accumulator

_SCALE = 1074
"""Every finite double is a whole number of 2**-1074: the smallest subnormal (IEEE 754 binary64)."""


class Abelian(Protocol):
    """An accumulator whose state is O(1): adding commutes and has an inverse. States are values of `core.codec`."""

    def create(self) -> Any:
        """The state of no rows."""

    def add(self, state: Any, contribution: Any) -> Any:
        """The state with one more row."""

    def retract(self, state: Any, contribution: Any) -> Any:
        """The state without a row that was added."""

    def merge(self, left: Any, right: Any) -> Any:
        """The state of the rows of both."""

    def result(self, state: Any) -> Any:
        """What the group shows."""


class Count:
    """How many rows.

    Example:
        >>> count = Count()
        >>> count.result(count.retract(count.add(count.add(count.create(), True), True), True))
        1
    """

    def create(self) -> int:
        """No rows."""
        return 0

    def add(self, state: int, contribution: Any) -> int:
        """One more."""
        return state + 1

    def retract(self, state: int, contribution: Any) -> int:
        """One less."""
        return state - 1

    def merge(self, left: int, right: int) -> int:
        """The rows of both."""
        return left + right

    def result(self, state: int) -> int:
        """How many."""
        return state


SumState = tuple[int, int, int, int, int, int]
"""(sum of the integers, sum of the finite doubles * 2**1074, doubles, NaNs, infinities, negative infinities)."""


class Sum:
    """The exact sum, rounded once: an integer while every row is one, else a double; 0 of no rows.

    Raises:
        DataError: `bad-value` for what is no number, and for an integer result beyond 64 bits.
    """

    def create(self) -> SumState:
        """No rows."""
        return (0, 0, 0, 0, 0, 0)

    def add(self, state: SumState, contribution: Any) -> SumState:
        """One number more."""
        return self.merge(state, _summand(contribution))

    def retract(self, state: SumState, contribution: Any) -> SumState:
        """One number less."""
        ints, doubles, n, nans, plus, minus = _summand(contribution)
        return self.merge(state, (-ints, -doubles, -n, -nans, -plus, -minus))

    def merge(self, left: SumState, right: SumState) -> SumState:
        """The numbers of both."""
        a, b, c, d, e, f = left
        return (a + right[0], b + right[1], c + right[2], d + right[3], e + right[4], f + right[5])

    def result(self, state: SumState) -> int | float:
        """The sum, rounded to a double once where a double is in it."""
        ints, n = state[0], state[2]
        if n:
            return _rounded(state, 1)
        if not MIN_INTEGER <= ints <= MAX_INTEGER:
            raise DataError("bad-value", f"a sum of integers is beyond 64 bits: {ints}", fix="Sum doubles: float(...).")
        return ints


def _summand(number: Any) -> SumState:
    if isinstance(number, bool) or not isinstance(number, (int, float)):
        raise DataError("bad-value", f"a sum takes numbers, not {number!r:.80}", fix="Give None for a row to skip.")
    if isinstance(number, int):
        return (number, 0, 0, 0, 0, 0)
    if math.isnan(number):
        return (0, 0, 1, 1, 0, 0)
    if math.isinf(number):
        return (0, 0, 1, 0, 1, 0) if number > 0 else (0, 0, 1, 0, 0, 1)
    numerator, denominator = number.as_integer_ratio()
    return (0, (numerator << _SCALE) // denominator, 1, 0, 0, 0)


def _rounded(state: SumState, parts: int) -> float:
    """The sum divided by a number, as a double: rounded once, since the division of integers is."""
    ints, doubles, _, nans, plus, minus = state
    if nans or (plus and minus):
        return math.nan
    if plus or minus:
        return math.inf if plus else -math.inf
    exact = (ints << _SCALE) + doubles
    try:
        return exact / (parts << _SCALE)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf


class Average:
    """The exact average, rounded once to a double; `None` of no rows.

    Example:
        >>> average = Average()
        >>> average.result(average.add(average.add(average.create(), 10**16), 0.5))
        5000000000000000.0
    """

    _sum = Sum()

    def create(self) -> tuple[int, SumState]:
        """No rows."""
        return (0, self._sum.create())

    def add(self, state: tuple[int, SumState], contribution: Any) -> tuple[int, SumState]:
        """One number more."""
        return (state[0] + 1, self._sum.add(state[1], contribution))

    def retract(self, state: tuple[int, SumState], contribution: Any) -> tuple[int, SumState]:
        """One number less."""
        return (state[0] - 1, self._sum.retract(state[1], contribution))

    def merge(self, left: tuple[int, SumState], right: tuple[int, SumState]) -> tuple[int, SumState]:
        """The numbers of both."""
        return (left[0] + right[0], self._sum.merge(left[1], right[1]))

    def result(self, state: tuple[int, SumState]) -> float | None:
        """The average."""
        return _rounded(state[1], state[0]) if state[0] else None


class Histogram:
    """How many rows lie in each bin: below the first bound, from each bound on; NaN lies below all.

    Example:
        >>> ages = Histogram((18, 65))
        >>> ages.result(ages.add(ages.add(ages.create(), 18), 70.5))
        [0, 1, 1]
    """

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds

    def create(self) -> tuple[int, ...]:
        """No rows."""
        return (0,) * (len(self._bounds) + 1)

    def add(self, state: tuple[int, ...], contribution: Any) -> tuple[int, ...]:
        """One number more."""
        return self._moved(state, contribution, 1)

    def retract(self, state: tuple[int, ...], contribution: Any) -> tuple[int, ...]:
        """One number less."""
        return self._moved(state, contribution, -1)

    def merge(self, left: tuple[int, ...], right: tuple[int, ...]) -> tuple[int, ...]:
        """The numbers of both."""
        return tuple(a + b for a, b in zip(left, right))

    def result(self, state: tuple[int, ...]) -> list[int]:
        """The bins."""
        return list(state)

    def _moved(self, state: tuple[int, ...], number: Any, by: int) -> tuple[int, ...]:
        at = 0 if number != number else bisect_right(self._bounds, number)
        return (*state[:at], state[at] + by, *state[at + 1 :])


class Own:
    """The user's accumulator. A row that it fails on is put aside until it is taken back; till then there is no result.

    State: (the user's state, the rows put aside as (canonical bytes, weight, what it raised)).
    """

    def __init__(self, accumulator: Accumulator) -> None:
        assert accumulator.code is not None
        self._name = accumulator.name
        self._user: Abelian = accumulator.code.resolve()

    def create(self) -> tuple[Any, tuple[Any, ...]]:
        """No rows."""
        return (self._user.create(), ())

    def add(self, state: tuple[Any, tuple[Any, ...]], contribution: Any) -> tuple[Any, tuple[Any, ...]]:
        """One row more."""
        return self._taken(state, contribution, 1)

    def retract(self, state: tuple[Any, tuple[Any, ...]], contribution: Any) -> tuple[Any, tuple[Any, ...]]:
        """One row less."""
        return self._taken(state, contribution, -1)

    def merge(
        self, left: tuple[Any, tuple[Any, ...]], right: tuple[Any, tuple[Any, ...]]
    ) -> tuple[Any, tuple[Any, ...]]:
        """The rows of both."""
        state, aside = left[0], left[1]
        for raw, weight, error in right[1]:
            fewer = _without(aside, raw, weight)
            aside = (*aside, (raw, weight, error)) if fewer is None else fewer
        return (self._user.merge(state, right[0]), aside)

    def result(self, state: tuple[Any, tuple[Any, ...]]) -> Any:
        """What the user's accumulator makes of its state.

        Raises:
            DataError: `udf-failed` while rows are put aside.
        """
        if state[1]:
            _, weight, error = state[1][0]
            what = f"{self._name}: {'add' if weight > 0 else 'retract'} failed: {error}"
            raise DataError("udf-failed", what, fix="Give None for a row that does not count.")
        return self._user.result(state[0])

    def _taken(self, held: tuple[Any, tuple[Any, ...]], contribution: Any, weight: int) -> tuple[Any, tuple[Any, ...]]:
        state, aside = held
        if aside and (fewer := _without(aside, encode(contribution), weight)) is not None:
            return (state, fewer)
        try:
            take = self._user.add if weight > 0 else self._user.retract
            return (take(state, contribution), aside)
        except Exception as error:
            return (state, (*aside, (encode(contribution), weight, f"{type(error).__name__}: {error}"[:1000])))


def _without(aside: tuple[Any, ...], raw: bytes, weight: int) -> tuple[Any, ...] | None:
    """The rows put aside without one that a row of this weight undoes; `None` when there is none."""
    for at, (other, w, _) in enumerate(aside):
        if other == raw and w == -weight:
            return (*aside[:at], *aside[at + 1 :])
    return None


ABELIAN: dict[str, Callable[[Accumulator], Abelian]] = {
    "count": lambda a: Count(),
    "sum": lambda a: Sum(),
    "avg": lambda a: Average(),
    "histogram": lambda a: Histogram(a.bounds),
    "own": Own,
}
"""The accumulators with O(1) state, by `plan.nodes.Accumulator.kind`."""
