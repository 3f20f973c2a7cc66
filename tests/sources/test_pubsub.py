"""The feed of a subscription, against the Pub/Sub of `onto_flow.testing`."""

from __future__ import annotations

import json
import threading
import time
from datetime import datetime, timezone
from random import Random
from types import SimpleNamespace

import grpc
import pytest
from google.api_core.retry import Retry
from google.cloud.pubsub_v1.subscriber._protocol import leaser

from onto_flow.connect import open_feed
from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.core.values import from_micros
from onto_flow.formats import encode_change
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.sources import pubsub, pubsub_told
from onto_flow.sources.jsonl import JsonLinesFeed
from onto_flow.sources.pubsub import PubSubFeed
from onto_flow.sources.pubsub_told import DEADLINE_SECONDS, Gathered, Told
from onto_flow.testing.pubsub import Settings, pubsub_server

TOPIC = "projects/p/topics/changes"
NAME = "projects/p/subscriptions/views"
START = 1_700_000_000_000_000
PATIENCE = 60.0
"""Seconds after which a test fails that waits."""


@pytest.fixture
def server(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        server.broker.subscribe(NAME, Settings(TOPIC))
        yield server


def change(number, path=None):
    at = START + number * 1000
    return Change(path or f"users/u{number}", None, {"n": number}, (at, 0), from_micros(at))


def publish(server, *messages):
    with server.changing() as broker:
        for message in messages:
            broker.publish(TOPIC, *(encode_binary(message) if isinstance(message, Change) else message))


def unacknowledged(server):
    return len(server.broker.subscriptions[NAME].unacknowledged)


def until(condition):
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.005)


def opened(feed, **options):
    return feed.open(feed.partitions()[0], **options)


def read(reader, count):
    """So many items."""
    items = []
    until(lambda: items.extend(reader.next_batch()) or len(items) >= count)
    return items


def acknowledge(feed, reader):
    feed.acknowledge(feed.partitions()[0], reader.snapshot())


def test_messages_of_each_form_are_read(server):
    structured = json.dumps(encode_change(change(1))).encode(), {"content-type": "application/cloudevents+json"}
    bare = json.dumps(encode_change(change(2))).encode(), {}
    publish(server, change(0), structured, bare)
    feed = open_feed("pubsub://p/views")
    assert feed.info().kind == "pubsub"
    assert not feed.info().bounded
    reader = opened(feed)
    assert sorted(read(reader, 3)) == [change(0), change(1), change(2)]
    assert reader.documents_read == 3
    reader.close()


def test_only_what_a_plan_wants_is_given(server):
    publish(server, change(0), change(1, "cities/c1"), change(2))
    reader = opened(PubSubFeed("//p/views"), projection=Projection(((Collection("users"), ()),)))
    assert sorted((c.path, c.after) for c in read(reader, 2)) == [("users/u0", {}), ("users/u2", {})]
    reader.close()


def test_a_message_that_cannot_be_read_is_a_dead_letter_that_can_be_replayed(server, tmp_path):
    data, attributes = encode_binary(change(0))
    publish(server, (data[:-3], attributes), change(1))
    reader = opened(PubSubFeed(NAME))
    items = read(reader, 2)
    reader.close()
    [letter] = [item for item in items if isinstance(item, DeadLetter)]
    assert letter.key == f"event:{attributes['ce-id']}"
    assert "message 1 of projects/p/subscriptions/views" in letter.reason
    (tmp_path / "letters.jsonl").write_bytes(letter.payload + b"\n")
    lines = opened(JsonLinesFeed(tmp_path / "letters.jsonl"))
    [again] = lines.next_batch()
    lines.close()
    assert again.reason.split("(")[0] == letter.reason.split("(")[0]


def test_nothing_is_acknowledged_before_it_is_said(server):
    publish(server, *map(change, range(10)))
    feed = PubSubFeed("//p/views", batch_messages=4)
    reader = opened(feed)
    read(reader, 10)
    assert unacknowledged(server) == 10
    acknowledge(feed, reader)
    until(lambda: unacknowledged(server) == 0)
    reader.close()


def test_only_what_a_resume_point_has_is_acknowledged(server):
    publish(server, *map(change, range(3)))
    feed = PubSubFeed("//p/views")
    reader = opened(feed)
    read(reader, 3)
    place = reader.snapshot()
    publish(server, change(3))
    read(reader, 1)
    feed.acknowledge(feed.partitions()[0], place)
    until(lambda: unacknowledged(server) == 1)
    reader.close()
    assert [m.id for m in server.broker.subscriptions[NAME].unacknowledged] == ["4"]


def test_what_was_not_acknowledged_is_given_back_at_the_end_and_comes_at_once_to_the_next(server):
    publish(server, *map(change, range(5)))
    feed = PubSubFeed("//p/views")
    reader = opened(feed)
    read(reader, 5)
    place = reader.snapshot()
    reader.close()
    began = server.broker.clock()
    again = opened(feed, resume=place)
    assert sorted(read(again, 5)) == sorted(map(change, range(5)))
    assert server.broker.clock() - began < 9, "they came after a deadline"
    assert again.documents_read == 10
    acknowledge(feed, again)
    until(lambda: unacknowledged(server) == 0)
    again.close()


def test_many_messages_of_one_ordering_key_come_before_one_is_acknowledged(server):
    with server.changing() as broker:
        for n in range(50):
            broker.publish(TOPIC, *encode_binary(change(n, "users/u1")), "users/u1")
    reader = opened(PubSubFeed("//p/views"))
    assert [c.version for c in read(reader, 50)] == [change(n).version for n in range(50)]
    reader.close()


def test_no_more_is_here_than_may_be(server):
    publish(server, *map(change, range(100)))
    feed = PubSubFeed("//p/views", max_messages="30")
    reader = opened(feed)
    items = read(reader, 30)
    for _ in range(20):
        items += reader.next_batch()
        time.sleep(0.01)
    assert len(items) == 30
    acknowledge(feed, reader)
    items += read(reader, 30)
    assert len(items) == 60
    reader.close()


def test_a_stream_that_breaks_is_opened_again(server):
    reader = opened(PubSubFeed("//p/views"))
    publish(server, change(0))
    read(reader, 1)
    server.break_streams()
    publish(server, change(1))
    assert change(1) in read(reader, 1)
    assert server.calls["StreamingPull"] >= 2
    reader.close()


def test_a_subscription_that_is_not_there_ends_the_feed(server):
    reader = opened(PubSubFeed("//p/nowhere"))
    with pytest.raises(
        EngineError, match="projects/p/subscriptions/nowhere gives no messages any more: NotFound"
    ) as caught:
        until(reader.next_batch)
    assert caught.value.code == "feed-failed"
    reader.close()


def test_who_may_not_consume_is_told(server):
    server.fail("StreamingPull", grpc.StatusCode.PERMISSION_DENIED, times=5)
    reader = opened(PubSubFeed("//p/views"))
    with pytest.raises(EngineError, match="PermissionDenied"):
        until(reader.next_batch)
    reader.close()


def test_it_may_end_when_it_is_quiet(server, monkeypatch):
    publish(server, change(0), change(1))
    feed = PubSubFeed("//p/views", until_quiet="1000")
    assert feed.info().bounded
    reader = opened(feed)
    assert sorted(read(reader, 2)) == [change(0), change(1)]
    assert reader.next_batch() == []
    now = time.monotonic()
    monkeypatch.setattr(pubsub, "monotonic", lambda: now + 1001)
    assert reader.next_batch() is None
    reader.close()


def test_an_event_without_a_time_has_that_of_its_message(server, tmp_path):
    (tmp_path / "mapping.json").write_text(
        '{"path": "{path}", "after": "data", "version": "at", "version_unit": "position"}'
    )
    publish(server, (b'{"path": "users/u1", "data": {"a": 1}, "at": 5}', {}))
    reader = opened(PubSubFeed("//p/views", mapping=tmp_path / "mapping.json"))
    [read_] = read(reader, 1)
    reader.close()
    published = datetime.fromtimestamp(server.broker.subscriptions[NAME].unacknowledged[0].published, timezone.utc)
    assert abs((read_.time - published).total_seconds()) < 0.001


def test_kinds_are_never_mixed_also_after_a_restart(server):
    publish(server, change(0))
    feed = PubSubFeed("//p/views")
    reader = opened(feed)
    read(reader, 1)
    place = reader.snapshot()
    acknowledge(feed, reader)
    until(lambda: unacknowledged(server) == 0)
    reader.close()
    row = {"timestamp": "2024-05-01 12:00:00.25 UTC", "event_id": "e1", "operation": "UPDATE", "data": "{}"}
    row["document_name"] = "projects/p/databases/(default)/documents/users/u1"
    publish(server, (json.dumps(row).encode(), {}))
    reader = opened(feed, resume=place)
    with pytest.raises(DataError, match="kind") as caught:
        until(reader.next_batch)
    assert caught.value.code == "mixed-feeds"
    reader.close()


@pytest.mark.parametrize("place", ["", "//p", "p/s/t", "//p/subscriptions/s/t", "topics/t"])
def test_what_is_no_subscription(place):
    with pytest.raises(UsageError, match="pubsub://PROJECT/SUBSCRIPTION"):
        PubSubFeed(place)


@pytest.mark.parametrize("options", [{"until_quiet": "soon"}, {"until_quiet": "-1"}, {"max_messages": "0"}])
def test_options_that_are_none(options):
    with pytest.raises(UsageError, match=next(iter(options))):
        PubSubFeed("//p/views", **options)


def test_disorder_repetition_and_lost_acknowledgements_lose_nothing(server):
    faults = server.broker.subscriptions[NAME].faults
    faults.shuffled, faults.duplicates, faults.lose_acks = Random(1), 20, 3
    publish(server, *map(change, range(200)))
    feed = PubSubFeed("//p/views", batch_messages=50)
    reader = opened(feed)
    seen = set()
    until(lambda: seen.update(c.version for c in reader.next_batch()) or acknowledge(feed, reader) or len(seen) == 200)
    until(lambda: unacknowledged(server) <= 3)
    reader.close()


def test_messages_that_wait_for_a_slow_checkpoint_do_not_come_again(monkeypatch):
    """Leases are extended as often as may be; by the server's clock a message is held for a minute."""
    monkeypatch.setattr(leaser, "random", SimpleNamespace(uniform=lambda least, most: least))
    now = [START / 1e6]
    with pubsub_server(lambda: now[0]) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        subscription = server.broker.subscribe(NAME, Settings(TOPIC))
        publish(server, *map(change, range(3)))
        feed = PubSubFeed("//p/views")
        reader = opened(feed)
        assert len(read(reader, 3)) == 3
        until(lambda: "ModifyAckDeadline" in server.calls)
        for _ in range(10):
            with server.changing():
                now[0] += DEADLINE_SECONDS - 4
                extended = server.calls["ModifyAckDeadline"]
            until(lambda extended=extended: server.calls["ModifyAckDeadline"] >= extended + 2)
        assert {received.attempts for received in subscription._deliveries.values()} == {1}
        acknowledge(feed, reader)
        until(lambda: not subscription.unacknowledged)
        reader.close()


def test_who_waits_is_called_when_messages_come(server):
    rung = threading.Event()
    feed = PubSubFeed("//p/views")
    feed.calls(rung.set)
    reader = opened(feed)
    assert (reader.next_wake() - datetime.now(timezone.utc)).total_seconds() > 0.5, "nobody needs to ask"
    publish(server, change(0))
    assert rung.wait(PATIENCE)
    assert read(reader, 1) == [change(0)]
    reader.close()


def test_messages_are_handed_over_before_the_service_has_answered_that_they_are_ours(server, monkeypatch):
    answers = threading.Event()
    modify = Told._call_modify
    monkeypatch.setattr(Told, "_call_modify", lambda *how: answers.wait(PATIENCE) and modify(*how))
    publish(server, change(0))
    feed = PubSubFeed("//p/views", streams=2)
    reader = opened(feed)
    assert read(reader, 1) == [change(0)]
    answers.set()
    acknowledge(feed, reader)
    until(lambda: unacknowledged(server) == 0)
    reader.close()


def test_what_is_to_be_told_while_a_request_is_under_way_is_one_more_request():
    asked, goes_on = [], threading.Event()

    def send(ids):
        asked.append(ids)
        assert goes_on.wait(PATIENCE)

    gathered = Gathered(send, 0.0, "test")
    gathered.add(iter("a"))
    until(lambda: asked)
    for id in "abcbd":
        gathered.add([id])
    gathered.drop("dx")
    goes_on.set()
    until(lambda: len(asked) == 2)
    gathered.add("e")
    gathered.close(sends=True)
    assert asked == [["a"], ["a", "b", "c"], ["e"]]


def test_what_need_not_be_told_any_more_is_not():
    asked = []
    gathered = Gathered(asked.append, PATIENCE, "test")
    gathered.add("ab")
    gathered.close(sends=False)
    assert asked in ([], [[]])


def test_messages_that_are_done_with_soon_need_no_lease(server, monkeypatch):
    monkeypatch.setattr(pubsub_told, "LEASES_WAIT", PATIENCE)
    publish(server, *map(change, range(30)))
    feed = PubSubFeed("//p/views")
    reader = opened(feed)
    read(reader, 30)
    acknowledge(feed, reader)
    until(lambda: unacknowledged(server) == 0)
    reader.close()
    assert "ModifyAckDeadline" not in server.calls


def test_acknowledgements_that_are_given_before_a_stop_are_sent(server, monkeypatch):
    monkeypatch.setattr(pubsub_told, "ACKNOWLEDGEMENTS_WAIT", PATIENCE)
    publish(server, *map(change, range(250)))
    feed = PubSubFeed("//p/views")
    reader = opened(feed)
    read(reader, 250)
    acknowledge(feed, reader)
    reader.close()
    assert unacknowledged(server) == 0
    assert server.calls["Acknowledge"] == 1


def test_a_service_that_is_away_holds_up_no_stop(server, monkeypatch):
    monkeypatch.setattr(pubsub_told, "_A_WHILE", Retry(initial=0.01, maximum=0.01, timeout=0.05))
    server.fail("ModifyAckDeadline", grpc.StatusCode.UNAVAILABLE, 10_000)
    publish(server, *map(change, range(3)))
    reader = opened(PubSubFeed("//p/views"))
    assert len(read(reader, 3)) == 3
    began = time.monotonic()
    reader.close()
    assert time.monotonic() - began < DEADLINE_SECONDS
    assert unacknowledged(server) == 3


def test_a_message_that_is_delivered_again_while_it_is_here_is_given_once(monkeypatch):
    now = [START / 1e6]
    with pubsub_server(lambda: now[0]) as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics[TOPIC] = []
        subscription = server.broker.subscribe(NAME, Settings(TOPIC))
        publish(server, *map(change, range(3)))
        feed = PubSubFeed("//p/views", batch_messages=1)
        reader = opened(feed)
        taken = read(reader, 1)
        for times in range(2, 5):
            with server.changing():
                now[0] += 100
            until(lambda times=times: {d.attempts for d in subscription._deliveries.values()} == {times})
        taken += read(reader, 2)
        assert sorted(taken) == [change(0), change(1), change(2)]
        until(lambda: len({h.message.ack_id for h in reader.pulled._here.values()} & subscription._by_ack.keys()) == 3)
        assert reader.next_batch() == []
        acknowledge(feed, reader)
        until(lambda: not subscription.unacknowledged)
        reader.close()
