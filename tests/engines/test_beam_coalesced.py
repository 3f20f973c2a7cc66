"""With `coalesce` what shows view documents waits for more messages: bursts are evaluated once."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, Outcome, quick

from onto_flow import plan_views
from onto_flow.core.change import Change, ViewChange
from onto_flow.core.codec import decode_state
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.beam import clock
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.waits import Waiting, Waits
from onto_flow.engines.carried import LOAD, End, encode_carried
from onto_flow.engines.coding import encode_state
from onto_flow.testing.oracle import recompute

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

PLAN = plan_views(MeetingSession, OrganizationLoad)
PATIENCE = 250_000


def meeting(status: str, tickets: int) -> dict[str, Any]:
    return {"status": status, "location": None, "tickets": [Reference(f"tickets/t{n}") for n in range(tickets)]}


def documents(tickets: int) -> dict[str, Any]:
    user = {"firstName": "Ada", "lastName": "King", "organization": "Analytical", "hearingAidRequested": False}
    ticket = {"role": "guest", "attendance": True, "user": Reference("users/ada")}
    return {
        "users/ada": user,
        **{f"tickets/t{n}": ticket for n in range(tickets)},
        "meetings/m1": meeting("in-session", tickets),
    }


def told(documents: dict[str, Any], second: int) -> list[Change]:
    return [Change(path, None, fields, (second * 1_000_000, n)) for n, (path, fields) in enumerate(documents.items())]


class Stream:
    """`Maintain`, whose messages all go on at once, and whose timers come when they are told to."""

    def __init__(self, *, coalesce: int, load: bool = False) -> None:
        with quick():
            pipeline = beam.Pipeline()
            kinds = {"documents": Change, "ends": bytes, "changes": Change}
            self.roots = {name: pipeline | name >> Root().with_output_types(kind) for name, kind in kinds.items()}
            begins = Load(self.roots["documents"], self.roots["ends"], 1) if load else None
            transform = MaintainPlan(PLAN, load=begins, generation=FROM, shards=1, coalesce=coalesce)
            self.runner = ShufflingRunner(pipeline, (self.roots["changes"] | "maintain" >> transform)._asdict())
        self.runner.begin(Random(1))
        self.assemble = self.runner.stages["maintain/MeetingSession.assemble/ParDo(step)"].fn.operator

    def give(self, root: str, elements: Sequence[Any]) -> None:
        with mock.patch.object(clock, "micros", lambda: self.runner.now):
            self.runner.give(self.roots[root], elements)
            self.settle()

    def settle(self) -> None:
        while self.runner.waiting:
            self.runner._step(self.runner._next())

    def due(self) -> dict[tuple[str, Any], int]:
        """(Operator, key) -> when the timer comes that takes what waits there."""
        waiting = {place: at for place, at in self.runner.timers.items() if place[2].endswith(".together")}
        return {(place[2].removeprefix("ts-").rpartition(".")[0], place[1]): at for place, at in waiting.items()}

    def pass_time(self, micros: int = 0) -> None:
        """Timers that are due by then come, and what follows from them."""
        self.runner.now += micros
        with mock.patch.object(clock, "micros", lambda: self.runner.now):
            while due := [p for p, at in self.runner.timers.items() if at <= self.runner.now and "garbage" not in p[2]]:
                self.runner.fire(due[0])
                self.settle()

    def shown(self, view: str) -> list[ViewChange]:
        return [change for change in self.runner.kept["views"] if change.view == view]


def test_a_burst_of_changes_of_one_view_document_is_evaluated_and_shown_once() -> None:
    stream = Stream(coalesce=PATIENCE // 1000)
    now = documents(3)
    stream.give("changes", told(now, 1))
    stream.pass_time(PATIENCE)
    assert len(stream.shown("MeetingSession")) == 1
    evaluated = stream.assemble.evaluated
    for second in range(2, 12):
        name = {**now["users/ada"], "lastName": f"King {second}"}
        stream.give("changes", [Change("users/ada", None, name, (second * 1_000_000, 0))])
    assert len(stream.shown("MeetingSession")) == 1, "nothing goes out before its time"
    stream.pass_time(PATIENCE)
    first, last = stream.shown("MeetingSession")
    assert stream.assemble.evaluated == evaluated + 1
    assert last.old == first.new
    assert [row["name"] for row in last.new["attending"]] == ["Ada King 11"] * 3


def test_the_first_that_waits_says_until_when() -> None:
    stream = Stream(coalesce=PATIENCE // 1000)
    stream.give("changes", told(documents(1), 1))
    due = stream.due()
    of_roots_and_groups = {"MeetingSession.assemble", "OrganizationLoad.aggregate"}
    assert {name for name, _ in due} == of_roots_and_groups, "of a grouped view its groups wait, not its roots"
    stream.runner.now += PATIENCE // 2
    stream.give("changes", [Change("meetings/m1", None, meeting("closed", 1), (2_000_000, 0))])
    assert stream.due().items() >= due.items()


def test_a_grouped_view_shows_a_group_once() -> None:
    stream = Stream(coalesce=PATIENCE // 1000)
    stream.give("changes", told(documents(3), 1))
    assert stream.shown("OrganizationLoad") == []
    stream.pass_time(PATIENCE)
    [change] = stream.shown("OrganizationLoad")
    assert change.new["attending"] == 3


def test_of_a_load_nothing_waits() -> None:
    stream = Stream(coalesce=PATIENCE // 1000, load=True)
    now = documents(3)
    given = [Change(path, None, fields, (0, 1)) for path, fields in now.items()]
    stream.give("documents", given)
    assert stream.due() == {}
    stream.give("ends", [encode_carried(End(LOAD, "all", len(given), len(given)))])
    stream.pass_time()
    assert Outcome(stream.runner.kept["views"]).tables(PLAN) == recompute(PLAN, now)


def test_what_a_key_waits_for_is_written_as_ever_where_its_inbox_is_empty() -> None:
    class State:
        raw: bytes | None = None

        def read(self) -> bytes | None:
            return self.raw

        def write(self, raw: bytes) -> None:
            self.raw = raw

    state = State()
    Waiting(state).put(Waits(garbage=5))
    assert state.raw == encode_state((5, False, (0, 0)))
    Waiting(state).put(Waits(garbage=5, inbox=True))
    assert Waiting(state).get() == Waits(garbage=5, inbox=True)
    assert decode_state(state.raw)[3:] == (True,)
