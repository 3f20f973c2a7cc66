"""The oracle's accumulators: each result from all contributions at once, sharing no code with the operators.

Example:
    >>> result_of(Accumulator("best", "top_k", limit=1), [("m/b", (7, "B")), ("m/a", (7, "A"))])
    ['A']
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from functools import cmp_to_key, reduce
from itertools import pairwise
from typing import Any

from ..core.codec import encode
from ..core.values import order_key, path_order
from ..plan.nodes import Accumulator


def result_of(accumulator: Accumulator, contributions: Sequence[tuple[str, Any]]) -> Any:
    """The result of an accumulator, from (member's path, contribution) of all rows that count."""
    values = [value for _, value in contributions]
    if accumulator.kind in _PLAIN:
        return _PLAIN[accumulator.kind](accumulator, values)
    sign = -1 if accumulator.descending or accumulator.kind in ("last", "top_k") else 1

    def compare(a: tuple[str, Any], b: tuple[str, Any]) -> int:
        by_order = _compare(order_key(a[1][0]), order_key(b[1][0])) * sign
        return by_order or _compare(path_order(a[0]), path_order(b[0])) or _compare(encode(a[1][1]), encode(b[1][1]))

    ordered = [value for _, (_, value) in sorted(contributions, key=cmp_to_key(compare))]
    if accumulator.kind in ("first", "last"):
        return ordered[0] if ordered else None
    return ordered if accumulator.limit is None else ordered[: accumulator.limit]


def _average(numbers: Sequence[int | float]) -> float | None:
    if not numbers:
        return None
    if not all(map(math.isfinite, numbers)):
        return _sum([float(n) for n in numbers])
    return _double(sum(map(Fraction, numbers), Fraction(0)) / len(numbers))


def _bins(bounds: Sequence[float], numbers: Sequence[float]) -> list[int]:
    below = [sum(n < bound or n != n for n in numbers) for bound in bounds]
    return [after - before for before, after in pairwise((0, *below, len(numbers)))]


def _own(accumulator: Accumulator, values: Sequence[Any]) -> Any:
    assert accumulator.code is not None
    own = accumulator.code.resolve()
    return own.result(reduce(own.add, values, own.create()))


_PLAIN: Mapping[str, Callable[[Accumulator, Sequence[Any]], Any]] = {
    "count": lambda a, values: len(values),
    "sum": lambda a, values: _sum(values),
    "avg": lambda a, values: _average(values),
    "min": lambda a, values: min(values, key=order_key, default=None),
    "max": lambda a, values: max(values, key=order_key, default=None),
    "count_distinct": lambda a, values: len({encode(v) for v in values}),
    "histogram": lambda a, values: _bins(a.bounds, values),
    "own": _own,
}


def _compare(a: Any, b: Any) -> int:
    return (a > b) - (a < b)


def _sum(numbers: Sequence[int | float]) -> int | float:
    if all(isinstance(n, int) for n in numbers):
        return sum(numbers)
    odd = {n for n in numbers if isinstance(n, float) and math.isinf(n)}
    if any(n != n for n in numbers) or len(odd) == 2:
        return math.nan
    if odd:
        return odd.pop()
    return _double(sum((Fraction(n) for n in numbers), Fraction(0)))


def _double(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
