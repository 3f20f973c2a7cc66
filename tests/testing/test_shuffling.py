"""The shuffling engine: the same seed is the same run, bytes change nothing, bounds are kept, failures shrink."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.values import Reference
from onto_flow.operators.messages import Event
from onto_flow.testing import recovery, shuffling, simulation
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import Shape, plan_of
from onto_flow.testing.shuffling import LATE, LOOSE, ShufflingEngine
from onto_flow.testing.simulation import Setting, of_seed
from tests.laws.breaking import Fault, broken

CASE = Case(
    (Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("by", "b", 1, ("s",)))),),
    history_of(
        *((f"{'ab'[n % 2]}/{n % 3 + 1}", {"n": n, "r": [Reference("b/2")], "s": Reference("b/2")}) for n in range(20))
    ),
)


def emitted(case, setting, seed):
    return [e.change for e in simulation._run(case, setting, Random(seed), ()).trace.emitted]


@pytest.mark.parametrize("mode", ["shuffled", "streamed", "outbox", "epoch"])
def test_same_seed_is_the_same_run(mode):
    assert emitted(CASE, Setting(mode), 5) == emitted(CASE, Setting(mode), 5)
    assert any(emitted(CASE, Setting(mode), 5) != emitted(CASE, Setting(mode), seed) for seed in range(6, 12))


@pytest.mark.parametrize("mode", ["shuffled", "streamed", "outbox", "epoch"])
def test_bytes_between_steps_change_nothing(mode):
    for seed in range(30):
        assert emitted(CASE, Setting(mode), seed) == emitted(CASE, Setting(mode, packed=False), seed)


def test_nothing_is_under_way_for_longer_than_young_and_timers_of_assemble_are_late_within_bounds(monkeypatch):
    advance = ShufflingEngine.advance
    seen = []

    def watched(self):
        advance(self)
        oldest = self._oldest()
        seen.append(self.now)
        assert oldest is None or self.now - oldest <= LOOSE.young
        assert all(self.now <= w.message + LATE for (op, _, _), w in self.timers.items() if op.endswith("assemble"))

    monkeypatch.setattr(ShufflingEngine, "advance", watched)
    for seed in range(40):
        simulation.complaints(*of_seed(seed))
    assert max(seen) > LOOSE.keep_left


def test_message_back_to_an_earlier_operator_is_a_complaint():
    engine = ShufflingEngine(CASE.plan, Random(0))
    engine._step = ("V.assemble", "a/1", 0, False)
    engine.send("ingest", "a/1", Event((1, 0), None))
    assert "back to ingest" in engine.trace.complaints[0]


def test_failure_is_explained_with_a_small_history():
    fault = Fault(
        "no tombstone",
        (("operators.ingest", "or event.version <= version:", "or event.version == version:"),),
    )
    with broken(fault):
        import importlib

        broken_simulation = importlib.import_module("onto_flow.testing.simulation")
        seed = next(s for s in range(100) if broken_simulation.run_seed(s))
        text = broken_simulation.explain(seed)
    assert f"seed {seed}" in text
    assert "schedule" in text
    assert len(text.splitlines()) < 12


def test_a_run_that_does_not_come_to_rest_is_ended(monkeypatch):
    monkeypatch.setattr(shuffling, "MOVES", 3)
    monkeypatch.setattr(shuffling, "MOVES_PER_EVENT", 0)
    plan = plan_of(Shape("V", "outV", (("root", "a", -1, ()),)))
    engine = ShufflingEngine(plan, Random(0))
    events = [(f"a/{n}", Event((n + 1, 0), {"n": n})) for n in range(9)]
    with pytest.raises(AssertionError, match="the flow does not come to rest: messages wait at {"):
        engine.run(events)


@pytest.mark.parametrize(("form", "told"), [("outbox", [False]), ("epoch", [False, True])])
def test_what_an_outbox_had_not_given_is_taken_back(form, told):
    """Dead letters too: with the state goes what was told since."""
    plan = plan_of(Shape("V", "outV", (("root", "a", -1, ()),), selections=((0, "strict", "", False, -1),)))
    engine = ShufflingEngine(plan, Random(0))
    engine.run([("a/1", Event((1, 0), {"n": "text"}))])
    snapshot = recovery._Snapshot(engine, 0)
    engine.run([("a/1", Event((2, 0), {"n": 1}))])
    snapshot.restore(engine, form)
    assert [letter.cleared for letter in engine.trace.letters] == told
    assert len(engine.trace.emitted) == len(told) - 1
