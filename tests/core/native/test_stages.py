"""The drained stages in C against those in Python: the same outputs and the same state after every batch."""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import Change
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.drained import follow, match, placing, showing
from onto_flow.operators.record import Record
from onto_flow.testing.cases import random_case

pytestmark = pytest.mark.usefixtures("compiled")
ROOT = Path(__file__).parents[3]
COMPILED = [(follow, "at_once"), (match, "at_once"), (placing, "place"), (showing, "show")]


@contextmanager
def in_python():
    """The forms in Python for a while."""
    forms = [(module, name, getattr(module, name)) for module, name in COMPILED]
    for module, name in COMPILED:
        setattr(module, name, module.in_python)
    try:
        yield
    finally:
        for module, name, form in forms:
            setattr(module, name, form)


def plain(value):
    """A value as it can be compared: records as what is written of them, in the order of its paths."""
    if isinstance(value, Record):
        reg, due, opened, *rest = value.pack()
        return plain([sorted(reg, key=lambda held: held[0]), sorted(due), sorted(opened, key=repr), *rest])
    if hasattr(value, "pack"):
        return plain(value.pack())
    if hasattr(value, "items"):
        return {k: plain(v) for k, v in value.items()}
    return [type(value).__name__, *map(plain, value)] if isinstance(value, (list, tuple)) else repr(value)


def state_of(flow):
    return {name: {key: plain(cells) for key, cells in states.items()} for name, states in flow.state.states.items()}


def cut(feed, size):
    """Batches in which no document is twice: of two versions of one in a batch, an equal second one may be told of or not."""
    batches = []
    for path, event_ in feed:
        if not batches or len(batches[-1]) == size or path in dict(batches[-1]):
            batches.append([])
        batches[-1].append((path, event_))
    return batches


def taken(flow, batch):
    """What a batch shows, with its pages where it is of several changes: which of them comes first is left to the form."""
    outputs = flow.process(batch)
    while len(batch) > 1 and flow.timer_is_due:
        outputs += flow.process(())
    return outputs


def test_they_are_compiled():
    assert all(getattr(module, name) is not module.in_python for module, name in COMPILED)


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 5, 100]), st.sampled_from([0, 1, 3]))
def test_both_give_the_same(number, size, page):
    case = random_case(Random(number), most=25)
    history = case.history
    flows = [LocalFlow(case.plan, snapshot=history.snapshot, page=page) for _ in range(2)]
    batches = [[seed(c, history.snapshot) for c in history.seeds()]] if history.exported else []
    feed = [event(history.change(index)) for index in history.feed]
    batches += cut(feed, size)
    for batch in batches:
        given_ = taken(flows[0], batch)
        with in_python():
            expected = taken(flows[1], batch)
        assert sorted(map(repr, given_)) == sorted(map(repr, expected))
        assert state_of(flows[0]) == state_of(flows[1])


def meeting_room():
    flow = LocalFlow(MeetingSession.plan())
    documents = {
        "users/u1": {"firstName": "Ada", "lastName": "L", "organization": "O", "hearingAidRequested": True},
        "tickets/t1": {"role": "guest", "attendance": True, "user": Reference("users/u1")},
        "meetings/m1": {"status": "in-session", "tickets": [Reference("tickets/t1")]},
    }
    flow.process([event(Change(p, None, f, (1, 0))) for p, f in documents.items()])
    return flow, documents


def rename(flow, documents, number):
    after = {**documents["users/u1"], "lastName": f"L{number}"}
    return flow.process([event(Change("users/u1", None, after, (2 + number, 0)))])


def move(flow, documents, number):
    """A second ticket comes to the meeting, or goes from it."""
    tickets = [Reference("tickets/t1"), Reference("tickets/t2")][: 1 + number % 2]
    after = {**documents["meetings/m1"], "tickets": tickets}
    return flow.process([event(Change("meetings/m1", None, after, (2 + number, 0)))])


def with_a_second_ticket():
    flow, documents = meeting_room()
    users = {"users/u2": {**documents["users/u1"], "lastName": "K"}}
    second = {**users, "tickets/t2": {**documents["tickets/t1"], "user": Reference("users/u2")}}
    flow.process([event(Change(p, None, f, (1, 0))) for p, f in second.items()])
    for number in range(3):
        move(flow, documents, number)  # what is known of a collection is learned at its first changes
    return flow, documents


def left_behind(change):
    """How many objects, blocks of memory, and references to those that all share, 2,000 changes leave, in a process of its own."""
    shared = None, True, MeetingSession, ()
    flow, documents = with_a_second_ticket()
    for number in range(3, 101):
        change(flow, documents, number)
    gc.collect()
    objects, blocks, counts = len(gc.get_objects()), sys.getallocatedblocks(), [sys.getrefcount(o) for o in shared]
    for number in range(101, 2101):
        assert len(change(flow, documents, number)) == 1
    gc.collect()
    left = len(gc.get_objects()) - objects, sys.getallocatedblocks() - blocks
    return *left, *(sys.getrefcount(o) - then for o, then in zip(shared, counts))


@pytest.mark.parametrize("change", ["rename", "move"])
def test_changes_leave_nothing_behind(change):
    code = f"from {__name__} import left_behind, {change}; print(*left_behind({change}))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    objects, *others = map(int, run.stdout.split())
    assert abs(objects) < 100, run.stdout
    assert all(abs(count) < 500 for count in others), run.stdout


def test_what_comes_and_goes_takes_no_generic_steps(monkeypatch):
    flow, documents = with_a_second_ticket()
    monkeypatch.setattr(LocalFlow, "step", lambda *given_: pytest.fail("a generic step was taken"))
    for number in range(3, 9):
        (change,) = move(flow, documents, number)
        names = [a["name"] for a in change.new["attending"]]
        assert names == ["Ada L", "Ada K"][: 1 + number % 2]


@pytest.mark.parametrize("what", [follow.at_once, match.at_once, placing.place, showing.show])
def test_what_they_cannot_take_is_an_error_and_no_crash(what):
    for given_ in (
        (),
        (1,),
        ({}, {}, {}),
        *((None,) * n for n in range(3, 9)),
        ((), (1, 2, 3, 4), {}, {}, 0),
        ([1], ({}, None, {}, (0, 0)), {}, {}, 0),
    ):
        with pytest.raises(TypeError):
            what(*given_)
