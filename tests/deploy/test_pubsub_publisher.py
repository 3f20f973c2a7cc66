"""The publisher as it is deployed, under functions-framework, against the Pub/Sub of `onto_flow.testing`."""

from __future__ import annotations

import json
from urllib.parse import quote

import functions_framework
import grpc
import pytest

from onto_flow.core.change import Change
from onto_flow.core.values import from_micros
from onto_flow.deploy.dataflow import PUBLISHER
from onto_flow.formats import decode
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.testing.pubsub import Settings, pubsub_server

TOPIC = "projects/p/topics/changes"
START = 1_700_000_000_000_000


@pytest.fixture
def server(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        monkeypatch.setenv("ONTO_FLOW_TOPIC", TOPIC)
        monkeypatch.setenv("ONTO_FLOW_COLLECTIONS", "users,stocks/{symbol}/daily,**/notes")
        server.broker.topics[TOPIC] = []
        server.broker.subscribe("projects/p/subscriptions/all", Settings(TOPIC))
        yield server


@pytest.fixture
def client(server):
    return functions_framework.create_app("publish", str(PUBLISHER / "main.py")).test_client()


def change(path):
    return Change(path, None, {"n": 1, "name": "Ada"}, (START, 0), from_micros(START))


def delivered(client, path, **other):
    """The trigger's request for a change: what is not ASCII in a header is escaped, as in the binding of CloudEvents."""
    data, attributes = encode_binary(change(path))
    headers = {"content-type": "application/protobuf", "ce-specversion": "1.0", **attributes, **other}
    escaped = {name: quote(value, safe=" !#$&'()*+,-./:;<=>?@[]^_`{|}~") for name, value in headers.items()}
    return client.post("/", data=data, headers=escaped)


def messages(server):
    return server.broker.subscriptions["projects/p/subscriptions/all"].unacknowledged


def test_a_change_becomes_a_message_that_the_feed_reads(server, client):
    assert delivered(client, "users/u1").status_code == 200
    (message,) = messages(server)
    assert decode(message.data, message.attributes) == change("users/u1")
    assert message.ordering_key == "users/u1"


def test_json_is_handed_on(server, client):
    body = {
        "value": {"name": "projects/p/databases/(default)/documents/users/u1", "fields": {"n": {"integerValue": "7"}}}
    }
    body["value"] |= {"createTime": "2026-01-01T00:00:00Z", "updateTime": "2026-01-01T00:00:00Z"}
    other = {"content-type": "application/json"}
    _, attributes = encode_binary(change("users/u1"))
    headers = {"ce-specversion": "1.0", **attributes, **other}
    assert client.post("/", data=json.dumps(body), headers=headers).status_code == 200
    (message,) = messages(server)
    assert decode(message.data, message.attributes).after == {"n": 7}


def test_a_path_that_is_too_long_for_an_attribute_comes_through(server, client):
    path = f"users/{'ü' * 700}"
    assert delivered(client, path).status_code == 200
    (message,) = messages(server)
    assert message.attributes == {"content-type": "application/cloudevents+json"}
    assert len(message.ordering_key) == 64
    assert decode(message.data, message.attributes) == change(path)


@pytest.mark.parametrize(
    ("path", "is_wanted"),
    [
        ("users/u1", True),
        ("users/u1/pets/p1", False),
        ("meetingSessions/m1", False),
        ("stocks/A/daily/d1", True),
        ("stocks/A/weekly/d1", False),
        ("notes/n1", True),
        ("users/u1/notes/n1", True),
    ],
)
def test_only_what_the_views_read_is_handed_on(path, is_wanted, server, client):
    assert delivered(client, path).status_code == 200
    assert len(messages(server)) == is_wanted


def test_what_pubsub_refuses_is_answered_with_an_error_and_tried_again(server, client):
    server.fail("Publish", grpc.StatusCode.PERMISSION_DENIED)
    assert delivered(client, "users/u1").status_code == 500
    assert messages(server) == []
    assert delivered(client, "users/u1").status_code == 200
    assert len(messages(server)) == 1
