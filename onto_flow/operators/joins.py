"""The keys that documents meet at.

| slot | parent keys (of a parent document) | doc keys (of a document) |
|---|---|---|
| `via` f | references in parent.f that lie in the slot's collection | its path |
| `by` f | its path | references in doc.f that lie in the parent's collection |
| `on` (g, f) | values of parent.g without null, or an id in its path | values of doc.f likewise |

A document whose `until` has come, or that fails the `where` of its slot, has no doc keys (`by`, `on`), or keeps its key
and counts as none (`via`); it has no parent keys. Both are sets; they are kept as tuples in order of appearance, so that
every process sends in the same order.

On the embedded engine ingest works them out once per document and they travel with its fields (`operators.carried_keys`).
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any

from ..core.codec import encode
from ..core.collection import Collection, CollectionSet
from ..core.fields import Fields
from ..core.native import compiled
from ..core.references import Parse, reference_path
from ..core.values import Document, Reference, path_order
from ..plan.nodes import Plan, Relation, Slot, View
from ..plan.places import FieldPath, PathPart, Place
from .expiry import has_expired
from .selection import Selection

JoinKey = str | bytes

Reads = Callable[[str, Document], tuple[JoinKey, ...]]
"""(path, fields) -> keys."""


class Joins:
    """The join keys of one view.

    Args:
        view: The view.
        number: Its place in the plan, for keys that travel with the fields.
    """

    def __init__(self, view: View, number: int = 0) -> None:
        self.view = view
        self.own_code = own_code(number)
        self.slots_code = slots_code(number)
        self._codes = tuple(asked_code(number, s.index) for s in view.slots)
        self.slots = view.slots
        self.children = tuple(tuple(c for c in view.slots if c.parent == s.index) for s in view.slots)
        self._parse: dict[Relation, Parse | None] = {
            s.relation: s.relation.parse.resolve() if s.relation.parse else None for s in view.slots if s.relation
        }
        self._within = {s.index: target for s in view.slots if s.relation and (target := self._target(s)) is not None}
        self.below = tuple(
            s for s in view.slots if view.slots[0].phantom and s.fused and s.relation and s.relation.above
        )
        self.asks_by_itself = not self.below and not any(s.compare or s.order or s.limit for s in view.slots)
        """Whether each document asks for the same, whatever others there are."""
        self._readers = {s.index: r for s in view.slots if (r := self._reader(s)) is not None}
        self._selections = {s.index: Selection(s) for s in view.slots if Selection.wanted(s)}
        self.asks: tuple[Reads, ...] = tuple(map(self.asking, view.slots))
        """Of each slot what `asking` gives; nothing asks for the root."""

    def asked_code(self, slot: Slot) -> int:
        """Under which code the keys travel at which a document asks for documents of a slot."""
        return self._codes[slot.index]

    def parent_keys(self, slot: Slot, path: str, fields: Document) -> tuple[JoinKey, ...]:
        """The keys at which a document of the parent slot asks for documents of `slot`."""
        if fields.__class__ is Fields:
            carried = carried_keys(fields, self._codes[slot.index])
            if carried is not None:
                return carried
        if not self.counts(slot.parent, path, fields):
            return ()
        if slot.kind == "by":
            return (path,)
        if slot.always is not None:
            return (slot.always,)
        if slot.kind == "on":
            return _values(path, fields, [g for g, _ in slot.pairs])
        assert slot.relation is not None
        return self._references(slot, path, fields)

    def doc_keys(self, slot: Slot, path: str, fields: Document | None) -> tuple[JoinKey, ...]:
        """The keys at which a document of `slot` is found; a deleted one only at its path."""
        if slot.kind in ("via", "root"):
            return (path,)
        if fields is None:
            return ()
        if fields.__class__ is Fields:
            carried = carried_keys(fields, self.own_code)
            if carried is not None:
                return tuple(k for i, k in carried if i == slot.index)
        if not self._passes(slot.index, path, fields):
            return ()
        if slot.kind == "on":
            return _values(path, fields, [f for _, f in slot.pairs])
        assert slot.relation is not None
        return self._references(slot, path, fields)

    def own_keys(self, path: str, fields: Document) -> tuple[tuple[int, JoinKey], ...]:
        """(slot, key) of a document in the `by` and `on` slots of its collection and `via` slots with `until` or `where`."""
        if fields.__class__ is Fields:
            carried = carried_keys(fields, self.own_code)
            if carried is not None:
                return carried
            if fields.joined is not None:
                return ()
        return tuple(
            (s.index, k)
            for s in self.slots
            if has_own_keys(s) and s.collection.matches(path) and self._passes(s.index, path, fields)
            for k in self.doc_keys(s, path, fields)
        )

    def counts(self, slot: int, path: str, fields: Document) -> bool:
        """Whether a document that is reached counts for a slot."""
        if slot in self._selections and fields.__class__ is Fields:
            carried = carried_keys(fields, self.own_code)
            if carried is not None and has_own_keys(self.slots[slot]):
                return any(i == slot for i, _ in carried)
        return self._passes(slot, path, fields)

    def _passes(self, slot: int, path: str, fields: Document) -> bool:
        selection = self._selections.get(slot)
        passes = selection is None or selection.counts(path, fields)
        return passes and not has_expired(self.slots[slot], fields)

    def selected(self, slot: Slot, docs: dict[str, Document], parents: dict[str, Document]) -> dict[str, Document]:
        """Those of the joined documents that the slot holds, in its order where it has one.

        Raises:
            Exception: What the user's `where` (that compares with the parent) or `order_by` raises.
        """
        selection = self._selections.get(slot.index)
        if selection is None:
            return docs
        return selection.selected(docs, parents, lambda *pair: self._meet(slot, *pair))

    def selection(self, slot: Slot) -> Selection | None:
        """What a slot holds of its documents, where not simply all of them."""
        return self._selections.get(slot.index)

    def beside(self, slot: Slot, docs: dict[str, Document], parents: dict[str, Document]) -> list[tuple[str, Document]]:
        """Those of the documents that a slot holds which belong to some of its parents, in its order, else by path."""
        selection = self._selections.get(slot.index)
        if selection is None:
            return sorted(docs.items(), key=lambda e: path_order(e[0]))
        return selection.beside(docs, parents, lambda *pair: self._meet(slot, *pair))

    def _meet(self, slot: Slot, path: str, fields: Document, parent: str, parent_fields: Document) -> bool:
        keys = self.doc_keys(slot, path, fields)
        return any(key in keys for key in self.parent_keys(slot, parent, parent_fields))

    def failures(self, path: str, fields: Document) -> list[Exception]:
        """What `parse` and `where` functions of the user raise on a document; it refers to nothing, or does not count."""
        failures: list[Exception] = []
        for slot in self.slots:
            if slot.index in self._selections and slot.collection.matches(path):
                failures += self._selections[slot.index].failures(path, fields)
        for relation, parse in self._parse.items():
            if parse is not None and self._holder(relation).matches(path):
                for value in relation.field.read(fields):
                    try:
                        parse(value)
                    except Exception as error:
                        failures.append(error)
        return failures

    def _holder(self, relation: Relation) -> Collection:
        slot = next(s for s in self.slots if s.relation == relation)
        return slot.collection if slot.kind == "by" else self.slots[slot.parent].collection

    def _target(self, slot: Slot) -> Collection | None:
        """The collection that references of a slot have to lie in, where the relation may lead to others too."""
        assert slot.relation is not None
        wanted = slot.collection if slot.kind == "via" else self.slots[slot.parent].collection
        return wanted if isinstance(slot.relation.target, CollectionSet) and wanted != slot.relation.target else None

    def asking(self, slot: Slot) -> Reads:
        """`parent_keys` of one slot, for fields that do not carry their keys."""
        parent = self.slots[slot.parent]
        plain = slot.kind == "via" and slot.always is None and parent.until is None
        if plain and slot.parent not in self._selections and slot.index in self._readers:
            return self._readers[slot.index]
        return lambda path, fields: self.parent_keys(slot, path, fields)

    def _reader(self, slot: Slot) -> Reads | None:
        """What reads the references of a slot, where they are values of one field in one collection at the top."""
        relation = slot.relation
        if relation is None or relation.above or relation.default or relation.parse or slot.index in self._within:
            return None
        target = relation.target
        if isinstance(target, CollectionSet) or target.group or "/" in target.pattern:
            return None
        match relation.field:
            case FieldPath((name,)) if name != "*":
                return _reading(name, f"{target.pattern}/", lambda path, fields: self._referred(relation, path, fields))
        return None

    def _references(self, slot: Slot, path: str, fields: Document) -> tuple[JoinKey, ...]:
        reader = self._readers.get(slot.index)
        if reader is not None:
            return reader(path, fields)
        found, within = self._referred(slot.relation, path, fields), self._within.get(slot.index)
        return found if within is None else tuple(p for p in found if within.matches(p))

    def _referred(self, relation: Relation | None, path: str, fields: Document) -> tuple[str, ...]:
        assert relation is not None
        if relation.above:
            return above(path, relation.target)
        if relation.default and relation.field.steps[0] not in fields:
            return relation.default
        parse = self._parse[relation]
        found = (reference_path(v, relation.target, parse) for v in relation.field.read(fields))
        return tuple(dict.fromkeys(p for p in found if p is not None))


def _reading(name: str, prefix: str, otherwise: Reads) -> Reads:
    """Reads reference values of one field below a prefix; a document that holds anything else there is for `otherwise`."""
    native, size = compiled(), len(prefix)
    if native is not None:
        reader: Reads = native.reading((Reference, name, prefix, otherwise))
        return reader

    def read(path: str, fields: Document) -> tuple[JoinKey, ...]:
        value = fields.get(name)
        found: dict[JoinKey, None] = {}
        for one in value if value.__class__ is list else (value,):
            if one.__class__ is Reference and one.database is None:
                place = one.path
                if len(place) > size and place.startswith(prefix) and place.find("/", size) < 0:
                    found[place] = None
            elif one is not None:
                return otherwise(path, fields)
        return tuple(found)

    return read


def above(path: str, target: Collection) -> tuple[str, ...]:
    """The nearest document of a collection above a document in its path, if there can be one.

    Example:
        >>> above("stocks/A/daily/2024-05-01", Collection("stocks")), above("users/u1", Collection("stocks"))
        (('stocks/A',), ())
    """
    parts = path.split("/")
    paths = ("/".join(parts[:length]) for length in range(len(parts) - 2, 0, -2))
    return next(((p,) for p in paths if target.matches(p)), ())


def joins_of(plan: Plan, view: str) -> Joins:
    """The joins of a view of a plan."""
    return next(Joins(v, number) for number, v in enumerate(plan.views) if v.name == view)


def has_own_keys(slot: Slot) -> bool:
    """Whether the documents of a slot say themselves whether they belong to it."""
    return slot.kind in ("by", "on") or slot.until is not None or slot.where is not None


def own_code(number: int) -> int:
    """Under which code the own keys of a document travel, for the view of this number."""
    return -1 - number


def asked_code(number: int, slot: int) -> int:
    """Under which code the keys travel at which a document asks for documents of a slot."""
    return number << 8 | slot


def slots_code(number: int) -> str:
    """Under which code the slots of a document's collection travel, for the view of this number."""
    return f"slots{number}"


def carried_keys(fields: Any, code: int) -> tuple[Any, ...] | None:
    """The keys that travel with some fields; `None` when they must be worked out."""
    joined = fields.joined
    at = None if joined is None else joined[0].get(code)
    return None if at is None else joined[at]


def _values(path: str, fields: Document, places: list[Place]) -> tuple[bytes, ...]:
    found = [[p.read(path)] if isinstance(p, PathPart) else p.read(fields) for p in places]
    return tuple(dict.fromkeys(encode(combination) for combination in product(*found)))
