"""The loss meter: what is open is what an oracle of indexes says, in any order; what is told, kept and given up."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import BELOW_EVENTS, NEVER, Version
from onto_flow.core.codec import encode_state
from onto_flow.core.gaps import Gap, Gaps
from onto_flow.operators import meter
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Event
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import Commit, History, deliver
from onto_flow.testing.shapes import Shape, plan_of
from onto_flow.testing.shuffling import ShufflingEngine
from onto_flow.testing.simulation import Setting, item
from onto_flow.testing.strategies import cases
from tests.operators.bench import Bench

ROOT = Shape("V", "outV", (("root", "a", -1, ()),))
S = 100


def bench(snapshot: int | None = S) -> Bench:
    return Bench(plan_of(ROOT), "ingest", snapshot=snapshot)


def write(at: int, replaced: int | None = None) -> Event:
    """A document written at a time, in the place of what was written at another."""
    return Event((at, 0), {"n": at}, at, NEVER if replaced is None else (replaced, 0))


def delete(written: int, at: int) -> Event:
    return Event((written, 1), None, at, (written, 0))


def told(ingest: Bench) -> list[tuple[Version, Version, int, bool]]:
    found = [g[1:] for g in ingest.emitted if isinstance(g, Gap)]
    ingest.emitted.clear()
    return found


def awaited(ingest: Bench) -> set[Version]:
    gaps = Gaps()
    for output in ingest.emitted:
        if isinstance(output, Gap):
            gaps.take(output)
    return {version for _, version in gaps.awaited()}


def holes(ingest: Bench) -> bytes:
    return b"".join(ingest.cells("a/1")["document"][3:])


@given(cases(most=25), st.integers(0, 9), st.integers(1, 4))
def test_what_was_lost_is_open_at_the_end_on_the_shuffling_engine(case: Case, seed: int, share: int):
    random, history = Random(seed), case.history
    delivered = deliver(random.sample(history.feed, len(history.feed) // share), random, "shuffled")
    engine = ShufflingEngine(case.plan, random, Setting().profile(history.snapshot))
    engine.bulk([item(change) for change in history.seeds()])
    engine.run([item(history.change(index)) for index in delivered])
    gaps = Gaps()
    for gap in random.sample(engine.trace.gaps, len(engine.trace.gaps)):
        gaps.take(gap)
    missing = {(p, v) for p, v in history.missing(delivered) if case.plan.projection.wants(p)}
    assert (gaps.awaited(), gaps.open, gaps.lost) == (missing, len(missing), 0)


@given(st.lists(st.booleans(), min_size=1, max_size=14), st.integers(0, 13), st.booleans(), st.data())
def test_one_document_in_any_order_and_any_steps(alive: list[bool], exported: int, known: bool, data: st.DataObject):
    commits: list[Commit] = []
    for at, lives in enumerate(alive):
        exists = bool(commits) and commits[-1].fields is not None
        commits.append(Commit("a/1", {"n": at} if lives or not exists else None, 10 + at))
    exported = min(exported, len(commits) - 1)
    history = History(tuple(commits), exported, commits[exported - 1].time if exported and known else None)
    ingest = bench(history.snapshot)
    for change in history.seeds():
        ingest.step("a/1", item(change)[1])
    delivered: list[int] = []
    for some in data.draw(st.lists(st.lists(st.sampled_from(history.feed), min_size=1, max_size=4), max_size=12)):
        ingest.step("a/1", *(item(history.change(index))[1] for index in some))
        delivered += some
        assert awaited(ingest) == {version for _, version in history.missing(delivered)}


def test_a_gap_is_told_when_it_opens_is_split_and_closes():
    ingest = bench()
    ingest.step("a/1", Event((S, 0), {"n": 1}))
    ingest.step("a/1", write(150, 140))
    assert told(ingest) == [((S, 0), (140, 0), 1, False)]
    ingest.step("a/1", write(120, 110))
    assert told(ingest) == [((S, 0), (140, 0), -1, False), ((S, 0), (110, 0), 1, False), ((120, 0), (140, 0), 1, False)]
    ingest.step("a/1", write(140, 120), write(110, 90))
    assert told(ingest) == [((S, 0), (110, 0), -1, False), ((120, 0), (140, 0), -1, False)]
    assert len(ingest.cells("a/1")["document"]) == 3
    ingest.step("a/1", write(140, 120), write(110, 90), write(150, 140), write(120, 110))
    assert told(ingest) == []


@pytest.mark.parametrize(
    ("events", "opened"),
    [
        ([write(150, 90)], set()),
        ([write(150, 110)], {(110, 0)}),
        ([write(150)], set()),
        ([write(150), delete(150, 160), write(170)], set()),
        ([write(150), write(170)], set()),
        ([write(170), delete(140, 150)], {(140, 0)}),
        ([delete(90, 150)], set()),
        ([delete(120, 150)], {(120, 0)}),
        ([delete(120, 150), write(120, 90)], set()),
        ([write(90, 80), delete(80, 90)], set()),
        ([Event((150, 0), {}, 150), Event((190, 0), {}, 190)], set()),
        ([Event((150, 0), {}, 150, (150, 0)), Event((160, 0), {}, 160, (170, 0))], set()),
    ],
)
def test_what_events_after_an_export_say(events: list[Event], opened: set[Version]):
    for step in ([[e] for e in events], [[e] for e in events[::-1]], [events]):
        for seeds in ([Event((S, 0), {"n": 1})], []):
            ingest = bench()
            for messages in [seeds, *step] if seeds else step:
                ingest.step("a/1", *messages)
            assert awaited(ingest) == opened


@pytest.mark.parametrize("seeds", [[Event(BELOW_EVENTS, {})], []])
def test_without_the_time_of_an_export_the_first_version_that_is_named_is_where_knowledge_begins(seeds: list[Event]):
    for order in ((50, 70, 90), (90, 50, 70), (90, 70, 50)):
        ingest = bench(None)
        for messages in ([seeds] if seeds else []) + [[write(at, at - 10)] for at in order]:
            ingest.step("a/1", *messages)
        assert awaited(ingest) == {(60, 0), (80, 0)}


def test_an_earlier_life_may_come_after_the_first_event_of_all():
    ingest = bench(None)
    for event in (write(170), delete(140, 150), write(110)):
        ingest.step("a/1", event)
    assert awaited(ingest) == {(140, 0)}


def test_a_gap_is_given_up_when_its_versions_would_be_too_late():
    ingest = bench()
    ingest.now = 50
    ingest.step("a/1", write(150, 140), write(170, 160))
    assert ingest.timers == {("a/1", "garbage"): 140 + 8 * DAY + 1}
    ingest.timer("a/1", "garbage", 140 + 8 * DAY)
    assert [g[2:] for g in told(ingest)] == [(1, False), (1, False)]
    ingest.timer("a/1", "garbage", 140 + 8 * DAY + 1)
    assert told(ingest) == [((S, 0), (140, 0), -1, True)]
    ingest.step("a/1", write(140, 100))
    assert told(ingest) == []
    ingest.timer("a/1", "garbage", 99 * DAY)
    assert told(ingest) == [((150, 0), (160, 0), -1, True)]
    assert len(ingest.cells("a/1")["document"]) == 3
    assert ingest.timers == {}


def test_state_that_began_later_waits_longer():
    """A feed of last year that is read today has its whole horizon."""
    ingest = Bench(plan_of(ROOT), "ingest", snapshot=S, born=300 * DAY)
    ingest.now = 301 * DAY
    ingest.step("a/1", write(150, 140))
    ingest.timer("a/1", "garbage", 308 * DAY)
    assert [g[2:] for g in told(ingest)] == [(1, False)]
    assert ingest.timers == {("a/1", "garbage"): 308 * DAY + 1}


def test_a_tombstone_takes_its_gaps_along():
    ingest = bench()
    ingest.step("a/1", delete(9 * DAY, 9 * DAY + 5))
    assert awaited(ingest) == {(9 * DAY, 0)}
    ingest.emitted.clear()
    ingest.timer("a/1", "garbage", 8 * DAY)
    assert told(ingest) == [((S, 0), (9 * DAY, 0), -1, True)]
    assert ingest.cells("a/1") == {}


def test_a_document_keeps_no_more_than_so_many_gaps():
    ingest = bench()
    for n in range(meter.MAX_GAPS + 3):
        ingest.step("a/1", write(210 + 20 * n, 200 + 20 * n))
    given_up = [g for g in told(ingest) if g[3]]
    assert [g[1] for g in given_up] == [(200, 0), (220, 0), (240, 0)]
    assert len(holes(ingest)) == 16 * meter.MAX_GAPS
    for n in range(30):
        ingest.step("b/1", write(200 + n))
    assert len(b"".join(ingest.cells("b/1")["document"][3:])) == 16 * meter.MAX_QUIET


def test_the_meter_costs_nothing_where_all_came_and_18_bytes_where_a_document_was_made():
    ingest, plain = bench(), bench()
    for messages in ([Event((S, 0), {"n": 1})], [write(150, 90)], [write(170, 150)], [delete(170, 180)]):
        ingest.step("a/1", *messages)
        plain.step("a/1", *(m._replace(previous=None) for m in messages))
        assert ingest.cells("a/1") == plain.cells("a/1")
    ingest.step("a/2", write(150))
    plain.step("a/2", write(150)._replace(previous=None))
    sizes = [len(encode_state(b.cells("a/2")["document"])) for b in (ingest, plain)]
    assert sizes[0] - sizes[1] == 18


def test_state_from_before_the_meter_is_read():
    ingest = bench()
    ingest.store.states["ingest"]["a/1"] = {"document": encode_state(((120, 0), {"n": 1}, 0))}
    ingest.step("a/1", write(150, 140))
    assert told(ingest) == [((120, 0), (140, 0), 1, False)]
