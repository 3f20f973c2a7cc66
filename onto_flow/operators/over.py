"""Accumulators over the many slots of a root: a fold over the slot's documents that follows them one by one.

Law: what is kept is what would be made of all documents at once. It is derived from the record, so it is in no cell: it is
made when a root is first shown, and forgotten with it. Only a drained engine keeps it, for slots that are large enough.

A document of the slot is evaluated again when it changes, when a document changes that it leads to and that the
accumulators' functions name, and when a document of any other slot changes that they read, which is all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core.values import Document, path_order
from ..plan.evaluator import Evaluator, Members, Row
from ..plan.nodes import Slot, View
from .fold import Accumulators, Fold
from .joins import JoinKey, Joins

KEPT_FROM = 8
"""How many documents a slot has at least for which more is kept than the documents; fewer are folded anew."""

Found = Sequence[Mapping[str, Document]]
"""Per slot, path -> fields of its documents."""

Changes = Mapping[int, Mapping[str, tuple[Document | None, Document | None]]]
"""Slot -> path -> (its fields before, and now) of the documents that changed."""

Evaluate = Callable[[Sequence[Members]], "list[Row] | None"]


class OverSlot:
    """What a view's accumulators over one slot need.

    Attributes:
        slot: The slot.
        accumulators: Those over it.
        beside: The slots that hang on it and that their functions name, and the slots between; parents first.
        whole: The slots that they read as they are.
    """

    def __init__(self, view: View, index: int) -> None:
        mine = [a for a in view.accumulators if a.over == index]
        self.slot = view.slots[index]
        self.accumulators = Accumulators(view.accumulators, index)
        self.whole = tuple({i: None for a in mine for i in a.whole})
        named = {i for a in mine for i in a.beside}
        for slot in reversed(view.slots):
            if slot.index in named and slot.parent != index:
                named.add(slot.parent)
        self.beside: tuple[Slot, ...] = tuple(s for s in view.slots if s.index in named)


class Elements:
    """The accumulators over one slot of one root."""

    def __init__(self, over: OverSlot, joins: Joins) -> None:
        self._over, self._joins = over, joins
        self._found: dict[int, Mapping[str, Document]] = {}
        self._rows: dict[str, Row] = {}
        self._pending: dict[str, None] = {}
        self._asked: dict[str, tuple[tuple[int, JoinKey], ...]] = {}
        self._asking: dict[tuple[int, JoinKey], dict[str, None]] = {}
        self._keyed: dict[tuple[int, JoinKey], dict[str, None]] = {}
        self._fold = Fold(over.accumulators, over.accumulators.create(), {}, {})

    def __len__(self) -> int:
        return len(self._rows)

    def results(self) -> list[Any]:
        """The results of the accumulators over the slot, each at its place in the view."""
        return self._fold.results()

    def differences(self, found: Found) -> Changes:
        """What differs in the slots that count from what they held last; fields that did not change are the same object."""
        wanted = (self._over.slot.index, *(s.index for s in self._over.beside), *self._over.whole)
        changes = {}
        for index in wanted:
            old, new = self._found.get(index, {}), found[index]
            paths = [p for p, fields in new.items() if old.get(p) is not fields] + [p for p in old if p not in new]
            changes[index] = {p: (old.get(p), new.get(p)) for p in paths}
            self._found[index] = new
        return changes

    def take(self, found: Found, changes: Changes, evaluate: Evaluate) -> None:
        """Follows some changes; those that cannot be evaluated now are tried again with the next ones.

        Args:
            found: What the slots hold now.
            changes: What changed in them.
            evaluate: From documents of the slot, each with what it leads to, to their rows; `None`: not now.
        """
        documents = found[self._over.slot.index]
        self._pending.update(dict.fromkeys(self._affected(documents, changes)))
        if not self._pending:
            return
        present = [path for path in self._pending if path in documents]
        scopes = [self._scope(path, documents[path], found) for path in present]
        rows = evaluate([members for members, _ in scopes])
        if rows is None:
            return
        for path, row, (_, asked) in zip(present, rows, scopes):
            self._replace(path, row, asked)
        for path in self._pending:
            if path not in documents:
                self._replace(path, None, ())
        self._fold.settle()
        self._pending = {}

    def _affected(self, documents: Iterable[str], changes: Changes) -> Iterator[str]:
        for slot in self._over.beside:
            for path, (old, new) in changes.get(slot.index, {}).items():
                for key in self._moved(slot, path, old, new):
                    yield from self._asking.get((slot.index, key), ())
        yield from changes.get(self._over.slot.index, ())
        if any(changes.get(index) for index in self._over.whole):
            yield from documents

    def _moved(self, slot: Slot, path: str, old: Document | None, new: Document | None) -> Iterable[JoinKey]:
        """The keys at which a document was found and is; keeps which documents are found at a key."""
        if slot.kind == "via":
            return (path,)
        before, now = self._joins.doc_keys(slot, path, old), self._joins.doc_keys(slot, path, new)
        for key in before:
            _drop(self._keyed, (slot.index, key), path)
        for key in now:
            self._keyed.setdefault((slot.index, key), {})[path] = None
        return (*before, *now)

    def _scope(self, path: str, fields: Document, found: Found) -> tuple[Members, tuple[tuple[int, JoinKey], ...]]:
        """A document with what it leads to, and the keys at which it asks for that."""
        documents = {self._over.slot.index: [(path, fields)]}
        members: dict[str, Sequence[tuple[str, Document]]] = {self._over.slot.name: [(path, fields)]}
        asked: dict[tuple[int, JoinKey], None] = {}
        for slot in self._over.beside:
            keys = [k for p, f in documents[slot.parent] for k in self._joins.parent_keys(slot, p, f)]
            asked.update(dict.fromkeys((slot.index, k) for k in keys))
            paths = dict.fromkeys(p for k in keys for p in self._at(slot, k))
            held = found[slot.index]
            mine = {p: held[p] for p in paths if p in held}
            documents[slot.index] = self._joins.beside(slot, mine, dict(documents[slot.parent]))
            members[slot.name] = documents[slot.index]
        return members, tuple(asked)

    def _at(self, slot: Slot, key: JoinKey) -> Iterable[str]:
        return (str(key),) if slot.kind == "via" else self._keyed.get((slot.index, key), ())

    def _replace(self, path: str, row: Row | None, asked: tuple[tuple[int, JoinKey], ...]) -> None:
        old = self._rows.pop(path, None)
        self._fold.change(path, () if old is None else (old,), () if row is None else (row,))
        if row is not None:
            self._rows[path] = row
        before = self._asked.pop(path, ())
        if before != asked:
            for key in before:
                _drop(self._asking, key, path)
            for key in asked:
                self._asking.setdefault(key, {})[path] = None
        if asked:
            self._asked[path] = asked


def _drop(sets: dict[tuple[int, JoinKey], dict[str, None]], key: tuple[int, JoinKey], path: str) -> None:
    held = sets.get(key)
    if held is not None:
        held.pop(path, None)
        if not held:
            del sets[key]


class InOrder(Mapping[str, Sequence[tuple[str, Document]]]):
    """The members of a root by the names of slots; a slot is put in its order when it is asked for."""

    def __init__(self, slots: Sequence[Slot], found: Found) -> None:
        self._found = {s.name: docs for s, docs in zip(slots, found)}
        self._as_they_are = frozenset(s.name for s in slots if s.order is not None)
        self._ordered: dict[str, Sequence[tuple[str, Document]]] = {}

    def __getitem__(self, name: str) -> Sequence[tuple[str, Document]]:
        if name not in self._ordered:
            documents = self._found[name].items()
            in_order = name in self._as_they_are
            self._ordered[name] = list(documents) if in_order else sorted(documents, key=lambda e: path_order(e[0]))
        return self._ordered[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Over:
    """A view's accumulators over slots.

    Args:
        view: The view; without such accumulators there is nothing to do.
        joins: Its joins.
        evaluator: Its evaluator.
    """

    def __init__(self, view: View, joins: Joins, evaluator: Evaluator) -> None:
        self._view, self._joins, self._evaluator = view, joins, evaluator
        self.slots = {i: OverSlot(view, i) for i in dict.fromkeys(a.over for a in view.accumulators) if i >= 0}

    def keeps(self, found: Found) -> bool:
        """Whether what is made of a root's slots is worth keeping."""
        return any(len(found[index]) >= KEPT_FROM for index in self.slots)

    def begin(self) -> dict[int, Elements]:
        """The accumulators of a root of which nothing is known."""
        return {index: Elements(over, self._joins) for index, over in self.slots.items()}

    def shown(self, elements: Mapping[int, Elements], found: Found) -> dict[str, Document]:
        """The view documents of a root whose slots hold these documents; `elements` follow."""
        self.follow(elements, found, None)
        return self.results(elements, found)

    def follow(self, elements: Mapping[int, Elements], found: Found, changes: Changes | None) -> None:
        """Takes what these slots hold; `changes`: what has changed since the last time, where that is known."""
        members = InOrder(self._view.slots, found)
        for index, each in elements.items():
            changed = each.differences(found) if changes is None else changes
            each.take(found, changed, self._evaluate(members, index))

    def results(self, elements: Mapping[int, Elements], found: Found) -> dict[str, Document]:
        """The view documents of a root whose slots hold these documents, which `elements` have followed."""
        members = InOrder(self._view.slots, found)
        return self._evaluator.documents(members, lambda: _merged([e.results() for e in elements.values()]))

    def _evaluate(self, members: Members, index: int) -> Evaluate:
        return lambda scopes: self._evaluator.each(members, index, scopes)


def _merged(several: Sequence[list[Any]]) -> list[Any]:
    """Results of the accumulators over several slots as one list."""
    return [next((r for r in at if r is not None), None) for at in zip(*several)]
