"""What a drained engine keeps of a root: made of what was found, then changed document by document.

A view whose slots are all found by keys is kept, and so is a slot that shows the first of its documents, where nothing
starts from those, nor folds them. All other views are evaluated anew from their records.
"""

from __future__ import annotations

from typing import cast

from ...core.values import in_path_order
from ...plan.evaluator import Evaluator, Keeps, Kept
from ...plan.keyed import first_found_by_keys, found_by_keys
from ...plan.nodes import View
from ..chosen import Chosen
from ..joins import Joins
from ..kept_members import KeptMembers, KeptOver
from ..over import Over
from ..record import Found
from ..selection import Selection


class Keeping:
    """Of one view.

    Args:
        view: The view.
        joins: Of the view.
        over: Its accumulators over slots.
        evaluator: Evaluates it.

    Attributes:
        by_keys: Whether what belongs to a root can be kept at all.
    """

    def __init__(self, view: View, joins: Joins, over: Over, evaluator: Evaluator) -> None:
        self._view, self._joins, self._over, self._evaluator = view, joins, over, evaluator
        self._keeps = cast("Keeps", evaluator) if hasattr(evaluator, "keep") else None
        self._chosen = self._chosen_slots()
        self.by_keys = all(found_by_keys(s) or s.index in self._chosen for s in view.slots)

    def made_of(self, found: Found) -> Kept:
        """What is kept of a root, from the documents that belong to it, slot by slot."""
        if self._over.slots:
            return KeptOver(self._over, found)
        if self._chosen:
            return self._of_chosen(found)
        slots = {s.name: in_path_order(docs) for s, docs in zip(self._view.slots, found)}
        keeps = self._keeps
        kept = keeps.keep({n: list(docs.items()) for n, docs in slots.items()}) if keeps is not None else None
        return kept or KeptMembers(self._view, self._evaluator, list(slots.values()))

    def _chosen_slots(self) -> dict[int, Selection]:
        """The slots that hold the first of their documents, where nothing starts from those, nor folds them."""
        leaves = () if self._over.slots else (s for s in self._view.slots if not self._joins.children[s.index])
        return {
            s.index: selection
            for s in leaves
            if (selection := self._joins.selection(s)) is not None and not found_by_keys(s) and first_found_by_keys(s)
        }

    def _of_chosen(self, found: Found) -> Kept:
        """Keeps all documents of the slots of which some are shown."""
        slots = [
            found.joined.get(i, docs) if i in self._chosen else in_path_order(docs) for i, docs in enumerate(found)
        ]
        chosen = {slot: Chosen(selection) for slot, selection in self._chosen.items()}
        return KeptMembers(self._view, self._evaluator, slots, chosen)
