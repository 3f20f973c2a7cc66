"""The members of a root, kept by a drained engine between two steps.

For views that are evaluated whole, and for those with accumulators over slots, which follow each document by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..core.equality import same
from ..core.values import Document, comes_last, in_path_order
from ..plan.evaluator import Evaluator
from ..plan.nodes import View
from .chosen import Chosen
from .over import Elements, Over

Shown = tuple[Mapping[Any, Any], Sequence[Any]]
"""Output -> what is there, and the outputs that may have changed."""


_NONE: Mapping[int, Chosen] = {}

Bounded = Callable[[Mapping[Any, Any], Mapping[Any, Any], Sequence[Any]], Shown]


def _all(last: Mapping[Any, Any], shown: Mapping[Any, Any], changed: Sequence[Any]) -> Shown:
    return shown, changed


def differing(last: Mapping[Any, Any], shown: Mapping[Any, Any]) -> list[Any]:
    """The outputs at which two states of a root differ.

    Example:
        >>> differing({"a": 1, "b": 2}, {"b": 2.0, "c": None})
        ['a', 'b']
    """
    return [o for o in {**last, **shown} if not same(last.get(o), shown.get(o))]


class KeptMembers:
    """The members of a view that is evaluated whole. See `plan.evaluator.Kept`.

    Args:
        view: The view.
        evaluator: Of the view.
        slots: The documents of each slot, in path order; in any order for those of which some are chosen.
        chosen: Slot -> what chooses of its documents.

    Attributes:
        bounded: From what was shown last, what is shown, and the outputs at which they differ, to what may be told now.
    """

    __slots__ = ("_chosen", "_evaluate", "_names", "_slots", "_unordered", "bounded")

    def __init__(
        self, view: View, evaluator: Evaluator, slots: list[dict[str, Document]], chosen: Mapping[int, Chosen] = _NONE
    ) -> None:
        self._chosen = chosen
        self.bounded: Bounded = _all
        self._evaluate = evaluator.rows if view.grouped else evaluator.documents
        self._names = tuple(s.name for s in view.slots)
        self._slots = slots
        self._unordered = 0

    def replace(self, slots: Sequence[int], path: str, fields: Document) -> None:
        """See `Kept`."""
        for slot in slots:
            if path in self._slots[slot]:
                self._slots[slot][path] = fields
                if slot in self._chosen:
                    self._chosen[slot].change(path)

    def put(self, slot: int, path: str, fields: Document) -> None:
        """See `Kept`."""
        documents = self._slots[slot]
        if slot in self._chosen:
            self._chosen[slot].change(path)
        elif path not in documents and not comes_last(documents, path):
            self._unordered |= 1 << slot
        documents[path] = fields

    def drop(self, slot: int, path: str) -> None:
        """See `Kept`."""
        self._slots[slot].pop(path, None)
        if slot in self._chosen:
            self._chosen[slot].change(path)

    def holds(self, slot: int, path: str) -> bool:
        """See `Kept`."""
        return path in self._slots[slot]

    def paths(self, slot: int) -> Sequence[str]:
        """See `Kept`."""
        return list(self._slots[slot])

    def settle(self) -> None:
        """See `Kept`."""
        unordered, self._unordered = self._unordered, 0
        for slot in range(unordered.bit_length()):
            if unordered >> slot & 1:
                self._slots[slot] = in_path_order(self._slots[slot])

    def shown(self, last: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], Sequence[Any]]:
        """See `Kept`."""
        members = {
            name: self._chosen[slot].of(documents) if slot in self._chosen else list(documents.items())
            for slot, (name, documents) in enumerate(zip(self._names, self._slots))
        }
        shown: Mapping[Any, Any] = self._evaluate(members)
        return self.bounded(last, shown, differing(last, shown))


class KeptOver:
    """The members of a view with accumulators over slots, and what those have made of them. See `plan.evaluator.Kept`.

    Attributes:
        bounded: As of `KeptMembers`.
    """

    __slots__ = ("_changes", "_elements", "_over", "_slots", "bounded")

    def __init__(self, over: Over, slots: list[dict[str, Document]]) -> None:
        self.bounded: Bounded = _all
        self._over, self._slots = over, slots
        self._elements: dict[int, Elements] | None = None
        self._changes: dict[int, dict[str, tuple[Document | None, Document | None]]] = {}

    def replace(self, slots: Sequence[int], path: str, fields: Document) -> None:
        """See `Kept`."""
        for slot in slots:
            if path in self._slots[slot]:
                self.put(slot, path, fields)

    def put(self, slot: int, path: str, fields: Document) -> None:
        """See `Kept`."""
        self._note(slot, path, fields)
        self._slots[slot][path] = fields

    def drop(self, slot: int, path: str) -> None:
        """See `Kept`."""
        if path in self._slots[slot]:
            self._note(slot, path, None)
            del self._slots[slot][path]

    def _note(self, slot: int, path: str, now: Document | None) -> None:
        before = self._slots[slot].get(path)
        if before is not now:
            changes = self._changes.setdefault(slot, {})
            changes[path] = (changes[path][0] if path in changes else before, now)

    def holds(self, slot: int, path: str) -> bool:
        """See `Kept`."""
        return path in self._slots[slot]

    def paths(self, slot: int) -> Sequence[str]:
        """See `Kept`."""
        return list(self._slots[slot])

    def settle(self) -> None:
        """See `Kept`: slots are put in their order when they are asked for."""

    def shown(self, last: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], Sequence[Any]]:
        """See `Kept`."""
        shown = self._over.results(self.follow(), self._slots)
        return self.bounded(last, shown, differing(last, shown))

    def follow(self) -> Mapping[int, Elements]:
        """Takes what has changed into the accumulators."""
        known = self._elements
        elements = known or self._over.begin()
        self._over.follow(elements, self._slots, None if known is None else self._changes)
        self._elements = elements if self._over.keeps(self._slots) else None
        self._changes = {}
        return elements
