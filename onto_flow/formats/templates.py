"""Paths of documents from a template such as `orders/{id}` and what an event says."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..core.errors import DataError, UsageError
from ..core.keys import check_path

Pointer = tuple[str, ...]
"""The names on the way to a value in JSON."""

_HOLE = re.compile(r"\{([^{}]*)\}")


def pointer(text: str) -> Pointer:
    """The way that a dotted text names; `$.` at its beginning is allowed.

    Example:
        >>> pointer("data.order.id"), pointer("$.id")
        (('data', 'order', 'id'), ('id',))
    """
    parts = tuple(text.removeprefix("$.").split("."))
    if not all(parts):
        raise UsageError("wrong-usage", f"{text!r} is no path to a value", fix="Use names with dots between: data.id")
    return parts


def find(content: Any, way: Pointer) -> Any:
    """The value at the end of a way; `None` where there is none."""
    for name in way:
        if not isinstance(content, dict):
            return None
        content = content.get(name)
    return content


def says(content: Any, way: Pointer) -> bool:
    """Whether there is a value at the end of a way, null too."""
    inner = find(content, way[:-1])
    return isinstance(inner, dict) and way[-1] in inner


def text_path(path: str) -> str:
    """The path itself when it names a document and is Unicode text, which JSON does not promise.

    Raises:
        DataError: `bad-key`.
    """
    if not path.isascii() and path != path.encode(errors="replace").decode():
        raise DataError("bad-key", f"{path!r:.200} is not Unicode text")
    return check_path(path)


class Template:
    """A path with holes; a hole that is all of it takes a whole path, any other one an id.

    Raises:
        UsageError: `wrong-usage` for a text that can give no path of a document.

    Example:
        >>> data = {"shop": "s1", "order": {"id": 7}}
        >>> Template("shops/{shop}/orders/{order.id}").path(lambda way: find(data, way), "$")
        'shops/s1/orders/7'
    """

    def __init__(self, text: str) -> None:
        self.text = text
        pieces = _HOLE.split(text)
        self._fixed, self._ways = pieces[::2], [pointer(hole) for hole in pieces[1::2]]
        self._whole = self._fixed == ["", ""]
        if not self._ways or "{" in "".join(self._fixed) or "}" in "".join(self._fixed):
            raise UsageError("wrong-usage", f"{text!r} is no template of a path", fix='Use "orders/{id}" or "{path}".')
        if not self._whole and len("x".join(self._fixed).split("/")) % 2:
            raise UsageError(
                "wrong-usage", f"{text!r} is not the path of a document", fix="Use collection/{id}, or deeper."
            )

    def path(self, get: Callable[[Pointer], Any], where: str) -> str:
        """The path, checked.

        Raises:
            DataError: `bad-change` where a hole stays empty; `bad-key`.
        """
        ids = [self._id(way, get(way), where) for way in self._ways]
        parts = [self._fixed[0]]
        for id_, fixed in zip(ids, self._fixed[1:]):
            parts += id_, fixed
        return text_path("".join(parts))

    def _id(self, way: Pointer, value: Any, where: str) -> str:
        if value is None:
            raise DataError(
                "bad-change", f"The event has no {'.'.join(way)}, so its document is not known", where=where
            )
        if type(value) is int:
            return str(value)
        if not isinstance(value, str) or (not self._whole and "/" in value):
            raise DataError("bad-change", f"{'.'.join(way)} is not an id: {value!r:.80}", where=where)
        return value
