"""Reads the documents of one view document from a database, as of one commit.

The same joins decide what belongs to it as in the operators: what a query brings too much is left out there. Declared
time is the time of the reading: a clock holds its last tick, and a document counts if its `until` is still to come.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from ..core.codec import decode
from ..core.collection import Collection
from ..core.predicate import Condition
from ..core.values import Document, Reference, path_order
from ..database.base import Database, Snapshot, Transaction
from ..database.bound import Readable, current
from ..database.query import Query
from ..model.slots import compile_slots
from ..model.store import Store
from ..operators.expiry import MARK, marked, until_fields
from ..operators.joins import JoinKey, Joins
from ..operators.messages import Doc
from ..operators.record import Found, Record, members
from ..plan.clocks import face, last_tick
from ..plan.nodes import CodeRef, Slot, View
from ..plan.places import FieldPath

MAX_VALUES = 30
"""How many values a condition of a query may list (the Firestore documentation on `in`)."""


@dataclass(frozen=True)
class Members:
    """The documents that one view document is made of.

    Attributes:
        slots: Slot -> (path, fields) in path order.
        update_times: Path -> when it was written last.
        read_time: The commit that they were read at; `None` where there was nothing to read.
        asked: Every path that was read, also of documents that do not exist.
    """

    slots: Mapping[str, Sequence[tuple[str, Document]]]
    update_times: Mapping[str, datetime]
    read_time: datetime | None
    asked: frozenset[str]


def refresh(store: Store, database: Database | None) -> None:
    """Reads what follows from the documents that were put into a store; see `Store.refresh`."""
    root = next(s for s in store._slots.values() if s.kind == "root")
    given = store._members.get(root.name, ())
    found = read_members(type(store), given[0][0] if given else "", database, given=store._members)
    store._members, store._built = found.slots, {}
    store.update_times = found.update_times


def read_members(
    store: type[Store],
    root: str,
    database: Readable | None = None,
    *,
    given: Mapping[str, Sequence[tuple[str, Document]]] | None = None,
) -> Members:
    """Reads what a root's view document is made of.

    Args:
        store: Which documents belong together.
        root: The path of the root.
        database: Where they lie, or a transaction as of whose time they are read; what is bound when left out.
        given: Slot -> documents that are known already and not read again.
    """
    slots = compile_slots(store, next(s.line for s in store._slots.values()))
    view = View(store.__name__, "", CodeRef(f"{store.__module__}:{store.__qualname__}", store), slots, ())
    source = current() if database is None else database
    if isinstance(source, Database):
        return source.transact(lambda transaction: _Reading(view, root, transaction, given or {}).run())
    assert isinstance(source, Transaction)
    return _Reading(view, root, source, given or {}).run()


class _Reading:
    """One reading: slot after slot, parents first."""

    def __init__(self, view: View, root: str, transaction: Transaction, given: Mapping[str, Any]) -> None:
        self._view, self._root, self._transaction, self._given = view, root, transaction, given
        self._joins = Joins(view)
        self._record = Record()
        self._times: dict[str, datetime] = {}
        self._read_time: datetime | None = None
        self._moment = time.time_ns() // 1000

    def run(self) -> Members:
        known = self._given.get(self._view.slots[0].name)
        self._take(known[0] if known else self._transaction.get(self._root))
        for slot in self._view.slots[1:]:
            self._read(slot)
        found = members(self._record, self._root, self._joins) or Found()
        slots = {
            s.name: sorted(((p, _unmarked(f)) for p, f in docs.items()), key=lambda e: path_order(e[0]))
            for s, docs in zip(self._view.slots, found)
        }
        return Members(slots, self._times, self._read_time, frozenset(self._record.reg))

    def _take(self, found: Snapshot | tuple[str, Document]) -> None:
        path, fields = found if isinstance(found, tuple) else (found.path, found.fields)
        if isinstance(found, Snapshot):
            self._read_time = found.read_time
            if found.update_time is not None:
                self._times[path] = found.update_time
        if fields is not None:
            until = until_fields(s for s in self._view.slots if s.collection.matches(path))
            fields = marked(fields, until, self._moment)
        keys = None if fields is None else self._joins.own_keys(path, fields)
        self._record.told(path, Doc((1, 0), fields, keys))

    def _read(self, slot: Slot) -> None:
        keys = self._keys(slot)
        if slot.name in self._given:
            for document in self._given[slot.name]:
                self._take(document)
        for key in keys:
            self._record.open.setdefault(slot.index, {})[key] = 1
        if slot.always is not None:
            every = int(slot.always.rpartition("/")[2])
            self._take((slot.always, face(last_tick(every, self._moment))))
            return
        for snapshot in self._documents(slot, keys):
            self._take(snapshot)

    def _keys(self, slot: Slot) -> list[JoinKey]:
        """The keys at which the documents read so far ask for those of a slot; the slots behind it do not matter."""
        before = Joins(replace(self._view, slots=self._view.slots[: slot.index]))
        found = members(self._record, self._root, before)
        parents = found[slot.parent] if found else {}
        return list(dict.fromkeys(k for p, f in parents.items() for k in self._joins.parent_keys(slot, p, f)))

    def _documents(self, slot: Slot, keys: Sequence[JoinKey]) -> Iterator[Snapshot]:
        if not keys:
            return
        if slot.kind == "via":
            yield from self._transaction.get_many([str(k) for k in keys if k not in self._record.reg])
            return
        for query in _queries(slot, keys):
            yield from self._transaction.query(query)


def _unmarked(fields: Document) -> Document:
    return {n: v for n, v in fields.items() if n != MARK} if MARK in fields else fields


def _queries(slot: Slot, keys: Sequence[JoinKey]) -> Iterator[Query]:
    """Queries that find at least the documents with one of these keys; without a field that says it, all are read.

    Text that names a document in full (`projects/...`) is found by its beginning, where it stands alone.
    """
    everything = Query.of(slot.collection)
    place, values = _place(slot, keys)
    if place is None:
        yield everything
        return
    for at in range(0, len(values), MAX_VALUES):
        yield everything.with_condition(Condition(place.steps, "in", values[at : at + MAX_VALUES]))
    for value in values:
        yield everything.with_condition(Condition(place.steps, "contains", value))
    if slot.kind == "by":
        full = everything.with_condition(Condition(place.steps, ">=", "projects/"))
        yield full.with_condition(Condition(place.steps, "<", "projects0"))


def _place(slot: Slot, keys: Sequence[JoinKey]) -> tuple[FieldPath | None, list[Any]]:
    """A field of the slot's documents and the values that it has at some keys; no field where no query can say it."""
    if slot.kind == "by":
        assert slot.relation is not None
        if slot.relation.parse is None and "*" not in slot.relation.field.steps:
            return slot.relation.field, [form for k in keys for form in _written(str(k), slot.relation.target)]
    if slot.kind == "on":
        for at, (_, place) in enumerate(slot.pairs):
            if isinstance(place, FieldPath) and "*" not in place.steps:
                return place, list(dict.fromkeys(decode(k)[at] for k in keys if isinstance(k, bytes)))
    return None, []


def _written(path: str, target: Collection) -> Iterable[Any]:
    """The forms in which real data refer to a document without further help."""
    forms = [Reference(path), path, f"/{path}"]
    return [*forms, path.rpartition("/")[2]] if target.top_level else forms
