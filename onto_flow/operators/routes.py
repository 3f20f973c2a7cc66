"""What the change of a document means to the views: who is told, and which subscriptions are gained and lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.change import Version
from ..core.fields import Fields
from ..core.values import Document
from ..plan.compile import match_id
from ..plan.nodes import Slot, View
from .base import Context
from .expiry import until_fields
from .joins import JoinKey, Joins, has_own_keys
from .messages import Doc, Subscribe, Told

Tells = tuple[int, tuple[tuple[str, "int | None", "tuple[tuple[str, int], ...]"], ...]]
"""Of a view: where its own keys stand in what travels with the documents (0: it has none), and whom it tells as (operator,
slot whose keys count, or `None` under the document's path, what a root asks for as (operator, where the keys stand))."""


class Route:
    """What the documents of one collection mean to the views.

    Attributes:
        wanted: Whether any view reads them.
        fields: Which fields are read; `None` for all.
        views: The views that have slots for them, with those.
        until: The fields that say until when they count.
        parsed: Whether a user's `parse` or `where` reads them.
        at_path: The operators that are told of them under their own path.
        asks: Whether they are roots that ask for others.
        keyless: Whether these are all.
    """

    def __init__(
        self, path: str, wanted: bool, fields: frozenset[str] | None, views: Sequence[tuple[View, Joins]]
    ) -> None:
        self.wanted, self.fields = wanted, fields
        slots = [(v, j, tuple(s for s in v.slots if s.collection.matches(path))) for v, j in views]
        self.views = tuple((v, j, s) for v, j, s in slots if s)
        self.parsed = any(is_parsed(v) for v, _ in views)
        self.until = until_fields(s for _, _, mine in self.views for s in mine)
        at_path = [(v, s) for v, _, mine in self.views for s in mine if not has_own_keys(s)]
        self.keyless = len(at_path) == sum(len(mine) for _, _, mine in self.views)
        self.at_path = tuple(_target(v, s) for v, s in at_path)
        self.asks = any(j.children[0] for _, j, mine in self.views if any(s.kind == "root" for s in mine))

    @property
    def tells_moves(self) -> bool:
        """Whether `tells` says all of a change of join keys: no document that roots are told directly asks for others."""
        return not any(s.fused and (j.children[s.index] or s in j.below) for _, j, mine in self.views for s in mine)

    def tells(self, codes: Mapping[Any, Any]) -> tuple[Tells, ...]:
        """What `tell` does, and `Difference` where `tells_moves`, as data.

        Args:
            codes: Where keys stand in what travels with the documents (`carried_keys`).
        """
        return tuple(
            (
                codes.get(joins.own_code, 0),
                tuple(
                    (
                        _target(view, s),
                        None if s.kind in ("root", "via") else s.index,
                        _asks(view, joins, codes) if s.kind == "root" else (),
                    )
                    for s in slots
                ),
            )
            for view, joins, slots in self.views
        )

    def tell(self, path: str, version: Version, after: Document, ctx: Context) -> None:
        """Tells of a document whose join keys are as before: nobody gains or loses a subscription by it."""
        if self.keyless:
            told = Told(path, Doc(version, after, ()))
            for operator in self.at_path:
                ctx.send(operator, path, told)
            return
        for view, joins, slots in self.views:
            told = Told(path, Doc(version, after, joins.own_keys(path, after)))
            for slot in slots:
                keys = (path,) if slot.kind == "root" else joins.doc_keys(slot, path, after)
                for key in keys:
                    ctx.send(_target(view, slot), key, told)

    def simply(self, path: str, before: Document | None, after: Document | None) -> list[tuple[str, JoinKey, int]]:
        """Whom `Difference` tells of a document where the route is `keyless`: (operator, key, weight).

        Weight 0: it is told of the document; else what the document asks for gains or loses it.
        """
        found: list[tuple[str, JoinKey, int]] = []
        for view, joins, slots in self.views:
            for slot in slots:
                found.append((_target(view, slot), path, 0))
                if slot.kind == "root":
                    found += asked(view, joins, path, before, after)
        return found


def asked(
    view: View, joins: Joins, root: str, before: Document | None, after: Document | None
) -> list[tuple[str, JoinKey, int]]:
    """The operators and keys that two versions of a root ask for, where only one does: lost (-1) or gained (1)."""
    return [
        (match_id(view.name, child), key, weight)
        for child in joins.children[0]
        if not child.fused
        for key, weight in differences(
            () if before is None else joins.parent_keys(child, root, before),
            () if after is None else joins.parent_keys(child, root, after),
        )
    ]


def _target(view: View, slot: Slot) -> str:
    return f"{view.name}.assemble" if slot.kind == "root" or slot.fused else match_id(view.name, slot)


def _asks(view: View, joins: Joins, codes: Mapping[Any, Any]) -> tuple[tuple[str, int], ...]:
    return tuple((match_id(view.name, c), codes[joins.asked_code(c)]) for c in joins.children[0] if not c.fused)


def keys_stay(before: Document | None, after: Document | None) -> bool:
    """Whether the keys that travel with two versions of a document are the same ones."""
    return isinstance(before, Fields) and isinstance(after, Fields) and before.joined is after.joined is not None


class Difference:
    """What one document's change means to one view."""

    def __init__(
        self,
        view: View,
        joins: Joins,
        slots: Sequence[Slot],
        path: str,
        version: Version,
        before: Document | None,
        after: Document | None,
    ) -> None:
        self.view, self.joins, self.slots = view, joins, slots
        self.path, self.before, self.after = path, before, after
        self.told = Told(path, Doc(version, after, None if after is None else joins.own_keys(path, after)))

    def send(self, ctx: Context) -> None:
        """Tells match and assemble."""
        assemble = f"{self.view.name}.assemble"
        for slot in self.slots:
            if slot.kind == "root":
                ctx.send(assemble, self.path, self.told)
                for operator, key, weight in asked(self.view, self.joins, self.path, self.before, self.after):
                    ctx.send(operator, key, Subscribe(((self.path, weight),)))
            else:
                target = assemble if slot.fused else match_id(self.view.name, slot)
                for key in self._doc_keys(slot):
                    ctx.send(target, key, self.told)
                if slot.fused:
                    self._subscribe_fused(slot, ctx)

    def _doc_keys(self, slot: Slot) -> dict[JoinKey, None]:
        keys = dict.fromkeys(self.joins.doc_keys(slot, self.path, self.before))
        keys.update(dict.fromkeys(self.joins.doc_keys(slot, self.path, self.after)))
        return keys

    def _parent_keys(self, child: Slot, fields: Document | None) -> tuple[JoinKey, ...]:
        return () if fields is None else self.joins.parent_keys(child, self.path, fields)

    def _subscribe_fused(self, slot: Slot, ctx: Context) -> None:
        for child in self.joins.children[slot.index]:
            lost = self._pairs(slot, child, self.before)
            gained = self._pairs(slot, child, self.after)
            for (root, key), weight in differences(lost, gained):
                ctx.send(match_id(self.view.name, child), key, Subscribe(((root, weight),)))

        if slot in self.joins.below:
            self._subscribe_phantom(slot, ctx)

    def _subscribe_phantom(self, slot: Slot, ctx: Context) -> None:
        """A document below a root asks for what the root's path alone asks for, as the root may not exist."""
        lost, gained = (self.joins.doc_keys(slot, self.path, fields) for fields in (self.before, self.after))
        for root, weight in differences(lost, gained):
            assert isinstance(root, str)
            for child in self.joins.children[0]:
                if not child.fused:
                    for key in self.joins.parent_keys(child, root, {}):
                        ctx.send(match_id(self.view.name, child), key, Subscribe(((root, weight),)))

    def _pairs(self, slot: Slot, child: Slot, fields: Document | None) -> tuple[tuple[Any, JoinKey], ...]:
        roots = self.joins.doc_keys(slot, self.path, fields)
        return tuple((r, k) for r in roots for k in self._parent_keys(child, fields))


def is_parsed(view: View) -> bool:
    """Whether a user's `parse` or `where` reads documents of a view's slots."""
    return any(s.where or (s.relation and s.relation.parse) for s in view.slots)


class Superseded(Difference):
    """What it means to one view that two versions of a document were told of as if each were the first.

    What the older one asks for is taken back, and those who know it are told of the newer one.
    """

    def __init__(
        self,
        view: View,
        joins: Joins,
        slots: Sequence[Slot],
        path: str,
        older: Document | None,
        newer: tuple[Version, Document | None],
    ) -> None:
        version, fields = newer
        super().__init__(view, joins, slots, path, version, older, None)
        self.told = Told(path, Doc(version, fields, None if fields is None else joins.own_keys(path, fields)))


def differences(before: Sequence[Any], after: Sequence[Any]) -> list[tuple[Any, int]]:
    """What was lost (-1) and gained (+1) between two sets, in order of appearance.

    Example:
        >>> differences(("a", "b"), ("b", "c"))
        [('a', -1), ('c', 1)]
    """
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    return [(k, -1) for k in old if k not in new] + [(k, 1) for k in new if k not in old]
