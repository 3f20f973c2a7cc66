"""A plan for people: what each view reads and writes, and the operators that maintain it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from .costs import ROWS, attribute_costs, moved_whole
from .nodes import OperatorNode, Plan, Slot, View


def explain_text(plan: Plan) -> str:
    """The plan as text, one block per view, then the operators in the order of the flow."""
    blocks = [_view_text(view) for view in plan.views]
    lines = ["operators"]
    for node in plan.operators:
        lines += _operator_text(node)
    return "\n".join([*blocks, "\n".join(lines)]) + "\n"


def explain_json(plan: Plan, fingerprints: Mapping[str, Mapping[str, str]] | None = None) -> str:
    """The same as JSON; with fingerprints of the views' code (view -> part -> hash), to be compared later (`against`)."""
    known = fingerprints or {}
    document = {
        "views": [_view_json(v) | ({"fingerprint": known[v.name]} if v.name in known else {}) for v in plan.views],
        "read": {str(c): None if fields is None else list(fields) for c, fields in plan.projection.collections},
        "operators": [
            {
                "id": n.id,
                "key": n.key,
                "cells": {c.name: {"kind": c.kind, "holds": c.holds} for c in n.cells},
                "timers": list(n.timers),
                "sends_to": list(n.sends_to),
            }
            for n in plan.operators
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def output_path(view: View) -> str:
    """The path of the view's documents, in words.

    Example:
        >>> output_path(View("V", "v", None, (Slot("user", 0, "root", None),), (), grouped=True))
        'v/{key}'
    """
    if view.grouped:
        return f"{view.collection}/{{key}}" + ("|{start}" if view.sessions is not None else "")
    owner = "; of several roots the smallest owns a path" if view.owned else ""
    if view.owned and not view.slots[0].collection.group:
        return f"as the view names it{owner}"
    return f"{view.collection}/{{ids of {view.slots[0].name}}}{owner}"


def _reached(slot: Slot, view: View) -> str:
    return f"{'root' if slot.kind == 'root' else _joined(slot, view)}{_until(slot)}"


def _until(slot: Slot) -> str:
    return f", until {slot.until}" if slot.until is not None else ""


def _joined(slot: Slot, view: View) -> str:
    if slot.always is not None:
        every = timedelta(microseconds=int(slot.always.rpartition("/")[2]))
        return f"a clock that ticks every {every}, and evaluates every document at each tick"
    parent = view.slots[slot.parent].name
    if slot.kind == "on":
        return "on " + ", ".join(f"{parent}.{g} = {slot.name}.{f}" for g, f in slot.pairs)
    assert slot.relation is not None
    field = "{the document above}" if slot.relation.above else slot.relation.field
    if slot.kind == "via":
        return f"via {parent}.{field}"
    return f"by {slot.name}.{field} -> {parent}" + (", fused into assemble" if slot.fused else "")


def _selected(slot: Slot) -> str:
    words = [f"where {slot.where.path}"] if slot.where else []
    words += [f"where {slot.compare.path}"] if slot.compare else []
    if slot.order:
        words.append(f"order {slot.order.code.path}{' descending' if slot.order.descending else ''}")
    if slot.limit is not None and slot.many:
        words.append(f"limit {slot.limit}")
    return "".join(f", {word}" for word in words)


def _view_text(view: View) -> str:
    lines = [f"view {view.name} -> {output_path(view)}", f"  code     {view.code.path}", "  slots"]
    moved = moved_whole(view)
    for slot in view.slots:
        kind = "many" if slot.many else "one, required" if slot.required else "one" if slot.index else "root"
        kind += ", also where it does not exist" if slot.phantom else ""
        how = _until(slot) if slot.kind == "root" else f"  {_reached(slot, view)}{_selected(slot)}"
        how += f"; O(n) when {moved[slot.name]}" if slot.name in moved else ""
        lines.append(f"    {slot.name}: {kind} of {slot.collection}{how}")
    lines.append("  attributes")
    costs = attribute_costs(view)
    lines += [f"    {name}: {type_}" + (f"  {costs[name]}" if name in costs else "") for name, type_ in view.schema]
    for accumulator in view.accumulators:
        options = (", descending" if accumulator.descending else "") + (
            f", limit {accumulator.limit}" if accumulator.limit else ""
        )
        options += f", bounds {', '.join(map(str, accumulator.bounds))}" if accumulator.bounds else ""
        over = f" over {view.slots[accumulator.over].name}" if accumulator.over >= 0 else ""
        lines.append(f"  accumulator {accumulator.name}: {accumulator.kind}{over}{options}")
    if view.expanded:
        lines.append(f"  rows {view.expanded}: {ROWS}")
    if view.sessions is not None:
        gap = timedelta(microseconds=view.sessions.gap)
        lines.append(f"  sessions {view.sessions.name}: a gap of {gap}; a change follows the sessions that it touches")
    if view.on_error != "keep":
        lines.append(f"  on error {view.on_error}")
    lines.append("")
    return "\n".join(lines)


def _operator_text(node: OperatorNode) -> list[str]:
    lines = [f"  {node.id}", f"    key    {node.key}"]
    lines += [f"    {c.kind:<6} {c.name}: {c.holds}" for c in node.cells]
    lines.append(f"    timers {', '.join(node.timers)}")
    lines.append(f"    to     {', '.join((*node.sends_to, *(['the sinks'] if node.shows else [])))}")
    return lines


def _view_json(view: View) -> dict[str, Any]:
    return {
        "name": view.name,
        "writes": output_path(view),
        "code": view.code.path,
        "reads": list(dict.fromkeys(str(s.collection) for s in view.slots)),
        "slots": [
            {
                "name": s.name,
                "collection": str(s.collection),
                "many": s.many,
                "required": s.required,
                "reached": _reached(s, view) + _selected(s),
            }
            for s in view.slots
        ],
        "attributes": {name: str(type_) for name, type_ in view.schema},
        "accumulators": {
            a.name: {"kind": a.kind, "descending": a.descending, "limit": a.limit, "bounds": list(a.bounds)}
            | ({"over": view.slots[a.over].name} if a.over >= 0 else {})
            for a in view.accumulators
        },
        "moved_whole": moved_whole(view),
        "rows": {view.expanded: ROWS} if view.expanded else {},
        "costs": {name: cost._asdict() for name, cost in attribute_costs(view).items()},
    }
