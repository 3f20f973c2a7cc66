"""One command keeps a table right on Beam: an export, then a subscription, to Firestore; on the runner of this machine."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_streams import quick
from test_beam_stream import CHANGES, DOCUMENTS, PLAN, SNAPSHOT, embedded

from onto_flow.connect import open_feed
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.fence import FENCE, without_fence
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.beam import Engine
from onto_flow.engines.beam import local_pubsub as reads
from onto_flow.engines.beam.needs import needs_of
from onto_flow.engines.beam.runners import Need
from onto_flow.engines.beam.stream_run import FORGETS, _Local, earlier_writer
from onto_flow.engines.beam.write_lines import WriteLines
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.times import parse_time
from onto_flow.formats.view_changes import encode_view_change
from onto_flow.run import Run, start
from onto_flow.streams import as_of, stream_job
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub import PubSubServer, Settings, pubsub_server

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

TOPIC, LETTERS = (f"projects/demo-project/topics/{name}" for name in ("changes", "letters"))
VIEWS, READS = (f"projects/demo-project/subscriptions/{name}" for name in ("views", "letters"))
FEED = "pubsub://demo-project/views"
PATIENCE = 180.0
"""Seconds after which a test fails that waits."""


@pytest.fixture
def pubsub(monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSubServer]:
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        for topic, subscription in ((TOPIC, VIEWS), (LETTERS, READS)):
            server.broker.topics[topic] = []
            server.broker.subscribe(subscription, Settings(topic))
        yield server


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "export", demo.documents().items())
    return tmp_path


def publish(server: PubSubServer, *messages: tuple[bytes, dict[str, str]]) -> None:
    with server.changing() as broker:
        for message in messages:
            broker.publish(TOPIC, *message)


def until(condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def waiting(server: PubSubServer, subscription: str) -> list[bytes]:
    return [message.data for message in server.broker.subscriptions[subscription].unacknowledged]


@contextmanager
def running(**job: Any) -> Iterator[Run]:
    """A job in another thread, until it is stopped."""
    runs: list[Run] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            start([MeetingSession, OrganizationLoad], feed=FEED, engine="beam", on_sink=runs.append, **job)
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    with quick():
        thread.start()
        try:
            until(lambda: runs or failures)
            yield runs[0]
        finally:
            for each in runs:
                each.stop.set()
            thread.join(PATIENCE)
    assert not thread.is_alive()
    assert failures == []


def test_a_stream_shows_the_load_at_the_fence_and_then_each_change(
    pubsub: PubSubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "PULL_SECONDS", 0.2)
    expected = embedded(PLAN, DOCUMENTS, CHANGES, SNAPSHOT).tables(PLAN)
    wanted = {path: document for table in expected.values() for path, document in table.items()}
    with firestore_server() as firestore:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
        held = firestore.held("demo-project")

        def shown() -> dict[str, Any]:
            return {path: without_fence(held.database.get(path).fields or {}) for path in wanted}

        job = {
            "source": str(folder / "export"),
            "sink": "firestore://demo-project",
            "snapshot_time": demo.EXPORTED_AT,
            "dead_letters": "pubsub://demo-project/letters",
            "options": {"gate_shards": "2", "receipts": str(folder / "receipts")},
        }
        publish(pubsub, *(encode_binary(change) for change in CHANGES[:3]))
        with running(**job) as run:
            until(lambda: run.progress.stage == "following")
            publish(pubsub, *(encode_binary(change) for change in CHANGES[3:]), (b"???", {}))
            until(lambda: shown() == wanted)
            until(lambda: waiting(pubsub, VIEWS) == [])
            until(lambda: waiting(pubsub, READS))
        assert run.report is not None
        assert run.report.published
        assert run.report.changes >= len(CHANGES), "some may come again before they are acknowledged"
        assert held.database.get(next(iter(wanted))).fields[FENCE]["g"] > 1_700_000_000_000_000
    for letter in pubsub.broker.subscriptions[READS].unacknowledged:
        assert letter.data == b"???", "the message itself, which may be replayed; it may have come again"
        assert letter.attributes["onto-flow-reason"].startswith("bad-change")
    [receipt] = (folder / "receipts").iterdir()
    assert json.loads(receipt.read_text())["documents"] == len(DOCUMENTS)


def test_a_stream_goes_on_from_the_seeds_of_a_backfill(
    pubsub: PubSubServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two jobs: the subscription is older than the export, and changes come before, between and after them."""
    monkeypatch.setattr(reads, "PULL_SECONDS", 0.2)
    changes = [change for change in CHANGES if change.path != "tickets/t5"]
    tables = recompute(PLAN, {d.path: d.after for d in DOCUMENTS})
    final = embedded(PLAN, DOCUMENTS, changes, SNAPSHOT).tables(PLAN)
    paths = {path for table in (*tables.values(), *final.values()) for path in table}
    seeds, sink = str(folder / "seeds"), "firestore://demo-project"
    with firestore_server() as firestore:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
        held = firestore.held("demo-project")

        def raw() -> dict[str, Any]:
            found = {path: held.database.get(path).fields for path in paths}
            return {path: fields for path, fields in found.items() if fields is not None}

        def shows(expected: dict[str, dict[str, Any]]) -> bool:
            wanted = {path: document for table in expected.values() for path, document in table.items()}
            return {path: without_fence(fields) for path, fields in raw().items()} == wanted

        publish(pubsub, *(encode_binary(change) for change in changes[:3]))
        at = {"source": str(folder / "export"), "snapshot_time": demo.EXPORTED_AT}
        batch = start([MeetingSession, OrganizationLoad], sink=sink, engine="beam", options={"seeds": seeds}, **at)
        assert not batch.letters
        assert shows(tables)
        written = raw()
        publish(pubsub, *(encode_binary(change) for change in changes[3:5]))
        options = {"gate_shards": "2", "receipts": str(folder / "receipts")}
        with running(source=f"seeds:{seeds}", sink=sink, options=options) as run:
            until(lambda: run.progress.stage == "following")
            publish(pubsub, *(encode_binary(change) for change in changes[5:]))
            until(lambda: shows(final))
            until(lambda: waiting(pubsub, VIEWS) == [])
        assert not run.letters
        assert shows(final)
        untouched = "organizationLoad/CLU|guest"
        assert raw()[untouched] == written[untouched], "what no change touched is as the backfill wrote it"
        assert max(fields[FENCE]["g"] for fields in raw().values()) > written[untouched][FENCE]["g"]
    [receipt] = (folder / "receipts").iterdir()
    told = json.loads(receipt.read_text())
    assert (told["seeds"]["ingest"], told["documents"], told["forced"]) == (len(DOCUMENTS), len(DOCUMENTS), False)


def test_the_job_is_made_of_uris_and_nothing_is_contacted() -> None:
    job = stream_job(
        [MeetingSession],
        source="gs://nowhere/export",
        feed=open_feed(FEED),
        sink="firestore://demo-project",
        snapshot_time=demo.EXPORTED_AT,
        options={"coalesce": "250"},
    )
    assert Engine().check(job) == []
    pipeline, _ = Engine().pipeline(job)
    assert needs_of(pipeline) == {Need.STREAM, Need.PUBSUB, Need.STATE, Need.TIMERS}
    fns = [label for label in pipeline.to_runner_api().components.transforms if "gate" in label]
    assert fns


def test_a_stream_begins_with_the_seeds_that_its_source_names() -> None:
    job = stream_job(
        [MeetingSession],
        source="seeds:gs://nowhere/seeds",
        feed=open_feed(FEED),
        sink="firestore://demo-project",
        snapshot_time=demo.EXPORTED_AT,
    )
    assert (job.source, job.snapshot) == (None, SNAPSHOT)
    pipeline, outputs = Engine().pipeline(job)
    steps = {step.unique_name for step in pipeline.to_runner_api().components.transforms.values()}
    assert {"views/seeds.read", "views/fence"} <= {"/".join(name.split("/")[:2]) for name in steps}
    assert not [name for name in steps if "complete" in name], "the table is the backfill's: nothing of it goes"
    assert outputs.receipts is not None


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"sink": "parquet:tables"}, "sink parquet does not take several writers"),
        ({"options": {"runner": "FnApiRunner"}}, "FnApiRunner lacks a stream"),
        ({"options": {"runner": "PrismRunner"}}, "PrismRunner lacks Pub/Sub as a source: it does not know it"),
        ({"options": {"colour": "red"}}, "Beam has no pipeline option 'colour'"),
    ],
)
def test_what_cannot_run_is_refused_before_anything_starts(changed: dict[str, Any], what: str, folder: Path) -> None:
    job = {"source": "export", "sink": "jsonl:changes", "snapshot_time": demo.EXPORTED_AT, **changed}
    with pytest.raises(EngineError, match=what):
        start([MeetingSession], feed=FEED, engine="beam", **job)


def test_a_database_is_read_as_of_the_time_that_is_given() -> None:
    source, moment = as_of("firestore://demo-project", demo.EXPORTED_AT)
    at = source.partition("read_time=")[2]
    assert (parse_time(at), moment) == (demo.EXPORTED_AT, SNAPSHOT)
    assert as_of(source, demo.EXPORTED_AT) == (source, SNAPSHOT)
    with pytest.raises(UsageError, match="--snapshot-time says another time"):
        as_of(source, demo.EXPORTED_AT + timedelta(seconds=1))


def test_seconds_between_publications_are_refused_where_there_are_none() -> None:
    job = {"source": "export", "sink": "jsonl:changes", "snapshot_time": demo.EXPORTED_AT}
    with pytest.raises(UsageError, match="nothing is published every so many seconds"):
        start([MeetingSession], feed=FEED, engine="beam", publish_every=5.0, **job)


@pytest.mark.parametrize("feed", ["feed.jsonl", None])
def test_seconds_between_publications_are_refused_of_a_feed_that_ends(folder: Path, feed: str | None) -> None:
    Path("feed.jsonl").write_text("")
    with pytest.raises(UsageError, match="engine 'beam' shows the tables of a feed that ends once"):
        start([MeetingSession], source="export", feed=feed, engine="beam", publish_every=5.0)


def test_an_export_that_does_not_know_its_time_is_asked_for_it(folder: Path) -> None:
    with pytest.raises(UsageError, match="no-snapshot-time"):
        start([MeetingSession], source="export", feed=FEED, sink="jsonl:changes", engine="beam")


@pytest.mark.long
def test_the_command_ends_cleanly_when_it_is_told_to(pubsub: PubSubServer, folder: Path) -> None:
    arguments = [
        "onto_flow.demo.meeting_room:MeetingSession",
        "--source=export",
        f"--feed={FEED}",
        "--sink=jsonl:changes",
    ]
    when = f"--snapshot-time={demo.EXPORTED_AT.isoformat()}"
    command = [sys.executable, "-m", "onto_flow.cli", "run", *arguments, when, "--engine=beam", "--gate-shards=2"]
    publish(pubsub, *(encode_binary(change) for change in CHANGES))
    with subprocess.Popen(command, env=dict(os.environ), stderr=subprocess.PIPE, text=True) as process:
        changes = folder / "changes"
        until(lambda: changes.exists() and len(changes.read_text().splitlines()) >= 2)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    assert "view changes in" in said
    assert "what it knows is gone when it ends" in said


def test_dead_letters_go_to_files_of_a_folder_one_a_bundle(tmp_path: Path) -> None:
    with beam.Pipeline("BundleBasedDirectRunner") as pipeline:
        lines = pipeline | beam.Create([b'{"key": "a"}', b'{"key": "b"}'])
        _ = lines | beam.ParDo(WriteLines(f"{tmp_path}/letters/", "letters"))
    files = list((tmp_path / "letters").iterdir())
    assert all(file.name.startswith("letters-2") and file.suffix == ".jsonl" for file in files)
    assert sorted(json.loads(line)["key"] for file in files for line in file.read_text().splitlines()) == ["a", "b"]


def test_elsewhere_dead_letters_need_a_place(folder: Path) -> None:
    options = {"runner": "DataflowRunner", "project": "demo-project", "region": "europe-west1", "no_auth": True}
    places = {"temp_location": "gs://b/temp", "staging_location": "gs://b/staging"}
    ends = {"source": "export", "sink": "firestore://demo-project", "snapshot_time": demo.EXPORTED_AT}
    job = stream_job([MeetingSession], feed=open_feed(FEED), options={**options, **places}, **ends)
    with pytest.raises(EngineError, match="workers elsewhere have no file for dead letters"):
        Engine().pipeline(job)
    with pytest.raises(EngineError, match=r"give the job by its URIs to `View\.backfill`"):
        Engine().run(job)


def test_a_second_start_says_that_the_tables_may_go_back(folder: Path) -> None:
    """Of a table that somebody wrote, and not of one that the job's own seeds are of."""
    job = stream_job([MeetingSession], source=None, feed=open_feed(FEED), sink="jsonl:changes", generation=9)
    assert earlier_writer(job) == 0
    shown = ViewChange("MeetingSession", "meetingSessions/a", None, {}, (7, 0, 1))
    Path("changes").write_bytes(encode_view_change(shown) + b"\n" + b'{"view": "MeetingSession", "cut')
    assert earlier_writer(job) == 7
    seeds = SimpleNamespace(known=lambda: SimpleNamespace(generation=7))
    assert earlier_writer(replace(job, seeds=seeds)) == 0
    again = replace(job, say=(notes := []).append, sink=job.sink)
    with pytest.raises(EngineError, match="it ended"):
        _Local(again, SimpleNamespace(run=lambda: SimpleNamespace(wait_until_finish=lambda: None, state="DONE"))).run()
    assert notes[0] == FORGETS
    assert notes[1].startswith("these tables were written by an earlier job, at 1970-01-01T00:00:00.000007+00:00")
    assert "--repair" in notes[1]


def test_what_a_pipeline_tells_is_counted_and_a_view_that_must_not_fail_ends_it() -> None:
    letters: list[DeadLetter] = []
    job = stream_job([MeetingSession], source=None, feed=open_feed(FEED), sink="jsonl:x", dead_letter=letters.append)
    local = _Local(job, None)
    shown = ViewChange("MeetingSession", "meetingSessions/a", None, {}, (1, 0, 1))
    local._take("changes", [None] * 3)
    local._take("views", [shown, shown._replace(new=None)])
    local._take("letters", [DeadLetter("document:a", "bad-value: x"), DeadLetter("document:a", "", cleared=True)])
    assert local.counts == {"changes": 3, "views": 2, "letters": 1}
    assert (job.metrics.changes, job.metrics.written()) == (
        3,
        {("MeetingSession", "create"): 1, ("MeetingSession", "delete"): 1},
    )
    assert [letter.cleared for letter in letters] == [False, True]
    with pytest.raises(EngineError, match="udf-failed"):
        local._take("letters", [DeadLetter("view:V:a", "udf-failed: boom", policy="fail")])
