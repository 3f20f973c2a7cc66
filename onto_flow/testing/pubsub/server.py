"""The broker behind Pub/Sub's own gRPC services, on loopback."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import empty_pb2, timestamp_pb2
from google.pubsub_v1 import types

from .broker import Broker, Received, Settings

_AT_ONCE = 1000
"""The most messages of one answer."""

_LOOK_SECONDS = 0.5
"""How long a stream that has nothing waits before it looks whether its client is gone."""

_NS = 1_000_000_000


class PubSubServer:
    """Serves a broker.

    Args:
        clock: Seconds since 1970.

    Attributes:
        broker: What it serves; change it under `changing()`.
        address: `host:port`, for `PUBSUB_EMULATOR_HOST`.
        calls: How often each method was called.
    """

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self.broker = Broker(clock)
        self.calls: dict[str, int] = {}
        self._failing: dict[str, list[grpc.StatusCode]] = {}
        self._changed = threading.Condition()
        self._streams = 0
        self._closing = False
        self._server = grpc.server(ThreadPoolExecutor(32), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._publisher(), self._subscriber()))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """Ends it, and all streams."""
        with self.changing():
            self._closing = True
        self._server.stop(grace=0).wait()

    @contextmanager
    def changing(self) -> Iterator[Broker]:
        """The broker, while nobody else uses it; streams look again afterwards."""
        with self._changed:
            yield self.broker
            self._changed.notify_all()

    def fail(self, method: str, code: grpc.StatusCode, times: int = 1) -> None:
        """Answers the next calls of a method (`Publish`, `Acknowledge`, ...) with an error."""
        self._failing.setdefault(method, []).extend([code] * times)

    def break_streams(self) -> None:
        """Ends all streams that are open with `UNAVAILABLE`, as a server that goes away does."""
        with self.changing():
            self._streams += 1

    def _publisher(self) -> grpc.GenericRpcHandler:
        unary = {
            "CreateTopic": (types.Topic, self._create_topic),
            "GetTopic": (types.GetTopicRequest, self._get_topic),
            "DeleteTopic": (types.DeleteTopicRequest, self._delete_topic),
            "Publish": (types.PublishRequest, self._publish),
        }
        return grpc.method_handlers_generic_handler(
            "google.pubsub.v1.Publisher", {name: self._unary(name, *how) for name, how in unary.items()}
        )

    def _subscriber(self) -> grpc.GenericRpcHandler:
        unary = {
            "CreateSubscription": (types.Subscription, self._create_subscription),
            "GetSubscription": (types.GetSubscriptionRequest, self._get_subscription),
            "DeleteSubscription": (types.DeleteSubscriptionRequest, self._delete_subscription),
            "Pull": (types.PullRequest, self._pull),
            "Acknowledge": (types.AcknowledgeRequest, self._acknowledge),
            "ModifyAckDeadline": (types.ModifyAckDeadlineRequest, self._modify),
            "CreateSnapshot": (types.CreateSnapshotRequest, self._create_snapshot),
            "Seek": (types.SeekRequest, self._seek),
        }
        handlers = {name: self._unary(name, *how) for name, how in unary.items()}
        request = types.StreamingPullRequest.pb()
        handlers["StreamingPull"] = grpc.stream_stream_rpc_method_handler(
            self._streaming_pull, request.FromString, lambda answer: answer.SerializeToString()
        )
        return grpc.method_handlers_generic_handler("google.pubsub.v1.Subscriber", handlers)

    def _unary(self, name: str, request: Any, answer: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
        def call(asked: Any, context: grpc.ServicerContext) -> Any:
            self._called(name, context)
            try:
                with self.changing():
                    return answer(asked)
            except KeyError as error:
                context.abort(grpc.StatusCode.NOT_FOUND, f"not found: {error.args[0]}")
            except FileExistsError as error:
                context.abort(grpc.StatusCode.ALREADY_EXISTS, str(error))
            except ValueError as error:
                context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(error))

        return grpc.unary_unary_rpc_method_handler(
            call, request.pb().FromString, lambda answer: answer.SerializeToString()
        )

    def _called(self, name: str, context: grpc.ServicerContext) -> None:
        self.calls[name] = self.calls.get(name, 0) + 1
        if failing := self._failing.get(name):
            context.abort(failing.pop(0), f"{name} fails on demand")

    def _create_topic(self, asked: Any) -> Any:
        _new(asked.name, self.broker.topics)
        self.broker.topics[asked.name] = []
        return asked

    def _get_topic(self, asked: Any) -> Any:
        _ = self.broker.topics[asked.topic]
        return types.Topic.pb()(name=asked.topic)

    def _delete_topic(self, asked: Any) -> Any:
        del self.broker.topics[asked.topic]
        return empty_pb2.Empty()

    def _publish(self, asked: Any) -> Any:
        publish = self.broker.publish
        ids = [publish(asked.topic, m.data, dict(m.attributes), m.ordering_key) for m in asked.messages]
        return types.PublishResponse.pb()(message_ids=ids)

    def _create_subscription(self, asked: Any) -> Any:
        _new(asked.name, self.broker.subscriptions)
        letters = asked.dead_letter_policy
        settings = Settings(
            asked.topic,
            ack_deadline=asked.ack_deadline_seconds or 10,
            ordered=asked.enable_message_ordering,
            filter=asked.filter,
            retain_acked=asked.retain_acked_messages,
            retention=asked.message_retention_duration.seconds or 7 * 86_400,
            dead_letter_topic=letters.dead_letter_topic,
            max_attempts=letters.max_delivery_attempts or 5,
        )
        self.broker.subscribe(asked.name, settings)
        return asked

    def _get_subscription(self, asked: Any) -> Any:
        settings = self.broker.subscriptions[asked.subscription].settings
        letters = {"dead_letter_topic": settings.dead_letter_topic, "max_delivery_attempts": settings.max_attempts}
        return types.Subscription.pb()(
            name=asked.subscription,
            topic=settings.topic,
            ack_deadline_seconds=int(settings.ack_deadline),
            enable_message_ordering=settings.ordered,
            filter=settings.filter,
            retain_acked_messages=settings.retain_acked,
            message_retention_duration={"seconds": int(settings.retention)},
            dead_letter_policy=letters if settings.dead_letter_topic else None,
        )

    def _delete_subscription(self, asked: Any) -> Any:
        gone = self.broker.subscriptions.pop(asked.subscription)
        self.broker.topics[gone.settings.topic].remove(gone)
        return empty_pb2.Empty()

    def _pull(self, asked: Any) -> Any:
        received = self.broker.subscriptions[asked.subscription].deliver(asked.max_messages, self.broker.clock())
        return types.PullResponse.pb()(received_messages=[_message(r) for r in received])

    def _acknowledge(self, asked: Any) -> Any:
        self.broker.subscriptions[asked.subscription].acknowledge(asked.ack_ids, self.broker.clock())
        return empty_pb2.Empty()

    def _modify(self, asked: Any) -> Any:
        subscription = self.broker.subscriptions[asked.subscription]
        subscription.modify([(a, asked.ack_deadline_seconds) for a in asked.ack_ids], self.broker.clock())
        return empty_pb2.Empty()

    def _create_snapshot(self, asked: Any) -> Any:
        _new(asked.name, self.broker.snapshots)
        self.broker.snapshot(asked.name, asked.subscription)
        topic = self.broker.subscriptions[asked.subscription].settings.topic
        return types.Snapshot.pb()(name=asked.name, topic=topic)

    def _seek(self, asked: Any) -> Any:
        if asked.HasField("time"):
            self.broker.seek_time(asked.subscription, asked.time.seconds + asked.time.nanos / _NS)
        else:
            self.broker.seek_snapshot(asked.subscription, asked.snapshot)
        return types.SeekResponse.pb()()

    def _streaming_pull(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        self._called("StreamingPull", context)
        first = next(requests)
        name = first.subscription
        if name not in self.broker.subscriptions:
            context.abort(grpc.StatusCode.NOT_FOUND, f"not found: {name}")
        opened, hears = self._streams, threading.Thread(target=self._hear, args=(name, requests), daemon=True)
        hears.start()
        deadline = first.stream_ack_deadline_seconds
        while context.is_active() and not self._closing:
            if self._streams != opened:
                context.abort(grpc.StatusCode.UNAVAILABLE, "streams break on demand")
            with self._changed:
                subscription, now = self.broker.subscriptions[name], self.broker.clock()
                if not (received := subscription.deliver(_AT_ONCE, now, deadline)):
                    due = subscription.next_deadline()
                    self._changed.wait(_LOOK_SECONDS if due is None else max(0.0, min(_LOOK_SECONDS, due - now)))
            if received:
                yield types.StreamingPullResponse.pb()(received_messages=[_message(r) for r in received])

    def _hear(self, name: str, requests: Iterator[Any]) -> None:
        """Takes what the client of a stream says."""
        try:
            for said in requests:
                with self.changing() as broker:
                    subscription = broker.subscriptions[name]
                    subscription.acknowledge(said.ack_ids, broker.clock())
                    subscription.modify(zip(said.modify_deadline_ack_ids, said.modify_deadline_seconds), broker.clock())
        except grpc.RpcError:
            return


@contextmanager
def pubsub_server(clock: Callable[[], float] = time.time) -> Iterator[PubSubServer]:
    """Starts a server, and ends it."""
    server = PubSubServer(clock)
    try:
        yield server
    finally:
        server.close()


def _new(name: str, among: Any) -> None:
    if name in among:
        raise FileExistsError(f"{name} is there already")


def _message(received: Received) -> Any:
    message = received.message
    whole = types.PubsubMessage.pb()(
        data=message.data,
        attributes=message.attributes,
        message_id=message.id,
        ordering_key=message.ordering_key,
        publish_time=timestamp_pb2.Timestamp(
            seconds=int(message.published), nanos=int(message.published % 1 * 1e6) * 1000
        ),
    )
    pb = types.ReceivedMessage.pb()
    return pb(ack_id=received.ack_id, message=whole, delivery_attempt=received.attempt)
