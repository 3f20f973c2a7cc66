"""The local flow: what it says of its state to whoever persists it."""

from __future__ import annotations

from onto_flow.core.change import BELOW_EVENTS
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.local.state import InMemory
from onto_flow.operators.messages import Event


class Noting(InMemory):
    """Notes the keys that were needed, by operator."""

    def __init__(self, plan):
        super().__init__(plan)
        self.needed = {}

    def need(self, operator, keys):
        self.needed.setdefault(operator, {}).update(dict.fromkeys(keys))

    def take(self):
        needed, self.needed = self.needed, {}
        return {name: [*keys] for name, keys in needed.items()}


def test_the_keys_of_a_batch_are_needed_once_and_cover_every_cell_that_changes():
    plan = MeetingSession.plan()
    flow = LocalFlow(plan, state=Noting(plan))
    flow.process([("users/u1", Event(BELOW_EVENTS, {"firstName": "Ada"}))])
    assert flow.state.take() == {"ingest": ["users/u1"], "MeetingSession.match.users": ["users/u1"]}
    ticket = {"attendance": True, "user": Reference("users/u1")}
    meeting = {"status": "open", "tickets": [Reference("tickets/t1")]}
    flow.process([("tickets/t1", Event((5, 0), ticket)), ("meetings/m1", Event((6, 0), meeting))])
    flow.process([("notes/n1", Event((7, 0), {}))])
    needed = flow.state.take()
    assert needed["MeetingSession.assemble"] == ["meetings/m1"]
    assert needed["ingest"] == ["tickets/t1", "meetings/m1", "notes/n1"]
    assert flow.state.take() == {}
