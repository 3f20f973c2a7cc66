"""The suite for engines passes on the local flow, and fails on engines that are broken on purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from onto_flow.core.change import BELOW_EVENTS, Change, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.values import Document
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.nodes import Plan
from onto_flow.testing.engine_suite import EngineSuite, Tables
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.named_cases import FIXED
from onto_flow.testing.oracle import recompute


def tables(plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]) -> Tables:
    flow = LocalFlow(plan, snapshot=snapshot)
    outputs = flow.process([seed(Change(p, None, f, BELOW_EVENTS), snapshot) for p, f in documents.items()])
    for at in range(0, len(changes), 3):
        outputs += flow.process([event(c) for c in changes[at : at + 3]])
    return applied(o for o in outputs if isinstance(o, ViewChange))


class TestLocalFlow(EngineSuite):
    def run(self, plan, documents, snapshot, changes):
        return tables(plan, documents, snapshot, changes)


class LastToArriveWins(EngineSuite):
    """Documents as the feed gave them last."""

    def run(self, plan, documents, snapshot, changes):
        known = dict(documents)
        for change in changes:
            known.pop(change.path, None)
            if change.after is not None:
                known[change.path] = change.after
        return recompute(plan, known)


class NoFence(EngineSuite):
    """Versions are compared, but an event at or before the export counts, and a delete of what was exported does not."""

    def run(self, plan, documents, snapshot, changes):
        newest = {p: ((snapshot or 0, 0), f) for p, f in documents.items()}
        for c in changes:
            if c.path not in newest or newest[c.path][0] < c.version:
                newest[c.path] = (c.version, c.after)
        return recompute(plan, {p: f for p, (_, f) in newest.items() if f is not None})


class NothingIsDeleted(EngineSuite):
    """View documents stay when they should go."""

    def run(self, plan, documents, snapshot, changes):
        flow = LocalFlow(plan, snapshot=snapshot)
        outputs = flow.process([seed(Change(p, None, f, BELOW_EVENTS), snapshot) for p, f in documents.items()])
        outputs += flow.process([event(c) for c in changes])
        return applied(o for o in outputs if isinstance(o, ViewChange) and o.new is not None)


class FirstLoadOnly(EngineSuite):
    """The feed is lost."""

    def run(self, plan, documents, snapshot, changes):
        return recompute(plan, documents)


class TypesAreLost(EngineSuite):
    """1.0 becomes 1, as in JSON."""

    def run(self, plan, documents, snapshot, changes):
        return {
            view: {path: _plain(document) for path, document in table.items()}
            for view, table in tables(plan, documents, snapshot, changes).items()
        }


def _plain(value):
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    return int(value) if isinstance(value, float) and value == value and value.is_integer() else value


def fails(test, *args) -> bool:
    try:
        test(*args)
    except (Exception, pytest.fail.Exception):
        return True
    return False


@pytest.mark.parametrize("broken", [LastToArriveWins, NoFence, NothingIsDeleted, FirstLoadOnly, TypesAreLost])
def test_suite_fails_on_a_broken_engine(broken):
    suite = broken()
    assert any(fails(suite.test_fixed_case, name) for name in FIXED)
    assert fails(suite.test_generated_cases)
    assert fails(suite.test_named_cases_in_one_job) or fails(suite.test_generated_views_in_one_job)


def test_hypothesis_makes_a_failure_small():
    with pytest.raises(pytest.fail.Exception, match="is wrong"):
        FirstLoadOnly().test_generated_cases_shrink()


def test_the_local_flow_equals_recompute_on_every_fixed_case():
    for name, case in FIXED.items():
        found = tables(
            case.plan,
            case.history.documents,
            case.history.snapshot,
            [case.history.change(i) for i in case.history.feed],
        )
        assert same(
            {v: dict(t) for v, t in found.items() if t},
            {v: t for v, t in recompute(case.plan, case.history.final).items() if t},
        ), name
