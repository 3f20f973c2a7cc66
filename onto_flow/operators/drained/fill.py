"""The state of a first load, written as the joins say: what the messages of one batch would leave, without the messages.

Law: the cells are those that the operators' steps leave for the same documents in one batch, and the view documents too. For
plans of which the bulk build knows everything (`engines.bulk`).

What many documents hold is one object: paths, which are the longest part of most keys, words, references.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...core.change import NEVER
from ...core.compact import Cells, new_map, unseen
from ...core.fields import Fields
from ...core.values import Document, Reference
from ...plan.compile import match_id
from ...plan.nodes import Slot
from ..base import Operator
from ..joins import JoinKey, Joins
from ..messages import Doc, Event
from ..record import Record
from .assemble import DrainedAssemble
from .base import States
from .ingest import DrainedIngest

Found = list[dict[str, Any]]
"""Per slot: path -> fields of the documents that a root reaches."""

Members = Mapping[str, Doc]
"""Path -> document."""

_MOST = 1_000_000
"""After so many different values those so far are forgotten: they are not shared with what comes then."""

_NONE: dict[str, Any] = {}


class _Shared:
    """Values that are equal become one object: the one that came first."""

    def __init__(self) -> None:
        self._known: dict[Any, Any] = {}
        self._references: dict[str, Reference[Any]] = {}

    def of(self, value: str) -> str:
        """Of a text."""
        if len(self._known) >= _MOST:
            self._known.clear()
            self._references.clear()
        found: str = self._known.setdefault(value, value)
        return found

    def fields(self, fields: Document) -> dict[str, Any]:
        """Fields whose texts and references, and the paths of those, are those that came first."""
        of = self.of
        found = {}
        for name, value in fields.items():
            kind = value.__class__
            if kind is str:
                value = of(value)
            elif kind is Reference:
                value = self._reference(value)
            elif kind is list:
                value = [self._reference(v) if v.__class__ is Reference else v for v in value]
            found[name] = value
        return found

    def _reference(self, value: Reference[Any]) -> Reference[Any]:
        if value.database is not None:
            return value
        known = self._references.get(value.path)
        if known is None:
            value.path = self.of(value.path)
            known = self._references[value.path] = value
        return known

    def keys(self, fields: Fields) -> Fields:
        """Fields whose join keys are those that came first, where it is one key: other documents have it too."""
        joined = fields.joined
        if joined is not None and len(joined) == 2 and len(joined[1]) == 1:
            fields.joined = self._known.setdefault((id(joined[0]), joined[1]), joined)
        return fields


class Fill:
    """A first load.

    Args:
        operators: Those of the plan.
        states: Operator -> the cells of its keys, all empty.
        new_cells: Operator -> the cells of a key.
    """

    def __init__(
        self, operators: Mapping[str, Operator], states: Mapping[str, States], new_cells: Callable[[str], Cells]
    ) -> None:
        self._states, self._new_cells = states, new_cells
        ingest = operators["ingest"]
        assert isinstance(ingest, DrainedIngest)
        self._ingest = ingest

    def take(self, events: Iterable[tuple[str, Event]], now: int) -> None:
        """Ingest's part; of several documents with one path the first counts."""
        states, first, shared = self._states["ingest"], self._ingest.first, _Shared()
        for path, (version, fields, *_) in events:
            if fields is None or path in states:
                continue
            path = shared.of(path)
            after = first(path, shared.fields(fields))
            if after is not None:
                states[path] = cells = self._new_cells("ingest")
                cells["document"] = (unseen(version), shared.keys(after), now)

    def roots(self, operator: DrainedAssemble) -> Iterator[tuple[str, Record, Found]]:
        """Fills match and assemble of a view; its roots, each with its record and what it reaches, to be shown."""
        joining = _Joining(operator, self._states, self._new_cells)
        joining.take(self._states["ingest"])
        return joining.roots()


class _Joining:
    """The documents of one view, by the keys at which they are found."""

    def __init__(
        self, operator: DrainedAssemble, states: Mapping[str, States], new_cells: Callable[[str], Cells]
    ) -> None:
        self._joins: Joins = operator.joins
        self._slots = operator.view.slots
        self._records, self._name = states[operator.node.id], operator.node.id
        self._new_cells = new_cells
        self._match = {s.index: match_id(operator.view.name, s) for s in self._slots[1:] if not s.fused}
        self._cells = {i: states[name] for i, name in self._match.items()}
        self._at: list[dict[JoinKey, Members]] = [{} for _ in self._slots]

    def take(self, documents: States) -> None:
        """Puts each document where it is found."""
        slots_of: dict[str, tuple[Slot, ...]] = {}
        own_keys = self._joins.own_keys
        for path, cells in documents.items():
            assert isinstance(path, str)
            collection = path.rpartition("/")[0]
            slots = slots_of.get(collection)
            if slots is None:
                slots = slots_of[collection] = tuple(s for s in self._slots if s.collection.matches(path))
            if not slots:
                continue
            version, fields, *_ = cells["document"]
            keys = own_keys(path, fields)
            doc = unseen(Doc(version, fields, keys))
            for slot in slots:
                if slot.kind in ("root", "via"):
                    self._put(slot, path, path, doc)
                else:
                    for index, key in keys:
                        if index == slot.index:
                            self._put(slot, key, path, doc)

    def _put(self, slot: Slot, key: JoinKey, path: str, doc: Doc) -> None:
        at = self._at[slot.index]
        docs: Any = at.get(key)
        if docs is None:
            docs = at[key] = new_map()
            if slot.index in self._match:
                self._cells_at(slot.index, key)["docs"] = docs
        docs[path] = doc

    def _cells_at(self, slot: int, key: JoinKey) -> Cells:
        states = self._cells[slot]
        cells = states.get(key)
        if cells is None:
            cells = states[key] = self._new_cells(self._match[slot])
        return cells

    def roots(self) -> Iterator[tuple[str, Record, Found]]:
        """Each root, also one that only its members name."""
        names: dict[JoinKey, None] = dict.fromkeys(self._at[0])
        for slot in self._slots[1:]:
            if slot.fused:
                names.update(dict.fromkeys(self._at[slot.index]))
        for root in names:
            assert isinstance(root, str)
            record, found = self._root(root)
            cells = self._records[root] = self._new_cells(self._name)
            cells["record"] = record
            yield root, record, found

    def _root(self, root: str) -> tuple[Record, Found]:
        record = Record()
        reached: list[list[Members]] = [[self._at[0].get(root, _NONE)]]
        for slot in self._slots[1:]:
            if slot.fused:
                reached.append([self._at[slot.index].get(root, _NONE)])
            else:
                reached.append(self._asked(record, root, slot, reached[slot.parent]))
        found: Found = []
        registers = dict(record.reg)
        for groups in reached:
            there = {p: d for members in groups for p, d in members.items()}
            registers.update(there)
            found.append({p: d.fields for p, d in there.items()})
        record.reg = new_map(registers)
        return record, found

    def _asked(self, record: Record, root: str, slot: Slot, parents: list[Members]) -> list[Members]:
        """What a root reaches by a slot, with the keys that its parents ask for; a document may be there under several."""
        at, weights = self._at[slot.index], dict[JoinKey, int]()
        for members in parents:
            for path, doc in members.items():
                for key in self._joins.parent_keys(slot, path, doc.fields or _NONE):
                    weights[key] = weights.get(key, 0) + 1
        if weights:
            record.open[slot.index] = new_map(dict.fromkeys(weights, 1))
        reached = []
        for key, weight in weights.items():
            cells = self._cells_at(slot.index, key)
            subs = cells.get("subs")
            if subs is None:
                subs = cells["subs"] = new_map()
            subs[root] = weight
            there = at.get(key)
            if there is not None:
                reached.append(there)
            elif slot.kind == "via" and isinstance(key, str):
                record.reg.setdefault(key, Doc(NEVER, None, None))
        return reached
