"""A reading and the events of its document, in any order: the document as it was read, and what happened after."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow.core.change import AS_READ
from onto_flow.operators.messages import Event
from onto_flow.testing.shapes import Shape, plan_of
from tests.operators.bench import Bench

SHOWN = Shape("V", "outV", (("root", "a", -1, ()),))
READ_AT = 1000


def bench(**options) -> Bench:
    return Bench(plan_of(SHOWN), "ingest", **options)


def held(ingest: Bench):
    state = ingest.cells("a/1")["document"]
    return None if state is None else (tuple(state[0]), state[1])


def reading(n: int, at: int = READ_AT) -> Event:
    return Event((at, AS_READ), {"n": n}, at)


def test_a_reading_wins_over_what_is_older_and_loses_against_what_is_younger():
    ingest = bench()
    ingest.step("a/1", Event((5, 0), {"n": 1}, 5))
    ingest.step("a/1", reading(2))
    assert held(ingest) == ((READ_AT, AS_READ), {"n": 2})
    ingest.step("a/1", Event((999, 0), {"n": 3}, 999))
    assert held(ingest) == ((READ_AT, AS_READ), {"n": 2})
    ingest.step("a/1", Event((READ_AT + 1, 0), {"n": 4}, READ_AT + 1))
    ingest.step("a/1", reading(2))
    assert held(ingest) == ((READ_AT + 1, 0), {"n": 4})


def test_what_was_read_and_is_deleted_later_is_deleted_though_it_was_written_long_before():
    for together in (False, True):
        ingest = bench()
        steps = [reading(2)], [Event((5, 1), None, READ_AT + 7)]
        for step in [[*steps[0], *steps[1]]] if together else steps:
            ingest.step("a/1", *step)
        assert held(ingest) == ((READ_AT, 1), None)


def test_a_deletion_from_before_the_reading_comes_too_late():
    ingest = bench()
    ingest.step("a/1", reading(2))
    ingest.step("a/1", Event((5, 1), None, READ_AT - 1))
    assert held(ingest) == ((READ_AT, AS_READ), {"n": 2})


def test_a_reading_never_brings_back_what_may_have_been_deleted_since():
    for now, left in ((READ_AT + 1, None), (READ_AT, {"n": 2})):
        ingest = bench()
        ingest.now = now
        ingest.step("a/1", Event((5, 1), None, 6))
        ingest.step("a/1", reading(2))
        assert held(ingest)[1] == left


def test_a_reading_that_is_older_than_the_late_horizon_is_a_dead_letter_where_nothing_is_known():
    ingest = bench(horizon=100)
    ingest.now = READ_AT + 101
    ingest.step("a/1", reading(2))
    assert [letter.reason[:8] for letter in ingest.emitted] == ["too-late"]


@settings(max_examples=200)
@given(st.randoms(use_true_random=False))
def test_a_reading_and_events_end_with_what_the_document_is(random: Random):
    """Of the events before the reading any may be lost; of those after it none."""
    time, updated, truth, read = 0, 0, None, None
    events = []
    for n in range(random.randint(1, 8)):
        time += random.randint(1, 300)
        if truth is None or random.random() < 0.6:
            event, truth, updated = Event((time, 0), {"n": n}, time), {"n": n}, time
        else:
            event, truth = Event((updated, 1), None, time), None
        if time <= READ_AT:
            read = truth
        events.append(event)
    told = Event((READ_AT, 1), None, READ_AT) if read is None else Event((READ_AT, AS_READ), read, READ_AT)
    before = [e for e in events if e.time <= READ_AT and random.random() < 0.7]
    early = [e for e in before if random.random() < 0.5]
    late = [e for e in before if e not in early] + [e for e in events if e.time > READ_AT] + [told]
    late += random.sample(late, min(len(late), 2))
    random.shuffle(late)
    ingest = bench()
    doubtful = False
    for now, queue in ((READ_AT, early), (10**6, late)):
        ingest.now = now
        while queue:
            some = [queue.pop() for _ in range(min(len(queue), random.choice((1, 1, 2, 3))))]
            ingest.step("a/1", *some)
            version, fields = held(ingest) or ((0, 0), None)
            doubtful = doubtful or (now > READ_AT and fields is None and version[1] == 1 and version[0] < READ_AT)
    ended = (held(ingest) or (None, None))[1]
    assert ended == truth or (doubtful and ended is None), (events, told)
    assert doubtful or ended == truth
