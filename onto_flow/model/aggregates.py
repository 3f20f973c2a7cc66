"""`agg`: the accumulators of a keyed view, or of a many slot; `None` is skipped, as in SQL."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import Any, NoReturn

from ..core.errors import DeclarationError, SourceLine
from .accumulator import Accumulator
from .meta import Namespace, refuse_options
from .slot import ManySlot

Function = Callable[..., Any]
Number = type[int] | type[float]
Over = ManySlot[Any] | None


class AccumulatorDeclaration:
    """An accumulator as the user wrote it.

    Attributes:
        kind: As in `plan.nodes.Accumulator`.
        number: Of a sum: `int`, `float`, or `None` for either.
        value, where, order_by: Functions whose parameters name slots, attributes, the expanded value or parts of the key.
        bounds: Of a histogram.
        own: The user's accumulator; `value` is then a function with `cls`.
        over: The many slot whose documents it takes, instead of the rows of a group.
    """

    name = ""

    def __init__(
        self,
        kind: str,
        line: SourceLine,
        *,
        value: Function | None = None,
        where: Function | None = None,
        order_by: Function | None = None,
        descending: bool = False,
        limit: int | None = None,
        number: type | None = None,
        bounds: tuple[float, ...] = (),
        own: Accumulator[Any, Any, Any] | None = None,
        over: Any = None,
    ) -> None:
        self.number, self.bounds, self.own, self.over = number, bounds, own, over
        self.kind, self.line, self.value, self.where, self.order_by = kind, line, value, where, order_by
        self.descending, self.limit = descending, limit

    @property
    def functions(self) -> list[Function]:
        """The user's functions."""
        return [f for f in (self.value, self.where, self.order_by) if f is not None]

    def shown(self, result: Any) -> Any:
        """A result as documents and functions have it."""
        value = float(result) if self.number is float else result
        return list(value) if isinstance(value, list) else value

    def __set_name__(self, owner: type, name: str) -> None:
        self.owner, self.name = owner, name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._result(self.name)


class Aggregates(Namespace):
    """The namespace `agg`. `n` is the number of rows that count; `where` says which, `over` that they are of a slot."""

    written = "agg"

    def count(self, *, where: Function | None = None, over: Over = None, **unknown: NoReturn) -> Any:
        """How many rows. Abelian: an integer; O(1) per change."""
        line = SourceLine.of_caller()
        refuse_options("agg.count", unknown, ("where", "over"), line)
        return AccumulatorDeclaration("count", line, where=where, over=over)

    def sum(
        self,
        value: Function,
        *,
        where: Function | None = None,
        type: Number | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """The exact sum of a number per row, rounded once; 0 of none. Abelian: O(1) state, O(1) per change.

        Args:
            value: The number of a row; `None` to skip it.
            where: Only of these rows.
            type: `int` or `float` make a typed column: of `int` every number must be one, of `float` integers count as
                doubles. Without it the sum is an integer while every number is one, else a double; the column's type
                is then that of the field which `value` returns, and `any` where it returns no field as it is.
            over: The many slot whose documents are the rows.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.sum", unknown, ("where", "type", "over"), line)
        if type not in (None, int, float):
            raise DeclarationError("bad-value", f"type={type!r} of a sum", where=line, fix="Use int or float.")
        return AccumulatorDeclaration("sum", line, value=value, where=where, number=type, over=over)

    def avg(self, value: Function, *, where: Function | None = None, over: Over = None, **unknown: NoReturn) -> Any:
        """The exact average of a number per row, rounded once to a double; `None` of none. Abelian: O(1) state."""
        return _of_value("avg", value, where, over, unknown)

    def min(self, value: Function, *, where: Function | None = None, over: Over = None, **unknown: NoReturn) -> Any:
        """The least value in Firestore's order; `None` of none. Keeps an entry per different value; O(log n) per change."""
        return _of_value("min", value, where, over, unknown)

    def max(self, value: Function, *, where: Function | None = None, over: Over = None, **unknown: NoReturn) -> Any:
        """The greatest value in Firestore's order, as `min`."""
        return _of_value("max", value, where, over, unknown)

    def count_distinct(
        self, value: Function, *, where: Function | None = None, over: Over = None, **unknown: NoReturn
    ) -> Any:
        """How many different values, by type and content. Keeps an entry per different value; O(1) per change."""
        return _of_value("count_distinct", value, where, over, unknown)

    def first(
        self,
        value: Function,
        *,
        order_by: Function,
        where: Function | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """The value of the row that comes first by `order_by`, of several the smallest path; `None` of none.

        Keeps an entry per row; O(log n) per change. A row whose value is `None` is skipped, one whose order is `None` is
        not: null comes first.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.first", unknown, ("order_by", "where", "over"), line)
        return AccumulatorDeclaration("first", line, value=value, where=where, order_by=order_by, over=over)

    def last(
        self,
        value: Function,
        *,
        order_by: Function,
        where: Function | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """The value of the row that comes last by `order_by`, of several the smallest path; `None` of none; as `first`."""
        line = SourceLine.of_caller()
        refuse_options("agg.last", unknown, ("order_by", "where", "over"), line)
        return AccumulatorDeclaration("last", line, value=value, where=where, order_by=order_by, over=over)

    def top_k(
        self,
        value: Function,
        k: int,
        *,
        order_by: Function | None = None,
        where: Function | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """The values of the `k` rows that are greatest by `order_by` (by the value without it), the greatest first.

        Ties by the smallest path. Keeps an entry per row; O(log n + k) per change.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.top_k", unknown, ("order_by", "where", "over"), line)
        limit = _limit(k, "k", line)
        order = order_by or value
        return AccumulatorDeclaration("top_k", line, value=value, where=where, order_by=order, limit=limit, over=over)

    def collect(
        self,
        value: Function,
        *,
        where: Function | None = None,
        order_by: Function | None = None,
        descending: bool = False,
        limit: int | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """The values of the rows as a list. Keeps an entry per row; O(n) per change, O(log n + limit) with a limit.

        Args:
            value: What is collected.
            where: Only of these rows.
            order_by: In this order; ties by the path of the root.
            descending: The greatest first; ties stay in path order.
            limit: At most so many.
            over: The many slot whose documents are the rows.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.collect", unknown, ("where", "order_by", "descending", "limit", "over"), line)
        return AccumulatorDeclaration(
            "collect",
            line,
            value=value,
            where=where,
            order_by=order_by,
            descending=descending,
            limit=None if limit is None else _limit(limit, "limit", line),
            over=over,
        )

    def histogram(
        self,
        value: Function,
        bounds: Sequence[float],
        *,
        where: Function | None = None,
        over: Over = None,
        **unknown: NoReturn,
    ) -> Any:
        """How many rows have a number in each bin: below the first bound, then from each bound up to the next.

        `len(bounds) + 1` integers; a bound belongs to the bin above it, NaN lies below all. Abelian: an integer per bin;
        O(bins) per change.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.histogram", unknown, ("where", "over"), line)
        given = list(bounds) if isinstance(bounds, Iterable) else [bounds]
        rising = [b for b in given if isinstance(b, (int, float)) and not isinstance(b, bool) and math.isfinite(b)]
        if not rising or len(rising) < len(given) or any(a >= b for a, b in pairwise(rising)):
            fix = "Give finite numbers that rise: [18, 65]."
            raise DeclarationError("bad-value", f"bounds={given!r:.80} of a histogram", where=line, fix=fix)
        return AccumulatorDeclaration("histogram", line, value=value, where=where, bounds=tuple(rising), over=over)


def _of_value(kind: str, value: Function, where: Function | None, over: Any, unknown: Any) -> AccumulatorDeclaration:
    line = SourceLine.of_caller(3)
    refuse_options(f"agg.{kind}", unknown, ("where", "over"), line)
    return AccumulatorDeclaration(kind, line, value=value, where=where, over=over)


def _limit(given: Any, name: str, line: SourceLine) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        what = f"{name}={given!r:.60} is not a number of values"
        raise DeclarationError("bad-value", what, where=line, fix=f"Give a whole number from 1 on: {name}=10.")
    return int(given)


agg = Aggregates()
