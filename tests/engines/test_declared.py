"""Declared time of a job: which moments it has, on the wall, standing still, recorded; and what the local engine makes of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest

from onto_flow import Reference, plan_views
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.errors import UsageError
from onto_flow.core.values import to_micros
from onto_flow.engines.base import Job
from onto_flow.engines.declared import FixedTime, Moment, RecordedTime, RecordingTime, WallTime, declared_time
from onto_flow.engines.local import Engine
from onto_flow.sinks.memory import MemorySink
from tests.engines.test_local import Scripted
from udfs.reservations import Stock

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
MICROS = to_micros(NOON)


def later(**by: int) -> datetime:
    return NOON + timedelta(**by)


def test_the_wall_has_whole_seconds():
    wall = WallTime(lambda: 12.9)
    assert (wall.moment(5), wall.last()) == (12_000_000, 12_000_000)


def test_a_time_that_stands_still_does():
    fixed = FixedTime(later(microseconds=5))
    assert {fixed.moment(0), fixed.moment(9), fixed.last()} == {MICROS}


def test_what_was_recorded_comes_again(tmp_path):
    file = tmp_path / "clock.jsonl"
    times = iter((1.0, 1.5, 3.0, 2.0, 7.0))
    recording = RecordingTime(WallTime(lambda: next(times)), file)
    seen = [recording.moment(changes) for changes in (0, 4, 4, 6)]
    recording.last()
    recording.close()
    assert [json.loads(line) for line in file.read_text().splitlines()] == [
        {"changes": 0, "now": "1970-01-01T00:00:01Z"},
        {"changes": 4, "now": "1970-01-01T00:00:03Z"},
        {"changes": 6, "now": "1970-01-01T00:00:07Z"},
    ]
    again = RecordedTime.read(file)
    assert [again.moment(changes) for changes in (0, 3, 4, 5, 6)] == [
        1_000_000,
        1_000_000,
        3_000_000,
        3_000_000,
        7_000_000,
    ]
    assert again.last() == 7_000_000 and seen[0] == 1_000_000


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "has no line"),
        ("nonsense\n", r"no line of a recorded time: 'nonsense'"),
        ('{"changes": 1}\n', "no line of a recorded time"),
        ('{"changes": -1, "now": "2024-05-01T12:00:00Z"}\n', "no line of a recorded time"),
        ('{"changes": true, "now": "2024-05-01T12:00:00Z"}\n', "no line of a recorded time"),
        ('{"changes": 1, "now": "2024-05-01T12:00:00"}\n', "no line of a recorded time"),
        ("[1, 2]\n", "no line of a recorded time"),
        ('{"changes": 1, "now": "2024-05-01T12:00:00Z"}\n{"changes": 0, "now": "2024-05-01T13:00:00Z"}\n', "goes back"),
        ('{"changes": 1, "now": "2024-05-01T12:00:00Z"}\n{"changes": 2, "now": "2024-05-01T11:00:00Z"}\n', "goes back"),
    ],
)
def test_what_is_no_recorded_time_is_told_with_its_line(tmp_path, text, what):
    (tmp_path / "clock").write_text(text)
    with pytest.raises(UsageError, match=what) as caught:
        RecordedTime.read(tmp_path / "clock")
    assert "clock" in caught.value.where


def test_options_that_exclude_each_other_and_files_that_are_not_there(tmp_path):
    with pytest.raises(UsageError, match="not both"):
        declared_time(NOON, tmp_path / "x", None)
    with pytest.raises(UsageError, match="cannot be read"):
        declared_time(None, tmp_path / "x", None)
    with pytest.raises(UsageError, match="cannot be recorded"):
        declared_time(NOON, None, tmp_path / "no" / "x")
    assert isinstance(declared_time(None, None, None), WallTime)
    recording = declared_time(NOON, None, tmp_path / "y")
    assert isinstance(recording, RecordingTime)
    recording.close()


def hold(pieces: int, ends: datetime) -> dict[str, Any]:
    return {"item": Reference("items/bread"), "pieces": pieces, "expiresAt": ends}


def documents() -> list[Change]:
    found = {
        "items/bread": {"name": "Bread", "onHand": 10, "countedAt": NOON},
        "holds/over": hold(1, NOON),
        "holds/soon": hold(2, later(minutes=5)),
        "holds/last": hold(4, later(hours=5)),
    }
    return [Change(path, None, fields, BELOW_EVENTS) for path, fields in found.items()]


def change(number: int, ends: datetime) -> Change:
    return Change(f"holds/n{number}", None, hold(1, ends), (number, 0))


def held(job: Job) -> tuple[int, list[int]]:
    """What is held at the end, and all that was ever shown."""
    assert isinstance(job.sink, MemorySink)
    Engine().run(job)
    (shown,) = job.sink.documents("Stock").values()
    return shown["held"], [c.new["held"] for c in job.sink.changes if c.new is not None]


def job(declared: Any, *feed: Any) -> Job:
    plan = plan_views(Stock)
    return Job(plan, Scripted(documents()), MemorySink(), Scripted(*feed) if feed else None, declared=declared)


def test_a_backfill_is_of_one_moment():
    assert held(job(FixedTime(NOON))) == (6, [6])
    assert held(job(FixedTime(later(minutes=5)))) == (4, [4])
    assert held(job(FixedTime(NOON - timedelta(days=1)))) == (7, [7])


def test_a_backfill_with_a_recorded_time_is_of_its_last_moment():
    assert held(job(RecordedTime([Moment(0, MICROS), Moment(7, to_micros(later(hours=6)))]))) == (0, [0])


def test_holds_end_between_changes_of_the_feed_and_when_nothing_comes():
    moments = [Moment(0, MICROS), Moment(1, to_micros(later(minutes=5))), Moment(2, to_micros(later(hours=4)))]
    feed = [change(1, later(hours=1))], [change(2, later(hours=9))]
    final, shown = held(job(RecordedTime(moments), *feed))
    assert (final, shown) == (5, [6, 5, 5]) or (final, shown) == (5, [6, 5])


def test_time_goes_on_while_the_feed_is_silent():
    wall = [to_micros(NOON) / 1e6]

    def silent():
        wall[0] += 60
        return []

    final, shown = held(job(WallTime(lambda: wall[0]), *[silent] * 7))
    assert (final, shown) == (4, [6, 4])
