"""All documents of a first load by collection, and the documents of each root of a view, looked up there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from ..core.change import Change
from ..core.collection import Collection
from ..core.native import compiled
from ..core.references import reference_path
from ..core.values import Document, Reference, path_order
from ..operators.joins import JoinKey, Joins
from ..plan.evaluator import Member, Members
from ..plan.nodes import Plan, Relation, Slot, View
from ..plan.places import FieldPath

_Found = dict[str, Document]
_Order = Callable[[_Found], _Found]
_Find = Callable[[_Found], _Found]
"""From the documents of the slot before to those of a slot: path -> fields, in the slot's order."""


class Documents:
    """The projected documents that a plan reads, by collection."""

    def __init__(self, plan: Plan) -> None:
        self._projection = plan.projection
        self._held: dict[Collection, dict[str, Document]] = {s.collection: {} for v in plan.views for s in v.slots}
        self._numbered: set[Collection] = set()
        self._wanted: dict[str, tuple[list[dict[str, Document]], frozenset[str] | None]] = {}

    def take(self, documents: Iterable[Change]) -> None:
        """Takes documents; of several with one path, the first counts."""
        known = self._wanted
        for change in documents:
            path, fields = change[0], change[2]
            if fields is None:
                continue
            parent, _, name = path.rpartition("/")
            held, names = known.get(parent) or self._asked(parent)
            if names is not None and not names.issuperset(fields):
                fields = {n: v for n, v in fields.items() if n in names}
            for collection in held:
                collection.setdefault(path, fields)
            if name[:4] == "__id":
                self._numbered.update(c for c in self._held if c.matches(path))

    def __iter__(self) -> Iterator[Member]:
        """(path, fields) of each document; one that is in several collections comes once."""
        several, seen = len(self._held) > 1, set[str]()
        for documents in self._held.values():
            for path, fields in documents.items():
                if path not in seen:
                    yield path, fields
                    if several:
                        seen.add(path)

    def of(self, collection: Collection) -> dict[str, Document]:
        """Path -> fields."""
        return self._held[collection]

    def in_path_order(self, collection: Collection) -> _Order:
        """What brings documents of a collection into path order.

        Names of one collection have the order of their texts; numbers, and paths that differ above, have their own.
        """
        plain = collection.top_level and collection not in self._numbered
        return _by_text if plain else _by_path

    def _asked(self, parent: str) -> tuple[list[dict[str, Document]], frozenset[str] | None]:
        """A collection matches by what is above an id, so any id stands for all."""
        path = f"{parent}/x"
        held = [documents for c, documents in self._held.items() if c.matches(path)]
        found = self._wanted[parent] = held, self._projection.fields(path)
        return found


def _as_found(found: _Found) -> _Found:
    return found


def _by_text(found: _Found) -> _Found:
    return {path: found[path] for path in sorted(found)} if len(found) > 1 else found


def _by_path(found: _Found) -> _Found:
    return {path: found[path] for path in sorted(found, key=path_order)} if len(found) > 1 else found


class Lookup:
    """The documents of a view's slots, root by root."""

    def __init__(self, view: View, documents: Documents) -> None:
        self._root = view.slots[0]
        self._documents = documents
        self._joins = Joins(view)
        self._steps = [(s.name, view.slots[s.parent].name, self._find(s)) for s in view.slots[1:]]

    def roots(self) -> Iterator[Member]:
        """Every document that is a root, in path order; a phantom's fields are empty."""
        collection, joins = self._root.collection, self._joins
        documents, ordered = self._documents.of(collection), self._documents.in_path_order(collection)
        if joins.selection(self._root) is not None:
            documents = {path: fields for path, fields in documents.items() if joins.counts(0, path, fields)}
        if joins.below:
            documents, ordered = {**self._phantoms(), **documents}, _by_path
        return iter(ordered(documents).items())

    def _phantoms(self) -> _Found:
        """The roots that documents below them name."""
        found: _Found = {}
        for slot in self._joins.below:
            for path, fields in self._documents.of(slot.collection).items():
                found.update((str(root), {}) for root in self._joins.doc_keys(slot, path, fields))
        return found

    def members(self, root: str, fields: Document) -> Members:
        """What the evaluator takes for one root."""
        found: dict[str, _Found] = {self._root.name: {root: fields}}
        for name, parent, find in self._steps:
            found[name] = find(found[parent])
        return {name: tuple(documents.items()) for name, documents in found.items()}

    def found(self, roots: Sequence[Member]) -> Mapping[str, Sequence[_Found]]:
        """What the evaluator takes for some roots: see `plan.evaluator.Find`."""
        found: dict[str, list[_Found]] = {self._root.name: [{path: fields} for path, fields in roots]}
        for name, parent, find in self._steps:
            found[name] = list(map(find, found[parent]))
        return found

    def _find(self, slot: Slot) -> _Find:
        ordered = self._documents.in_path_order(slot.collection)
        if self._joins.selection(slot) is None:
            return self._joined(slot, ordered)
        return self._selected(slot, self._joined(slot, _as_found), ordered)

    def _selected(self, slot: Slot, joined: _Find, ordered: _Order) -> _Find:
        joins = self._joins

        def find(parents: _Found) -> _Found:
            there = joined(parents).items()
            docs = joins.selected(slot, {p: f for p, f in there if joins.counts(slot.index, p, f)}, parents)
            return docs if slot.order is not None else ordered(docs)

        return find

    def _joined(self, slot: Slot, ordered: _Order) -> _Find:
        """What has a key in common with some parent."""
        documents = self._documents.of(slot.collection)
        if slot.kind != "via":
            return self._by_index(slot, documents, ordered)
        relation = slot.relation
        assert relation is not None
        match relation.field:
            case FieldPath((name,)) if name != "*" and relation == Relation(relation.field, slot.collection):
                plain = _references(name, slot.collection, documents, ordered)
                if compiled() is None:
                    return plain
                in_order = None if ordered is _by_text else ordered
                find: _Find = compiled().references((name, documents, Reference, plain, in_order))
                return find
        return self._by_path(slot, documents, ordered)

    def _by_path(self, slot: Slot, documents: _Found, ordered: _Order) -> _Find:
        parent_keys = self._joins.parent_keys

        def find(parents: _Found) -> _Found:
            keys = dict.fromkeys(k for p, f in parents.items() for k in parent_keys(slot, p, f))
            return ordered({k: documents[k] for k in keys if k in documents})

        return find

    def _by_index(self, slot: Slot, documents: _Found, ordered: _Order) -> _Find:
        parent_keys, doc_keys = self._joins.parent_keys, self._joins.doc_keys
        index: dict[JoinKey, list[str]] = {}
        for path, fields in documents.items():
            for key in doc_keys(slot, path, fields):
                index.setdefault(key, []).append(path)

        def find(parents: _Found) -> _Found:
            keys = dict.fromkeys(k for p, f in parents.items() for k in parent_keys(slot, p, f))
            return ordered({p: documents[p] for k in keys for p in index.get(k, ())})

        return find


def _references(name: str, target: Collection, documents: _Found, ordered: _Order) -> _Find:
    """The documents that a field of the parents refers to: one value, or each of a list."""
    get = documents.get

    def find(parents: _Found) -> _Found:
        found: _Found = {}
        for fields in parents.values():
            value = fields.get(name)
            for one in value if value.__class__ is list else (value,):
                if one.__class__ is Reference and one.database is None:
                    path = one.path
                elif (named := reference_path(one, target)) is not None:
                    path = named
                else:
                    continue
                document = get(path)
                if document is not None:
                    found[path] = document
        return ordered(found)

    return find
