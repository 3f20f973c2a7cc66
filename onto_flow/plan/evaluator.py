"""What a plan asks of a view's code: from the documents of the slots to view documents, or to rows of groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from ..core.values import Document

Members = Mapping[str, Sequence[tuple[str, Document]]]
"""Slot name -> (path, fields) of its documents in path order; every slot is there, the root exactly once."""

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


class Evaluator(Protocol):
    """The compiled code of one view: pure functions; anything that user code raises goes through."""

    def documents(self, members: Members) -> dict[str, Document]:
        """For a view without key: output path -> view document; empty when filtered out or a required slot is empty."""

    def rows(self, members: Members) -> dict[bytes, tuple[Row, ...]]:
        """For a grouped view: canonical bytes of the key -> the rows that this root has there."""

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Document | None]:
        """For a grouped view: the path and document of a group, from its accumulators' results in their order.

        The document is `None` where `having` refuses the group.
        """
