"""What one document of a many slot gives to the accumulators over the slot."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from ..plan.evaluator import Members, Row
from ..plan.nodes import Slot
from .contributions import Contribution
from .declaration import Declaration
from .over import hanging_on
from .scopes import EACH, Names, Source
from .store import Store
from .values import Getter, Scope


class OverRows:
    """The rows of a slot's documents, for the accumulators over it.

    Args:
        view: The view.
        slot: The slot.
        contributions: Of all accumulators of the view.
        names: The view's names.
    """

    def __init__(self, view: Declaration, slot: Slot, contributions: Sequence[Contribution], names: Names) -> None:
        self._store: type[Store] = view.store
        self._contributions: list[Contribution | None] = [
            c if a.over is not None and a.over.name == slot.name else None
            for c, a in zip(contributions, view.accumulators.values())
        ]
        below = {s.name for s in hanging_on(view.slots, slot.index)}
        named = {s.name for b in names.calls.values() for _, s in b.sources if s.kind == "slot"}
        self._rules: dict[Source, Getter] = {Source("slot", n): partial(_of_store, n) for n in below & named}
        self._rules[EACH] = partial(_one_of, slot.name)

    def rows(self, root: Scope, elements: Sequence[Members]) -> list[Row]:
        """Per document a row; `elements` as in `plan.evaluator.Evaluator.over`."""
        rows = []
        for members in elements:
            scope = Scope(self._rules, root)
            scope[_STORE] = self._store(members, writable=False)
            rows.append(tuple([None if c is None else c(scope) for c in self._contributions]))
        return rows


_STORE = Source("each", "store")
"""The store of one document of the slot, and of what it leads to."""


def _of_store(name: str, scope: Scope) -> Any:
    return getattr(scope[_STORE], name)


def _one_of(name: str, scope: Scope) -> Any:
    return next(iter(getattr(scope[_STORE], name)))
