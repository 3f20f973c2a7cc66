"""A plan as JSON: the form that travels to workers, is reviewed, and is compared between releases.

Law: `from_json(to_json(plan)) == plan`. Live objects do not travel: code is found again by its import path.
"""

from __future__ import annotations

import dataclasses
import json
from functools import lru_cache
from typing import Any

from ..core.collection import Collection, CollectionSet, Projection
from ..core.errors import EngineError
from ..core.types import Type
from .nodes import Accumulator, Cell, CodeRef, OperatorNode, Order, Plan, Relation, Sessions, Slot, View
from .places import FieldPath, PathPart

FORMAT = 1
_NODES = (
    Accumulator,
    Cell,
    CodeRef,
    Collection,
    CollectionSet,
    FieldPath,
    OperatorNode,
    Order,
    PathPart,
    Plan,
    Projection,
    Relation,
    Sessions,
    Slot,
    Type,
    View,
)
_BY_NAME = {cls.__name__: cls for cls in _NODES}


def to_json(plan: Plan) -> str:
    """The JSON text of a plan, one line.

    Raises:
        EngineError: `not-portable` when code in it is known to this process alone.
    """
    return json.dumps({"format": FORMAT, "plan": _plain(plan)}, ensure_ascii=False)


def view_text(plan: Plan, name: str) -> str:
    """What a plan says of one view, and of what it reads: for comparing, also where its code cannot travel."""
    view = plan.view(name)
    collections = {s.collection for s in view.slots}
    read = [entry for entry in plan.projection.collections if entry[0] in collections]
    return json.dumps([_plain(view, travels=False), _plain(tuple(read), travels=False)], ensure_ascii=False)


def structure_text(view: View) -> str:
    """What a plan says of one view but its name and where its class stands: the same for a class that was renamed."""
    return json.dumps(_plain(dataclasses.replace(view, name="", code=CodeRef("")), travels=False), ensure_ascii=False)


@lru_cache(maxsize=4)
def from_json(text: str) -> Plan:
    """The plan of a JSON text; one object for all who ask for the same, as each step of a job does.

    Raises:
        EngineError: `state-version` for a format that this release does not know.
    """
    document = json.loads(text)
    if document.get("format") != FORMAT:
        raise EngineError("state-version", f"a plan of format {document.get('format')!r}; this release reads {FORMAT}")
    plan = _node(document["plan"])
    assert isinstance(plan, Plan)
    return plan


def not_portable(plan: Plan) -> list[str]:
    """What of a plan's code no other process can import, one sentence each."""
    todo = "define it in a module (from a notebook: onto_flow.export_views)"
    return [f"{c.path} is known to this process alone: {todo}" for c in codes_of(plan) if not c.portable]


def codes_of(plan: Plan) -> list[CodeRef]:
    """All code that a plan names."""
    codes = [v.code for v in plan.views]
    return codes + [code for v in plan.views for s in v.slots for code in _codes(s)]


def _codes(slot: Slot) -> list[CodeRef]:
    parse = slot.relation.parse if slot.relation else None
    found = (parse, slot.where, slot.compare, slot.order.code if slot.order else None)
    return [code for code in found if code is not None]


def _plain(value: Any, travels: bool = True) -> Any:
    if isinstance(value, CodeRef):
        if travels and not value.portable:
            raise EngineError(
                "not-portable",
                f"{value.path} is known to this process alone",
                fix="Define it at the top level of a module that is installed on every worker.",
            )
        return {"node": "CodeRef", "path": value.path}
    if dataclasses.is_dataclass(value):
        fields = {f.name: _plain(getattr(value, f.name), travels) for f in dataclasses.fields(value)}
        return {"node": type(value).__name__, **fields}
    if isinstance(value, tuple):
        return [_plain(v, travels) for v in value]
    return value


def _node(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_node(v) for v in value)
    if isinstance(value, dict):
        cls = _BY_NAME[value["node"]]
        return cls(**{n: _node(v) for n, v in value.items() if n != "node"})
    return value
