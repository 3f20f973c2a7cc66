"""What a plan asks of a view's code: from the documents of the slots to view documents, or to rows of groups."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from ..core.columns import Column
from ..core.values import Document

Member = tuple[str, Document]
"""A document: its path and its fields."""

Members = Mapping[str, Sequence[Member]]
"""Slot name -> (path, fields) of its documents in the slot's order, else by path; all slots are there, the root once."""

Contribution = Any
"""What one row gives to one accumulator; `None` for nothing.

| accumulator | contribution |
|---|---|
| count | `True` |
| sum, avg, histogram | a number |
| min, max, count_distinct, own | a value |
| first, last, top_k, collect | (order, value) |
"""

Row = tuple[Contribution, ...]
"""One contribution per accumulator of the view."""


Results = Callable[[], Sequence[Any]]
"""Gives the results of accumulators, when they are needed."""


class Evaluator(Protocol):
    """The compiled code of one view: pure functions; anything that user code raises goes through."""

    def documents(self, members: Members, results: Results = ...) -> dict[str, Document]:
        """For a view without key: output path -> view document; empty when filtered out or a required slot is empty.

        Args:
            members: The documents of the slots.
            results: Of a view with accumulators over slots: gives their results, in the order of the view's accumulators.
        """

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[Row] | None:
        """For accumulators over a many slot: the row that each of some of its documents gives.

        Args:
            members: The documents of the slots.
            slot: The index of the many slot.
            elements: Per document: it alone in its slot, and in the slots that hang on it and that the accumulators name
                the documents which it leads to.

        Returns:
            The rows, with a contribution for each accumulator of the view; `None` where the root is filtered out.
        """

    def rows(self, members: Members) -> dict[bytes, tuple[Row, ...]]:
        """For a grouped view: canonical bytes of the key -> the rows that this root has there."""

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document | None]:
        """For a grouped view: the path and document of a group, from its accumulators' results in their order.

        The document is `None` where `having` refuses the group.
        """


Find = Callable[[Sequence[Member]], Mapping[str, Sequence[Mapping[str, Document]]]]
"""From some roots to the name of each other slot -> per root, path -> fields of its documents in the slot's order."""

Tabulated = tuple[Sequence[str], Mapping[str, Column]]
"""The paths of view documents, and attribute (by its name in Firestore) -> its values."""


class Tabulates(Protocol):
    """An evaluator that can evaluate many roots at once."""

    def tabulator(self) -> Callable[[Sequence[Member], Find], Tabulated] | None:
        """What evaluates some roots, which gives at most one view document for each; `None` for a view of another form.

        What it gives is what `documents` gives for each of them. Where that raises for one, so does this.
        """


class Keeps(Protocol):
    """An evaluator that can keep what it knows of a root."""

    def keep(self, members: Members) -> Kept | None:
        """What keeps the documents of one root under change; `None` where every change needs the whole evaluation."""


class Kept(Protocol):
    """The documents of one root, and what is known from evaluating them.

    Law: what it shows is what the evaluator would show for its documents now.
    """

    def replace(self, slots: Sequence[int], path: str, fields: Document) -> None:
        """A document has a new version and the same join keys: it stays in those of some slots that it is in."""

    def put(self, slot: int, path: str, fields: Document) -> None:
        """A document belongs to a slot, in this version; it may be there already."""

    def drop(self, slot: int, path: str) -> None:
        """A document does not belong to a slot, if it ever did."""

    def holds(self, slot: int, path: str) -> bool:
        """Whether a document is in a slot."""

    def paths(self, slot: int) -> Sequence[str]:
        """The documents of a slot."""

    def settle(self) -> None:
        """Brings slots into their order, after documents were put there and before `shown`."""

    def shown(self, last: Mapping[Any, Any]) -> tuple[Mapping[Any, Any], Sequence[Any]]:
        """What the root shows.

        Args:
            last: What it showed when this was last asked; something else, or nothing, the first time.

        Returns:
            Output -> what is there now, and the outputs at which it may be another value.
        """
