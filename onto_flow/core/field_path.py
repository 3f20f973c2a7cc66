r"""Field paths as Firestore writes them: names with dots between them.

A name of letters, digits and `_` that begins with no digit stands as it is; any other stands between backticks, where a
backtick is `` \` `` and a backslash `\\`.
"""

from __future__ import annotations

import re
from typing import Any, TypeAlias

from .errors import UsageError
from .values import Document

FieldPath: TypeAlias = "tuple[str, ...]"
"""The name of a field, then the names of fields in maps."""

MISSING: Any = object()
"""Stands for the value of a field that is not there."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*|`((?:[^`\\]|\\[`\\])+)`")
_ESCAPED = re.compile(r"\\([`\\])")


def read_field_path(text: str, at: int = 0) -> tuple[FieldPath, int]:
    """The field path that begins at a place, and the place behind it.

    Raises:
        UsageError: `wrong-usage`, with the column.

    Example:
        >>> read_field_path("address.`zip-code` == 1")
        (('address', 'zip-code'), 18)
    """
    names = []
    while True:
        found = _NAME.match(text, at)
        if found is None:
            raise wrong_at(text, at, "The name of a field is wanted", "Put other names between backticks: `zip-code`.")
        names.append(found[0] if found[1] is None else _ESCAPED.sub(r"\1", found[1]))
        at = found.end()
        if text[at : at + 1] != ".":
            return tuple(names), at
        at += 1


def read_field_paths(text: str) -> list[FieldPath]:
    """Field paths with commas between them.

    Raises:
        UsageError: `wrong-usage`, with the column.

    Example:
        >>> read_field_paths("name, address.city")
        [('name',), ('address', 'city')]
    """
    paths, at = [], 0
    while True:
        path, at = read_field_path(text, skip_space(text, at))
        paths.append(path)
        at = skip_space(text, at)
        if at == len(text):
            return paths
        if text[at] != ",":
            raise wrong_at(text, at, "A comma or the end is wanted", "Put other names between backticks: `zip-code`.")
        at += 1


def skip_space(text: str, at: int) -> int:
    """The place of the next character that is no space."""
    while text[at : at + 1].isspace():
        at += 1
    return at


def wrong_at(text: str, at: int, what: str, fix: str = "") -> UsageError:
    """The error for a text that is wrong at a place."""
    return UsageError("wrong-usage", what, where=f"column {at + 1} of {text!r:.300}", fix=fix)


def value_at(fields: Document, path: FieldPath) -> Any:
    """The value at a path; `MISSING` where there is none.

    Example:
        >>> value_at({"address": {"city": "Oslo"}}, ("address", "city"))
        'Oslo'
    """
    value: Any = fields
    for name in path:
        if not isinstance(value, dict) or name not in value:
            return MISSING
        value = value[name]
    return value
