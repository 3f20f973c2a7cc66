"""Equality of values: by their canonical bytes, without making them where the answer is plain."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .codec import encode
from .native import compiled
from .values import Reference


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as Firestore values: by type and content.

    Example:
        >>> same({"a": 1, "b": [None]}, {"b": [None], "a": 1}), same(1, 1.0), same(float("nan"), float("nan"))
        (True, False, True)
    """
    if left is right:
        return True
    kind = left.__class__
    if kind is not right.__class__ and not (isinstance(left, dict) and isinstance(right, dict)):
        return left is not None and right is not None and _by_bytes(left, right)
    if kind in _PLAIN:
        return bool(left == right)
    if isinstance(left, dict):
        return len(left) == len(right) and all(n in right and same(v, right[n]) for n, v in left.items())
    if kind is list or kind is tuple:
        return len(left) == len(right) and all(map(same, left, right))
    if kind is Reference:
        return left.path == right.path and (left.database or "") == (right.database or "")
    if kind is float and left == right != 0:
        return True
    if kind is float and left != right:
        return bool(left != left and right != right)
    return _by_bytes(left, right)


_PLAIN = frozenset({str, int, bytes, bool})


def _by_bytes(left: Any, right: Any) -> bool:
    return encode(left) == encode(right)


in_python = same
if not TYPE_CHECKING and compiled() is not None:
    same = compiled().equality(_by_bytes, Reference)
