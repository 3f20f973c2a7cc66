"""The state of a first load, written as the joins say: what the messages of one batch would leave, without the messages.

Law: the cells are those that the operators' steps leave for the same documents in one batch, and the view documents too. For
plans of which the bulk build knows everything (`engines.local.bulk`).

A path that many documents refer to is one text: it is the longest part of most keys.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ...core.change import NEVER
from ...core.compact import Cells, new_map
from ...core.values import Reference
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

Member = tuple[str, Doc]


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
        self._operators, self._states, self._new_cells = operators, states, new_cells
        ingest = operators["ingest"]
        assert isinstance(ingest, DrainedIngest)
        self._ingest = ingest
        self._paths: dict[str, str] = {}

    def take(self, events: Iterable[tuple[str, Event]], now: int) -> int:
        """Ingest's part; of several documents with one path the first counts. Returns how many were given."""
        states, first, texts, count = self._states["ingest"], self._ingest.first, self._paths.setdefault, 0
        for path, (version, fields, *_) in events:
            count += 1
            if fields is None or path in states:
                continue
            path = texts(path, path)
            for value in fields.values():
                if value.__class__ is Reference:
                    value.path = texts(value.path, value.path)
                elif value.__class__ is list:
                    for one in value:
                        if one.__class__ is Reference:
                            one.path = texts(one.path, one.path)
            after = first(path, fields)
            if after is not None:
                states[path] = cells = self._new_cells("ingest")
                cells["document"] = (version, after, now)
        self._paths = {}
        return count

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
        self._at: list[dict[JoinKey, list[Member]]] = [{} for _ in self._slots]

    def take(self, documents: States) -> None:
        """Puts each document where it is found."""
        slots_of: dict[str, tuple[Slot, ...]] = {}
        own_keys, at = self._joins.own_keys, self._at
        for path, cells in documents.items():
            assert isinstance(path, str)
            collection = path.rpartition("/")[0]
            slots = slots_of.get(collection)
            if slots is None:
                slots = slots_of[collection] = tuple(s for s in self._slots if s.collection.matches(path))
            if not slots:
                continue
            version, fields, *_ = cells["document"]
            if fields is None:
                continue
            keys = own_keys(path, fields)
            member = path, Doc(version, fields, keys)
            for slot in slots:
                if slot.kind in ("root", "via"):
                    at[slot.index][path] = [member]
                else:
                    for index, key in keys:
                        if index == slot.index:
                            at[slot.index].setdefault(key, []).append(member)
        for index in self._match:
            for key, members in at[index].items():
                docs = self._cells_at(index, key)["docs"] = new_map()
                for path, doc in members:
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
        reg = record.reg
        reached: list[list[Member]] = [self._at[0].get(root, [])]
        reg.update(reached[0])
        for slot in self._slots[1:]:
            at = self._at[slot.index]
            if slot.fused:
                members = at.get(root, [])
            else:
                members = []
                weights: dict[JoinKey, int] = {}
                for path, doc in reached[slot.parent]:
                    for key in self._joins.parent_keys(slot, path, doc.fields or {}):
                        weights[key] = weights.get(key, 0) + 1
                if weights:
                    record.open[slot.index] = dict.fromkeys(weights, 1)
                for key, weight in weights.items():
                    self._subscribe(slot.index, key, root, weight)
                    there = at.get(key)
                    if there is not None:
                        members += there
                    elif slot.kind == "via" and isinstance(key, str):
                        reg.setdefault(key, Doc(NEVER, None, None))
            reg.update(members)
            reached.append(members)
        return record, [{p: d.fields for p, d in members} for members in reached]

    def _subscribe(self, slot: int, key: JoinKey, root: str, weight: int) -> None:
        cells = self._cells_at(slot, key)
        subs = cells.get("subs")
        if subs is None:
            subs = cells["subs"] = new_map()
        subs[root] = weight
