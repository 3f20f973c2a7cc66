"""Topics and subscriptions in memory, and what Pub/Sub promises of them; without a network.

What is here and not in Google's emulator: messages of one ordering key come again from the first that was not acknowledged,
in order; filters; `seek` to a time and to a snapshot; and faults on demand (`Faults`). A message whose acknowledgement is
late, or lost, comes again: delivery is at least once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from heapq import nsmallest
from random import Random

from .filters import Filter, parse_filter

FORWARDED = "CloudPubSubDeadLetterSource"


@dataclass(frozen=True)
class Message:
    """A message as it was published; `published` in seconds since 1970."""

    id: str
    data: bytes
    attributes: Mapping[str, str]
    ordering_key: str
    published: float


@dataclass
class Faults:
    """What goes wrong in a subscription.

    Attributes:
        lose_acks: How many of the next acknowledgements are lost.
        duplicates: How many of the next messages are delivered twice.
        shuffled: Delivers what may come in any order at random; `None`: in the order of publication.
    """

    lose_acks: int = 0
    duplicates: int = 0
    shuffled: Random | None = None


@dataclass
class Settings:
    """What a subscription was made with; times in seconds."""

    topic: str
    ack_deadline: float = 10.0
    ordered: bool = False
    filter: str = ""
    retain_acked: bool = False
    retention: float = 7 * 86_400.0
    dead_letter_topic: str = ""
    max_attempts: int = 5


@dataclass
class _Delivery:
    """A message in a subscription; `deadline`: until when it is somebody's, `None` while it waits."""

    message: Message
    acked: bool = False
    attempts: int = 0
    deadline: float | None = None
    ack_id: str = ""


@dataclass(frozen=True)
class Received:
    """A message that was delivered, for the `attempt`th time."""

    ack_id: str
    message: Message
    attempt: int


class Subscription:
    """One subscription: its messages in the order of their publication."""

    def __init__(self, name: str, settings: Settings, forward: Callable[[str, Message], None]) -> None:
        self.name, self.settings = name, settings
        self.wanted: Filter = parse_filter(settings.filter)
        self.faults = Faults()
        self._deliveries: dict[str, _Delivery] = {}
        self._waiting: dict[int, _Delivery] = {}
        self._by_ack: dict[str, _Delivery] = {}
        self._forward = forward
        self._numbers = itertools.count(1)

    @property
    def unacknowledged(self) -> list[Message]:
        """What was not acknowledged yet."""
        return [d.message for d in self._deliveries.values() if not d.acked]

    def take(self, message: Message) -> None:
        """A message was published in the topic."""
        if self.wanted(message.attributes):
            delivery = self._deliveries[message.id] = _Delivery(message)
            self._waiting[int(message.id)] = delivery

    def deliver(self, most: int, now: float, deadline: float | None = None) -> list[Received]:
        """The next messages: of an ordering key never one before those that were published earlier are on their way."""
        self._expire(now)
        given: list[Received] = []
        for delivery in self._next(most):
            times = 1
            if self.faults.duplicates:
                self.faults.duplicates -= 1
                times = 2
            given += [self._give(delivery, now, deadline) for _ in range(times)]
        return given

    def acknowledge(self, ack_ids: Iterable[str], now: float) -> None:
        """Messages are done with; of a late acknowledgement nothing is known any more."""
        self._expire(now)
        for ack_id in ack_ids:
            if self.faults.lose_acks:
                self.faults.lose_acks -= 1
            elif (delivery := self._by_ack.get(ack_id)) is not None:
                self._settle(delivery)

    def modify(self, deadlines: Iterable[tuple[str, float]], now: float) -> None:
        """Messages, by their ack ids, stay with whoever has them for some seconds from now on; 0 gives one back."""
        self._expire(now)
        for ack_id, seconds in deadlines:
            if (delivery := self._by_ack.get(ack_id)) is None:
                continue
            if seconds > 0:
                delivery.deadline = now + seconds
            else:
                self._come_again(delivery)

    def seek(self, wanted: Callable[[Message], bool], now: float, *, retained: bool) -> None:
        """From here on exactly the messages that are wanted, and still kept, wait to be delivered.

        Args:
            wanted: Which.
            now: Seconds since 1970.
            retained: Whether those are kept, too, that were acknowledged.
        """
        for delivery in self._deliveries.values():
            kept = now - delivery.message.published <= self.settings.retention and (retained or not delivery.acked)
            delivery.attempts = 0
            if wanted(delivery.message) and kept:
                self._wait(delivery)
            else:
                self._settle(delivery)

    def next_deadline(self) -> float | None:
        """When the next message comes again by itself."""
        return min((d.deadline for d in self._by_ack.values() if d.deadline is not None), default=None)

    def _next(self, most: int) -> list[_Delivery]:
        random = self.faults.shuffled
        if random is None:
            return [self._waiting[number] for number in nsmallest(most, self._waiting)]
        ordered = [self._waiting[n] for n in sorted(self._waiting) if self._is_ordered(self._waiting[n])]
        free = [d for d in self._waiting.values() if not self._is_ordered(d)]
        random.shuffle(free)
        return (free + ordered)[:most]

    def _give(self, delivery: _Delivery, now: float, deadline: float | None) -> Received:
        self._waiting.pop(int(delivery.message.id), None)
        self._by_ack.pop(delivery.ack_id, None)
        delivery.attempts += 1
        delivery.ack_id = f"{self.name}:{delivery.message.id}:{next(self._numbers)}"
        delivery.deadline = now + (deadline or self.settings.ack_deadline)
        self._by_ack[delivery.ack_id] = delivery
        return Received(delivery.ack_id, delivery.message, delivery.attempts)

    def _settle(self, delivery: _Delivery) -> None:
        """Nobody gets it any more."""
        self._wait(delivery)
        delivery.acked = True
        del self._waiting[int(delivery.message.id)]

    def _wait(self, delivery: _Delivery) -> None:
        """Whoever comes next gets it."""
        self._by_ack.pop(delivery.ack_id, None)
        delivery.deadline, delivery.acked = None, False
        self._waiting[int(delivery.message.id)] = delivery

    def _is_ordered(self, delivery: _Delivery) -> bool:
        return self.settings.ordered and bool(delivery.message.ordering_key)

    def _expire(self, now: float) -> None:
        for delivery in [d for d in self._by_ack.values() if d.deadline is not None and d.deadline <= now]:
            self._come_again(delivery)

    def _come_again(self, delivery: _Delivery) -> None:
        """It waits again, and with it all that was published later under its ordering key and is on its way."""
        self._wait(delivery)
        topic = self.settings.dead_letter_topic
        if topic and delivery.attempts >= self.settings.max_attempts:
            self._settle(delivery)
            self._forward(topic, delivery.message)
        elif self._is_ordered(delivery):
            key, number = delivery.message.ordering_key, int(delivery.message.id)
            for other in list(self._by_ack.values()):
                if other.message.ordering_key == key and int(other.message.id) > number:
                    self._wait(other)


@dataclass
class Broker:
    """All topics, subscriptions and snapshots.

    Attributes:
        clock: Seconds since 1970.
    """

    clock: Callable[[], float]
    topics: dict[str, list[Subscription]] = field(default_factory=dict)
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    snapshots: dict[str, tuple[int, frozenset[str]]] = field(default_factory=dict)
    _newest: int = 0

    def publish(self, topic: str, data: bytes, attributes: Mapping[str, str], ordering_key: str = "") -> str:
        """Publishes a message; returns its id.

        Raises:
            KeyError: There is no such topic.
        """
        self._newest += 1
        message = Message(str(self._newest), data, dict(attributes), ordering_key, self.clock())
        for subscription in self.topics[topic]:
            subscription.take(message)
        return message.id

    def subscribe(self, name: str, settings: Settings) -> Subscription:
        """Makes a subscription: it gets what is published from now on.

        Raises:
            KeyError: There is no such topic.
            ValueError: The filter is none.
        """
        subscription = Subscription(name, settings, self._forward)
        self.topics[settings.topic].append(subscription)
        self.subscriptions[name] = subscription
        return subscription

    def snapshot(self, name: str, subscription: str) -> None:
        """Notes what of a subscription is not acknowledged."""
        ids = frozenset(m.id for m in self.subscriptions[subscription].unacknowledged)
        self.snapshots[name] = (self._newest, ids)

    def seek_snapshot(self, subscription: str, name: str) -> None:
        """Goes to a snapshot: what was not acknowledged then, and all that was published since."""
        newest, ids = self.snapshots[name]
        wanted = self.subscriptions[subscription]
        wanted.seek(lambda m: m.id in ids or int(m.id) > newest, self.clock(), retained=True)

    def seek_time(self, subscription: str, seconds: float) -> None:
        """Goes to a time: all that was published from then on waits, and nothing else."""
        sought = self.subscriptions[subscription]
        sought.seek(lambda m: m.published >= seconds, self.clock(), retained=sought.settings.retain_acked)

    def _forward(self, topic: str, message: Message) -> None:
        self.publish(topic, message.data, {**message.attributes, FORWARDED: "subscription"}, message.ordering_key)
