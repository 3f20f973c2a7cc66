"""A repair that goes to the topic of a feed."""

from __future__ import annotations

import grpc
import pytest

from onto_flow.audit.repair import open_outlet
from onto_flow.core.change import AS_READ, Change
from onto_flow.core.errors import EngineError
from onto_flow.core.values import from_micros
from onto_flow.formats import decode
from onto_flow.testing.pubsub import Settings, pubsub_server

TOPIC = "projects/p/topics/changes"
NAME = "projects/p/subscriptions/views"
AT = 1_700_000_000_000_000


@pytest.fixture
def server(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        server.broker.subscribe(NAME, Settings(TOPIC))
        yield server


def test_changes_come_as_the_feeds_other_messages_do(server):
    long = f"users/{'u' * 1300}"
    changes = [
        Change("users/u1", None, {"n": 1}, (AT, AS_READ), from_micros(AT)),
        Change("users/u2", None, None, (AT, 1), from_micros(AT)),
        Change(long, None, {"n": 3}, (AT, AS_READ), from_micros(AT)),
    ]
    outlet = open_outlet("pubsub://p/changes")
    outlet.send(changes)
    outlet.close()
    messages = server.broker.subscriptions[NAME].unacknowledged
    come = [decode(m.data, m.attributes)._replace(previous=None) for m in messages]
    assert sorted(come, key=lambda c: c.path) == sorted(changes, key=lambda c: c.path)
    assert {m.ordering_key for m in messages} >= {"users/u1", "users/u2"}


def test_a_topic_that_refuses_is_told(server):
    server.fail("Publish", grpc.StatusCode.PERMISSION_DENIED)
    outlet = open_outlet("pubsub://p/changes")
    with pytest.raises(EngineError, match="Pub/Sub does not take the repair: PermissionDenied"):
        outlet.send([Change("users/u1", None, {"n": 1}, (AT, AS_READ), from_micros(AT))])
    outlet.close()
