"""Conditions on documents, as Firestore's queries have them.

Law: values are compared within one type alone (integers and doubles are one), in Firestore's order; a field that is
missing matches nothing, and null only `== null`, `<= null`, `>= null`, or an element of `in`.

| operator | a document matches when its field |
|---|---|
| `==`, `!=` | has this value; has another one, of any type, but is neither missing nor null |
| `<`, `<=`, `>`, `>=` | has a value of the same type that is below or above |
| `in` | has one of these values |
| `contains` | is an array with this element |

Numbers compare by value: 1 equals 1.0 and 0.0 equals -0.0, also in arrays and maps; NaN equals itself and is below all
numbers. Source: the Firestore documentation on query operators and on value type ordering.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from .field_path import MISSING, FieldPath, value_at
from .values import Document, Vector, order_key

_Key = tuple[Any, ...]


@dataclass(frozen=True)
class Condition:
    """One comparison.

    Attributes:
        path: Where the field is.
        operator: One of `OPERATORS`.
        value: What it is compared with; of `in` a list.

    Example:
        >>> Condition(("age",), ">=", 18).matches({"age": 18.5}), Condition(("age",), ">=", 18).matches({"age": "20"})
        (True, False)
        >>> Condition(("tags",), "contains", "a").matches({"tags": ["b", "a"]})
        True
    """

    path: FieldPath
    operator: str
    value: Any

    @cached_property
    def _matches(self) -> Callable[[Any], bool]:
        return OPERATORS[self.operator](self.value)

    def matches(self, fields: Document) -> bool:
        """Whether a document meets it."""
        value = value_at(fields, self.path)
        return value is not MISSING and self._matches(value)


class Predicate:
    """Conditions that a document must all meet."""

    def __init__(self, conditions: Iterable[Condition] = ()) -> None:
        self.conditions = tuple(conditions)

    def __bool__(self) -> bool:
        return bool(self.conditions)

    @cached_property
    def names(self) -> frozenset[str]:
        """The top-level fields that it looks at."""
        return frozenset(condition.path[0] for condition in self.conditions)

    def matches(self, fields: Document) -> bool:
        """Whether a document meets them."""
        return all(condition.matches(fields) for condition in self.conditions)


def _equal(value: Any) -> Callable[[Any], bool]:
    key = query_key(value)
    return lambda other: query_key(other) == key


def _not_equal(value: Any) -> Callable[[Any], bool]:
    key = query_key(value)
    return lambda other: other is not None and query_key(other) != key


def _in(values: list[Any]) -> Callable[[Any], bool]:
    keys = frozenset(map(query_key, values))
    return lambda other: query_key(other) in keys


def _contains(value: Any) -> Callable[[Any], bool]:
    key = query_key(value)
    return lambda other: isinstance(other, (list, tuple)) and any(query_key(element) == key for element in other)


def _ordered(compare: Callable[[_Key, _Key], bool]) -> Callable[[Any], Callable[[Any], bool]]:
    def with_value(value: Any) -> Callable[[Any], bool]:
        key = query_key(value)

        def matches(other: Any) -> bool:
            found = query_key(other)
            return bool(found[0] == key[0]) and compare(found, key)

        return matches

    return with_value


OPERATORS: dict[str, Callable[[Any], Callable[[Any], bool]]] = {
    "==": _equal,
    "!=": _not_equal,
    "<=": _ordered(operator.le),
    ">=": _ordered(operator.ge),
    "<": _ordered(operator.lt),
    ">": _ordered(operator.gt),
    "in": _in,
    "contains": _contains,
}
"""What is made of the value of a condition: whether another value meets it."""

_NUMBER, _ARRAY, _VECTOR, _MAP = 3, 9, 10, 11
"""The ranks of types in `order_key`."""


def query_key(value: Any) -> _Key:
    """As `order_key`, with numbers that are equal where their values are; its first part tells the type."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _number(value)
    if isinstance(value, (list, tuple)):
        return (_ARRAY, tuple(map(query_key, value)))
    if isinstance(value, dict):
        return (_MAP, tuple((name, query_key(value[name])) for name in sorted(value)))
    if isinstance(value, Vector):
        return (_VECTOR, len(value.values), tuple(map(_number, value.values)))
    return order_key(value)


def _number(value: float) -> _Key:
    return (_NUMBER, 0) if isinstance(value, float) and math.isnan(value) else (_NUMBER, 1, value)
