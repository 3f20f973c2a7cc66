"""Each job is wiring: its word chooses the command, its views are fixed, all else is the tool's; so the engine too."""

from __future__ import annotations

import pytest

from jobs import command, meeting_room, movielens, stocks, swapi
from onto_flow.demo import data as demo
from onto_flow.formats.export_writer import write_export
from onto_flow.views import load_views
from tests.jobs.feeds import parquet_table

JOBS = (meeting_room, movielens, stocks, swapi)


@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.__name__)
def test_a_job_is_two_commands_of_the_tool_on_its_views(job, monkeypatch):
    called = []
    monkeypatch.setattr(command, "main", lambda words: called.append(words) or 0)
    assert job.run("backfill", "--source", "x") == job.run("maintain", "--engine=beam") == 0
    assert called == [["backfill", job.VIEWS, "--source", "x"], ["run", job.VIEWS, "--engine=beam"]]
    assert load_views(job.VIEWS)


def test_a_job_says_what_it_can_do(capsys):
    assert swapi.run() == swapi.run("drop") == 2
    assert "backfill or maintain" in capsys.readouterr().err


@pytest.mark.beam
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("engine", ["local", "beam"])
def test_the_engine_is_an_option(engine, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "export", demo.documents().items())
    ends = ["--source", "export", "--sink", f"parquet:{tmp_path / 'tables'}"]
    assert meeting_room.run("backfill", *ends, "--engine", engine) == 0
    sessions = parquet_table(tmp_path / "tables", "meetingSessions")
    assert sorted(sessions) == ["meetingSessions/retro", "meetingSessions/standup"]
