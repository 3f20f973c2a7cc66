"""`onto-flow audit` as a command, on files; and what a repair does to a topic."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from onto_flow.audit import repair as repairs
from onto_flow.audit.repair import Bounds, Clock, LinesOutlet, repair
from onto_flow.audit.report import Report
from onto_flow.cli import main
from onto_flow.core.change import AS_READ, NEVER, Change
from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.core.values import from_micros
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.formats import decode
from onto_flow.formats.cloudevents import encode_change
from onto_flow.formats.export_writer import write_export
from onto_flow.model.compile import plan_views
from tests.audit.jobs import Kept, Taken

VIEWS = "onto_flow.demo.meeting_room"
HOUR = 3_600_000_000


class Room:
    """The meeting room as a job on files, which lost a change, a creation and a deletion."""

    def __init__(self, folder: Path, sink: str) -> None:
        self.sink = sink
        self.at = time.time_ns() // 1000 - HOUR
        documents = data.documents()
        write_export(folder / "export", documents.items(), snapshot_time=from_micros(self.at))
        came = {"users/alan": {**documents["users/alan"], "lastName": "T"}}
        lost = {"users/ada": {**documents["users/ada"], "lastName": "King"}, "users/new": {"firstName": "New"}}
        self.feed([Change(p, None, f, (self.at + 10, 0), from_micros(self.at + 10)) for p, f in came.items()])
        documents |= came | lost
        del documents["tickets/t2"]
        self.taken = self.at + 1_000_000
        write_export(folder / "later", documents.items(), snapshot_time=from_micros(self.taken))

    def feed(self, changes: list[Change]) -> None:
        Path("feed.jsonl").write_text("".join(json.dumps(encode_change(c)) + "\n" for c in changes))

    def run(self, feed: str = "feed.jsonl") -> int:
        line = ["run", VIEWS, "--source", "export", "--feed", feed, "--sink", self.sink, "--quiet"]
        return main([*line, "--checkpoint", "state", "--dead-letters", "letters.sqlite"])

    def audit(self, *more: str) -> int:
        line = ["audit", VIEWS, "--source", "later", "--checkpoint", "state", "--table", self.sink, "--quiet"]
        return main([*line, *more])


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("sink", ["parquet:tables", "jsonl:table.jsonl", "sqlite:tables.sqlite"])
def test_what_was_lost_is_told_and_mended(folder, sink, capsys):
    room = Room(folder, sink)
    assert room.run() == 0
    capsys.readouterr()
    assert room.audit() == 3
    told = capsys.readouterr().out
    for line in (
        "lost-change: 1",
        "lost-creation: 1",
        "lost-deletion: 1",
        "  meetingSessions/standup  (tickets/t2, users/ada)",
        "MeetingSession: 2 view documents, 2 follow from the documents, 1 wrong-view",
        "OrganizationLoad: 6 view documents, 5 follow from the documents, 1 extra-view, 2 wrong-view",
        "a repair sends 2 documents and 1 deletions",
        "note: ",
    ):
        assert line in told, told
    assert not Path("repair.jsonl").exists()
    repairing = ["--repair", "jsonl:repair.jsonl", "--max-share", "0.5", "--receipt", "receipt.json"]
    assert room.audit("--format", "json", *repairing) == 3
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads(Path("receipt.json").read_text())
    assert (told["sent"]["sent"], told["sent"]["left"], told["sent"]["deletions"]) == (3, 0, {"tickets": 1})
    assert room.run("repair.jsonl") == 0
    assert room.audit("--format", "json") == 0
    after = json.loads(capsys.readouterr().out)
    assert after["export"] == after["in_state"] == told["export"] != told["in_state"]
    assert all(view["follows"] == view["table"] for view in after["views"].values())


def test_a_repair_that_is_too_large_is_refused_and_sends_nothing(folder, capsys):
    room = Room(folder, "parquet:tables")
    room.run()
    assert room.audit("--repair", "jsonl:repair.jsonl") == 2
    told = capsys.readouterr()
    assert "[audit-refused] a repair would send 3 changes for 17 documents" in told.err
    assert "lost-change: 1" in told.out and not Path("repair.jsonl").exists()


def test_documents_only_names_no_view_document(folder, capsys):
    room = Room(folder, "parquet:tables")
    room.run()
    capsys.readouterr()
    assert room.audit("--documents-only") == 3
    assert "lost-change: 1" in (told := capsys.readouterr().out) and "meetingSessions" not in told


def test_without_a_checkpoint_the_tables_are_compared(folder, capsys):
    room = Room(folder, "parquet:tables")
    room.run()
    capsys.readouterr()
    line = ["audit", VIEWS, "--source", "later", "--table", "parquet:tables", "--since", "export", "--quiet"]
    assert main([*line, "--repair", "jsonl:repair.jsonl", "--max-share", "1"]) == 3
    assert "1 extra-view" in capsys.readouterr().out
    assert room.run("repair.jsonl") == 0
    assert main(line) == 0


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--since", "export"], "--since is for tables alone"),
        (["--max-share", "0"], "--max-share=0 is no number above 0"),
        (["--max-changes", "many"], "--max-changes=many is no number above 0"),
        (["--source", "export", "--snapshot-time", "2001-01-01T00:00:00Z"], "the job began with a later one"),
        (["--snapshot-time", "2099-01-01T00:00:00Z"], "of the future"),
        (["--table", "bigquery://p/d"], "tables of bigquery are not read here"),
        (["--repair", "kafka://h/t", "--max-share", "1"], "there is no repair 'kafka'"),
        (["--repair", "jsonl:repair.jsonl?x=1", "--max-share", "1"], "a repair has no option x"),
    ],
)
def test_what_cannot_be_is_refused(folder, more, says, capsys):
    room = Room(folder, "parquet:tables")
    room.run()
    assert room.audit(*more) == 2
    assert says in capsys.readouterr().err


def test_an_export_without_a_time_is_refused(folder, capsys):
    room = Room(folder, "parquet:tables")
    room.run()
    Path("later.jsonl").write_text("")
    assert room.audit("--source", "jsonl:later.jsonl") == 2
    assert "[no-snapshot-time]" in capsys.readouterr().err


def test_there_is_no_checkpoint(folder, capsys):
    Room(folder, "parquet:tables")
    assert main(["audit", VIEWS, "--source", "later", "--checkpoint", "state", "--quiet"]) == 2
    assert "there is no checkpoint at state" in capsys.readouterr().err


PLAN = plan_views(MeetingSession)


def report_of(changes: dict[str, bool], documents: int = 1000) -> Report:
    report = Report(1000, changes=changes)
    report.documents.documents = documents
    return report


def test_a_repair_sends_no_more_and_not_faster_than_it_may():
    export = Taken({f"users/u{n:03}": {"firstName": "A", "unread": n} for n in range(250)}, 1000)
    now, slept = [0.0], []

    def sleep(seconds):
        slept.append(seconds)
        now[0] += seconds

    outlet = Kept()
    report = report_of(dict.fromkeys((c.path for c in export.changes), True), 10_000)
    receipt = repair(PLAN, report, export, outlet, Bounds(most=220, per_second=50.0), Clock(lambda: now[0], sleep))
    assert (receipt["sent"], receipt["left"], len(outlet.changes)) == (220, 30, 220)
    assert slept == [1.0] * 4, "batches of fifty, a second apart"
    assert outlet.changes[7].after["unread"] in range(250), "whole documents go"
    assert {c.version for c in outlet.changes} == {(1000, AS_READ)}


def test_documents_that_went_between_two_readings_end_a_repair():
    with pytest.raises(DataError, match="are not any more"):
        repair(PLAN, report_of({"users/u1": True}), Taken({}, 1000), Kept(), Bounds())


def test_lines_are_events_that_come_back_as_they_were(tmp_path):
    changes = [
        Change("users/u1", None, {"n": 1.0, "b": b"\0"}, (1000, AS_READ), from_micros(1000)),
        Change("users/u2", None, None, (1000, 1), from_micros(1000)),
    ]
    for _ in range(2):
        outlet = LinesOutlet(str(tmp_path / "repair.jsonl"))
        outlet.send(changes)
        outlet.close()
    lines = (tmp_path / "repair.jsonl").read_bytes().splitlines()
    assert [decode(line)._replace(previous=None) for line in lines] == changes * 2
    assert (tmp_path / "repair.jsonl").stat().st_mode & 0o077 == 0
    assert decode(lines[1]).version > NEVER


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(EngineError, match="the repair cannot be written"):
        LinesOutlet(str(tmp_path / "none" / "repair.jsonl"))
    with pytest.raises(UsageError, match="is no topic"):
        repairs.open_outlet("pubsub://p")


@pytest.mark.parametrize(
    ("place", "code", "says"),
    [("repair.jsonl", 2, "there is no repair 'repair.jsonl'"), ("jsonl:no/folder/here", 1, "cannot be written")],
)
def test_where_a_repair_goes_is_looked_at_before_anything_is_compared(folder, place, code, says, capsys):
    room = Room(folder, "parquet:tables")
    assert room.run() == 0
    capsys.readouterr()
    assert room.audit("--repair", place) == code
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""
