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
from .remembering import RememberingAssemble
from .seeded.documents import SeededIngest, SeededRelay
from .seeded.groups import SeededAggregate, SeededOwn, SeededSessions
from .seeded.keys import SeededMatch
from .seeded.records import SeededAssemble
from .seeded.taking import TakesSeeds
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


_REMEMBERING: dict[str, Callable[[OperatorNode, Plan, Profile], Any]] = {**_OPERATORS, "assemble": RememberingAssemble}


_SEEDED: dict[str, Callable[[OperatorNode, Plan, Profile], Any]] = {
    "ingest": SeededIngest,
    "match": SeededMatch,
    "assemble": SeededAssemble,
    "aggregate": SeededAggregate,
    "sessions": SeededSessions,
    "own": SeededOwn,
    "relay": SeededRelay,
}


def build_seeded(node: OperatorNode, plan: Plan, profile: Profile) -> TakesSeeds:
    """The operator of one node, which gives and takes seeds; for engines that keep no order.

    Raises:
        ValueError: The profile is that of a drained engine.
    """
    if profile.drained:
        raise ValueError("a drained engine keeps its state in checkpoints: it gives and takes no seeds")
    operator: TakesSeeds = _SEEDED[node.kind](node, plan, profile)
    return operator


def build_operator(node: OperatorNode, plan: Plan, profile: Profile) -> Operator:
    """The operator of one node."""
    forms = _DRAINED if profile.drained else _REMEMBERING if profile.remembers else _OPERATORS
    operator: Operator = forms[node.kind](node, plan, profile)
    return operator


def build_operators(plan: Plan, profile: Profile) -> dict[str, Operator]:
    """All operators of a plan by id, in the order of the flow."""
    operators = {node.id: build_operator(node, plan, profile) for node in plan.operators}
    untold: dict[str, Untold] = {}
    for operator in operators.values():
        if isinstance(operator, DrainedMatch | DrainedAssemble):
            operator.untold = untold.setdefault(operator.node.view, Untold())
    return operators
