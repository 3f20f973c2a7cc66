"""The accumulators of one view document, and the rows of one root, from the documents of its store as they are now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..core.values import Document
from ..model.declaration import read_declaration
from ..model.domain import DomainModel
from ..model.members import Many
from ..model.store import Store
from ..model.view import ViewModel
from ..model.writes import fields_now
from ..operators.joins import Joins
from ..operators.over import Over
from ..plan.evaluator import Evaluator, Members, Results, Row


def folded(view: ViewModel) -> dict[str, Any]:
    """Accumulator over a slot -> its result, with what setters changed."""
    [planned] = type(view).plan().views
    last: Any = _Last(type(view).evaluator())
    over = Over(planned, Joins(planned), last)
    over.shown(over.begin(), [documents_now(view.store, slot.name) for slot in planned.slots])
    declared = read_declaration(type(view)).accumulators
    return {a.name: declared[a.name].shown(result) for a, result in zip(planned.accumulators, last.results)}


def rows_now(view: ViewModel) -> dict[str, Document]:
    """Path -> document of the rows that a view makes of one root, with what setters changed."""
    [planned] = type(view).plan().views
    over = Over(planned, Joins(planned), type(view).evaluator())
    return over.shown(over.begin(), [documents_now(view.store, slot.name) for slot in planned.slots])


class _Last:
    """A view's code that keeps the results it is given, in place of making documents of them."""

    def __init__(self, evaluator: Evaluator) -> None:
        self._evaluator = evaluator
        self.results: Sequence[Any] = ()

    def documents(self, members: Members, results: Results = tuple) -> dict[str, Document]:
        """See `plan.evaluator.Evaluator`."""
        self.results = results()
        return {}

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[Row] | None:
        """See `plan.evaluator.Evaluator`."""
        return self._evaluator.each(members, slot, elements)


def documents_now(store: Store, slot: str) -> dict[str, Document]:
    """Path -> fields of a slot's documents, with what was set in them since they were read."""
    found = getattr(store, slot)
    documents: Sequence[DomainModel] = list(found) if isinstance(found, Many) else [found] if found is not None else []
    return {d.path: fields_now(d) for d in documents}
