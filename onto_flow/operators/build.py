"""From a plan to its operators."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..plan.nodes import OperatorNode, Plan
from .aggregate import Aggregate
from .assemble import Assemble
from .base import Operator, Profile
from .drained.assemble import DrainedAssemble
from .drained.ingest import DrainedIngest
from .drained.match import DrainedMatch
from .drained.untold import Untold
from .ingest import Ingest
from .match import Match
from .own import Own
from .relay import Relay
from .sessions import Sessions

_OPERATORS: dict[str, Callable[[OperatorNode, Plan, Profile], Any]] = {
    "ingest": Ingest,
    "match": Match,
    "assemble": Assemble,
    "aggregate": Aggregate,
    "sessions": Sessions,
    "own": Own,
    "relay": Relay,
}

_DRAINED: dict[str, Callable[[OperatorNode, Plan, Profile], Any]] = {
    **_OPERATORS,
    "ingest": DrainedIngest,
    "match": DrainedMatch,
    "assemble": DrainedAssemble,
}


def build_operator(node: OperatorNode, plan: Plan, profile: Profile) -> Operator:
    """The operator of one node."""
    operator: Operator = (_DRAINED if profile.drained else _OPERATORS)[node.kind](node, plan, profile)
    return operator


def build_operators(plan: Plan, profile: Profile) -> dict[str, Operator]:
    """All operators of a plan by id, in the order of the flow."""
    operators = {node.id: build_operator(node, plan, profile) for node in plan.operators}
    untold: dict[str, Untold] = {}
    for operator in operators.values():
        if isinstance(operator, DrainedMatch | DrainedAssemble):
            operator.untold = untold.setdefault(operator.node.view, Untold())
    return operators
