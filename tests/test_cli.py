"""The tool, run as a user runs it: a process, its output, its exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pyarrow.parquet as pq
import pytest

from onto_flow import cli
from onto_flow.cli import jobs
from onto_flow.demo import data
from onto_flow.formats import encode_change
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import encode_fields
from tests.test_run import twice_renamed

VIEWS = "onto_flow.demo.meeting_room"
PROJECT = Path(__file__).parent.parent


@pytest.fixture
def room(tmp_path):
    """A folder with the meeting room's export and feed."""
    write_export(tmp_path / "export", sorted(data.documents().items()), snapshot_time=data.EXPORTED_AT)
    lines = [json.dumps(encode_change(step.change)) for step in data.script()]
    (tmp_path / "feed.jsonl").write_text("\n".join(lines) + "\n")
    return tmp_path


def command(*arguments, folder):
    paths = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "PYTHONPATH": paths}
    line = [sys.executable, "-m", "onto_flow.cli", *map(str, arguments)]
    return {"args": line, "cwd": folder, "env": environment, "text": True}


def tool(*arguments, folder, code=0, stdin=None):
    done = subprocess.run(**command(*arguments, folder=folder), capture_output=True, input=stdin, timeout=120)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def table(folder, name):
    return {r.pop("__path__"): r for r in pq.read_table(folder / name).to_pylist()}


def test_backfill_writes_one_table_per_view(room):
    done = tool("backfill", VIEWS, "--source", "export", "--sink", "parquet:out", folder=room)
    assert "16 documents, 0 changes -> 8 view changes" in done.stderr
    sessions = table(room / "out", "meetingSessions")
    assert sorted(sessions) == ["meetingSessions/retro", "meetingSessions/standup"]
    assert sessions["meetingSessions/standup"]["attending"][0]["name"] == "Ada Lovelace"
    assert table(room / "out", "organizationLoad")["organizationLoad/Navy|guest"]["names"] == ["Hopper"]


def test_fields_of_a_wrong_type_are_told_at_the_end(room):
    documents = {**data.documents(), "tickets/odd": {"attendance": "yes", "role": 7}, "tickets/even": {"role": 8}}
    write_export(room / "odd", sorted(documents.items()))
    done = tool("backfill", VIEWS, "--source", "odd", "--sink", "parquet:out", folder=room)
    assert "fields of another type than declared were read: tickets.role 2, tickets.attendance 1" in done.stderr


def test_run_keeps_the_tables_right(room):
    tool("run", VIEWS, "--source", "export", "--feed", "feed.jsonl", "--sink", "parquet:out", folder=room)
    sessions = table(room / "out", "meetingSessions")
    assert sorted(sessions) == ["meetingSessions/planning", "meetingSessions/standup"]
    assert [a["name"] for a in sessions["meetingSessions/standup"]["attending"]] == ["Ada King", "Grace Hopper"]


def test_tables_in_postgresql_are_computed_and_kept_right(room, postgresql):
    sink = f"{postgresql}&schema=tool"
    people = (
        'SELECT a.name FROM tool."meetingSessions", jsonb_to_recordset(attending) AS a(name text) WHERE __path__ = %s'
    )
    tool("backfill", VIEWS, "--source", "export", "--sink", sink, folder=room)
    with psycopg.connect(postgresql, autocommit=True) as reader:
        sessions = reader.execute('SELECT __path__, "inSession" FROM tool."meetingSessions" ORDER BY 1').fetchall()
        assert sessions == [("meetingSessions/retro", True), ("meetingSessions/standup", True)]
        assert reader.execute(people, ["meetingSessions/standup"]).fetchone() == ("Ada Lovelace",)
        tool("run", VIEWS, "--source", "export", "--feed", "feed.jsonl", "--sink", sink, folder=room)
        sessions = reader.execute('SELECT __path__ FROM tool."meetingSessions" ORDER BY 1').fetchall()
        assert sessions == [("meetingSessions/planning",), ("meetingSessions/standup",)]
        assert reader.execute(people, ["meetingSessions/standup"]).fetchone() == ("Ada King",)


def test_run_takes_a_feed_from_standard_input_and_lines_as_sink(room):
    feed = (room / "feed.jsonl").read_text()
    arguments = ("run", f"{VIEWS}:MeetingSession", "--source", "export", "--feed", "-", "--sink", "jsonl:out.jsonl")
    tool(*arguments, folder=room, stdin=feed)
    lines = [json.loads(line) for line in (room / "out.jsonl").read_text().splitlines()]
    assert {line["view"] for line in lines} == {"MeetingSession"}
    last = {line["path"]: line for line in sorted(lines, key=lambda line: line["version"])}
    assert last["meetingSessions/retro"]["new"] is None
    assert all(old["new"] == new["old"] for p in last for old, new in _pairs(lines, p))


def _pairs(lines, path):
    mine = [line for line in lines if line["path"] == path]
    return zip(mine, mine[1:])


def test_cat_prints_a_form_that_is_a_source_too(room):
    printed = tool("cat", "export", "--sort", folder=room).stdout
    documents = {d["path"]: d["fields"] for d in map(json.loads, printed.splitlines())}
    assert documents == {path: encode_fields(fields) for path, fields in data.documents().items()}
    assert list(documents) == sorted(documents)
    (room / "documents.jsonl").write_text(printed)
    tool("backfill", VIEWS, "--source", "jsonl:documents.jsonl", "--sink", "parquet:out", folder=room)
    tool("backfill", VIEWS, "--source", "export", "--sink", "parquet:other", folder=room)
    assert table(room / "out", "meetingSessions") == table(room / "other", "meetingSessions")
    users = tool("cat", "export", "--collection", "users", folder=room).stdout.splitlines()
    assert len(users) == 5


def test_explain_prints_text_or_json(room):
    golden = (PROJECT / "tests/golden/meeting_room.txt").read_text()
    assert tool("explain", VIEWS, folder=room).stdout == f"{golden}\nbackfill: at once, without state\n"
    views = json.loads(tool("explain", f"{VIEWS}:MeetingSession", "--format", "json", folder=room).stdout)["views"]
    assert [v["name"] for v in views] == ["MeetingSession"]


def test_bad_events_are_dead_letters_and_the_rest_goes_on(room):
    with (room / "feed.jsonl").open("a") as file:
        file.write('{"specversion": "1.0", "id": "e99", "type": "other"}\nnot json\n')
    arguments = ("run", VIEWS, "--source", "export", "--feed", "feed.jsonl", "--sink", "parquet:out")
    done = tool(*arguments, folder=room, code=3)
    assert "2 dead letters: .onto-flow/dead-letters.sqlite" in done.stderr
    assert "meetingSessions/planning" in table(room / "out", "meetingSessions")
    listed = tool("dead-letters", "list", folder=room).stdout
    assert "event:e99\t1\tbad-change: " in listed
    key = next(line.split("\t")[0] for line in listed.splitlines() if "line 11" in line)
    assert "not json" in tool("dead-letters", "show", key, folder=room).stdout


def test_a_failing_view_keeps_its_last_document_and_says_so(room):
    (room / "mine.py").write_text(
        "from onto_flow.demo.meeting_room import *\n"
        "from onto_flow import ViewModel, udf\n"
        "class Lengths(ViewModel):\n"
        "    class Meta:\n        collection_name = 'lengths'\n"
        "    store: MeetingSessionStore\n"
        "    @udf\n    @staticmethod\n"
        "    def seats(location: Location) -> int:\n        return 10 // len(location.name)\n"
    )
    feed = [s.change for s in data.script()][:1]
    change = feed[0]._replace(path="locations/attic", before=None, after={"name": ""})
    (room / "feed.jsonl").write_text(json.dumps(encode_change(change)) + "\n")
    arguments = ("run", "mine.py:Lengths", "--source", "export", "--feed", "feed.jsonl", "--sink", "parquet:out")
    tool(*arguments, folder=room, code=3)
    assert table(room / "out", "lengths")["lengths/standup"] == {"seats": 2, "__failed__": True}
    shown = tool("dead-letters", "show", "view:Lengths:meetings/standup", folder=room).stdout
    assert "ZeroDivisionError" in shown and "mine.py" in shown


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["backfill", VIEWS, "--source", "nowhere", "--sink", "parquet:out"], 1, "nowhere"),
        (["backfill", VIEWS, "--source", "export", "--sink", "parqet:out"], 2, "Did you mean parquet?"),
        (["backfill", VIEWS, "--source", "export", "--sink", "out"], 2, "does not say what kind of sink"),
        (["backfill", f"{VIEWS}:MeetingSesion", "--source", "export", "--sink", "parquet:out"], 2, "MeetingSession?"),
        (["backfill", "no_such_module", "--source", "export", "--sink", "parquet:out"], 2, "there is no module"),
        (["backfill", "missing.py", "--source", "export", "--sink", "parquet:out"], 2, "there is no file missing.py"),
        (
            ["backfill", VIEWS, "--source", "export", "--sink", "parquet:out", "--engine", "spark"],
            2,
            "no engine 'spark'",
        ),
        (["backfill", VIEWS, "--source", "export", "--sink", "parquet:out", "--checkpoint"], 2, "--checkpoint"),
        (["backfill", VIEWS, "--source", "export", "--sink", "parquet:out", "--sped", "x"], 2, "no option 'sped'"),
        (["explain", VIEWS, "--sped"], 2, "unrecognized argument: --sped"),
        (["cat", "export", "--collection", "a/b"], 2, "not the path of a collection"),
        (["dead-letters", "list", "--file", "none.sqlite"], 2, "there are no dead letters"),
        (
            ["run", VIEWS, "--source", "export", "--feed", "f", "--sink", "parquet:o", "--snapshot-time", "x"],
            2,
            "RFC 3339",
        ),
    ],
)
def test_an_error_is_one_clear_paragraph(room, arguments, code, says):
    assert says in tool(*arguments, folder=room, code=code).stderr


@pytest.mark.parametrize(("made", "code"), [(True, 7), (False, 2)])
def test_an_engine_of_another_environment_runs_there_or_is_told(tmp_path, monkeypatch, capsys, made, code):
    """The command goes on as a process of its own, with the same arguments."""
    monkeypatch.setitem(jobs._ENVIRONMENTS, "spark", ("no_such_package", ".venv-spark"))
    monkeypatch.setattr(sys, "prefix", str(tmp_path / ".venv"))
    there = tmp_path / ".venv-spark" / "bin" / "onto-flow"
    ran = []
    monkeypatch.setattr(jobs.os, "execv", lambda tool, words: ran.append((Path(tool), words)) or sys.exit(7))
    if made:
        there.parent.mkdir(parents=True)
        there.write_text("")
    line = ["backfill", VIEWS, "--source", "e", "--sink", "parquet:o", "--engine", "spark"]
    try:
        assert cli.main(line) == code
        assert "./setup.sh" in capsys.readouterr().err
    except SystemExit as ended:
        assert ended.code == code and ran == [(there, [str(there), *line])]


def test_a_traceback_comes_only_with_debug(room):
    line = command("backfill", VIEWS, "--source", "nowhere", "--sink", "parquet:out", "--debug", folder=room)
    assert "Traceback" in subprocess.run(**line, capture_output=True, check=False).stderr


def test_sigterm_ends_a_run_cleanly_with_what_was_done(room):
    line = command("run", VIEWS, "--source", "export", "--feed", "-", "--sink", "parquet:out", folder=room)
    process = subprocess.Popen(**line, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write((room / "feed.jsonl").read_text())
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while "meetingSessions/planning" not in (_table_or_nothing(room / "out", "meetingSessions")):
        assert time.monotonic() < deadline, "the quiet feed was not published"
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "9 changes" in errors


def _table_or_nothing(folder, name):
    try:
        return table(folder, name)
    except (FileNotFoundError, OSError):
        return {}


def test_the_demo_shows_each_change_and_checks_the_tables(tmp_path):
    done = tool("demo", "--keep", "kept", folder=tmp_path)
    assert "every one is right" in done.stdout
    assert "a reference moves" in done.stdout
    assert done.stdout.count("(no view changes)") == 2
    assert sorted(p.name for p in (tmp_path / "kept").iterdir()) == ["changes.jsonl", "export", "tables"]


def test_what_the_feed_lost_is_told_and_the_table_is_that_of_the_newest_versions(room):
    first, second = (json.dumps(encode_change(change)) for change in twice_renamed())
    says = {}
    for name, lines in {"whole": [first, second], "lossy": [second], "late": [second, second, first]}.items():
        (room / "feed.jsonl").write_text("\n".join(lines))
        arguments = ("run", VIEWS, "--source", "export", "--feed", "feed.jsonl", "--sink", f"parquet:{name}")
        says[name] = tool(*arguments, folder=room).stderr.splitlines()[-1]
        assert table(room / name, "meetingSessions") == table(room / "whole", "meetingSessions")
    assert says["lossy"].endswith(" s; gaps open: 1")
    assert "gap" not in says["whole"] + says["late"]


def test_explain_draws(room):
    drawn = tool("explain", VIEWS, "--format", "mermaid", folder=room).stdout
    assert drawn == (PROJECT / "tests/golden/meeting_room.mmd").read_text()
