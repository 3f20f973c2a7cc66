"""From a message of Pub/Sub to the view document in Firestore, through the embedded engine, on Google's emulators.

    .venv/bin/python -m benchmarks.publish_to_view [TIMES] [CHANGES] [LATE] [A_SECOND] [TURNS]

TIMES is the size of the workload (`benchmarks/workload.py`), loaded first, which is not measured. Then, in turns of which
the first is not counted:

- LATE changes are published, A_SECOND of them each second at random moments: how long each takes until its view document
  is written, from before it is published to Firestore's update time, by one clock. Beside it the two emulators' own times,
  which bound it: a message from before it is published until a plain streaming pull has it, by as many streams as the job
  has, and a commit of one document.
- CHANGES are published at once, each of another view document: view documents a second, from before they are published.
  Before and after it the same documents are written by plain batch writes, 250 a request, as fast as the emulator takes
  them from one caller.

With the changes at once it says the microseconds of CPU that each process took for a document (until the first and the last
document are seen), and what part of batch writes all cores would allow at that price, were they never idle and had they
nothing else to do.

The job is a process of its own, with a checkpoint before each publication, as a service has it. The machine is shared with
other work: trust the ratios.
"""

from __future__ import annotations

import os
import random
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

from benchmarks import publish_cpu
from benchmarks.meeting_view import MeetingSession
from benchmarks.publish_floor import commits, deliveries
from benchmarks.workload import SNAPSHOT, Fields, documents, export
from onto_flow.core.change import Change
from onto_flow.core.collection import Collection
from onto_flow.core.values import from_micros, to_micros
from onto_flow.core.writes import Write
from onto_flow.database.base import Snapshot
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.database.query import Query
from onto_flow.formats.messages import Message, change_message
from onto_flow.sinks.pubsub import Topic
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.pubsub_emulator import pubsub_emulator

TOPIC, NAME = "projects/p/topics/changes", "projects/p/subscriptions/views"
STREAMS = 4
JOB = ("--checkpoint", "state", "--checkpoint-every", "10ms", "--publish-every", "0.01", "--quiet")
TABLE = "meetingSessions"
A_BATCH = 250
PATIENCE = 600.0

Sent = tuple[str, str, Message]
"""(id of the meeting, its title, the message)."""


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
        self._database, self._meetings = database, meetings
        self._topic = Topic(TOPIC)
        self._now = to_micros(SNAPSHOT)

    def changes(self, count: int) -> list[Sent]:
        """Messages of so many changes; a new title each time."""
        found: list[Sent] = []
        for path, fields in islice(self._meetings.items(), count):
            self._now += 1000
            title = f"{fields['title']}, {self._now}"
            change = Change(path, None, {**fields, "title": title}, (self._now, 0), from_micros(self._now))
            found.append((path.partition("/")[2], title, change_message(change)._replace(ordering_key="")))
        return found

    def publish(self, some: Sequence[Sent]) -> float:
        """Publishes at once, in requests as large as they may be; gives when it began."""
        began = time.time()
        self._topic.send(message for _, _, message in some)
        self._topic.flush()
        return began

    def wait(self, some: Sequence[Sent], job: subprocess.Popen[bytes]) -> None:
        """Waits until the view documents of the first and the last are written."""
        titles = {some[n][0]: some[n][1] for n in (-1, 0)}
        until(lambda: all(self._title(self._database.get(f"{TABLE}/{i}")) == titles[i] for i in titles), job)

    def written(self, some: Sequence[Sent], job: subprocess.Popen[bytes]) -> dict[str, datetime]:
        """When the view document of each was written."""
        titles = {id: title for id, title, _ in some}
        self.wait(some, job)
        while True:
            now = views(self._database)
            if all(self._title(now[id]) == title for id, title in titles.items()):
                return {id: when for id in titles if (when := now[id].update_time) is not None}
            time.sleep(0.5)

    @staticmethod
    def _title(snapshot: Snapshot) -> object:
        return (snapshot.fields or {}).get("title")


@contextmanager
def following(times: float, folder: str) -> Iterator[subprocess.Popen[bytes]]:
    """The job, as a process of its own."""
    line = [sys.executable, "-m", "onto_flow.cli", "run", "benchmarks.meeting_view", "--source", str(export(times))]
    line += ["--feed", f"pubsub://p/views?streams={STREAMS}", "--sink", "firestore://p", *JOB]
    paths = os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(line, cwd=folder, env={**os.environ, "PYTHONPATH": paths}) as job:
        try:
            yield job
        finally:
            job.send_signal(signal.SIGTERM)
            job.wait(timeout=60)


def batch_writes(database: FirestoreDatabase, given: Sequence[Fields], turn: int) -> float:
    """Documents a second by plain batch writes."""
    writes = [Write.set(f"plain/{n}", {**fields, "turn": turn}) for n, fields in enumerate(given)]
    began = time.perf_counter()
    for at in range(0, len(writes), A_BATCH):
        assert all(written.error is None for written in database.commit_each(writes[at : at + A_BATCH]))
    return len(writes) / (time.perf_counter() - began)


def moments(count: int, a_second: float, chance: random.Random) -> list[float]:
    """Seconds from the beginning, in order, at random: what comes at fixed intervals meets an emulator's own."""
    return sorted(chance.uniform(0, count / a_second) for _ in range(count))


def latencies(
    publishing: Publishing, count: int, a_second: float, turn: int, job: subprocess.Popen[bytes]
) -> list[float]:
    """Milliseconds of each change, in order."""
    some, sent = publishing.changes(count), {}
    began = time.monotonic()
    for at, one in zip(moments(count, a_second, random.Random(turn)), some):
        time.sleep(max(0.0, began + at - time.monotonic()))
        sent[one[0]] = publishing.publish([one])
    seen = publishing.written(some, job)
    return sorted((seen[id].timestamp() - at) * 1000 for id, at in sent.items())


def at_once(publishing: Publishing, count: int, job: subprocess.Popen[bytes]) -> tuple[float, str, float]:
    """View documents a second, what they took, and how many a second that price allows."""
    some = publishing.changes(count)
    before = publish_cpu.seconds()
    began = publishing.publish(some)
    publishing.wait(some, job)
    price, bound = publish_cpu.said(before, publish_cpu.seconds(), len(some))
    return len(some) / (max(publishing.written(some, job).values()).timestamp() - began), price, bound


def said(kind: str, took: Sequence[float]) -> str:
    """The middle and the end of some milliseconds that are in order."""
    return f"{kind}: p50 {statistics.median(took):.0f} ms, p99 {took[int(len(took) * 0.99)]:.0f} ms"


def measure(times: float, count: int, late: int, a_second: float, turns: int) -> None:
    wanted = {path.partition("/")[2] for path in MeetingSession.backfill(source=str(export(times))).documents()}
    meetings = {p: f for p, f in documents(times) if p.startswith("meetings/") and p.partition("/")[2] in wanted}
    with FirestoreDatabase("//p") as database, tempfile.TemporaryDirectory() as folder, following(times, folder) as job:
        until(lambda: database.get(f"{TABLE}/{max(wanted)}").exists and len(views(database)) == len(wanted), job)
        publishing = Publishing(database, meetings)
        plain = [s.fields or {} for s in islice(views(database).values(), count)]
        shares: list[float] = []
        p50s: list[float] = []
        for turn in range(turns + 1):
            took = latencies(publishing, late, a_second, turn, job)
            pulled = deliveries(moments(late, a_second, random.Random(turn)), STREAMS)
            committed = commits(database, plain[0], late)
            before, (rate, price, bound), after = (
                batch_writes(database, plain, 2 * turn),
                at_once(publishing, count, job),
                batch_writes(database, plain, 2 * turn + 1),
            )
            if turn:
                plainly = statistics.mean((before, after))
                shares.append(rate / plainly)
                p50s.append(statistics.median(took))
                print(
                    f"{said('message to view document', took)}, worst {took[-1]:.0f} ms; "
                    f"{said('message to a plain pull', pulled)}; {said('commit of one', committed)}\n"
                    f"  {len(plain)} at once: {rate:.0f} view documents a second; plain batch writes {before:.0f} before "
                    f"and {after:.0f} after: {shares[-1]:.2f} of them\n"
                    f"  microseconds a document: {price}; all cores would do {bound:.0f} a second, {bound / plainly:.2f} "
                    f"of them; load {os.getloadavg()[0]:.0f}",
                    flush=True,
                )
    print(
        f"medians of {turns} turns: p50 {statistics.median(p50s):.0f} ms, {statistics.median(shares):.2f} of batch writes"
    )


def main(times: float = 0.2, count: int = 2000, late: int = 300, a_second: float = 20.0, turns: int = 5) -> None:
    with firestore_emulator() as firestore, pubsub_emulator() as pubsub:
        os.environ |= {"FIRESTORE_EMULATOR_HOST": firestore, "PUBSUB_EMULATOR_HOST": pubsub}
        with PublisherClient() as publisher, SubscriberClient() as subscriber:
            publisher.create_topic(name=TOPIC)
            subscriber.create_subscription(name=NAME, topic=TOPIC, ack_deadline_seconds=60)
        measure(times, count, late, a_second, turns)


if __name__ == "__main__":
    given = sys.argv[1:]
    main(*(kind(text) for kind, text in zip((float, int, int, float, int), given)))
