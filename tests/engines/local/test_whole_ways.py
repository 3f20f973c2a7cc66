"""The whole way on Google's emulators: Firestore, its trigger, the publisher, Pub/Sub, a job that is killed, Firestore.

That nothing was lost is seen twice: the tables are those of the documents in the end, and of each document every version
came that events tell of, for else the checkpoint has an open gap.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime, timezone
from random import Random

import pytest
from google_parts import PATIENCE, TOPIC, Relay, Trigger, commit, subscribe
from meeting_job import PLAN
from test_firestore_sink_jobs import tables
from test_processes import PROJECT, VIEWS, committed, start

from onto_flow.core.values import Reference
from onto_flow.demo import data
from onto_flow.engines.local.store import FILE
from onto_flow.formats.export_writer import write_export
from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub_emulator import pubsub_emulator

ROOMS = 100


def crowd():
    """The documents of many meeting rooms, so that few changes hide an earlier one: path -> fields."""
    return {
        f"{path}-{room}": {name: elsewhere(name, value, room) for name, value in fields.items()}
        for room in range(ROOMS)
        for path, fields in data.documents().items()
    }


def elsewhere(name, value, room):
    """The value of a field in one of the rooms."""
    if isinstance(value, list):
        return [elsewhere(name, element, room) for element in value]
    if isinstance(value, Reference):
        return Reference(f"{value.path}-{room}")
    return f"{value}-{room}" if name == "organization" else value


@pytest.fixture
def trigger(emulator_jar, pubsub_emulator_jar, monkeypatch):
    read = sorted({str(collection) for collection, _ in PLAN.projection.collections})
    monkeypatch.setenv("ONTO_FLOW_TOPIC", TOPIC)
    monkeypatch.setenv("ONTO_FLOW_COLLECTIONS", ",".join(read))
    trigger = Trigger(Random(7))
    with firestore_emulator(f"--functions_emulator={trigger.address}") as firestore, pubsub_emulator() as pubsub:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore)
        relay = Relay(pubsub)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", relay.address)
        commit(crowd().items())
        for collection in read:
            trigger.ask(firestore, collection)
        subscribe()
        yield trigger
        relay.close()
    trigger.close()


@pytest.fixture
def rooms(tmp_path, trigger):
    """A folder with an export of what the database holds."""
    write_export(tmp_path / "export", sorted(crowd().items()), snapshot_time=datetime.now(timezone.utc))
    return tmp_path


def happens(count, random):
    """Tickets that come and go and whose attendance changes, users who get other names: (writes, documents in the end)."""
    documents = crowd()
    before, writes = dict(documents), []
    paths = [path for path in documents if path.startswith(("tickets/", "users/"))]
    for n in range(count):
        path = random.choice(paths)
        fields = documents.pop(path, None)
        if fields is None:
            documents[path] = before[path]
        elif path.startswith("users/"):
            documents[path] = {**fields, "lastName": f"N{n}"}
        elif random.random() < 0.8:
            documents[path] = {**fields, "attendance": not fields["attendance"]}
        writes.append((path, documents.get(path)))
    return writes, documents


def until_committed(folder, process, count):
    end = time.monotonic() + PATIENCE
    while committed(folder) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, f"{committed(folder)} of {count} changes are in the checkpoint"
        time.sleep(0.05)


def until_all_came(folder, process):
    """Waits until no message is missing: what is lost never comes."""
    end = time.monotonic() + PATIENCE
    while missing := open_gaps(folder):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, f"{missing} stretches of documents' histories did not come"
        time.sleep(0.5)


def open_gaps(folder):
    with closing(sqlite3.connect(f"file:{folder / 'state' / FILE}?mode=ro", uri=True, timeout=30)) as checkpoint:
        [count] = checkpoint.execute("SELECT count(*) FROM gaps").fetchone()
    return count


def until_shown(process, expected):
    """Waits until the tables are what they ought to be."""
    end = time.monotonic() + PATIENCE
    while (found := tables()) != expected:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, different(found, expected)
        time.sleep(1.0)


def different(found, expected):
    return [
        (view, path, found[view].get(path), expected[view].get(path))
        for view in expected
        for path in {*found[view], *expected[view]}
        if found[view].get(path) != expected[view].get(path)
    ]


def hand_on(trigger, writes):
    commit(writes)
    trigger.deliver(len(writes))


def killed_on_the_way(folder, trigger, count, kills, seed):
    """Writes while a job runs, which is killed and begins again; the last one is let to its end."""
    random = Random(seed)
    writes, final = happens(count, random)
    expected = recompute(PLAN, final)
    with ThreadPoolExecutor(1) as writing:
        for number in range(kills + 1):
            some = writes[number * count // (kills + 1) : (number + 1) * count // (kills + 1)]
            handed_on = writing.submit(hand_on, trigger, some)
            process = start(folder, feed="pubsub://demo-project/views?batch_messages=200", sink="firestore://p")
            if number < kills:
                until_committed(folder, process, committed(folder) + random.randrange(1, len(some)))
            if number == kills:
                handed_on.result()
                until_shown(process, expected)
                until_all_came(folder, process)
            process.send_signal(signal.SIGTERM if number == kills else signal.SIGKILL)
            _, errors = process.communicate(timeout=PATIENCE)
            handed_on.result()
    assert process.returncode == 0, errors
    assert tables() == expected
    assert "gaps" not in errors, errors


@pytest.mark.long
@pytest.mark.parametrize(("count", "kills", "seed"), [(600, 5, 1), (10_000, 5, 2), (10_000, 5, 3)])
def test_changes_and_kills(rooms, trigger, count, kills, seed):
    killed_on_the_way(rooms, trigger, count, kills, seed)


@pytest.mark.long
@pytest.mark.beam
@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_changes_on_beam(rooms, trigger, count):
    """Its local runner forgets what it knows when it ends, and acknowledges before: so it is not killed."""
    writes, final = happens(count, Random(1))
    expected = recompute(PLAN, final)
    hand_on(trigger, writes[: count // 2])
    line = [sys.executable, "-m", "onto_flow.cli", "run", VIEWS, "--source", "export", "--engine", "beam"]
    line += ["--feed", "pubsub://demo-project/views", "--sink", "firestore://p"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(line, cwd=rooms, env=environment, text=True, stderr=subprocess.PIPE) as process:
        hand_on(trigger, writes[count // 2 :])
        until_shown(process, expected)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert tables() == expected
