"""From views to a plan: the operators, their keys, cells and edges, and what is read of which collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ..core.collection import Collection, Projection
from ..core.errors import DeclarationError
from .nodes import Cell, Kinds, OperatorKind, OperatorNode, Plan, Slot, TimerKind, View

_INBOX = Cell("inbox", "bag", "messages that wait to be taken as one step")
_CELLS = {
    "ingest": (Cell("document", "value", "(version, projected fields or none, time kept since, holes if any)"),),
    "match": (
        Cell("docs", "map", "path -> (version, fields, join keys) of the members of this key"),
        Cell("left", "map", "path -> (version, join keys or none, since) of documents that left or were deleted"),
        Cell("subs", "map", "root -> weight of its subscription; read page by page after a restart"),
        Cell("round", "value", "what is told in pages: changes to many roots, and many documents to roots that move"),
        _INBOX,
    ),
    "assemble": (
        Cell("record", "value", "registers, open keys, what was emitted, its sequence number"),
        _INBOX,
    ),
    "aggregate": (
        Cell("group", "value", "accumulators, what was emitted, its sequence number"),
        Cell("members", "map", "root -> (sequence number, rows)"),
        Cell("entries", "map", "accumulator and what it orders by -> (weight, value)"),
        _INBOX,
    ),
    "sessions": (
        Cell("group", "value", "sequence number, whether rows wait to be shown, the starts of failing sessions"),
        Cell("members", "map", "root -> (sequence number, rows)"),
        Cell("shown", "map", "path -> (start, document, flag) of each session"),
        _INBOX,
    ),
    "own": (
        Cell("shown", "value", "what was emitted, its sequence number, its claimants, whether it is flagged"),
        Cell("claims", "map", "root -> (sequence number, document, since, whether it is flagged)"),
        _INBOX,
    ),
}
_CELLS["relay"] = (Cell("document", "value", "(version, projected fields or none, time kept since)"), _INBOX)
_TIMERS: dict[str, tuple[TimerKind, ...]] = {
    "ingest": ("garbage",),
    "match": ("coalesce", "garbage"),
    "assemble": ("fence", "coalesce", "garbage"),
    "aggregate": ("fence", "coalesce", "garbage"),
    "sessions": ("fence", "coalesce", "garbage"),
    "own": ("fence", "coalesce", "garbage"),
    "relay": ("coalesce", "garbage"),
}


def compile_plan(
    views: Sequence[View], fields: Sequence[tuple[Collection, tuple[str, ...] | None]], kinds: Sequence[Kinds] = ()
) -> Plan:
    """The plan of some views.

    Args:
        views: Compiled views; `fused` of their slots is decided here.
        fields: What is read of each collection (`Projection`).
        kinds: What fields are declared to hold.
    """
    written = {v.collection for v in views}
    views = [replace(v, relayed=any(reads(w, v) for w in views)) for v in in_order(views)]
    fused = tuple(replace(v, slots=tuple(replace(s, fused=_fuses(s)) for s in v.slots)) for v in views)
    chains = [_chain(v, fused) for v in fused]
    entry = tuple(n.id for v in fused for n in _entry(v))
    timers = (*_TIMERS["ingest"], *(("until",) if any(s.until for v in views for s in v.slots) else ()))
    ingest = OperatorNode("ingest", "ingest", "", -1, "the document's path", _CELLS["ingest"], timers, entry)
    read = tuple(f for f in fields if str(f[0]) not in written)
    derived = tuple(f for f in fields if any(f[0].matches(f"{name}/x") for name in written))
    operators = (ingest, *(n for chain in chains for n in chain))
    declared = tuple((c, fields) for c, fields in kinds if str(c) not in written and fields)
    return Plan(fused, operators, Projection(read), Projection(derived), declared)


def reads(view: View, other: View) -> bool:
    """Whether a view reads the documents of another one, or its own."""
    return any(s.collection.matches(f"{other.collection}/x") for s in view.slots)


def in_order(views: Sequence[View]) -> list[View]:
    """The views, each after those that it reads.

    Raises:
        DeclarationError: `cycle`, for views that read each other.
    """
    ordered, waiting = _peeled(views)
    if waiting:
        names = " -> ".join(v.name for v in circle_of(views))
        raise DeclarationError("cycle", f"views read each other: {names}")
    return ordered


def circle_of(views: Sequence[View]) -> list[View]:
    """Views of which each reads the next, the last one the first again; empty when there is no such circle."""
    _, waiting = _peeled(views)
    way = waiting[:1]
    while way and way.count(way[-1]) == 1:
        way.append(next(w for w in waiting if reads(way[-1], w)))
    return way[way.index(way[-1]) :] if way else []


def _peeled(views: Sequence[View]) -> tuple[list[View], list[View]]:
    """The views that can be computed, in order, and those that wait for each other."""
    ordered: list[View] = []
    waiting = list(views)
    while ready := next((v for v in waiting if not any(reads(v, w) for w in waiting)), None):
        ordered.append(ready)
        waiting.remove(ready)
    return ordered, waiting


def _entry(view: View) -> list[OperatorNode]:
    return [n for n in _chain(view, ()) if n.kind in ("match", "assemble")]


def _fuses(slot: Slot) -> bool:
    return slot.kind == "by" and slot.parent == 0


def match_id(view: str, slot: Slot) -> str:
    """The id of a slot's match operator."""
    return f"{view}.match.{slot.name}"


def folds(view: View) -> OperatorKind:
    """The kind of operator that folds the groups of a view."""
    return "aggregate" if view.sessions is None else "sessions"


def _chain(view: View, views: Sequence[View]) -> list[OperatorNode]:
    nodes = [_match(view, s) for s in view.slots if s.kind != "root" and not s.fused]
    last = folds(view) if view.grouped else "own" if view.owned else None
    shown = (f"{view.name}.relay",) if view.relayed else ()
    sends = (f"{view.name}.{last}",) if last else shown
    nodes.append(_node(view, "assemble", f"the path of {view.slots[0].name}", sends))
    if view.grouped:
        nodes.append(_node(view, folds(view), "the group", shown))
    elif view.owned:
        nodes.append(_node(view, "own", "the output path", shown))
    if view.relayed:
        readers = tuple(n.id for v in views if reads(v, view) for n in _entry(v))
        nodes.append(_node(view, "relay", "the output path", readers))
    return nodes


def _node(view: View, kind: str, key: str, sends: tuple[str, ...]) -> OperatorNode:
    cells = _CELLS[kind]
    if kind == "aggregate" and all(a.abelian for a in view.accumulators):
        cells = tuple(c for c in cells if c.name != "entries")
    return OperatorNode(f"{view.name}.{kind}", kind, view.name, -1, key, cells, _TIMERS[kind], sends)  # type: ignore[arg-type]


def _match(view: View, slot: Slot) -> OperatorNode:
    keys = {
        "via": f"the path of {slot.name}",
        "by": f"the path of {view.slots[slot.parent].name} that {slot.name} refer to",
        "on": "(" + ", ".join(f"{view.slots[slot.parent].name}.{g} = {slot.name}.{f}" for g, f in slot.pairs) + ")",
    }
    children = tuple(match_id(view.name, c) for c in view.slots if c.parent == slot.index)
    sends = (*children, f"{view.name}.assemble")
    return OperatorNode(
        match_id(view.name, slot),
        "match",
        view.name,
        slot.index,
        keys[slot.kind],
        _CELLS["match"],
        _TIMERS["match"],
        sends,
    )
