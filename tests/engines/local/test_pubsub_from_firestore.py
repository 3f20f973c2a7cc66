"""The whole way: Firestore, its trigger and the publisher, Pub/Sub, the embedded engine, and view documents in Firestore."""

from __future__ import annotations

import signal
from random import Random

import functions_framework
import grpc
import pytest
from meeting_job import PLAN
from test_firestore_sink_jobs import tables
from test_processes import flips, room, start  # noqa: F401 - a fixture
from test_pubsub_jobs import PATIENCE, TOPIC, clock, left, server, until_left  # noqa: F401 - fixtures

from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.deploy.dataflow import PUBLISHER
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.testing.firestore import firestore_server
from onto_flow.testing.oracle import recompute


@pytest.fixture
def firestore(monkeypatch):
    with firestore_server() as firestore:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore.address)
        yield firestore


@pytest.fixture
def publisher(server, monkeypatch):  # noqa: F811
    read = sorted({str(collection) for collection, _ in PLAN.projection.collections})
    monkeypatch.setenv("ONTO_FLOW_TOPIC", TOPIC)
    monkeypatch.setenv("ONTO_FLOW_COLLECTIONS", ",".join(read))
    return functions_framework.create_app("publish", str(PUBLISHER / "main.py")).test_client()


class Trigger:
    """Firestore's trigger: each commit's events, some twice, in any order, again where the publisher answered an error."""

    def __init__(self, firestore, publisher, random):
        self._feed = firestore.held("p").database.changes()
        self._publisher, self._random = publisher, random
        self.failed = 0

    def deliver(self):
        """Delivers all events that there are."""
        events = []
        while batch := self._feed.next_batch():
            events += [change for change in batch if not change.path.startswith("_onto")]
        events += self._random.choices(events, k=len(events) // 5)
        self._random.shuffle(events)
        while events:
            data, attributes = encode_binary(events[-1])
            headers = {"content-type": "application/protobuf", "ce-specversion": "1.0", **attributes}
            if self._publisher.post("/", data=data, headers=headers).status_code == 200:
                events.pop()
            else:
                self.failed += 1


def followed(folder, parts, random, count, kills):
    """Writes to Firestore while the job runs, is killed and begins again; gives its tables, and what they ought to be."""
    firestore, trigger, pubsub, passing = parts
    changes, final = flips(count, random)
    faults = pubsub.broker.subscriptions["projects/p/subscriptions/views"].faults
    faults.shuffled, faults.duplicates, faults.lose_acks = Random(1), count // 10, count // 10
    with FirestoreDatabase("//p") as database:
        for number in range(kills + 1):
            pubsub.fail("Publish", grpc.StatusCode.PERMISSION_DENIED, times=3)
            for change in changes[number * count // (kills + 1) : (number + 1) * count // (kills + 1)]:
                database.commit([Write.set(change.path, change.after)])
            trigger.deliver()
            process = start(
                folder, feed=f"pubsub://p/views?batch_messages={max(20, count // 50)}", sink="firestore://p"
            )
            is_last = number == kills
            until_left(pubsub, passing, process, 0 if is_last else random.randrange(left(pubsub)))
            process.send_signal(signal.SIGTERM if is_last else signal.SIGKILL)
            _, errors = process.communicate(timeout=PATIENCE)
            with pubsub.changing():
                passing.passed += 11
    assert process.returncode == 0, errors
    assert trigger.failed == 3 * (kills + 1)
    return tables(), recompute(PLAN, final)


def test_view_documents_follow_documents(room, server, clock, firestore, publisher):  # noqa: F811
    random = Random(1)
    trigger = Trigger(firestore, publisher, random)
    found, expected = followed(room, (firestore, trigger, server, clock), random, 300, 1)
    assert found == expected


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2))
def test_ten_thousand_changes_and_five_kills(room, server, clock, firestore, publisher, seed):  # noqa: F811
    random = Random(seed)
    trigger = Trigger(firestore, publisher, random)
    found, expected = followed(room, (firestore, trigger, server, clock), random, 10_000, 5)
    assert found == expected
