"""Beam's local runner is killed and forgets: an audit of a later export names what is wrong, and a repair mends it.

The loss is certain. The runner acknowledges a message when the steps have had it, keeps what they know in memory alone, and
begins again with the first export: so whatever was acknowledged before the kill, and did not change since, is as it was there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from onto_flow import plan_views
from onto_flow.cli import main
from onto_flow.core.change import Change
from onto_flow.core.collection import Collection
from onto_flow.core.fence import without_fence
from onto_flow.core.values import Document, Reference, from_micros
from onto_flow.database import Query
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.formats import decode
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.export_writer import write_export
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub import PubSubServer, Settings, pubsub_server

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

PLAN = plan_views(MeetingSession, OrganizationLoad)
VIEWS, TABLE = "onto_flow.demo.meeting_room", "firestore://p"
TOPIC, NAME = "projects/demo-project/topics/changes", "projects/demo-project/subscriptions/views"
PROJECT = Path(__file__).parents[2]
SAID = "said.txt"
PATIENCE = 300.0
STEP = 1000
"""Microseconds between two changes."""

Documents = dict[str, Document]


def rooms(count: int) -> Documents:
    """The demo's documents, so many times under ids of their own."""
    return {f"{path}{n}": _renamed(fields, n) for n in range(count) for path, fields in demo.documents().items()}


def _renamed(value: Any, n: int) -> Any:
    if isinstance(value, dict):
        return {name: _renamed(v, n) for name, v in value.items()}
    if isinstance(value, list):
        return [_renamed(v, n) for v in value]
    return Reference(f"{value.path}{n}") if isinstance(value, Reference) else value


class History:
    """Documents that are made, change and go.

    What the first export does not have is not deleted: its creation may come to a job and its deletion be lost, and then
    it is in neither export.

    Args:
        everything: All documents that there may be; a tenth of them is not there yet.
        began: When the first export was taken, in microseconds.
        random: Of what happens.
    """

    def __init__(self, everything: Documents, began: int, random: Random) -> None:
        self._everything, self._random = everything, random
        self.first = {path: fields for n, (path, fields) in enumerate(everything.items()) if n % 10 != 3}
        self.documents, self.time = dict(self.first), began
        self._written = dict.fromkeys(everything, began - STEP)

    def write(self, count: int) -> list[Change]:
        """So many writes, one after the other, and their changes."""
        return [self._change(self._random.choice([*self._everything])) for _ in range(count)]

    def _change(self, path: str) -> Change:
        self.time += STEP
        before, deletes = self.documents.pop(path, None), self._random.random() < 0.2 and path in self.first
        after = None if before and deletes else self._edited(path, before or self._everything[path])
        version = (self._written[path], 1) if after is None else (self.time, 0)
        if after is not None:
            self.documents[path], self._written[path] = after, self.time
        return Change(path, before, after, version, from_micros(self.time))

    def _edited(self, path: str, fields: Document) -> Document:
        if path.startswith("tickets/"):
            return {**fields, "attendance": not fields["attendance"]}
        if path.startswith("meetings/"):
            return {**fields, "status": self._random.choice(["in-session", "not-started", "closed"])}
        return {**fields, "lastName" if path.startswith("users/") else "name": f"N{self.time}"}


def after(documents: Documents, changes: Iterable[Change]) -> Documents:
    """What there is after changes in any order: the newest of each document counts."""
    newest = {change.path: change for change in sorted(changes, key=lambda c: c.version)}
    known = documents | {path: change.after for path, change in newest.items()}
    return {path: fields for path, fields in known.items() if fields is not None}


class Feed:
    """A topic to which changes go out of order, a fifth of them twice, and its one subscription."""

    def __init__(self, server: PubSubServer, random: Random) -> None:
        self._server, self._random = server, random
        server.broker.topics[TOPIC] = []
        self._subscription = server.broker.subscribe(NAME, Settings(TOPIC, ack_deadline=30.0))
        self._subscription.faults.shuffled = random

    def publish(self, changes: list[Change]) -> None:
        sent = changes + self._random.choices(changes, k=len(changes) // 5)
        self._random.shuffle(sent)
        with self._server.changing() as broker:
            for change in sent:
                broker.publish(TOPIC, *encode_binary(change))

    def waiting(self) -> list[Change]:
        """What was not acknowledged."""
        with self._server.changing():
            return [decode(m.data, m.attributes) for m in self._subscription.unacknowledged]


def tables() -> dict[str, Documents]:
    with FirestoreDatabase("//p") as place:
        found = {v.name: list(place.query(Query.of(Collection(v.collection)))) for v in PLAN.views}
    return {name: {s.path: without_fence(s.fields) for s in snapshots} for name, snapshots in found.items()}


@contextmanager
def running(folder: Path, source: str) -> Iterator[subprocess.Popen[str]]:
    """The command, a process of its own."""
    line = [sys.executable, "-m", "onto_flow.cli", "run", VIEWS, "--source", source, "--engine", "beam"]
    line += ["--feed", "pubsub://demo-project/views", "--sink", TABLE, "--gate_shards", "4"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    with (folder / SAID).open("w") as said:
        process = subprocess.Popen(line, cwd=folder, env=environment, text=True, stderr=said)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def until(process: subprocess.Popen[str], condition: Callable[[], Any]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert process.poll() is None, Path(SAID).read_text()
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.1)


@contextmanager
def killed(
    folder: Path, patch: pytest.MonkeyPatch, size: int, count: int
) -> Iterator[tuple[History, Feed, list[Change]]]:
    """A job that was killed while it read; what its subscription still has, and more that came since."""
    patch.chdir(folder)
    history = History(rooms(size), time.time_ns() // 1000 - 3_600_000_000, Random(5))
    write_export("first", sorted(history.first.items()), snapshot_time=from_micros(history.time))
    with pubsub_server() as pubsub, firestore_server() as firestore:
        patch.setenv("PUBSUB_EMULATOR_HOST", pubsub.address)
        patch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
        feed = Feed(pubsub, Random(6))
        with running(folder, "first") as process:
            feed.publish(history.write(count // 2))
            until(process, lambda: tables() == recompute(PLAN, history.documents) and not feed.waiting())
            feed.publish(history.write(count // 2))
            begun = len(feed.waiting())
            until(process, lambda: len(feed.waiting()) < begun)
            process.send_signal(signal.SIGKILL)
            process.wait()
        feed.publish(history.write(count // 4))
        yield history, feed, feed.waiting()


def later(history: History) -> None:
    """The documents as they are, exported."""
    write_export("later", sorted(history.documents.items()), snapshot_time=from_micros(history.time))


def audit(*words: str) -> tuple[int, dict[str, Any]]:
    """The exit code of the command, and its receipt."""
    line = ["audit", VIEWS, "--source", "later", "--since", "first", "--table", TABLE, "--whole-export", "--quiet"]
    code = main([*line, "--receipt", "audit.json", *words])
    return code, json.loads(Path("audit.json").read_text())


def end(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE) == 0, Path(SAID).read_text()


@pytest.mark.long
@pytest.mark.parametrize(("size", "count"), [(1, 20), (10, 500)])
def test_what_a_killed_job_has_lost_is_mended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, count: int
) -> None:
    with killed(tmp_path, monkeypatch, size, count) as (history, feed, kept), running(tmp_path, "first") as process:
        feed.publish(since := history.write(count // 4))
        known, right = (recompute(PLAN, d) for d in (after(history.first, [*kept, *since]), history.documents))
        assert known != right, "what was acknowledged before the kill is lost"
        until(process, lambda: tables() == known)
        later(history)
        code, report = audit("--repair", "pubsub://demo-project/changes", "--max-share", "2")
        assert code == 3
        assert report["sent"]["left"] == 0
        assert report["sent"]["upserts"] and report["sent"]["deletions"]
        until(process, lambda: tables() == right)
        assert audit()[0] == 0, "nothing is wrong"
        end(process)
        assert tables() == right


@pytest.mark.long
def test_a_second_start_with_an_export_that_is_younger_than_the_kill_has_lost_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with killed(tmp_path, monkeypatch, 1, 20) as (history, feed, _):
        later(history)
        with running(tmp_path, "later") as process:
            feed.publish(history.write(5))
            until(process, lambda: tables() == recompute(PLAN, history.documents))
            until(process, lambda: not feed.waiting())
            end(process)
        assert tables() == recompute(PLAN, history.documents)
