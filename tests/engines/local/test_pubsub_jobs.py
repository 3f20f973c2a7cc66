"""Jobs over a subscription of Pub/Sub: acknowledged from a checkpoint alone; killed, nothing is lost."""

from __future__ import annotations

import signal
import time
from random import Random

import pytest
from meeting_job import PLAN
from test_processes import SINKS, flips, room, start  # noqa: F401 - a fixture

from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.testing.oracle import recompute
from onto_flow.testing.pubsub import Settings, pubsub_server

TOPIC = "projects/p/topics/changes"
NAME = "projects/p/subscriptions/views"
PATIENCE = 120.0
"""Seconds after which a test fails that waits."""


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


def left(server):
    """How many messages are not acknowledged."""
    with server.changing() as broker:
        return len(broker.subscriptions[NAME].unacknowledged)


def until_left(server, clock, process, wanted, faster=10):
    """Waits until no more messages are left; the clock goes so many times faster, so that what was lost comes again."""
    end = time.monotonic() + PATIENCE
    while left(server) > wanted:
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < end, "messages are not acknowledged"
        time.sleep(0.01)
        with server.changing():
            clock.passed += 0.01 * faster


def killed(folder, server, clock, rounds, count, seed, sink):
    """Publishes while the job runs, is killed and begins again; returns what the sink has, and what it ought to."""
    sink, read_back = SINKS[sink]
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
            broker.publish(TOPIC, *encode_binary(change))


def test_a_job_that_is_killed_goes_on_where_its_checkpoint_is(room, server, clock):  # noqa: F811
    found, expected = killed(room, server, clock, 2, 600, 1, "sqlite")
    assert found == expected


@pytest.mark.long
@pytest.mark.parametrize("sink", SINKS)
@pytest.mark.parametrize("seed", range(3))
def test_a_job_that_is_killed_five_times(room, server, clock, sink, seed):  # noqa: F811
    found, expected = killed(room, server, clock, 5, 5000, seed, sink)
    assert found == expected
