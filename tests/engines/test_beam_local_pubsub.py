"""What the runner of this machine pulls is leased until it is done with, and comes again soon when its job is killed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from threading import Semaphore
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from google.api_core.exceptions import DeadlineExceeded
from google.cloud.pubsub_v1 import SubscriberClient

from onto_flow.core.errors import EngineError
from onto_flow.engines.beam import local_pubsub as reads
from onto_flow.testing.pubsub import PubSubServer, Settings, pubsub_server

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

TOPIC, NAME = "projects/p/topics/changes", "projects/p/subscriptions/views"


class Clock:
    """The time, and what a test lets pass of it."""

    passed = 0.0

    def __call__(self) -> float:
        return time.time() + self.passed


class Transform:
    """Stands for the read of a pipeline."""


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def server(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[PubSubServer]:
    """Its subscription has the deadline that it has where nobody says one: ten seconds."""
    with pubsub_server(clock) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        server.broker.subscribe(NAME, Settings(TOPIC))
        yield server


@pytest.fixture
def here(server: PubSubServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[bytes]]]:
    """Reads as the runner does, once."""
    monkeypatch.setattr(reads, "PULL_SECONDS", 0.2)
    with SubscriberClient() as client:
        monkeypatch.setattr(reads.PatientRead, "_get_subscriber_client", lambda *_: client)
        read: Any = object.__new__(reads.PatientRead)
        read._applied_ptransform, read._sub_name = SimpleNamespace(transform=Transform()), NAME
        yield lambda: [message.data for _, message in read._read_from_pubsub(None)]


def elsewhere() -> list[bytes]:
    """What somebody else is given."""
    with SubscriberClient() as client:
        try:
            found = client.pull(subscription=NAME, max_messages=10, timeout=0.5, retry=None).received_messages
        except DeadlineExceeded:
            return []
    return [each.message.data for each in found]


def publish(server: PubSubServer, data: bytes) -> None:
    with server.changing() as broker:
        broker.publish(TOPIC, data, {})


def waiting(server: PubSubServer) -> list[bytes]:
    return [message.data for message in server.broker.subscriptions[NAME].unacknowledged]


def test_what_is_pulled_stays_here_until_the_next_pull(
    server: PubSubServer, here: Callable[[], list[bytes]], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    leased, lease = Semaphore(0), reads._Pulled.lease

    def counted(pulled: Any, seconds: int) -> None:
        lease(pulled, seconds)
        leased.release()

    monkeypatch.setattr(reads._Pulled, "lease", counted)
    monkeypatch.setattr(reads, "EXTEND_SECONDS", 0.05)
    with reads.patient_reads():
        publish(server, b"one")
        assert here() == [b"one"]
        for _ in range(5):
            with server.changing():
                clock.passed += reads.LEASE_SECONDS - 5.0
            for _ in range(2):  # the first may have begun before the time passed
                assert leased.acquire(timeout=60)
            while leased.acquire(blocking=False):
                pass
        assert elsewhere() == []
        assert waiting(server) == [b"one"]
        publish(server, b"two")
        assert here() == [b"two"]
        assert waiting(server) == [b"two"], "what was pulled before has gone through all steps"


def test_what_a_killed_job_had_comes_again_soon(
    server: PubSubServer, here: Callable[[], list[bytes]], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reads, "EXTEND_SECONDS", 3600.0)  # as nobody extends what a killed process had
    with reads.patient_reads():
        publish(server, b"one")
        assert here() == [b"one"]
        with server.changing():
            clock.passed = 31.0
        assert elsewhere() == [b"one"]


def test_what_is_not_acknowledged_is_given_back_at_the_end(
    server: PubSubServer, here: Callable[[], list[bytes]]
) -> None:
    publish(server, b"one")
    with reads.patient_reads():
        assert here() == [b"one"]
        assert elsewhere() == []
    assert elsewhere() == [b"one"]


def test_a_subscription_that_is_not_there_is_said_as_elsewhere(
    server: PubSubServer, here: Callable[[], list[bytes]]
) -> None:
    with server.changing() as broker:
        del broker.subscriptions[NAME]
    with pytest.raises(EngineError, match="gives no messages: NotFound") as caught:
        here()
    assert caught.value.code == "feed-failed"
    assert "Look whether the subscription is there" in caught.value.fix
