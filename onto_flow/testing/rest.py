"""What operators may still hold when nothing is under way and all timers ran: nothing that no view document needs.

The weights of subscriptions are derived here from the documents and compared one by one; so are open keys and registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

from ..core.codec import encode
from ..core.values import Document
from ..operators import meter
from ..operators.drained.editions import MARK
from ..operators.record import Record
from ..plan.nodes import Plan, Slot, View
from ..plan.places import Place
from .oracle import all_at_moment, derived, recompute
from .oracle_joins import Documents, above, passes, references, values_at

States = Mapping[str, Mapping[Any, Mapping[str, Any]]]
"""operator -> key -> cell -> what it holds."""

Asked = tuple[int, str | bytes]


def complaints_at_rest(
    plan: Plan, states: States, documents: Documents, moment: int = 0, *, lost: bool = False
) -> Iterator[str]:
    """What is left over, or missing, in the state of a flow at rest.

    Args:
        plan: What it maintains.
        states: Its state.
        documents: What it should know.
        moment: Declared time in microseconds.
        lost: Whether its feed may have lost something, so that gaps may be open.
    """
    projected = all_at_moment(plan, documents, moment)
    tables = recompute(plan, documents, moment)
    for view in plan.views:
        projected.update(derived(plan, view, tables[view.name]))
    for path, cells in () if lost else _cells(states, "ingest", "document"):
        for known, awaited in meter.gaps(b"".join(cells["document"][3:])):
            yield f"nothing was lost, and {path} has a gap from {known} to {awaited}"
    for view in plan.views:
        records = {
            root: Record.of(cells["record"]) for root, cells in _cells(states, f"{view.name}.assemble", "record")
        }
        roots = {*records, *(p for p in projected if view.slots[0].collection.matches(p))}
        needs = {root: _Need(view, root, projected) for root in roots}
        yield from _match(view, states, needs)
        for root, record in records.items():
            yield from _record(view, root, record, needs[root])
        for kind, cell in (("aggregate", "members"), ("sessions", "members"), ("own", "claims")):
            for key, cells in _cells(states, f"{view.name}.{kind}", cell):
                if any(entry[1] is None for entry in cells[cell].values()):
                    yield f"{view.name}.{kind} at {key!r} remembers members that left: {cells[cell]}"


def _cells(states: States, operator: str, cell: str) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    for key, cells in states.get(operator, {}).items():
        if cells.get(cell):
            yield key, cells


def _match(view: View, states: States, needs: Mapping[str, _Need]) -> Iterator[str]:
    wanted: dict[Asked, dict[str, int]] = {}
    for root, need in needs.items():
        for asked, weight in need.weights.items():
            wanted.setdefault(asked, {})[root] = weight
    for slot in view.slots[1:]:
        held = states.get(f"{view.name}.match.{slot.name}", {})
        for key in {*held, *(k for s, k in wanted if s == slot.index)}:
            cells = held.get(key, {})
            # Above the weight a drained engine notes what a root has heard of a hot document.
            subs = {root: value % MARK for root, value in (cells.get("subs") or {}).items()}
            if subs != (want := wanted.get((slot.index, key), {})):
                yield f"{view.name}.match.{slot.name} at {key!r} has subscriptions {subs}, not {want}"
            if cells.get("left") or not isinstance(cells.get("round"), int | None):
                yield f"{view.name}.match.{slot.name} at {key!r} still holds {cells}"


def _record(view: View, root: str, record: Record, need: _Need) -> Iterator[str]:
    opened = {(slot, key): weight for slot, keys in record.open.items() for key, weight in keys.items()}
    wanted = dict.fromkeys(need.weights, 1)
    if opened != wanted:
        yield f"{view.name} of {root} has open {opened}, not {wanted}"
    spare = {p for p in record.reg if p not in need.registers}
    if spare:
        yield f"{view.name} of {root} holds {spare}, which nothing asks for"
    if not record.worth_keeping:
        yield f"{view.name} of {root} keeps an empty record"
    if record.behind or record.due:
        yield f"{view.name} of {root} is not at rest: behind={record.behind}, due={record.due}"


class _Need:
    """What one root needs: the weight of each subscription, and the registers that may stay."""

    def __init__(self, view: View, root: str, documents: Documents) -> None:
        self.weights: dict[Asked, int] = {}
        self.registers = {root}
        held: list[list[tuple[str, Document, int]]] = []
        for slot in view.slots:
            if slot.kind == "root":
                exists = root in documents and slot.collection.matches(root) and passes(slot, root, documents[root])
                held.append([(root, documents[root], 1)] if exists else [])
                held[-1] += [
                    (root, {}, 1) for s in _below(view) for p, f in documents.items() if root in _doc_keys(s, p, f)
                ]
            elif slot.fused:
                held.append([(p, f, 1) for p, f in documents.items() if root in _doc_keys(slot, p, f)])
            else:
                held.append(self._asked(slot, held[slot.parent], documents))
            self.registers.update(p for p, _, _ in held[-1])

    def _asked(self, slot: Slot, parents: list[tuple[str, Document, int]], documents: Documents) -> Any:
        keys: dict[str | bytes, int] = {}
        for path, fields, times in parents:
            for key in _parent_keys(slot, path, fields):
                keys[key] = keys.get(key, 0) + times
        self.weights.update({(slot.index, k): w for k, w in keys.items()})
        if slot.kind == "via":
            self.registers.update(str(k) for k in keys)
        counted = ((p, f, len(_doc_keys(slot, p, f) & keys.keys())) for p, f in documents.items())
        return [(p, f, times) for p, f, times in counted if times and passes(slot, p, f)]


def _below(view: View) -> list[Slot]:
    return [s for s in view.slots if view.slots[0].phantom and s.fused and s.relation and s.relation.above]


def _parent_keys(slot: Slot, path: str, fields: Document) -> set[Any]:
    if slot.kind == "by":
        return {path}
    if slot.always is not None:
        return {slot.always}
    if slot.kind == "on":
        return _products(path, fields, [g for g, _ in slot.pairs])
    assert slot.relation is not None
    found = above(path, slot.relation) if slot.relation.above else references(fields, slot.relation)
    return {p for p in found if slot.collection.matches(p)}


def _doc_keys(slot: Slot, path: str, fields: Document) -> set[Any]:
    if not slot.collection.matches(path):
        return set()
    if slot.kind == "via":
        return {path}
    if not passes(slot, path, fields):
        return set()
    if slot.kind == "on":
        return _products(path, fields, [f for _, f in slot.pairs])
    assert slot.relation is not None
    return set(above(path, slot.relation) if slot.relation.above else references(fields, slot.relation))


def _products(path: str, fields: Document, places: list[Place]) -> set[bytes]:
    return {encode(values) for values in product(*(values_at(path, fields, p) for p in places))}
