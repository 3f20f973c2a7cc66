"""A first load that is filled leaves the state that one batch leaves, and shows the same."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import DeadLetter
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.bulk import unfilled
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.record import Record
from onto_flow.testing.cases import random_case


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


def shown(outputs):
    """Outputs without their order and their stacks."""
    return sorted(repr(o._replace(stack="") if isinstance(o, DeadLetter) else o) for o in outputs)


def filled(plan, seeds, **options):
    flow = LocalFlow(plan, **options)
    flow.fill(seeds)
    return flow, [o for outputs in flow.filled() for o in outputs]


def test_filled_is_what_one_batch_leaves_and_the_feed_goes_on_the_same():
    known = 0
    for number in range(400):
        case = random_case(Random(number), most=25)
        if unfilled(case.plan):
            continue
        known += 1
        history = case.history
        seeds = [seed(c, history.snapshot) for c in history.seeds()]
        flow = LocalFlow(case.plan, snapshot=history.snapshot)
        theirs = flow.process(seeds)
        mine, outputs = filled(case.plan, seeds, snapshot=history.snapshot)
        assert shown(outputs) == shown(theirs), number
        assert state_of(mine) == state_of(flow), number
        for index in history.feed:
            batch = [event(history.change(index))]
            assert shown(mine.process(batch)) == shown(flow.process(batch)), number
        assert state_of(mine) == state_of(flow), number
    assert known > 100


def test_of_two_documents_with_one_path_the_first_counts():
    def meeting(status):
        return ("meetings/m1", event_of({"status": status, "tickets": [Reference("tickets/t1")]}))

    def event_of(fields):
        from onto_flow.core.change import BELOW_EVENTS
        from onto_flow.operators.messages import Event

        return Event(BELOW_EVENTS, fields)

    flow, outputs = filled(MeetingSession.plan(), [meeting("in-session"), meeting("closed"), ("other/x", event_of({}))])
    assert [o.new["inSession"] for o in outputs] == [True]
    assert list(flow.state.states["ingest"]) == ["meetings/m1"]


def test_paths_that_are_referred_to_are_one_text():
    from onto_flow.core.change import BELOW_EVENTS
    from onto_flow.operators.messages import Event

    documents = {
        "meetings/m1": {"status": "in-session", "tickets": [Reference("".join(("tickets", "/t1")))]},
        "".join(("tickets", "/t1")): {"attendance": True, "user": Reference("users/u1")},
    }
    flow, _ = filled(MeetingSession.plan(), [(p, Event(BELOW_EVENTS, f)) for p, f in documents.items()])
    states = flow.state.states
    ticket = next(p for p in states["ingest"] if p.startswith("tickets"))
    assert next(iter(states["MeetingSession.match.tickets"])) is ticket
    assert next(p for p in states["MeetingSession.assemble"]["meetings/m1"]["record"].reg if p == ticket) is ticket


def test_what_fails_in_a_view_is_told(monkeypatch):
    evaluator = type(MeetingSession.plan().views[0].code.resolve().evaluator())
    monkeypatch.setattr(evaluator, "keep", lambda *_: 1 / 0)
    from onto_flow.core.change import BELOW_EVENTS
    from onto_flow.operators.messages import Event

    seeds = [("meetings/m1", Event(BELOW_EVENTS, {"status": "in-session", "tickets": []}))]
    _, outputs = filled(MeetingSession.plan(), seeds)
    assert [type(o) for o in outputs] == [DeadLetter]


@pytest.mark.parametrize("wanted", ["documents", "count"])
def test_an_empty_load_is_nothing(wanted):
    flow, outputs = filled(MeetingSession.plan(), [])
    assert outputs == [] and not any(flow.state.states.values())
