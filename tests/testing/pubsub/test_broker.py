"""What Pub/Sub promises, of the broker in memory: with a clock by hand."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.testing.pubsub.broker import FORWARDED, Broker, Settings

S = "projects/p/subscriptions/s"
T = "projects/p/topics/t"


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def broker(clock):
    broker = Broker(clock)
    broker.topics[T] = []
    return broker


def texts(received):
    return [r.message.data.decode() for r in received]


def publish(broker, *data, key=""):
    for text in data:
        broker.publish(T, text.encode(), {}, key)


def test_what_is_not_acknowledged_comes_again_after_its_deadline_and_only_then(broker, clock):
    subscription = broker.subscribe(S, Settings(T))
    publish(broker, "a", "b")
    first = subscription.deliver(10, clock.now)
    subscription.acknowledge([first[0].ack_id], clock.now)
    clock.now += 9.9
    assert subscription.deliver(10, clock.now) == []
    clock.now += 0.2
    again = subscription.deliver(10, clock.now)
    assert [(texts([r]), r.attempt) for r in again] == [(["b"], 2)]
    subscription.acknowledge([first[1].ack_id], clock.now)
    assert len(subscription.unacknowledged) == 1, "a late acknowledgement counts"


def test_a_lease_is_extended_or_given_back(broker, clock):
    subscription = broker.subscribe(S, Settings(T))
    publish(broker, "a", "b")
    a, b = subscription.deliver(10, clock.now)
    subscription.modify([(a.ack_id, 30), (b.ack_id, 0)], clock.now)
    assert texts(subscription.deliver(10, clock.now)) == ["b"]
    clock.now += 29
    assert texts(subscription.deliver(10, clock.now)) == ["b"]
    assert subscription.next_deadline() == pytest.approx(1030)
    clock.now += 1
    assert texts(subscription.deliver(10, clock.now)) == ["a"]


def test_messages_of_a_key_come_again_in_order_from_the_one_that_was_not_acknowledged(broker, clock):
    subscription = broker.subscribe(S, Settings(T, ordered=True))
    publish(broker, "1", "2", "3", key="k")
    publish(broker, "x", key="other")
    one, two, three, _ = subscription.deliver(10, clock.now)
    subscription.acknowledge([one.ack_id], clock.now)
    subscription.modify([(two.ack_id, 0)], clock.now)
    assert texts(subscription.deliver(10, clock.now)) == ["2", "3"]
    subscription.acknowledge([three.ack_id], clock.now)
    assert {m.data for m in subscription.unacknowledged} == {b"2", b"3", b"x"}


def test_a_filter_keeps_what_nobody_wants_out(broker, clock):
    subscription = broker.subscribe(S, Settings(T, filter='attributes.kind = "a"'))
    broker.publish(T, b"1", {"kind": "a"})
    broker.publish(T, b"2", {"kind": "b"})
    assert texts(subscription.deliver(10, clock.now)) == ["1"]


@pytest.mark.parametrize(("retain", "found"), [(False, ["c"]), (True, ["b", "c"])])
def test_a_seek_to_a_time(broker, clock, retain, found):
    subscription = broker.subscribe(S, Settings(T, retain_acked=retain))
    for text in "abc":
        publish(broker, text)
        clock.now += 1
    received = subscription.deliver(2, clock.now)
    subscription.acknowledge([r.ack_id for r in received], clock.now)
    broker.seek_time(S, 1001)
    assert texts(subscription.deliver(10, clock.now)) == found
    broker.seek_time(S, clock.now)
    assert subscription.unacknowledged == []


def test_a_seek_to_a_snapshot(broker, clock):
    subscription = broker.subscribe(S, Settings(T))
    publish(broker, "a", "b")
    [a, b] = subscription.deliver(10, clock.now)
    subscription.acknowledge([a.ack_id], clock.now)
    broker.snapshot("snapshot", S)
    publish(broker, "c")
    subscription.acknowledge([b.ack_id, *(r.ack_id for r in subscription.deliver(10, clock.now))], clock.now)
    assert subscription.unacknowledged == []
    broker.seek_snapshot(S, "snapshot")
    assert texts(subscription.deliver(10, clock.now)) == ["b", "c"]


def test_what_fails_too_often_goes_to_the_dead_letters(broker, clock):
    broker.topics["letters"] = []
    letters = broker.subscribe("l", Settings("letters"))
    subscription = broker.subscribe(S, Settings(T, dead_letter_topic="letters", max_attempts=5))
    publish(broker, "a")
    for _ in range(5):
        [received] = subscription.deliver(10, clock.now)
        subscription.modify([(received.ack_id, 0)], clock.now)
    assert subscription.deliver(10, clock.now) == []
    [letter] = letters.deliver(10, clock.now)
    assert letter.message.data == b"a"
    assert FORWARDED in letter.message.attributes


@given(st.integers(0, 2**32), st.booleans())
def test_every_message_is_acknowledged_in_the_end_whatever_goes_wrong(seed, ordered):
    """And of a key each one comes first after those before it came first."""
    random, clock = Random(seed), Clock()
    broker = Broker(clock)
    broker.topics[T] = []
    subscription = broker.subscribe(S, Settings(T, ordered=ordered))
    subscription.faults.shuffled = Random(seed) if random.random() < 0.5 else None
    subscription.faults.lose_acks = random.randrange(5)
    subscription.faults.duplicates = random.randrange(5)
    for number in range(20):
        broker.publish(T, b"%d" % number, {}, random.choice(["", "k", "l"]))
    came, steps = [], 0
    while subscription.unacknowledged:
        steps += 1
        assert steps < 1000
        received = subscription.deliver(random.randint(1, 5), clock.now)
        came += [r.message for r in received]
        for r in received:
            if random.random() < 0.6:
                subscription.acknowledge([r.ack_id], clock.now)
            elif random.random() < 0.5:
                subscription.modify([(r.ack_id, 0)], clock.now)
        clock.now += random.choice([0, 0, 11])
    firsts = [m for i, m in enumerate(came) if m not in came[:i]]
    assert len(firsts) == 20
    for key in ("k", "l") if ordered else ():
        of_key = [int(m.id) for m in firsts if m.ordering_key == key]
        assert of_key == sorted(of_key)
