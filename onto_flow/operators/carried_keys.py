"""Join keys that travel with a document: worked out once, by ingest, when a field that decides them changes.

Law: what travels is what `Joins` would work out from the fields. Versions with equal keys share one object.

Example:
    >>> from onto_flow.core.values import Reference
    >>> from onto_flow.demo.meeting_room import MeetingSession
    >>> keys = CarriedKeys(MeetingSession.plan())
    >>> before = keys.carry("tickets/t1", {"user": Reference("users/u1"), "attendance": False}, None)
    >>> after = keys.carry("tickets/t1", {"user": Reference("users/u1"), "attendance": True}, before)
    >>> before.joined[1:], after.joined is before.joined
    ((('users/u1',),), True)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..core.equality import same
from ..core.fields import Fields, fields_of
from ..core.values import Document
from ..plan.nodes import Plan, Slot
from ..plan.places import FieldPath, Place
from .expiry import MARK
from .joins import Joins, asked_code, has_own_keys, own_code, slots_code

MAX_COLLECTIONS = 10_000
"""How many collections (a subcollection of each document is one) are remembered before all are forgotten."""

_MISSING: Any = object()


@dataclass(frozen=True)
class _Layout:
    """What the documents of one collection carry.

    Attributes:
        codes: Code of some keys -> where they stand in `Fields.joined`, whose first entry is this; and under the code of a
            view's slots, which of them are of this collection.
        makers: What works them out, in order.
        names: The fields that decide them; `None` where any may, as a user's `where` reads what it likes.
        empty: What documents carry that have no keys at all.
    """

    codes: dict[Any, Any]
    makers: tuple[Callable[[str, Document], tuple[Any, ...]], ...]
    names: tuple[str, ...] | None
    empty: tuple[Any, ...]


class CarriedKeys:
    """The join keys of all views of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._joins = [Joins(view, number) for number, view in enumerate(plan.views)]
        self._layouts: dict[str, _Layout] = {}

    def carry(self, path: str, fields: Document, before: Document | None) -> Fields:
        """The fields of a new version with its keys.

        Args:
            path: The document's path.
            fields: The projected fields.
            before: Those of the version before, if there was one: where no value that decides a key has changed, its keys
                and values are used again.
        """
        layout = self._layouts.get(path.rpartition("/")[0]) or self._layout(path)
        carried = fields_of(fields)
        carried.made = None
        carried.joined = joined = before.joined if isinstance(before, Fields) else None
        if joined is None or joined[0] is not layout.codes or not _takes_over(layout.names, before, carried):
            worked_out = (layout.codes, *[make(path, fields) for make in layout.makers])
            carried.joined = joined if worked_out == joined else worked_out if layout.makers else layout.empty
        return carried

    def decided_by(self, path: str) -> tuple[dict[Any, Any], tuple[str, ...] | None]:
        """What begins the keys of a document of its collection, and the fields that decide them (`None`: any may)."""
        layout = self._layout(path)
        return layout.codes, layout.names

    def makers(self, path: str) -> tuple[Callable[[str, Document], tuple[Any, ...]], ...]:
        """What works out the keys of a document of its collection, in the order in which they travel."""
        return self._layout(path).makers

    def _layout(self, path: str) -> _Layout:
        collection = path.rpartition("/")[0]
        layout = self._layouts.get(collection)
        if layout is None:
            if len(self._layouts) >= MAX_COLLECTIONS:
                self._layouts.clear()
            layout = self._layouts[collection] = self._lay_out(path)
        return layout

    def _lay_out(self, path: str) -> _Layout:
        codes: dict[Any, Any] = {}
        makers: list[Callable[[str, Document], tuple[Any, ...]]] = []
        names: dict[str, None] = {}
        chosen = False
        for number, joins in enumerate(self._joins):
            mine = [s for s in joins.slots if s.collection.matches(path)]
            codes[slots_code(number)] = tuple(s.index for s in mine)
            met = [s for s in mine if has_own_keys(s)]
            if met:
                codes[own_code(number)] = len(makers) + 1
                makers.append(joins.own_keys)
            for slot in mine:
                names.update(dict.fromkeys(deciding(slot, as_parent=False)))
                for child in joins.children[slot.index]:
                    names.update(dict.fromkeys(deciding(child, as_parent=True)))
                    codes[asked_code(number, child.index)] = len(makers) + 1
                    makers.append(joins.asking(child))
            chosen = chosen or any(s.where is not None for s in mine)
        return _Layout(codes, tuple(makers), None if chosen else tuple(names), (codes,))


def deciding(slot: Slot, *, as_parent: bool) -> list[str]:
    """The top-level fields that decide the keys of a slot's documents, or of the documents that ask for them.

    Whoever lets join keys depend on more of a document adds it here.
    """
    places: list[Place] = [p[0] if as_parent else p[1] for p in slot.pairs]
    if slot.relation is not None and not slot.relation.above and (slot.kind == "via") == as_parent:
        places.append(slot.relation.field)
    until = [MARK] if slot.until is not None and not as_parent else []
    return [*until, *(p.steps[0] for p in places if isinstance(p, FieldPath))]


def _takes_over(names: tuple[str, ...] | None, before: Any, after: Fields) -> bool:
    """Whether no deciding value changed; equal ones become those of the version before."""
    if names is None:
        return False
    for name in names:
        old, new = before.get(name, _MISSING), after.get(name, _MISSING)
        if old is not new:
            if old is _MISSING or new is _MISSING or not same(old, new):
                return False
            after[name] = old
    return True
