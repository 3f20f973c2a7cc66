"""Declared time in stories: scenarios say it, printed tests say it, and jobs get it."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from onto_flow import Reference
from onto_flow.engines.local.run import Run
from onto_flow.testing import now, scenario
from onto_flow.testing.checking.printing import test_of as text_of
from onto_flow.testing.checking.shrinking import Failure
from onto_flow.testing.checking.stories import Story, clock
from onto_flow.testing.checking.subject import Subject
from onto_flow.testing.checking.ways import Batches
from onto_flow.testing.simulation import MOMENT
from tests.laws.checked.timed_views import RoomPage, Watch

NOON = datetime(2026, 5, 4, 12, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def test_a_scenario_says_what_time_it_is():
    stay = {"room": Reference("rooms/1"), "guest": Reference("guests/a"), "leaves": NOON + MINUTE}
    told = scenario(RoomPage).given({"rooms/1": {}, "guests/a": {}, "stays/s": stay})
    before = {"roomPages/1": {"guests": ["a"], "stays": ["s"], "awaited": 1, "ever": 1}}
    after = {"roomPages/1": {"guests": [], "stays": [], "awaited": 1, "ever": 1}}
    told = told.then(before).when(now(NOON + MINUTE - timedelta(microseconds=1))).then(before)
    told = told.when(now(NOON + MINUTE)).then(after)
    told.as_job(kill=3, checkpoint=True, rebuild=True).then(after)
    for mode in ("streamed", "outbox", "epoch"):
        told.shuffled(mode=mode, schedules=3).then(after)


def test_the_last_moment_of_a_job_comes_when_its_feed_has_ended(monkeypatch):
    original = Run._advance
    monkeypatch.setattr(Run, "_advance", lambda self, *, to_the_end=False: not to_the_end and original(self))
    told = scenario(Watch).given({"rooms/1": {"seen": NOON}}).when(now(NOON + 60 * MINUTE)).as_job()
    with pytest.raises(AssertionError, match="'hours': 0}, and should be {'hours': 1}"):
        told.then({"watches/1": {"hours": 1}})
    told.when(("rooms/2", {"seen": NOON})).as_job().then({"watches/1": {"hours": 1}, "watches/2": {"hours": 1}})


def test_the_clock_never_goes_back():
    told = scenario(Watch).given({"rooms/1": {"seen": NOON}})
    told.when(now(NOON + 2 * 60 * MINUTE), now(NOON + 60 * MINUTE)).then({"watches/1": {"hours": 2}})


def test_a_printed_test_says_what_time_it_is():
    story = Story({"rooms/1": {"seen": NOON}}, (clock(NOON + 60 * MINUTE),))
    text = text_of(Failure(story, Batches(), "wrong"), Subject((Watch,)))
    assert "now(datetime.fromisoformat('2026-05-04T13:00:00+00:00'))," in text
    assert "from onto_flow.testing import now, scenario" in text
    names = {}
    exec(compile(text, "printed", "exec"), names)  # noqa: S102 - it is what was printed
    names["test_watch"]()


def test_changes_of_the_clock_are_no_commits():
    story = Story({"rooms/1": {}}, (("rooms/2", {}), clock(NOON + MINUTE), ("rooms/2", None)))
    assert story.commits == (1, None, 2)
    assert story.clock == ((2, MOMENT + 60_000_000),)
    assert (story.moment(()), story.moment()) == (MOMENT, MOMENT + 60_000_000)
    assert len(story.history.commits) == 3
    assert story.cut_at(2).history.exported == 2
    assert story.states()[2] == story.states()[1] == {"rooms/1": {}, "rooms/2": {}}
