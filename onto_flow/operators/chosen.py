"""The first documents of a slot with a limit, or all of one with an order, while documents come, change and go.

Law: what it gives is what `Selection.selected` gives for the same documents. It is derived from them, never written down.

A small slot is selected anew each time. A large one has an index of all its documents in their order, which follows those
that changed: a change costs their places in it, and what is shown.
"""

from __future__ import annotations

from ..core.values import Document, in_path_order
from .ordered import Ordered
from .selection import Documents, Selection

INDEXED = 64
"""A slot with more documents has an index."""


class Chosen:
    """Of one slot of one root.

    Args:
        selection: Says the order and the limit; it compares nothing with parents.
    """

    __slots__ = ("_at", "_changed", "_index", "_places", "_selection")

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._index: Ordered | None = None
        self._places: dict[str, bytes] = {}
        self._at: dict[bytes, str] = {}
        self._changed: set[str] = set()

    def change(self, path: str) -> None:
        """A document came, has another version, or went."""
        if self._index is not None:
            self._changed.add(path)

    def of(self, documents: Documents) -> list[tuple[str, Document]]:
        """(path, fields) of those that the slot holds, in its order, else by path.

        Args:
            documents: All that were joined to it, as `change` has said.

        Raises:
            Exception: What the user's `order_by` raises.
        """
        if self._index is not None or len(documents) > INDEXED:
            try:
                return self._first(documents)
            except Exception:
                self._index = None  # the selection says what it is, if it is the user's
        found = self._selection.selected(documents, {}, _never)
        return list(found.items() if self._selection.is_ordered else in_path_order(found).items())

    def _first(self, documents: Documents) -> list[tuple[str, Document]]:
        index = self._index
        if index is None:
            index = self._begin(documents)
        else:
            self._follow(index, documents)
        limit = self._selection.limit
        places = index if limit is None else index.first(limit)
        return [(path, documents[path]) for path in map(self._at.__getitem__, places)]

    def _begin(self, documents: Documents) -> Ordered:
        self._places = {path: self._selection.place(path, fields) for path, fields in documents.items()}
        self._at = {place: path for path, place in self._places.items()}
        self._changed.clear()
        self._index = Ordered(self._at)
        return self._index

    def _follow(self, index: Ordered, documents: Documents) -> None:
        for path in self._changed:
            fields, before = documents.get(path), self._places.get(path)
            now = None if fields is None else self._selection.place(path, fields)
            if now == before:
                continue
            if before is not None:
                index.remove(before)
                del self._at[before], self._places[path]
            if now is not None:
                index.add(now)
                self._at[now], self._places[path] = path, now
        self._changed.clear()


def _never(*pair: object) -> bool:
    """No two documents are compared."""
    return False
