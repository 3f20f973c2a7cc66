"""The local flow: what it says of its state to whoever persists it."""

from __future__ import annotations

from onto_flow.core.change import BELOW_EVENTS
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event


def test_the_keys_of_a_batch_are_told_once_and_cover_every_cell_that_changed():
    flow = LocalFlow(MeetingSession.plan())
    flow.keeps_touched = True
    flow.process([("users/u1", Event(BELOW_EVENTS, {"firstName": "Ada"}))])
    assert {n: [*k] for n, k in flow.touched().items() if k} == {
        "ingest": ["users/u1"],
        "MeetingSession.match.users": ["users/u1"],
    }
    ticket = {"attendance": True, "user": Reference("users/u1")}
    meeting = {"status": "open", "tickets": [Reference("tickets/t1")]}
    flow.process([("tickets/t1", Event((5, 0), ticket)), ("meetings/m1", Event((6, 0), meeting))])
    flow.process([("notes/n1", Event((7, 0), {}))])
    touched = flow.touched()
    assert [*touched["MeetingSession.assemble"]] == ["meetings/m1"]
    assert [*touched["ingest"]] == ["tickets/t1", "meetings/m1", "notes/n1"]
    assert not any(flow.touched().values())
