"""A query as data: a collection or a collection group, conditions, order, limit, and where it begins and ends.

Law: an answer is sorted by the fields of the order, compared as queries compare (1 equals 1.0), then by path; a document
that lacks a field of the order is not in it. Fields of `<`, `<=`, `>`, `>=`, `!=` are part of the order where it does not
name them. Source: the Firestore documentation on ordering, limiting and query cursors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from ..core.collection import Collection
from ..core.errors import UsageError, did_you_mean
from ..core.field_path import FieldPath, read_field_path
from ..core.predicate import OPERATORS, Condition, Predicate

NAME: FieldPath = ("__name__",)
"""Stands for a document's own path, in conditions (as a reference) and in the order."""

MAX_CONDITIONS = 100
"""Firestore's own limit on the filters of a query."""

_UNEQUAL = ("<", "<=", ">", ">=", "!=")


@dataclass(frozen=True)
class Order:
    """A field to sort by."""

    path: FieldPath
    descending: bool = False


@dataclass(frozen=True)
class Cursor:
    """A place in an answer.

    Attributes:
        values: What the fields of the order have there, as many as are said; of `NAME` a path.
        before: Whether the place lies before the documents that have these values, or behind them.
    """

    values: tuple[Any, ...]
    before: bool


@dataclass(frozen=True)
class Query:
    """Which documents are wanted. Every method gives a new query.

    Attributes:
        collection: A collection, or with `group` every collection of one name.
        where: What documents must meet.
        order: What they are sorted by, as far as it was said.
        limit: How many of them at most.
        start, end: Places in the answer that it begins and ends at.

    Example:
        >>> query = Query.of("users").matching("age", ">=", 18).ordered("age", descending=True).first(10)
        >>> query.full_order
        (Order(path=('age',), descending=True), Order(path=('__name__',), descending=True))
    """

    collection: Collection
    where: tuple[Condition, ...] = ()
    order: tuple[Order, ...] = ()
    limit: int | None = None
    start: Cursor | None = None
    end: Cursor | None = None

    @classmethod
    def of(cls, collection: str | Collection, *, group: bool = False) -> Query:
        """All documents of a collection (`users`, `users/u1/notes`), or of a collection group."""
        return cls(collection if isinstance(collection, Collection) else Collection(collection, group))

    def matching(self, field: str | FieldPath, operator: str, value: Any) -> Query:
        """Only documents whose field meets a condition of `core.predicate`; several are ANDed.

        Raises:
            UsageError: `unknown-name` for an operator that is none, `wrong-usage` for a wrong value or too many of them.
        """
        return self.with_condition(Condition(field_path(field), operator, value))

    def with_condition(self, condition: Condition) -> Query:
        """As `matching`, with a condition that is made already."""
        if condition.operator not in OPERATORS:
            what = f"there is no operator {condition.operator!r:.40} of conditions"
            raise UsageError(
                "unknown-name", what, fix=did_you_mean(str(condition.operator).replace("=", "=="), OPERATORS)
            )
        if condition.operator == "in" and not isinstance(condition.value, (list, tuple)):
            raise UsageError("wrong-usage", f"in wants a list, not {condition.value!r:.80}")
        conditions = (*self.where, condition)
        if len(conditions) > MAX_CONDITIONS:
            raise UsageError("wrong-usage", f"a query of more than {MAX_CONDITIONS} conditions")
        return replace(self, where=conditions)

    def ordered(self, field: str | FieldPath, *, descending: bool = False) -> Query:
        """Sorted by one more field."""
        return replace(self, order=(*self.order, Order(field_path(field), descending)))

    def first(self, count: int) -> Query:
        """At most so many documents.

        Raises:
            UsageError: `wrong-usage` for a negative number.
        """
        if count < 0:
            raise UsageError("wrong-usage", f"a limit of {count} documents")
        return replace(self, limit=count)

    def start_after(self, *values: Any) -> Query:
        """From behind the documents whose fields of the order have these values."""
        return replace(self, start=self._cursor(values, before=False))

    def start_at(self, *values: Any) -> Query:
        """From the documents whose fields of the order have these values on."""
        return replace(self, start=self._cursor(values, before=True))

    def end_before(self, *values: Any) -> Query:
        """Up to the documents whose fields of the order have these values, without them."""
        return replace(self, end=self._cursor(values, before=True))

    def end_at(self, *values: Any) -> Query:
        """Up to the documents whose fields of the order have these values, and with them."""
        return replace(self, end=self._cursor(values, before=False))

    def _cursor(self, values: Sequence[Any], *, before: bool) -> Cursor:
        if not 0 < len(values) <= len(self.full_order):
            names = ", ".join(".".join(order.path) for order in self.full_order)
            raise UsageError("wrong-usage", f"{len(values)} values for a place in the order by {names}")
        return Cursor(tuple(values), before)

    @cached_property
    def predicate(self) -> Predicate:
        """What documents must meet, as one."""
        return Predicate(self.where)

    @cached_property
    def full_order(self) -> tuple[Order, ...]:
        """The order with what it implies: fields of inequalities first, paths last, in the last direction."""
        named = {order.path for order in self.order}
        implied = dict.fromkeys(c.path for c in self.where if c.operator in _UNEQUAL and c.path not in named)
        last = self.order[-1].descending if self.order else False
        found = [*self.order, *(Order(path, last) for path in implied)]
        paths = [order.path for order in found]
        if NAME in paths:
            return tuple(found[: paths.index(NAME) + 1])
        return (*found, Order(NAME, last))


def field_path(name: str | FieldPath) -> FieldPath:
    """The field path that a text or names say; `__name__` is the document's path.

    Raises:
        UsageError: `wrong-usage` for any other text.
    """
    if not isinstance(name, str):
        return tuple(name)
    path, end = read_field_path(name)
    if end != len(name):
        raise UsageError("wrong-usage", f"{name!r:.200} is not a field path", fix="Put other names between backticks.")
    return path
