"""From a message of Pub/Sub to the view document in Firestore, through the embedded engine, on Google's emulators.

    .venv/bin/python -m benchmarks.publish_to_view [TIMES] [CHANGES] [LATE] [A_SECOND]

TIMES is the size of the workload (`benchmarks/workload.py`), loaded first, which is not measured. Then LATE changes are
published, A_SECOND of them each second: how long each takes until its view document is written, from before it is
published to Firestore's update time, by one clock. Then CHANGES are published at once, each of another view document: view
documents a second. Before and after that the same documents are written by plain batch writes, 250 a request, as fast as
the emulator takes them from one caller. The job is a process of its own, with a checkpoint before each publication, as a
service has it. The machine is shared with other work: trust the ratio.
"""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import islice
from pathlib import Path

from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient

from benchmarks.meeting_view import MeetingSession
from benchmarks.workload import SNAPSHOT, Fields, documents, export
from onto_flow.core.change import Change
from onto_flow.core.collection import Collection
from onto_flow.core.values import from_micros, to_micros
from onto_flow.core.writes import Write
from onto_flow.database.base import Snapshot
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.database.query import Query
from onto_flow.formats.messages import change_message
from onto_flow.sinks.pubsub import Topic
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.pubsub_emulator import pubsub_emulator

TOPIC, NAME = "projects/p/topics/changes", "projects/p/subscriptions/views"
JOB = ("--checkpoint", "state", "--checkpoint-every", "10ms", "--publish-every", "0.01", "--quiet")
TABLE = "meetingSessions"
A_BATCH = 250
PATIENCE = 600.0


def views(database: FirestoreDatabase) -> dict[str, Snapshot]:
    """The view documents, by the ids of their meetings."""
    return {s.path.partition("/")[2]: s for s in database.query(Query.of(Collection(TABLE)))}


def until(condition: Callable[[], bool], job: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if job.poll() is not None or time.monotonic() > end:
            raise SystemExit("the job has ended, or takes too long")
        time.sleep(0.2)


class Publishing:
    """Changes of titles, each of another meeting, published and watched.

    Args:
        database: Where the view documents come to be.
        meetings: The documents of meetings that have a view document.
    """

    def __init__(self, database: FirestoreDatabase, meetings: dict[str, Fields]) -> None:
        self._database, self._left = database, iter(meetings.items())
        self._topic = Topic(TOPIC)
        self._now = to_micros(SNAPSHOT)

    def changes(self, count: int) -> list[tuple[str, Change]]:
        found = []
        for path, fields in islice(self._left, count):
            self._now += 1000
            title = f"{fields['title']}, late"
            change = Change(path, None, {**fields, "title": title}, (self._now, 0), from_micros(self._now))
            found.append((path.partition("/")[2], change))
        return found

    def publish(self, changes: Sequence[tuple[str, Change]]) -> float:
        """Publishes at once, in requests as large as they may be; gives when it began."""
        began = time.time()
        self._topic.send(change_message(change)._replace(ordering_key="") for _, change in changes)
        self._topic.flush()
        return began

    def written(self, changes: Sequence[tuple[str, Change]], job: subprocess.Popen[bytes]) -> dict[str, datetime]:
        """When the view document of each was written."""
        last, wanted = changes[-1], {id for id, _ in changes}
        until(lambda: self._is_late(last[0]), job)
        until(lambda: all(self._is_late(id) for id in (*islice(wanted, 20), last[0])), job)
        while True:
            found = {i: s for i, s in views(self._database).items() if i in wanted and self._late(s)}
            if len(found) == len(wanted):
                return {i: s.update_time for i, s in found.items() if s.update_time is not None}
            time.sleep(0.5)

    def _is_late(self, id: str) -> bool:
        return self._late(self._database.get(f"{TABLE}/{id}"))

    @staticmethod
    def _late(snapshot: Snapshot) -> bool:
        return str((snapshot.fields or {}).get("title")).endswith(", late")


@contextmanager
def following(times: float, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """The job, as a process of its own."""
    line = [sys.executable, "-m", "onto_flow.cli", "run", "benchmarks.meeting_view", "--source", str(export(times))]
    line += ["--feed", "pubsub://p/views", "--sink", "firestore://p", *JOB]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(line, cwd=folder, env={**os.environ, "PYTHONPATH": paths}) as job:
        try:
            yield job
        finally:
            job.send_signal(signal.SIGTERM)
            job.wait(timeout=60)


def batch_writes(database: FirestoreDatabase, given: Sequence[Fields], turn: int) -> float:
    """Documents a second by plain batch writes."""
    writes = [Write.set(f"plain{turn}/{n}", fields) for n, fields in enumerate(given)]
    began = time.perf_counter()
    for at in range(0, len(writes), A_BATCH):
        database.commit_each(writes[at : at + A_BATCH])
    return len(writes) / (time.perf_counter() - began)


def measure(times: float, count: int, late: int, a_second: float) -> None:
    wanted = {path.partition("/")[2] for path in MeetingSession.backfill(source=str(export(times))).documents()}
    meetings = {p: f for p, f in documents(times) if p.startswith("meetings/") and p.partition("/")[2] in wanted}
    with FirestoreDatabase("//p") as database, tempfile.TemporaryDirectory() as folder, following(times, folder) as job:
        until(lambda: len(views(database)) == len(wanted), job)
        publishing = Publishing(database, meetings)
        warm = publishing.changes(late)
        publishing.publish(warm)
        publishing.written(warm, job)
        took = latencies(publishing, publishing.changes(late), a_second, job)
        many = publishing.changes(count)
        plain = [s.fields or {} for s in islice(views(database).values(), len(many))]
        rates = [batch_writes(database, plain, 0)]
        began = publishing.publish(many)
        ended = max(publishing.written(many, job).values()).timestamp()
        rates.append(batch_writes(database, plain, 1))
    rate, by_hand = len(many) / (ended - began), statistics.mean(rates)
    print(
        f"{len(took)} changes, {a_second:g} a second: p50 {statistics.median(took):.0f} ms, "
        f"p99 {took[int(len(took) * 0.99)]:.0f} ms, worst {took[-1]:.0f} ms\n"
        f"{len(many)} changes at once: {rate:.0f} view documents a second; plain batch writes {rates[0]:.0f} before and "
        f"{rates[1]:.0f} after: {rate / by_hand:.2f} of them"
    )


def latencies(
    publishing: Publishing, changes: Sequence[tuple[str, Change]], a_second: float, job: subprocess.Popen[bytes]
) -> list[float]:
    """Milliseconds of each change, in order, published so many a second."""
    began, sent = time.monotonic(), {}
    for number, one in enumerate(changes):
        time.sleep(max(0.0, began + number / a_second - time.monotonic()))
        sent[one[0]] = publishing.publish([one])
    seen = publishing.written(changes, job)
    return sorted((seen[id].timestamp() - at) * 1000 for id, at in sent.items())


def main(times: float = 0.2, count: int = 2000, late: int = 400, a_second: float = 20.0) -> None:
    with firestore_emulator() as firestore, pubsub_emulator() as pubsub:
        os.environ |= {"FIRESTORE_EMULATOR_HOST": firestore, "PUBSUB_EMULATOR_HOST": pubsub}
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            publisher.create_topic(name=TOPIC)
            subscriber.create_subscription(name=NAME, topic=TOPIC, ack_deadline_seconds=60)
        measure(times, count, late, a_second)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(kind(text) for kind, text in zip((float, int, int, float), given)))
