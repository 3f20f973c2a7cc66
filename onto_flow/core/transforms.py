"""What a database makes of a field at the moment of the commit, from the value that it then has.

| in a write | the field becomes |
|---|---|
| `SERVER_TIME` | the time of the commit |
| `Increment(n)` | its number plus n; integers stop at the ends of 64 bits; n where it was no number |
| `Maximum(n)`, `Minimum(n)` | the larger, the smaller number; of equal ones the one that it had; NaN where one is NaN |
| `ArrayUnion(...)` | its array with the elements that were not in it; an empty one where it was no array |
| `ArrayRemove(...)` | its array without these elements, however often they are in it |
| `DELETE` | missing |

Elements are compared as queries compare (1 equals 1.0). Source: the Firestore reference on `DocumentTransform`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any, Final, Literal, Protocol, runtime_checkable

from .errors import DataError
from .predicate import query_key
from .values import MAX_INTEGER, MIN_INTEGER


@runtime_checkable
class Transform(Protocol):
    """A value that is made at the commit."""

    def apply(self, old: Any, time: datetime) -> Any:
        """The new value of a field, from its old one (`None` where it is missing) and the time of the commit."""


@dataclass(frozen=True)
class ServerTime:
    """The time of the commit."""

    def apply(self, old: Any, time: datetime) -> datetime:
        """See `Transform`."""
        return time


SERVER_TIME: Final = ServerTime()


@dataclass(frozen=True)
class _Number:
    number: float

    def __post_init__(self) -> None:
        if not _is_number(self.number):
            raise DataError("bad-value", f"{type(self).__name__} takes a number, not {self.number!r:.80}")


class Increment(_Number):
    """The number plus another one.

    Example:
        >>> from datetime import datetime
        >>> [Increment(2).apply(old, datetime.min) for old in (1, 0.5, "text", 2**63 - 1)]
        [3, 2.5, 2, 9223372036854775807]
    """

    def apply(self, old: Any, time: datetime) -> float:
        """See `Transform`."""
        if not _is_number(old):
            return self.number
        total = old + self.number
        return total if isinstance(total, float) else min(max(total, MIN_INTEGER), MAX_INTEGER)


class Maximum(_Number):
    """The larger of two numbers."""

    def apply(self, old: Any, time: datetime) -> float:
        """See `Transform`."""
        return self.number if not _is_number(old) else _better(old, self.number, self.number > old)


class Minimum(_Number):
    """The smaller of two numbers."""

    def apply(self, old: Any, time: datetime) -> float:
        """See `Transform`."""
        return self.number if not _is_number(old) else _better(old, self.number, self.number < old)


class _Elements:
    """Elements of an array, of which equal ones count once."""

    def __init__(self, *elements: Any) -> None:
        self.elements = elements

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.elements == self.elements

    def __hash__(self) -> int:
        return hash((type(self), len(self.elements)))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(map(repr, self.elements))})"


class ArrayUnion(_Elements):
    """The array with elements that it has not yet.

    Example:
        >>> from datetime import datetime
        >>> ArrayUnion(1, 2.0, "b").apply(["a", 2], datetime.min), ArrayUnion("b").apply("text", datetime.min)
        (['a', 2, 1, 'b'], ['b'])
    """

    def apply(self, old: Any, time: datetime) -> list[Any]:
        """See `Transform`."""
        found = list(old) if isinstance(old, list) else []
        known = set(map(query_key, found))
        for element in self.elements:
            key = query_key(element)
            if key not in known:
                known.add(key)
                found.append(element)
        return found


class ArrayRemove(_Elements):
    """The array without some elements."""

    def apply(self, old: Any, time: datetime) -> list[Any]:
        """See `Transform`."""
        gone = set(map(query_key, self.elements))
        return [e for e in old if query_key(e) not in gone] if isinstance(old, list) else []


class _Delete(Enum):
    DELETE = "DELETE"

    def __repr__(self) -> str:
        return "DELETE"


DELETE: Final = _Delete.DELETE
"""Stands in an update or a merge for a field that goes."""

Delete = Literal[_Delete.DELETE]


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _better(old: float, new: float, replaces: bool) -> float:
    if math.isnan(old) or math.isnan(new):
        return math.nan
    return new if replaces else old
