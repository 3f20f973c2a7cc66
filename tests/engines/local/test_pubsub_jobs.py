"""Jobs over a subscription of Pub/Sub: acknowledged from a checkpoint alone; killed, nothing is lost."""

from __future__ import annotations

import signal
import time
from random import Random

import pytest
from meeting_job import PLAN
from test_processes import SINKS, flips, room, start  # noqa: F401 - a fixture

from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.view_changes import decode_view_change
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub import Settings, pubsub_server

TOPIC = "projects/p/topics/changes"
NAME = "projects/p/subscriptions/views"
OUT = "views-out"
PATIENCE = 300.0
"""Seconds after which a test fails that waits."""
QUIET = 0.5
"""Seconds without an acknowledgement after which what was lost comes again."""


class Clock:
    """The time, and what a test lets pass of it."""

    passed = 0.0

    def __call__(self):
        return time.time() + self.passed


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def server(monkeypatch, clock):
    with pubsub_server(clock) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        server.broker.subscribe(NAME, Settings(TOPIC))
        yield server


@pytest.fixture
def sinks(server):
    """The sinks of other jobs, and a topic: with what a consumer has that keeps the highest version of each path."""
    server.broker.topics[f"projects/p/topics/{OUT}"] = []
    out = server.broker.subscribe(f"projects/p/subscriptions/{OUT}", Settings(f"projects/p/topics/{OUT}"))
    read_back = lambda folder: applied([decode_view_change(m.data) for m in out.unacknowledged])  # noqa: E731
    return {**SINKS, "pubsub": (f"pubsub://p/{OUT}", read_back)}


def left(server):
    """How many messages are not acknowledged."""
    with server.changing() as broker:
        return len(broker.subscriptions[NAME].unacknowledged)


def until_left(server, clock, process, wanted):
    """Waits until no more messages are left; when none is acknowledged for a while, all deadlines pass at once.

    Where that does not help, the next while is longer: a process that is slow would never acknowledge in time.
    """
    end, before, seconds = time.monotonic() + PATIENCE, 0, QUIET
    while (now := left(server)) > wanted:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "messages are not acknowledged"
        time.sleep(0.01)
        if now != before:
            before, quiet = now, time.monotonic() + seconds
        elif time.monotonic() > quiet:
            seconds *= 2
            quiet = time.monotonic() + seconds
            with server.changing():
                clock.passed += 11


def killed(folder, server, clock, rounds, count, seed, sink):
    """Publishes while the job runs, is killed and begins again; returns what the sink has, and what it ought to."""
    sink, read_back = sink
    random = Random(seed)
    changes, final = flips(count, random)
    faults = server.broker.subscriptions[NAME].faults
    faults.shuffled, faults.duplicates, faults.lose_acks = Random(seed), count // 10, count // 10
    for number in range(rounds + 1):
        publish(server, changes[number * count // (rounds + 1) : (number + 1) * count // (rounds + 1)])
        process = start(folder, feed="pubsub://p/views?batch_messages=20", sink=sink)
        is_last = number == rounds
        until_left(server, clock, process, 0 if is_last else random.randrange(left(server)))
        process.send_signal(signal.SIGTERM if is_last else signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
        with server.changing():
            clock.passed += 11
    assert process.returncode == 0, errors
    return read_back(folder), recompute(PLAN, final)


def publish(server, changes):
    with server.changing() as broker:
        for change in changes:
            broker.publish(TOPIC, *encode_binary(change), change.path)


def test_a_job_that_is_killed_goes_on_where_its_checkpoint_is(room, server, clock, sinks):  # noqa: F811
    found, expected = killed(room, server, clock, 2, 600, 1, sinks["pubsub"])
    assert found == expected


@pytest.mark.long
@pytest.mark.parametrize("sink", [*SINKS, "pubsub"])
@pytest.mark.parametrize("seed", range(3))
def test_a_job_that_is_killed_five_times(room, server, clock, sinks, sink, seed):  # noqa: F811
    found, expected = killed(room, server, clock, 5, 5000, seed, sinks[sink])
    assert found == expected
