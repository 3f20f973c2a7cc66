"""What the emulators of Pub/Sub and Firestore take by themselves: bounds of what a job on them can reach."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1 import PublisherClient, SubscriberClient
from google.pubsub_v1 import types

from benchmarks.workload import Fields
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase

TOPIC, NAME = "projects/p/topics/plain", "projects/p/subscriptions/plain"
REQUEST = types.PublishRequest(topic=TOPIC, messages=[types.PubsubMessage(data=b"x" * 700)])
SECONDS = 60.0


def deliveries(moments: Sequence[float], streams: int) -> list[float]:
    """Milliseconds, in order, from before a message is published until a plain streaming pull has it.

    Args:
        moments: When messages are published, seconds from the beginning.
        streams: How many streams pull.
    """
    came: dict[str, float] = {}
    over = threading.Event()
    with PublisherClient() as publisher, SubscriberClient() as subscriber:
        publisher.create_topic(name=TOPIC)
        subscriber.create_subscription(name=NAME, topic=TOPIC)
        calls = [subscriber.streaming_pull(_asked(over)) for _ in range(streams)]
        pulls = [threading.Thread(target=_pull, args=(subscriber, call, came)) for call in calls]
        for pull in pulls:
            pull.start()
        began, sent = time.monotonic(), {}
        for at in moments:
            time.sleep(max(0.0, began + at - time.monotonic()))
            before = time.monotonic()
            [id] = publisher.transport.publish(REQUEST).message_ids
            sent[id] = before
        while len(came) < len(sent) and time.monotonic() < began + moments[-1] + SECONDS:
            time.sleep(0.05)
        over.set()
        for call, pull in zip(calls, pulls):
            call.cancel()
            pull.join()
        subscriber.delete_subscription(subscription=NAME)
        publisher.delete_topic(topic=TOPIC)
    return sorted((came[id] - at) * 1000 for id, at in sent.items())


def commits(database: FirestoreDatabase, fields: Fields, count: int) -> list[float]:
    """Milliseconds, in order, of commits of one document, one after the other."""
    took = []
    for number in range(count):
        began = time.monotonic()
        database.commit([Write.set(f"plainOnes/{number % 50}", {**fields, "number": number})])
        took.append((time.monotonic() - began) * 1000)
    return sorted(took)


def _asked(over: threading.Event) -> Iterator[types.StreamingPullRequest]:
    yield types.StreamingPullRequest(subscription=NAME, stream_ack_deadline_seconds=10)
    over.wait()


def _pull(subscriber: SubscriberClient, call: Any, came: dict[str, float]) -> None:
    # A stream that is over is cancelled.
    with suppress(GoogleAPICallError):
        for answer in call:
            now = time.monotonic()
            came.update((received.message.message_id, now) for received in answer.received_messages)
            subscriber.acknowledge(subscription=NAME, ack_ids=[r.ack_id for r in answer.received_messages])
