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
from onto_flow.operators.drained import assemble, follow
from onto_flow.operators.record import Record
from onto_flow.testing.cases import random_case

pytestmark = pytest.mark.usefixtures("compiled")
ROOT = Path(__file__).parents[3]


@contextmanager
def in_python():
    """The forms in Python for a while."""
    compiled = follow.at_once, assemble.show
    follow.at_once, assemble.show = follow.in_python, assemble.in_python
    try:
        yield
    finally:
        follow.at_once, assemble.show = compiled


def plain(value):
    """A value as it can be compared: records as what is written of them, in the order of its paths."""
    if isinstance(value, Record):
        reg, due, opened, *rest = value.pack()
        return repr([sorted(reg, key=repr), sorted(due), sorted(opened, key=repr), *rest])
    if hasattr(value, "pack"):
        return plain(value.pack())
    if hasattr(value, "items"):
        return {k: plain(v) for k, v in value.items()}
    return [type(value).__name__, *map(plain, value)] if isinstance(value, (list, tuple)) else repr(value)


def state_of(flow):
    return {name: {key: plain(cells) for key, cells in states.items()} for name, states in flow.state.states.items()}


def test_they_are_compiled():
    assert follow.at_once is not follow.in_python
    assert assemble.show is not assemble.in_python


@given(st.integers(0, 2**32), st.sampled_from([1, 2, 5, 100]), st.sampled_from([0, 1, 3]))
def test_both_give_the_same(number, size, page):
    case = random_case(Random(number), most=25)
    history = case.history
    flows = [LocalFlow(case.plan, snapshot=history.snapshot, page=page) for _ in range(2)]
    batches = [[seed(c, history.snapshot) for c in history.seeds()]] if history.exported else []
    feed = [event(history.change(index)) for index in history.feed]
    batches += [feed[at : at + size] for at in range(0, len(feed), size)]
    for batch in batches:
        given_ = flows[0].process(batch)
        with in_python():
            expected = flows[1].process(batch)
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


def left_behind():
    """How many objects, and references to those that all share, 2,000 changes leave, in a process with nothing else in it."""
    shared = None, True, MeetingSession, ()
    flow, documents = meeting_room()
    for number in range(100):
        rename(flow, documents, number)
    gc.collect()
    objects, counts = len(gc.get_objects()), [sys.getrefcount(o) for o in shared]
    for number in range(100, 2100):
        assert len(rename(flow, documents, number)) == 1
    gc.collect()
    return len(gc.get_objects()) - objects, *(sys.getrefcount(o) - then for o, then in zip(shared, counts))


def test_changes_leave_nothing_behind():
    code = f"from {__name__} import left_behind; print(*left_behind())"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert all(-100 < int(count) < 100 for count in run.stdout.split()), run.stdout


@pytest.mark.parametrize("what", [follow.at_once, assemble.show])
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
