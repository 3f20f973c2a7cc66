"""Which documents belong to the slots of a root, for the oracle: derived from the slots of a plan, slowly and literally.

Law: it shares no code with what it judges; a document belongs to a slot when some document of the parent slot asks for it.

Example:
    >>> from onto_flow.demo.meeting_room import MeetingSession
    >>> documents = {"meetings/m": {"tickets": ["tickets/t"]}, "tickets/t": {}, "tickets/u": {}}
    >>> [list(slot) for slot in members(MeetingSession.plan().views[0], "meetings/m", documents)]
    [['meetings/m'], [], ['tickets/t'], []]
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.codec import encode
from ..core.values import Document, Reference, order_key, path_order
from ..plan.nodes import Relation, Slot, View
from ..plan.places import FieldPath, Place

EXPIRED = "__expired__"
"""Where the content of a document has the names of the fields whose moment has come."""

Documents = Mapping[str, Document]
Found = list[dict[str, Document]]
"""Per slot, path -> fields of its documents."""


def members(view: View, root: str, documents: Documents) -> Found:
    """The documents of each slot around a root; all are empty when it does not exist."""
    top = view.slots[0]
    exists = root in documents and passes(top, root, documents[root])
    phantom = top.phantom and any(lies_below(view, root, p, f) for p, f in documents.items())
    if not exists and not phantom:
        return [{} for _ in view.slots]
    found: Found = [{root: documents[root] if exists else {}}]
    for slot in view.slots[1:]:
        joined = {p: f for p, f in documents.items() if belongs(view, slot, found[slot.parent], p, f)}
        found.append(dict(ordered(slot, joined)[: slot.limit]))
    return found


def lies_below(view: View, root: str, path: str, fields: Document) -> bool:
    """Whether a document makes a phantom of a root that does not exist."""
    slots = [s for s in view.slots if s.kind == "by" and s.parent == 0 and s.relation and s.relation.above]
    return any(
        s.collection.matches(path) and passes(s, path, fields) and root in _refers(s.relation, path, fields)
        for s in slots
        if s.relation is not None
    )


def ordered(slot: Slot, documents: Documents) -> list[tuple[str, Document]]:
    """The documents of a slot in its order; ties, and slots without an order, by path."""
    in_path_order = sorted(documents.items(), key=lambda e: path_order(e[0]))
    if slot.order is None:
        return in_path_order
    by = slot.order.code.resolve()
    return sorted(in_path_order, key=lambda e: order_key(by(*e)), reverse=slot.order.descending)


def belongs(view: View, slot: Slot, parents: Documents, path: str, fields: Document) -> bool:
    """Whether a document belongs to a slot whose parent slot holds `parents`."""
    if slot.always is not None:
        return path == slot.always and bool(parents)
    if not slot.collection.matches(path) or not passes(slot, path, fields):
        return False
    compare = slot.compare.resolve() if slot.compare else lambda *pair: True
    return any(_joined(slot, p, f, path, fields) and compare(path, fields, p, f) for p, f in parents.items())


def passes(slot: Slot, path: str, fields: Document) -> bool:
    """Whether a document counts for a slot: its moment is to come, and it passes `where`, which raises on none that does."""
    if slot.until is not None and str(slot.until) in fields.get(EXPIRED, ()):
        return False
    try:
        return slot.where is None or bool(slot.where.resolve()(path, fields))
    except Exception:
        return False


def _joined(slot: Slot, parent: str, parent_fields: Document, path: str, fields: Document) -> bool:
    if slot.kind == "on":
        return all(_values(parent, parent_fields, g) & _values(path, fields, f) for g, f in slot.pairs)
    assert slot.relation is not None
    if slot.kind == "via":
        return path in _refers(slot.relation, parent, parent_fields)
    return parent in _refers(slot.relation, path, fields)


def _refers(relation: Relation, path: str, fields: Document) -> set[str]:
    return above(path, relation) if relation.above else references(fields, relation)


def above(path: str, relation: Relation) -> set[str]:
    """The nearest document above a path that a relation may mean, if there can be one."""
    while path.count("/") > 1:
        path = path.rsplit("/", 2)[0]
        if relation.target.matches(path):
            return {path}
    return set()


def _values(path: str, fields: Document, place: Place) -> set[bytes]:
    return {encode(v) for v in values_at(path, fields, place)}


def values_at(path: str, fields: Document, place: Place) -> list[Any]:
    """All values that a document has at a place: in a field, or an id in its path."""
    return read(fields, place.steps) if isinstance(place, FieldPath) else path.split("/")[place.index :][:1]


def read(value: Any, steps: Sequence[str]) -> list[Any]:
    """All values at some steps into a document, without nulls; an array at the end counts as its elements."""
    if not steps:
        elements = value if isinstance(value, list) else [value]
        return [e for e in elements if e is not None]
    if steps[0] == "*":
        return [v for e in value for v in read(e, steps[1:])] if isinstance(value, list) else []
    return read(value[steps[0]], steps[1:]) if isinstance(value, Mapping) and steps[0] in value else []


def references(fields: Document, relation: Relation) -> set[str]:
    """The paths that a document refers to by a relation."""
    if relation.default and relation.field.steps[0] not in fields:
        return set(relation.default)
    parse = relation.parse.resolve() if relation.parse else None
    return {p for v in read(fields, relation.field.steps) if (p := _path(v, relation, parse)) is not None}


def _path(value: Any, relation: Relation, parse: Any) -> str | None:
    if parse is not None:
        try:
            value = parse(value)
        except Exception:
            return None
    if isinstance(value, Reference):
        path = None if value.database else value.path
    elif not isinstance(value, str):
        path = None
    elif value.startswith("projects/"):
        path = value.split("/documents/", 1)[-1]
    elif "/" in value:
        path = value.strip("/")
    else:
        free = not relation.target.top_level
        path = None if free or not value else f"{relation.target.pattern}/{value}"
    return path if path is not None and relation.target.matches(path) else None
