"""The values that a document may hold, their equality and their order.

| Firestore | Python |
|---|---|
| null, boolean, integer, double, string, bytes | `None`, `bool`, `int` (64 bits), `float`, `str`, `bytes` |
| timestamp | `datetime`, aware, UTC, microseconds |
| geo point, reference, vector | [GeoPoint][], [Reference][], [Vector][] |
| array, map | `list`, `dict` with `str` keys |

Law: two values are equal when their canonical bytes (`core.equality`) are; so 1, 1.0 and true differ, and NaN equals NaN.
Order is Firestore's value order, completed to a total one by the canonical bytes.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .native import compiled, replace

V = TypeVar("V")
T_co = TypeVar("T_co", covariant=True)

Document = Mapping[str, Any]
"""The fields of a document, by their names in Firestore."""

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
MICROSECOND = timedelta(microseconds=1)
MIN_INTEGER, MAX_INTEGER = -(2**63), 2**63 - 1
_NUMBER = re.compile("-?[0-9]+")


@dataclass(frozen=True, slots=True)
class GeoPoint:
    """A point on the earth, in degrees."""

    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Vector:
    """A vector of doubles."""

    values: tuple[float, ...]


class Reference(Generic[T_co]):
    """A reference to a document: its path relative to the database's root.

    `database` (`projects/P/databases/D`) is set only for a document of another database than the referring one.

    Example:
        >>> ref: Reference[object] = Reference("users/u1")
        >>> ref.doc_id, ref.collection, (ref / "notes" / "n1").path
        ('u1', 'users', 'users/u1/notes/n1')
    """

    __slots__ = ("database", "path")

    def __init__(self, path: str, database: str | None = None) -> None:
        self.path = path
        self.database = database

    @property
    def doc_id(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    @property
    def collection(self) -> str:
        """The path of the collection that the document lies in."""
        return self.path.rpartition("/")[0]

    def __truediv__(self, child: str) -> Reference[Any]:
        return Reference(f"{self.path}/{child}", self.database)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Reference):
            return NotImplemented
        return self.path == other.path and self.database == other.database

    def __hash__(self) -> int:
        return hash((self.path, self.database))

    def __repr__(self) -> str:
        return f"Reference({self.path!r})" if self.database is None else f"Reference({self.path!r}, {self.database!r})"


WORD_OF_TYPE: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "double",
    str: "string",
    bytes: "bytes",
    datetime: "timestamp",
    GeoPoint: "geopoint",
    Reference: "reference",
    Vector: "vector",
    list: "array",
    dict: "map",
}
"""What Firestore calls the type of each value."""


def to_micros(time: datetime) -> int:
    """Microseconds since the epoch; a naive datetime counts as UTC.

    Example:
        >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=timezone.utc))
        1000000
    """
    aware = time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
    since = aware - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def from_micros(micros: int) -> datetime:
    """The UTC datetime of microseconds since the epoch.

    Raises:
        OverflowError: Outside the years 1 to 9999.
    """
    return EPOCH + timedelta(microseconds=micros)


def order_key(value: Any) -> tuple[Any, ...]:
    """A key that sorts values in Firestore's order; numbers of both types compare by value, then the integer first.

    Source: the Firestore documentation on value type ordering (null, booleans, NaN, numbers, timestamps, strings,
    bytes, references, geo points, arrays, vectors, maps).

    Example:
        >>> sorted(["b", 2, 1.5, None, True, [1], float("nan"), {"a": 1}], key=order_key)
        [None, True, nan, 1.5, 2, 'b', [1], {'a': 1}]
    """
    if value is None:
        return (0,)
    rank = _RANKS.get(type(value))
    if rank is None:
        rank = _rank_of_subclass(value)
    key: tuple[Any, ...] = rank(value)
    return key


def _number(value: float) -> tuple[Any, ...]:
    if isinstance(value, float) and math.isnan(value):
        return (2,)
    return (3, value, isinstance(value, float), math.copysign(1.0, value) if value == 0 else 0.0)


def _double(value: float) -> tuple[Any, ...]:
    return (0,) if math.isnan(value) else (1, value, math.copysign(1.0, value) if value == 0 else 0.0)


def _reference(value: Reference[Any]) -> tuple[Any, ...]:
    return (7, value.database or "", path_order(value.path))


_RANKS: dict[type, Any] = {
    bool: lambda v: (1, v),
    int: _number,
    float: _number,
    datetime: lambda v: (4, to_micros(v)),
    str: lambda v: (5, v),
    bytes: lambda v: (6, v),
    Reference: _reference,
    GeoPoint: lambda v: (8, _double(v.latitude), _double(v.longitude)),
    list: lambda v: (9, tuple(order_key(e) for e in v)),
    tuple: lambda v: (9, tuple(order_key(e) for e in v)),
    Vector: lambda v: (10, len(v.values), tuple(map(_double, v.values))),
    dict: lambda v: (11, tuple((k, order_key(v[k])) for k in sorted(v))),
}


def _rank_of_subclass(value: Any) -> Any:
    for cls, rank in _RANKS.items():
        if isinstance(value, cls):
            return rank
    from .errors import DataError

    raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")


def path_order(path: str) -> tuple[tuple[int, Any], ...]:
    """A key that sorts paths in Firestore's document order: by segment, numeric ids `__id7__` before names.

    Example:
        >>> sorted(["users/b", "users/a/x/1", "users/a", "users/__id10__", "users/__id9__"], key=path_order)
        ['users/__id9__', 'users/__id10__', 'users/a', 'users/a/x/1', 'users/b']
    """
    return tuple(_segment_order(s) for s in path.split("/"))


def in_path_order(by_path: Mapping[str, V]) -> dict[str, V]:
    """The entries in the order of `path_order`.

    Example:
        >>> list(in_path_order({"users/b": 1, "users/__id9__": 2, "users/a": 3}))
        ['users/__id9__', 'users/a', 'users/b']
    """
    if len(by_path) < 2:
        return dict(by_path)
    return {p: by_path[p] for p in sorted(by_path, key=None if is_plain_order(by_path) else path_order)}


def comes_last(by_path: dict[str, V], path: str) -> bool:
    """Whether a path comes after the last one of some that are in the order of `path_order`.

    Example:
        >>> comes_last({"users/a": 1}, "users/b"), comes_last({"users/a": 1}, "users/__id9__"), comes_last({}, "users/a")
        (True, False, True)
    """
    last = next(reversed(by_path), None)
    return last is None or path_order(last) < path_order(path)


def is_plain_order(paths: Iterable[str]) -> bool:
    """Whether some paths are in the order of `path_order` when they are in that of their characters.

    They are, where all lie in one collection and no id is a number.
    """
    head = None
    for path in paths:
        if head is None:
            head = path.rpartition("/")[0] + "/"
            start = len(head)
        if not path.startswith(head) or path.find("/", start) >= 0 or path.startswith("__id", start):
            return False
    return True


def _segment_order(segment: str) -> tuple[int, Any]:
    number = numeric_id(segment)
    return (1, segment) if number is None else (0, number)


def numeric_id(segment: str) -> int | None:
    """The number that an id stands for; `None` for a name, which anything is that does not fit 64 bits.

    Example:
        >>> numeric_id("__id-7__"), numeric_id("__id7"), numeric_id("__id99999999999999999999__")
        (-7, None, None)
    """
    if segment.startswith("__id") and segment.endswith("__"):
        digits = segment[4:-2]
        if len(digits) <= 20 and _NUMBER.fullmatch(digits) and MIN_INTEGER <= int(digits) <= MAX_INTEGER:
            return int(digits)
    return None


if not TYPE_CHECKING and compiled() is not None:
    replace(sys.modules[__name__], "is_plain_order", compiled().plain_order())
