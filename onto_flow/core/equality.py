"""Equality of values: by their canonical bytes, without making them where the answer is plain."""

from __future__ import annotations

from typing import Any

from .codec import encode


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as Firestore values: by type and content.

    Example:
        >>> same({"a": 1, "b": [None]}, {"b": [None], "a": 1}), same(1, 1.0), same(float("nan"), float("nan"))
        (True, False, True)
    """
    if left is right:
        return True
    kind = type(left)
    if kind is not type(right):
        return left is not None and right is not None and encode(left) == encode(right)
    if kind is str or kind is int or kind is bytes or kind is bool:
        return bool(left == right)
    if kind is dict:
        return len(left) == len(right) and all(n in right and same(v, right[n]) for n, v in left.items())
    if kind is list or kind is tuple:
        return len(left) == len(right) and all(map(same, left, right))
    return encode(left) == encode(right)
