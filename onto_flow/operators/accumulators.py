"""Accumulators: what a group keeps of its rows, and how a row is taken back.

Law: `retract` undoes `add` exactly, in any order, so that a state depends only on the rows that are in it.

| accumulator | algebra | state per group |
|---|---|---|
| count | abelian | an integer |
| sum | abelian | an exact integer, an exact sum of doubles as a fraction of 2**-1074, counts of NaN and infinities |
| collect | keeps a map of contributions | the rows of each member |

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
from collections.abc import Iterable
from typing import Any, Protocol

from ..core.codec import encode
from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, order_key, path_order
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
        ints, doubles, n, nans, plus, minus = state
        if not n:
            if not MIN_INTEGER <= ints <= MAX_INTEGER:
                raise DataError(
                    "bad-value", f"a sum of integers is beyond 64 bits: {ints}", fix="Sum doubles: float(...)."
                )
            return ints
        if nans or (plus and minus):
            return math.nan
        if plus or minus:
            return math.inf if plus else -math.inf
        exact = (ints << _SCALE) + doubles
        try:
            return exact / (1 << _SCALE)
        except OverflowError:
            return math.inf if exact > 0 else -math.inf


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


class Collect:
    """The values of all rows, ordered by the given order, then by the member's path, then by the value.

    Example:
        >>> best = Collect(Accumulator("best", "collect", descending=True, limit=2))
        >>> best.result([("movies/b", (9, "B")), ("movies/a", (9, "A")), ("movies/c", (7, "C"))])
        ['A', 'B']
    """

    def __init__(self, accumulator: Accumulator) -> None:
        self._descending = accumulator.descending
        self._limit = accumulator.limit

    def result(self, contributions: Iterable[tuple[str, tuple[Any, Any]]]) -> list[Any]:
        """The ordered values of (member, (order, value)) pairs."""
        ties = sorted(contributions, key=lambda c: (path_order(c[0]), encode(c[1][1])))
        ties.sort(key=lambda c: order_key(c[1][0]), reverse=self._descending)
        return [value for _, (_, value) in ties[: self._limit]]


ABELIAN: dict[str, type[Abelian]] = {"count": Count, "sum": Sum}
"""The accumulators with O(1) state, by `plan.nodes.Accumulator.kind`."""
