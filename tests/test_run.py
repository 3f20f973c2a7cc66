"""run.py: how source, feed, engine and sink become a job."""

from __future__ import annotations

import json
import signal
from datetime import datetime, timedelta, timezone

import pytest

from onto_flow import ViewModel, udf
from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.demo import data
from onto_flow.demo.meeting_room import Meeting, MeetingSession, MeetingSessionStore, OrganizationLoad
from onto_flow.engines.base import Report
from onto_flow.formats import encode_change
from onto_flow.formats.cloudevents_writer import binary_line
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import encode_fields
from onto_flow.run import Run, backfill, start
from onto_flow.sinks.memory import MemorySink
from onto_flow.sinks.parquet import ParquetSink
from onto_flow.sources.base import SourceInfo
from onto_flow.streams import EXPORT_MARGIN, cutover_of

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


def twice_renamed():
    """Two changes of one document, the second in the place of the first."""
    exported = to_micros(data.EXPORTED_AT)
    ada = data.documents()["users/ada"]
    yield Change("users/ada", None, {**ada, "lastName": "King"}, (exported + 10, 0), None, (exported - 9, 0))
    yield Change("users/ada", None, {**ada, "lastName": "Byron"}, (exported + 20, 0), None, (exported + 10, 0))


@pytest.fixture
def documents(tmp_path):
    file = tmp_path / "documents.jsonl"
    lines = [json.dumps({"path": p, "fields": encode_fields(f)}) for p, f in data.documents().items()]
    file.write_text("\n".join(lines))
    return f"jsonl:{file}"


def test_backfill_of_a_class_gives_its_table(documents):
    seen = []
    run = MeetingSession.backfill(source=documents, on_progress=seen.append)
    assert run.report.view_changes == 2 and run.progress.stage == "computing" and seen
    assert list(run.documents()) == ["meetingSessions/retro", "meetingSessions/standup"]
    assert run.to_arrow().column_names[0] == "__path__"
    frame = run.to_pandas().set_index("__path__")
    assert (
        bool(frame.loc["meetingSessions/retro", "inSession"])
        and frame.loc["meetingSessions/retro", "address"] == "Cellar"
    )


def test_several_views_are_asked_for_by_name(documents):
    run = backfill(MeetingSession, OrganizationLoad, source=documents)
    assert len(run.documents(OrganizationLoad)) == len(run.documents("OrganizationLoad")) == 6
    with pytest.raises(UsageError, match="say which view: MeetingSession, OrganizationLoad"):
        run.documents()
    with pytest.raises(UsageError, match="Did you mean MeetingSession"):
        run.documents("MeetingSesion")


def test_tables_elsewhere_are_not_read_back(documents, tmp_path):
    run = MeetingSession.backfill(source=documents, sink=ParquetSink(str(tmp_path / "out")))
    with pytest.raises(UsageError, match="outside this process"):
        run.to_pandas()


def test_a_view_of_this_process_alone_runs_on_local_and_nowhere_else(documents):
    class Mine(MeetingSession):
        class Meta:
            collection_name = "mine"

    assert len(Mine.backfill(source=documents).documents()) == 2


def test_a_later_generation_replaces_the_table(documents, tmp_path):
    first = backfill(MeetingSession, source=documents, sink=f"parquet:{tmp_path}/out")
    second = backfill(MeetingSession, source=documents, sink=f"parquet:{tmp_path}/out")
    assert first.report.view_changes == second.report.view_changes == 2


def test_user_code_that_fails_is_told_in_the_run(documents):
    class Fails(ViewModel):
        class Meta:
            collection_name = "fails"

        store: MeetingSessionStore

        @udf
        @staticmethod
        def broken(meeting: Meeting) -> int:
            return 1 // 0

    run = Fails.backfill(source=documents)
    assert run.documents() == {} and run.report.dead_letters == 3
    assert run.letters["view:Fails:meetings/retro"].reason.startswith("udf-failed: ZeroDivisionError")


def test_an_export_that_knows_its_time_joins_a_feed(tmp_path):
    write_export(tmp_path / "export", sorted(data.documents().items()), snapshot_time=data.EXPORTED_AT)
    feed = tmp_path / "feed.jsonl"
    feed.write_text("\n".join(json.dumps(encode_change(s.change)) for s in data.script()))
    run = start([MeetingSession], source=str(tmp_path / "export"), feed=str(feed))
    assert list(run.documents()) == ["meetingSessions/planning", "meetingSessions/standup"]


@pytest.mark.parametrize(
    ("info", "feed", "given", "inconsistent", "snapshot", "held"),
    [
        (SourceInfo("firestore-export", snapshot_time=NOON), True, None, False, NOON, False),
        (
            SourceInfo("firestore-export", snapshot_time=NOON),
            True,
            NOON + timedelta(1),
            False,
            NOON + timedelta(1),
            False,
        ),
        (SourceInfo("firestore-export"), False, None, False, None, False),
        (SourceInfo("jsonl", ranks_below_events=True), True, None, False, None, False),
        (SourceInfo("firestore-export", start_time=NOON), True, None, True, NOON - EXPORT_MARGIN, True),
        (SourceInfo("emulator-export", start_time=NOON), True, None, False, NOON - EXPORT_MARGIN, True),
    ],
)
def test_the_cutover_follows_from_what_the_source_knows(info, feed, given, inconsistent, snapshot, held):
    cutover = cutover_of(info, feed, given, inconsistent)
    assert cutover.snapshot == (None if snapshot is None else to_micros(snapshot))
    assert cutover.publish_after_feed is held


def test_a_production_export_without_time_is_refused_with_a_feed():
    with pytest.raises(UsageError, match="--inconsistent-export"):
        cutover_of(SourceInfo("firestore-export", start_time=NOON), True, None, False)
    with pytest.raises(UsageError, match="when it began"):
        cutover_of(SourceInfo("firestore-export"), True, None, True)


def test_an_unknown_engine_option_is_refused(documents):
    with pytest.raises(EngineError, match="no option 'fast'"):
        backfill(MeetingSession, source=documents, fast=True)


def background(change):
    """The same as an event of the 1st generation."""
    event = encode_change(change)
    kind = "providers/cloud.firestore/eventTypes/document.write"
    resource = event["data"]["value"]["name"]
    return {"eventId": event["id"], "eventType": kind, "resource": resource, "data": event["data"]}


@pytest.mark.parametrize(("line_of", "gaps"), [(encode_change, 1), (binary_line, 1), (background, 0)])
def test_the_gaps_of_a_feed_are_in_the_report(tmp_path, line_of, gaps):
    write_export(tmp_path / "export", sorted(data.documents().items()), snapshot_time=data.EXPORTED_AT)
    feed = tmp_path / "feed.jsonl"
    changes = list(twice_renamed())
    feed.write_text("\n".join(json.dumps(line_of(change)) for change in changes[1:]))
    run = start([MeetingSession, OrganizationLoad], source=str(tmp_path / "export"), feed=str(feed))
    assert run.report.changes == 1
    assert run.report.gaps_open == run.progress.gaps_open == gaps
    assert run.report.gaps.awaited() == ({("users/ada", changes[0].version)} if gaps else set())
    assert run.letters == {}


def test_a_notebook_shows_what_a_run_did(documents, tmp_path):
    run = backfill(MeetingSession, OrganizationLoad, source=documents)
    shown = run._repr_html_()
    assert "<td>OrganizationLoad</td><td>6</td>" in shown and "<th>dead letters</th>" in shown
    elsewhere = MeetingSession.backfill(source=documents, sink=f"parquet:{tmp_path / 'tables'}")
    assert "view documents" not in elsewhere._repr_html_()
    elsewhere.report = None
    assert "<td>computing</td>" in elsewhere._repr_html_() or "<td>done</td>" in elsewhere._repr_html_()


@pytest.fixture
def pythons_own_interrupts():
    """Ctrl-C as a notebook has it: commands of the tool that other tests ran have set handlers of their own."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("pythons_own_interrupts")
def test_the_first_interrupt_ends_a_run_cleanly(documents, tmp_path):
    def interrupt(progress):
        if not interrupted:
            interrupted.append(progress)
            signal.raise_signal(signal.SIGINT)

    interrupted = []
    with pytest.raises(EngineError, match="stopped before the source was read; nothing was published"):
        MeetingSession.backfill(source=documents, sink=f"jsonl:{tmp_path / 'views'}", on_progress=interrupt)
    assert interrupted
    assert not (tmp_path / "views").exists() or (tmp_path / "views").read_text() == ""
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_that_was_stopped_says_so():
    stopped = Run(MemorySink(), report=Report(1, 2, 0, 0, 0.5, published=False))
    assert "stopped: nothing was published" in stopped._repr_html_()


@pytest.mark.usefixtures("pythons_own_interrupts")
def test_the_second_interrupt_is_pythons_own(documents):
    def interrupt(progress):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        MeetingSession.backfill(source=documents, on_progress=interrupt)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_run_holds_the_beginning_of_what_a_feed_could_not_read():
    run = Run(MemorySink())
    run.took(DeadLetter("event:1", "bad-change: no", "", b"x" * 1_000_000))
    run.took(DeadLetter("view:V:a/b", "udf-failed: no", "", {"n": 1}))
    assert [letter.payload for letter in run.letters.values()] == [b"x" * 65_536, {"n": 1}]
