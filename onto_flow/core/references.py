"""References as real data has them: reference values, paths, full names, or plain ids of the collection referred to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .collection import Collection
from .values import Reference

Parse = Callable[[Any], Any]


def reference_path(value: Any, target: Collection, parse: Parse | None = None) -> str | None:
    """The path in the target collection that a raw value refers to; `None` for any other value.

    Args:
        value: What the document holds.
        target: The collection referred to; a path elsewhere is no reference.
        parse: The user's way from the raw value to a reference, path or id; where it raises, nothing is referred to.

    Example:
        >>> users = Collection("users")
        >>> [reference_path(v, users) for v in (Reference("users/u1"), "users/u1", "u1", Reference("teams/t1"), 7)]
        ['users/u1', 'users/u1', 'users/u1', None, None]
    """
    if parse is not None:
        try:
            value = parse(value)
        except Exception:
            return None
    if isinstance(value, Reference):
        path = value.path if value.database is None else ""
    elif isinstance(value, str):
        path = _path_of_text(value, target)
    else:
        return None
    return path if path and target.matches(path) else None


def _path_of_text(text: str, target: Collection) -> str:
    if "/" not in text:
        return f"{target.pattern}/{text}" if text and target.top_level else ""
    if text.startswith("projects/"):
        return text.partition("/documents/")[2]
    return text.strip("/")
