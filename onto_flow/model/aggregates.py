"""`agg`: the accumulators of a keyed view; `None` is skipped, as in SQL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from ..core.errors import DeclarationError, SourceLine
from .meta import refuse_options

Function = Callable[..., Any]
Number = type[int] | type[float]


class AccumulatorDeclaration:
    """An accumulator as the user wrote it.

    Attributes:
        kind: `count`, `sum`, `collect`.
        number: Of a sum: `int`, `float`, or `None` for either.
        value, where, order_by: Functions whose parameters name slots, attributes, the expanded value or parts of the key.
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
    ) -> None:
        self.number = number
        self.kind, self.line, self.value, self.where, self.order_by = kind, line, value, where, order_by
        self.descending, self.limit = descending, limit

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else instance._result(self.name)


class Aggregates:
    """The namespace `agg`."""

    def count(self, *, where: Function | None = None, **unknown: NoReturn) -> Any:
        """How many rows; abelian, one integer per group."""
        line = SourceLine.of_caller()
        refuse_options("agg.count", unknown, ("where",), line)
        return AccumulatorDeclaration("count", line, where=where)

    def sum(
        self, value: Function, *, where: Function | None = None, type: Number | None = None, **unknown: NoReturn
    ) -> Any:
        """The exact sum of a number per row, rounded once; 0 of none; abelian.

        Args:
            value: The number of a row; `None` to skip it.
            where: Only of these rows.
            type: `int` or `float` make a typed column: of `int` every number must be one, of `float` integers count as
                doubles. Without it the sum is an integer while every number is one, else a double; the column's type
                is then that of the field which `value` returns, and `any` where it returns no field as it is.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.sum", unknown, ("where", "type"), line)
        if type not in (None, int, float):
            raise DeclarationError("bad-value", f"type={type!r} of a sum", where=line, fix="Use int or float.")
        return AccumulatorDeclaration("sum", line, value=value, where=where, number=type)

    def collect(
        self,
        value: Function,
        *,
        where: Function | None = None,
        order_by: Function | None = None,
        descending: bool = False,
        limit: int | None = None,
        **unknown: NoReturn,
    ) -> Any:
        """The values of the rows as a list; keeps a contribution per row.

        Args:
            value: What is collected.
            where: Only of these rows.
            order_by: In this order; ties by the path of the root.
            descending: The greatest first; ties stay in path order.
            limit: At most so many.
        """
        line = SourceLine.of_caller()
        refuse_options("agg.collect", unknown, ("where", "order_by", "descending", "limit"), line)
        if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int) or limit < 1):
            raise DeclarationError("bad-value", f"limit={limit!r} is not a number of values", where=line)
        return AccumulatorDeclaration(
            "collect", line, value=value, where=where, order_by=order_by, descending=descending, limit=limit
        )


agg = Aggregates()
