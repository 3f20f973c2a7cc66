"""Topics of Pub/Sub as sinks of view changes, and messages of any kind to them; against the Pub/Sub of `onto_flow.testing`."""

from __future__ import annotations

from functools import cache

import grpc
import pytest

from onto_flow.connect import open_sink
from onto_flow.core.change import Change, ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.formats.messages import Message, change_message
from onto_flow.formats.view_changes import decode_view_change
from onto_flow.sinks.around import ATTEMPTS, Around
from onto_flow.sinks.pubsub import PubSubSink, Topic, topic
from onto_flow.sources.pubsub import PubSubFeed
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.pubsub import Settings, pubsub_server
from onto_flow.testing.sink_suite import SinkSuite

TOPIC = "projects/p/topics/views"
NAME = "projects/p/subscriptions/readers"


class Pauses(list):
    """What a topic waited, in seconds; it takes no time."""

    @property
    def around(self):
        return Around(lambda: 0.0, self.append, lambda: 1.0)


@pytest.fixture
def server(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        server.broker.subscribe(NAME, Settings(TOPIC, ordered=True))
        yield server


def published(server):
    return server.broker.subscriptions[NAME].unacknowledged


def change(number, path="v/1", **fields):
    return ViewChange("V", path, None, {"n": number, **fields}, (7, 0, number))


decoded = cache(decode_view_change)


def read_back(messages, table):
    """What a consumer that keeps the highest version per path has, of the newest generation."""
    changes = [c for m in messages if (c := decoded(m.data)).view == table.view]
    newest = max((c.version[0] for c in changes), default=0)
    return applied([c for c in changes if c.version[0] == newest]).get(table.view, {})


class TestPubSub(SinkSuite):
    """Each folder is a topic."""

    @pytest.fixture(autouse=True)
    def served(self, server):
        self.server = server

    def create_sink(self, folder):
        name = f"{folder.parent.name}-{folder.name}"
        self.place = f"projects/p/topics/{name}"
        if self.place not in self.server.broker.topics:
            self.server.broker.topics[self.place] = []
            self.server.broker.subscribe(f"projects/p/subscriptions/{name}", Settings(self.place))
        return open_sink(f"pubsub://p/{name}")

    def read_back(self, sink, table):
        name = self.place.replace("topics", "subscriptions")
        return read_back(self.server.broker.subscriptions[name].unacknowledged, table)


def test_a_message_has_the_change_its_path_and_its_version(server):
    sink = PubSubSink("//p/views")
    sink.open([], 7)
    failed = ViewChange("V", "v/1", {"n": 1}, {"n": 1}, (7, 0, 26), failed=True)
    sink.write([failed])
    sink.publish()
    sink.close()
    [message] = published(server)
    assert decode_view_change(message.data) == failed
    assert message.ordering_key == "v/1"
    version = "0000000000000007/0000000000000000/000000000000001a"
    assert message.attributes == {"view": "V", "path": "v/1", "version": version}


def test_what_is_published_is_with_pubsub_before_publish_returns(server):
    sink = PubSubSink("//p/views")
    sink.write([change(n, f"v/{n}") for n in range(300)])
    sink.publish()
    assert {m.attributes["path"] for m in published(server)} == {f"v/{n}" for n in range(300)}
    sink.close()


def test_a_request_has_many_messages_where_they_have_no_keys(server):
    sink = PubSubSink("//p/views", ordered=False)
    sink.write([change(n, f"v/{n}") for n in range(2500)])
    sink.publish()
    assert len(published(server)) == 2500
    assert server.calls["Publish"] == 3
    assert sink.operations == {"message": 2500, "request": 3, "retry": 0}
    sink.close()


def test_messages_of_a_key_are_published_in_order_whatever_fails(server, monkeypatch):
    monkeypatch.setattr(topic, "SOON_MESSAGES", 5)
    monkeypatch.setattr(topic, "REQUEST_MESSAGES", 2)
    server.fail("Publish", grpc.StatusCode.UNAVAILABLE, times=7)
    pauses = Pauses()
    sent = Topic("//p/views", pauses.around)
    sent.send(Message(f"{key}{n}".encode(), {}, key) for n in range(20) for key in "abc")
    sent.flush()
    sent.close()
    data = [m.data.decode() for m in published(server)]
    assert sorted(data) == sorted(f"{key}{n}" for n in range(20) for key in "abc")
    for key in "abc":
        assert [d for d in data if d[0] == key] == [f"{key}{n}" for n in range(20)]
    assert sent.counts["retry"] == 7 and pauses


def test_who_sends_waits_while_too_much_is_under_way(server, monkeypatch):
    monkeypatch.setattr(topic, "MOST_MESSAGES", 10)
    monkeypatch.setattr(topic, "MOST_BYTES", 1 << 20)
    sent = Topic("//p/views")
    held = []
    for n in range(100):
        sent.send([Message(b"x", {}, str(n))])
        held.append(n + 1 - len(published(server)))
    assert max(held) <= 11
    sent.send([Message(b"x" * (2 << 20), {})])
    assert any(len(m.data) > 1 << 20 for m in published(server))
    sent.flush()
    assert len(published(server)) == 101
    sent.close()


@pytest.mark.parametrize(("code", "times", "calls"), [("PERMISSION_DENIED", 1, 1), ("UNAVAILABLE", ATTEMPTS, ATTEMPTS)])
def test_what_pubsub_does_not_take_stops_the_job(server, code, times, calls):
    server.fail("Publish", grpc.StatusCode[code], times=times)
    pauses = Pauses()
    sink = PubSubSink("//p/views", clock=pauses.around)
    sink.write([change(1)])
    with pytest.raises(EngineError, match=f"projects/p/topics/views does not take messages: {code}") as caught:
        sink.publish()
    sink.close()
    assert caught.value.code == "sink-failed"
    assert server.calls["Publish"] == calls
    assert pauses == sorted(pauses) and len(pauses) == calls - 1


def test_a_topic_that_is_not_there_is_told_at_once_and_one_that_may_not_be_looked_at_is_taken(server):
    sink = PubSubSink("//p/nowhere")
    with pytest.raises(EngineError, match="there is no topic projects/p/topics/nowhere"):
        sink.open([], 1)
    sink.close()
    server.fail("GetTopic", grpc.StatusCode.PERMISSION_DENIED)
    sink = PubSubSink("//p/views")
    sink.open([], 1)
    sink.close()


def test_a_view_document_that_is_too_large_is_a_dead_letter_until_it_is_not(server):
    sink = PubSubSink("//p/views")
    sink.write([change(1, text="x" * 10_000_000), change(2, "v/2")])
    [letter] = sink.publish()
    assert letter.key == "table:V:v/1" and "more than a message" in letter.reason
    assert [m.attributes["path"] for m in published(server)] == ["v/2"]
    sink.write([change(3)])
    assert [(x.key, x.cleared) for x in sink.publish()] == [("table:V:v/1", True)]
    sink.write([change(4)])
    assert sink.publish() == []
    sink.close()


def test_changes_that_are_published_are_read_by_a_feed(server):
    changes = [
        Change("users/u1", None, {"n": 1}, (1_700_000_000_000_000, 0)),
        Change(f"users/{'ü' * 700}", None, {"n": 2}, (1_700_000_000_000_001, 0)),
        Change("users/u1", {"n": 1}, None, (1_700_000_000_000_002, 1)),
    ]
    sent = Topic("projects/p/topics/views")
    sent.send(map(change_message, changes))
    sent.flush()
    sent.close()
    assert {len(m.ordering_key) for m in published(server)} == {8, 64}
    feed = PubSubFeed("//p/readers")
    reader = feed.open(feed.partitions()[0])
    found = []
    while len(found) < 3:
        found += reader.next_batch()
    reader.close()
    assert {(c.path, c.version): c.after for c in found} == {(c.path, c.version): c.after for c in changes}


@pytest.mark.parametrize("place", ["", "//p", "p/t", "//p/subscriptions/s/t"])
def test_what_is_no_topic(place):
    with pytest.raises(UsageError, match="pubsub://PROJECT/TOPIC"):
        PubSubSink(place)


def test_an_option_that_is_no_truth():
    with pytest.raises(UsageError, match="ordered=perhaps"):
        open_sink("pubsub://p/t?ordered=perhaps")
