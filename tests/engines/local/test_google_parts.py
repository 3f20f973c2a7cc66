"""What Google's emulator of Pub/Sub does with streams that are gone, and what the relay does about it."""

from __future__ import annotations

import queue
import time

import grpc
import pytest
from google.cloud.pubsub_v1 import PublisherClient
from google.cloud.pubsub_v1.types import StreamingPullRequest
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google_parts import NAME, TOPIC, Relay, subscribe

from onto_flow.testing.pubsub_emulator import pubsub_emulator

DEADLINE = 10


def pull(address):
    """A stream of messages, and where its requests go."""
    asked = queue.SimpleQueue()
    asked.put(StreamingPullRequest(subscription=NAME, stream_ack_deadline_seconds=DEADLINE))
    client = SubscriberClient(transport=SubscriberGrpcTransport(channel=grpc.insecure_channel(address)))
    return client.streaming_pull(requests=iter(asked.get, None)), asked


def seconds_after_a_stream_is_gone(address):
    """How long a message needs that is published after a stream was cancelled."""
    gone, _ = pull(address)
    time.sleep(1.0)  # Only so that the emulator has begun with it.
    gone.cancel()
    time.sleep(1.0)
    with PublisherClient() as publisher:
        publisher.publish(TOPIC, b"a message").result()
    time.sleep(1.0)
    began = time.monotonic()
    stream, asked = pull(address)
    received = next(iter(stream)).received_messages
    asked.put(StreamingPullRequest(ack_ids=[message.ack_id for message in received]))
    asked.put(None)
    return time.monotonic() - began


@pytest.mark.long
def test_the_relay_ends_streams_that_are_gone(pubsub_emulator_jar, monkeypatch):
    """Should the second fail, the emulator was mended, and the relay may go."""
    with pubsub_emulator() as emulator:
        relay = Relay(emulator)
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", relay.address)
        subscribe()
        assert seconds_after_a_stream_is_gone(relay.address) < DEADLINE / 2
        assert seconds_after_a_stream_is_gone(emulator) > DEADLINE / 2
        relay.close()
