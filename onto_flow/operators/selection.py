"""Which of the documents that were joined to a slot it holds, and in which order.

Law: a pure function of the joined documents and their parents; ties are broken by path, so the order in which they came
never shows.

What documents are ordered by is known of those that were looked at lately, and with a limit only the first ones are put in
order: so a slot with a limit over many documents costs a look at each of them, not a sort.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import cached_property
from typing import Any

from ..core.order_bytes import descending, order_bytes, path_part
from ..core.values import Document, order_key, path_order
from ..plan.nodes import CodeRef, Slot

Documents = dict[str, Document]

KNOWN = 1 << 16
"""Of so many documents a slot knows what they are ordered by."""

_FEW = 4
"""With fewer documents than so many times the limit all of them are put in order."""


class Selection:
    """The `where`, `order_by` and `limit` of one slot."""

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self._known: dict[str, tuple[Document, Any]] = {}

    @staticmethod
    def wanted(slot: Slot) -> bool:
        """Whether a slot has anything of the kind."""
        return bool(slot.where or slot.compare or slot.order or slot.limit)

    @cached_property
    def _where(self) -> Callable[..., Any] | None:
        return _resolved(self._slot.where)

    @cached_property
    def _compare(self) -> Callable[..., Any] | None:
        return _resolved(self._slot.compare)

    @cached_property
    def _order(self) -> Callable[..., Any] | None:
        return _resolved(self._slot.order.code if self._slot.order else None)

    @property
    def limit(self) -> int | None:
        """How many documents the slot holds at most."""
        return self._slot.limit

    @property
    def is_ordered(self) -> bool:
        """Whether the slot has an order of its own."""
        return self._slot.order is not None

    def place(self, path: str, fields: Document) -> bytes:
        """Where a document stands: bytes that sort as the slot's documents do, and are those of no other document.

        Raises:
            Exception: What the user's `order_by` raises.
        """
        if self._slot.order is None or self._order is None:
            return path_part(path)
        ordered = order_bytes(self._order(path, fields))
        return (descending(ordered) if self._slot.order.descending else ordered) + path_part(path)

    def counts(self, path: str, fields: Document) -> bool:
        """Whether a document passes `where`; one on which it raises does not."""
        try:
            return self._where is None or bool(self._where(path, fields))
        except Exception:
            return False

    def failures(self, path: str, fields: Document) -> list[Exception]:
        """What `where` raises on a document."""
        try:
            if self._where is not None:
                bool(self._where(path, fields))
        except Exception as error:
            return [error]
        return []

    def selected(self, docs: Documents, parents: Documents, meet: Callable[..., bool]) -> Documents:
        """The documents that the slot holds.

        Args:
            docs: The joined ones.
            parents: The documents of the parent slot.
            meet: Whether (path, fields, path of a parent, its fields) have a key in common.
        """
        docs = self._compared(docs, parents, meet)
        limit = self._slot.limit
        if self._slot.order is None and (limit is None or len(docs) <= limit):
            return docs
        if limit is not None and len(docs) > _FEW * limit > 0 and self._order is not None:
            docs = self._front(docs, limit)
        return {path: docs[path] for path in self._in_order(docs)[:limit]}

    def beside(self, docs: Documents, parents: Documents, meet: Callable[..., bool]) -> list[tuple[str, Document]]:
        """Of documents that the slot holds those that belong to some of their parents, in order."""
        docs = self._compared(docs, parents, meet)
        return [(path, docs[path]) for path in self._in_order(docs)]

    def _compared(self, docs: Documents, parents: Documents, meet: Callable[..., bool]) -> Documents:
        compare = self._compare
        if compare is None:
            return docs
        return {
            path: fields
            for path, fields in docs.items()
            if any(meet(path, fields, p, f) and compare(path, fields, p, f) for p, f in parents.items())
        }

    def _in_order(self, docs: Documents) -> list[str]:
        paths = sorted(docs, key=path_order)
        if self._slot.order is not None:
            paths.sort(key=self._keys(docs).__getitem__, reverse=self._slot.order.descending)
        return paths

    def _front(self, docs: Documents, limit: int) -> Documents:
        """The documents that are among the first by the order, with all that stand where the last of them does."""
        keys = self._keys(docs)
        assert self._slot.order is not None
        if self._slot.order.descending:
            last = heapq.nlargest(limit, keys.values())[-1]
            return {path: docs[path] for path, key in keys.items() if key >= last}
        last = heapq.nsmallest(limit, keys.values())[-1]
        return {path: docs[path] for path, key in keys.items() if key <= last}

    def _keys(self, docs: Documents) -> dict[str, Any]:
        """What each document is ordered by."""
        order, known = self._order, self._known
        assert order is not None
        if len(known) > KNOWN:
            known.clear()
        keys = {}
        for path, fields in docs.items():
            held = known.get(path)
            if held is None or held[0] is not fields:
                held = known[path] = (fields, order_key(order(path, fields)))
            keys[path] = held[1]
        return keys


def _resolved(code: CodeRef | None) -> Callable[..., Any] | None:
    return None if code is None else code.resolve()
