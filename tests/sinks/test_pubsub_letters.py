"""Dead letters that go to a topic, and come back from it."""

from __future__ import annotations

import grpc
import pytest

from onto_flow.cli import main
from onto_flow.connect import open_letters
from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.errors import EngineError
from onto_flow.core.values import from_micros
from onto_flow.deadletters import DeadLetters
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.sources.pubsub import PubSubFeed
from onto_flow.testing.pubsub import Settings, pubsub_server

CHANGES, LETTERS = "projects/p/topics/changes", "projects/p/topics/letters"
VIEWS, LEFT = "projects/p/subscriptions/views", "projects/p/subscriptions/left"
START = 1_700_000_000_000_000


@pytest.fixture
def server(monkeypatch):
    with pubsub_server() as server:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", server.address)
        server.broker.topics |= {CHANGES: [], LETTERS: []}
        server.broker.subscribe(VIEWS, Settings(CHANGES, dead_letter_topic=LETTERS, max_attempts=5))
        server.broker.subscribe(LEFT, Settings(LETTERS))
        yield server


def change(number):
    at = START + number * 1000
    return Change(f"users/u{number}", None, {"n": number}, (at, 0), from_micros(at))


def waiting(server, name):
    return server.broker.subscriptions[name].unacknowledged


def read(count, feed="//p/views"):
    """So many items, and closes: nothing was acknowledged."""
    opened = PubSubFeed(feed)
    reader = opened.open(opened.partitions()[0])
    items = []
    while len(items) < count:
        items += reader.next_batch()
    reader.close()
    return items


def test_a_letter_is_with_pubsub_when_it_was_flushed_and_its_sensitive_fields_are_not(server):
    letters = open_letters("pubsub://p/letters", ("iban",))
    letters.put(DeadLetter("document:users/u1", "bad-document: 'DE00 1234'", payload={"iban": "DE00 1234", "n": 1}))
    letters.put(DeadLetter("document:users/u1", "", cleared=True))
    letters.flush()
    one, other = waiting(server, LEFT)
    letters.close()
    assert b"1234" not in one.data and "1234" not in str(one.attributes)
    assert one.attributes["onto-flow-key"] == "document:users/u1" == one.ordering_key
    assert other.attributes["onto-flow-cleared"] == "true"


def test_what_pubsub_does_not_take_stops_the_job(server):
    server.fail("Publish", grpc.StatusCode.PERMISSION_DENIED)
    letters = open_letters("pubsub://p/letters")
    letters.put(DeadLetter("k", "no"))
    with pytest.raises(EngineError, match="does not take messages"):
        letters.close()
    with pytest.raises(EngineError, match="there is no topic"):
        open_letters("pubsub://p/nowhere")


def test_messages_that_could_not_be_read_are_replayed_from_a_file(server, tmp_path, capsys):
    data, attributes = encode_binary(change(1))
    with server.changing() as broker:
        broker.publish(CHANGES, data[:-3], attributes)
    [letter] = read(1)
    file = tmp_path / "letters.sqlite"
    letters = DeadLetters(file)
    letters.put(letter)
    letters.put(DeadLetter("view:V:a/b", "udf-failed: no"))
    letters.close()
    assert main(["dead-letters", "replay", "--file", str(file), "--to", "-"]) == 0
    assert '"data_base64"' in capsys.readouterr().out
    assert main(["dead-letters", "replay", "--file", str(file), "--to", "pubsub://p/changes"]) == 0
    assert "1 replayed; 0 cannot be" in capsys.readouterr().err
    again = waiting(server, VIEWS)[-1]
    assert (again.data, again.attributes) == (data[:-3], attributes)
    letters = DeadLetters(file)
    assert [kept.key for kept in letters] == ["view:V:a/b"]
    letters.close()
    assert main(["dead-letters", "replay", "view:V:a/b", "--file", str(file), "--to", "pubsub://p/changes"]) == 3


def test_a_subscription_gives_up_what_was_given_back_too_often_and_it_can_be_replayed(server):
    """A stop or a kill counts for what it had not acknowledged; nothing else does."""
    data, attributes = encode_binary(change(1))
    with server.changing() as broker:
        broker.publish(CHANGES, data, attributes, "users/u1")
    for _ in range(5):
        assert waiting(server, LEFT) == []
        assert read(1) == [change(1)]
    [letter] = waiting(server, LEFT)
    assert waiting(server, VIEWS) == []
    assert letter.attributes.items() > attributes.items()
    replay = ["dead-letters", "replay", "--file", "pubsub://p/left", "--to", "pubsub://p/changes"]
    assert main(replay) == 0
    assert waiting(server, LEFT) == []
    [message] = waiting(server, VIEWS)
    assert (message.data, message.attributes, message.ordering_key) == (data, attributes, "users/u1")
    assert read(1) == [change(1)]


def test_what_cannot_be_replayed_stays_where_it_is(server, capsys):
    letters = open_letters("pubsub://p/letters")
    letters.put(DeadLetter("view:V:a/b", "udf-failed: no"))
    letters.close()
    assert main(["dead-letters", "replay", "--file", "pubsub://p/left", "--to", "pubsub://p/changes"]) == 3
    assert "0 replayed; 1 cannot be" in capsys.readouterr().err
    assert len(waiting(server, LEFT)) == 1


@pytest.mark.parametrize("more", [[], ["--to", "parquet:out"]])
def test_where_to_replay_must_be_said(server, more, capsys):
    assert main(["dead-letters", "replay", "--file", "pubsub://p/left", *more]) == 2
    assert "pubsub://PROJECT/TOPIC" in capsys.readouterr().err
