"""Moments at which very much changes: a tick of a clock that all roots read, many expiries at once; others do not wait."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, clock, computed, root
from onto_flow.core.change import ViewChange
from onto_flow.core.values import from_micros
from onto_flow.engines.local import flow as local_flow
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event

ROOTS, PAGE = 50, 7
MINUTE = 60_000_000


class Hold(DomainModel):
    class Meta:
        collection_name = "holds"

    expires_at: datetime = attrs.timestamp
    user: str = attrs.str


class TickingStore(Store):
    hold = root(Hold)
    clock = clock(every=timedelta(minutes=1))


class Ticking(ViewModel):
    class Meta:
        collection_name = "ticking"

    store: TickingStore

    @computed
    def left(self) -> float:
        return (self.store.hold.expires_at - self.store.clock.now).total_seconds()


class HeldStore(Store):
    hold = root(Hold, until=Hold.expires_at)


class Held(ViewModel):
    class Meta:
        collection_name = "held"

    store: HeldStore

    @computed
    def user(self) -> str:
        return self.store.hold.user


def loaded(view) -> LocalFlow:
    flow = LocalFlow(view.plan(), page=PAGE)
    flow.advance(MINUTE)
    fields = {"expiresAt": from_micros(2 * MINUTE), "user": "Ada"}
    flow.process([(f"holds/{n:02}", Event((1, 0), fields)) for n in range(ROOTS)])
    return flow


def batches(flow: LocalFlow) -> list[list[ViewChange]]:
    """What each batch shows until nothing is due, with a change of a document of its own in the first."""
    own = ("holds/49", Event((2, 0), {"expiresAt": from_micros(9 * MINUTE), "user": "Bob"}))
    told = [flow.process([own])]
    while flow.timer_is_due:
        told.append(flow.process(()))
    return [[c for c in batch if isinstance(c, ViewChange)] for batch in told]


def test_a_tick_is_told_page_by_page_and_other_changes_do_not_wait():
    flow = loaded(Ticking)
    flow.advance(2 * MINUTE)
    told = batches(flow)
    assert "ticking/49" in {c.path for c in told[0]}
    assert max(map(len, told)) <= PAGE + 1
    last = {c.path: c.new["left"] for batch in told for c in batch}
    assert last == {f"ticking/{n:02}": 0.0 if n < 49 else 420.0 for n in range(ROOTS)}


def test_a_tick_that_comes_before_all_have_heard_of_the_last_one_is_told_instead():
    flow = loaded(Ticking)
    flow.advance(2 * MINUTE)
    early = [flow.process(()), flow.process(())]
    flow.advance(3 * MINUTE)
    told = batches(flow)
    assert sum(map(len, told)) <= 2 * ROOTS - sum(map(len, early)) + 1
    assert {c.path: c.new["left"] for batch in told for c in batch if c.path != "ticking/49"} == {
        f"ticking/{n:02}": -60.0 for n in range(49)
    }


def test_expiries_of_one_moment_are_taken_some_a_batch(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(local_flow, "TIMERS", PAGE)
    flow = loaded(Held)
    assert flow.advance(2 * MINUTE)
    told = batches(flow)
    assert [c.new["user"] for c in told[0] if c.path == "held/49"] == ["Bob"]
    assert max(map(len, told)) <= PAGE + 1
    assert {c.path for batch in told for c in batch if c.new is None} == {f"held/{n:02}" for n in range(49)}
