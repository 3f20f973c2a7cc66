"""How many bytes documents take, as Firestore counts storage.

Source: Firestore's documentation on storage size calculations. A text takes its UTF-8 bytes and 1; a document its name
(each part of its path as a text, and 16), its fields, and 32; a map counts as a document without a name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache
from typing import Any

from ..core.values import Document, GeoPoint, Reference, Vector
from .facts import SizeSurvey

_EXACT_BITS = 13


def stored_size(path: str, fields: Document) -> int:
    """The bytes of a document.

    Example:
        >>> fields = {"type": "Personal", "done": False, "priority": 1, "description": "Learn Cloud Firestore"}
        >>> stored_size("users/jeff/tasks/my_task_id", fields)
        147
    """
    return _name(path) + _map(fields)


def _text(value: str) -> int:
    return len(value) + 1 if value.isascii() else len(value.encode("utf-8", "surrogatepass")) + 1


def _name(path: str) -> int:
    return _text(path) + 16


def _map(fields: Document) -> int:
    size = 32
    for name, value in fields.items():
        size += _names(name)
        kind = type(value)
        if kind is str:
            size += len(value) + 1 if value.isascii() else _text(value)
        else:
            fixed = _FIXED.get(kind)
            size += _SIZES[kind](value) if fixed is None else fixed
    return size


def _array(values: list[Any]) -> int:
    return sum(_FIXED.get(type(value)) or _SIZES[type(value)](value) for value in values)


_names = lru_cache(maxsize=10_000)(_text)
_FIXED: dict[type, int] = {type(None): 1, bool: 1, int: 8, float: 8, datetime: 8, GeoPoint: 16}
_SIZES: dict[type, Callable[[Any], int]] = {
    str: _text,
    bytes: len,
    Reference: lambda v: _name(v.path),
    Vector: lambda v: 8 * len(v.values),
    list: _array,
    dict: _map,
}


class Sizes:
    """The sizes of the documents of a collection."""

    def __init__(self) -> None:
        self.total = self._largest = 0
        self._path = ""
        self._counts: Counter[int] = Counter()

    def add(self, path: str, fields: Document) -> None:
        """One more document."""
        size = stored_size(path, fields)
        self.total += size
        if size > self._largest:
            self._largest, self._path = size, path
        self._counts[_rounded(size)] += 1

    def survey(self) -> SizeSurvey | None:
        """What was found; nothing without documents."""
        count = sum(self._counts.values())
        if not count:
            return None
        seen = 0
        for size in sorted(self._counts):
            seen += self._counts[size]
            if 2 * seen >= count:
                break
        return SizeSurvey(self.total, size, self._largest, self._path)


def _rounded(size: int) -> int:
    """The size itself when it is small; else to 12 bits, so that there are not too many different ones."""
    shift = max(size.bit_length() - _EXACT_BITS, 0)
    return size >> shift << shift
