"""What the index of a field is sorted by, and which part of it a query needs.

Law: keys are in the order of values, as queries compare them; values that differ may share a key (long texts, arrays, maps).
So a part of an index holds all that a condition may match, and what it brings too much is left out by the condition itself.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ...core.field_path import MISSING, FieldPath, value_at
from ...core.path_bytes import path_bytes
from ...core.predicate import Condition, query_key
from ...core.values import Document, Reference, to_micros
from ..query import NAME, Query

Key = tuple[int, Any]
"""(rank of the type, value of SQLite)."""

MOST_BYTES = 1000
"""As much of a text is in its key."""

_ELEMENT = 1000
"""Added to the rank of what is an element of an array."""

_LEAST, _GREATEST = float("-inf"), b"\xff" * (MOST_BYTES + 1)
_PLAIN = frozenset(key[0] for key in map(query_key, (None, True, 1, datetime.min)))
_PREFERRED = ("==", "in", "contains", "<", "<=", ">", ">=", "!=")


class Range(NamedTuple):
    """From one key to another one.

    Attributes:
        within: Whether the two keys themselves are left out.
    """

    low: Key
    high: Key
    within: bool = False


class Part(NamedTuple):
    """A part of an index.

    Attributes:
        ranges: In the order in which they are read.
        ordered: Whether the answer is sorted by the field, so that reading may stop at the limit.
        descending: In which direction it is then.
        made: Whether it is worth an index of its own.
    """

    field: FieldPath
    ranges: tuple[Range, ...]
    ordered: bool = False
    descending: bool = False
    made: bool = True


def keys_of(fields: Document, field: FieldPath) -> set[Key]:
    """The keys at which a document stands in the index of a field.

    Example:
        >>> sorted(keys_of({"n": [1, True]}, ("n",)))
        [(9, 0), (1001, 1), (1003, 1)]
    """
    value = value_at(fields, field)
    if value is MISSING:
        return set()
    elements = value if isinstance(value, (list, tuple)) else ()
    return {key_of(value), *((_ELEMENT + rank, key) for rank, key in map(key_of, elements))}


def key_of(value: Any) -> Key:
    """The key of a value."""
    rank, *rest = query_key(value)
    if isinstance(value, str):
        return rank, value.encode(errors="surrogatepass")[:MOST_BYTES]
    if isinstance(value, bytes):
        return rank, value[:MOST_BYTES]
    if isinstance(value, Reference):
        return rank, _reference(value)
    if isinstance(value, bool):
        return rank, int(value)
    if isinstance(value, (int, float)):
        return rank, _number(value) if len(rest) == 2 else _LEAST
    return rank, to_micros(value) if hasattr(value, "tzinfo") else 0


def _number(value: float) -> float:
    """A number that SQLite takes: no document has integers of more than 64 bits, and between two doubles lies none."""
    if isinstance(value, float) or -(1 << 63) <= value < 1 << 63:
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _reference(value: Reference[Any]) -> bytes:
    return ((value.database or "").encode() + b"\0" + path_bytes(value.path))[:MOST_BYTES]


def is_exact(key: Key) -> bool:
    """Whether values that share a key are equal, as queries compare them.

    Example:
        >>> [is_exact(key_of(value)) for value in (1, "a", "a" * 2000, [1], float("nan"))]
        [True, True, False, False, False]
    """
    rank, value = key
    if isinstance(value, bytes):
        return len(value) < MOST_BYTES
    return rank in _PLAIN and value != _LEAST


def parts_of(query: Query) -> Iterator[Part]:
    """The parts of indexes that would do for a query, those that mostly lead to few documents first."""
    first = query.full_order[0]
    conditions = [c for c in query.where if c.path != NAME and c.operator in _PREFERRED]
    for condition in sorted(conditions, key=lambda c: _PREFERRED.index(c.operator)):
        part = Part(condition.path, _ranges(condition), made=condition.operator != "!=")
        same = condition.path == first.path and condition.operator in _PREFERRED[3:]
        yield _in_order(part, first.descending) if same else part
    if first.path != NAME and query.limit is not None:
        yield Part(first.path, (Range((0, _LEAST), (_ELEMENT - 1, _GREATEST)),), True, first.descending)


def _in_order(part: Part, descending: bool) -> Part:
    ranges = part.ranges[::-1] if descending else part.ranges
    return part._replace(ranges=ranges, ordered=True, descending=descending)


def _ranges(condition: Condition) -> tuple[Range, ...]:
    operator, value = condition.operator, condition.value
    if operator == "in":
        return tuple(Range(key, key) for key in dict.fromkeys(map(key_of, value)))
    rank, key = key_of(value)
    if operator == "!=":
        null, last = key_of(None), (_ELEMENT - 1, _GREATEST)
        if value is None or not is_exact((rank, key)):
            return (Range(null, last, within=True),)
        return (Range(null, (rank, key), within=True), Range((rank, key), last, within=True))
    if operator == "contains":
        rank += _ELEMENT
    low, high = (
        (_LEAST, key) if operator in ("<", "<=") else (key, _GREATEST) if operator in (">", ">=") else (key, key)
    )
    return (Range((rank, low), (rank, high)),)
