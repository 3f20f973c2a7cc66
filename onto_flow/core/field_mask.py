"""Which fields of a document are shown."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any, TypeAlias

from .field_path import FieldPath
from .values import Document

Tree: TypeAlias = "dict[str, Tree | None]"
"""The wanted names of a map; `None`: all that is below."""


class FieldMask:
    """Fields, and fields in maps.

    Law: a masked document has what is at the wanted paths, in its old order, and nothing else; a map of which nothing is
    wanted is not there.

    Args:
        paths: What is wanted; `("a",)` contains `("a", "b")`.

    Example:
        >>> mask = FieldMask([("name",), ("address", "city")])
        >>> mask.apply({"name": "Ada", "age": 36, "address": {"city": "London", "zip": "W1"}})
        {'name': 'Ada', 'address': {'city': 'London'}}
        >>> mask.apply({"address": {"zip": "W1"}})
        {}
    """

    def __init__(self, paths: Iterable[FieldPath]) -> None:
        self.tree: Tree = {}
        for path in paths:
            _add(self.tree, path)

    @cached_property
    def names(self) -> frozenset[str]:
        """The fields that hold what is wanted."""
        return frozenset(self.tree)

    @cached_property
    def nested(self) -> bool:
        """Whether any of them is not wanted whole."""
        return any(below is not None for below in self.tree.values())

    def apply(self, fields: Document) -> dict[str, Any]:
        """The document with the wanted fields alone."""
        return _masked(fields, self.tree)


def _add(tree: Tree, path: FieldPath) -> None:
    for name in path[:-1]:
        below = tree.setdefault(name, {})
        if below is None:
            return
        tree = below
    tree[path[-1]] = None


def _masked(fields: Document, tree: Tree) -> dict[str, Any]:
    found = {}
    for name, value in fields.items():
        below = tree.get(name, _NOTHING)
        if below is None:
            found[name] = value
        elif below and isinstance(value, dict):
            inner = _masked(value, below)
            if inner:
                found[name] = inner
    return found


_NOTHING: Tree = {}
