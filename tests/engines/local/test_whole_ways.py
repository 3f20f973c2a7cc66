"""The whole way on Google's emulators: Firestore, its trigger, the publisher, Pub/Sub, a job that is killed, Firestore."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from random import Random

import pytest
from google_parts import PATIENCE, TOPIC, Trigger, commit, subscribe
from meeting_job import PLAN
from test_firestore_sink_jobs import tables
from test_processes import PROJECT, VIEWS, committed, flips, room, start  # noqa: F401 - a fixture

from onto_flow.testing.firestore_emulator import firestore_emulator
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub_emulator import pubsub_emulator


@pytest.fixture
def trigger(emulator_jar, pubsub_emulator_jar, monkeypatch):
    read = sorted({str(collection) for collection, _ in PLAN.projection.collections})
    monkeypatch.setenv("ONTO_FLOW_TOPIC", TOPIC)
    monkeypatch.setenv("ONTO_FLOW_COLLECTIONS", ",".join(read))
    trigger = Trigger(Random(7))
    with firestore_emulator(f"--functions_emulator={trigger.address}") as firestore, pubsub_emulator() as pubsub:
        monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", firestore)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", pubsub)
        for collection in read:
            trigger.ask(firestore, collection)
        subscribe()
        yield trigger
    trigger.close()


def until_committed(folder, process, count):
    end = time.monotonic() + PATIENCE
    while committed(folder) < count:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, f"{committed(folder)} of {count} changes are in the checkpoint"
        time.sleep(0.05)


def until_shown(process, expected):
    """Waits until the tables are what they ought to be: what is lost never comes."""
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


@pytest.mark.long
@pytest.mark.parametrize(("count", "kills"), [(10_000, 5)])
def test_ten_thousand_changes_and_five_kills(room, trigger, count, kills):  # noqa: F811
    random = Random(1)
    changes, final = flips(count, random)
    for number in range(kills + 1):
        some = changes[number * count // (kills + 1) : (number + 1) * count // (kills + 1)]
        commit(some)
        trigger.deliver(len(some))
        process = start(room, feed="pubsub://demo-project/views?batch_messages=200", sink="firestore://p")
        if number == kills:
            until_shown(process, recompute(PLAN, final))
            process.send_signal(signal.SIGTERM)
        else:
            until_committed(room, process, committed(room) + random.randrange(1, len(some) // 2))
            process.send_signal(signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert tables() == recompute(PLAN, final)


@pytest.mark.long
@pytest.mark.beam
@pytest.mark.parametrize("count", [10_000])
def test_ten_thousand_changes_on_beam(room, trigger, count):  # noqa: F811
    """Its local runner forgets what it knows when it ends, and acknowledges before: so it is not killed."""
    changes, final = flips(count, Random(1))
    expected = recompute(PLAN, final)
    commit(changes[: count // 2])
    trigger.deliver(len(changes[: count // 2]))
    line = [sys.executable, "-m", "onto_flow.cli", "run", VIEWS, "--source", "export", "--engine", "beam"]
    line += ["--feed", "pubsub://demo-project/views", "--sink", "firestore://p"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(line, cwd=room, env=environment, text=True, stderr=subprocess.PIPE) as process:
        commit(changes[count // 2 :])
        trigger.deliver(len(changes[count // 2 :]))
        until_shown(process, expected)
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, errors
    assert tables() == expected
