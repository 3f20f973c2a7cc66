"""Messages to a topic: in requests as large as they may be, many under way, each until Pub/Sub has it.

Law: when `flush` returns, Pub/Sub has every message that was sent before; messages of one ordering key were published in the
order in which they were sent. A message may be published twice, where an answer was lost.

One thread sends, starts requests and takes answers; gRPC's own only hands answers over. All messages of a request have one
ordering key, as Pub/Sub wants it, and of a key one request is under way at a time: without keys many more messages share
a request.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any

import grpc
from google.api_core import exceptions
from google.api_core.gapic_v1 import routing_header
from google.cloud.pubsub_v1 import PublisherClient
from google.pubsub_v1 import types

from ...core.errors import EngineError, UsageError
from ...formats.credentials import credentials_for
from ...formats.messages import Message
from ..around import ATTEMPTS, REAL, Around

REQUEST_MESSAGES, REQUEST_BYTES = 1000, 9_000_000
"""Of one request, a larger message alone."""
MOST_REQUESTS = 100
"""So many are under way: a connection of HTTP/2 takes no more at once."""
SOON_MESSAGES, SOON_BYTES = 1000, 1 << 20
"""When so much waits, requests are started."""
MOST_MESSAGES, MOST_BYTES = 10_000, 64 << 20
"""When so much is not acknowledged, who sends waits."""
SECONDS = 60.0
"""How long a request may take."""

_MESSAGE = types.PubsubMessage.pb()
_PLACE = re.compile(r"(?://|projects/)([^/?#]+)/(?:topics/)?([^/?#]+)")
_AWAY = (
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
)
"""After these the same is tried again: what Google's own client does so with."""


class Topic:
    """A topic that messages are sent to.

    Args:
        place: `//PROJECT/TOPIC`, or `projects/PROJECT/topics/TOPIC`.
        around: How it waits between attempts.

    Attributes:
        name: Its full name.
        counts: kind -> how many: `message`, `request`, and `retry`, requests that were tried again.

    Raises:
        UsageError: `wrong-usage` for what is no topic.
    """

    def __init__(self, place: str, around: Around = REAL) -> None:
        found = _PLACE.fullmatch(place)
        if found is None:
            fix = "Write pubsub://PROJECT/TOPIC."
            raise UsageError("wrong-usage", f"{place!r:.200} names no topic of Pub/Sub", fix=fix)
        self.name = f"projects/{found[1]}/topics/{found[2]}"
        self.counts: Counter[str] = Counter(message=0, request=0, retry=0)
        self._around = around
        with credentials_for("Pub/Sub"):
            self._client = PublisherClient()
        self._publish = self._client.transport.publish
        self._metadata = [routing_header.to_grpc_metadata((("topic", self.name),))]
        self._lanes: dict[str, deque[Message]] = {}
        self._ready: deque[str] = deque()
        self._busy: set[str] = set()
        self._answers: SimpleQueue[tuple[_Request, Any]] = SimpleQueue()
        self._failed: list[_Request] = []
        self._flying = 0
        self._waiting = self._waiting_bytes = 0
        self._held = self._held_bytes = 0

    def check(self) -> None:
        """Looks whether it is there, where this account may.

        Raises:
            EngineError: `not-found`; `sink-failed` where Pub/Sub does not answer.
        """
        try:
            self._client.get_topic(topic=self.name, timeout=SECONDS)
        except exceptions.Forbidden:
            return
        except exceptions.NotFound as error:
            fix = f"gcloud pubsub topics create {self.name}"
            raise EngineError("not-found", f"there is no topic {self.name}", fix=fix) from error
        except (exceptions.GoogleAPICallError, exceptions.RetryError) as error:
            raise EngineError("sink-failed", f"{self.name} does not answer: {error}") from error

    def send(self, messages: Iterable[Message]) -> None:
        """Takes messages; waits while too much is not acknowledged.

        Raises:
            EngineError: `sink-failed` where Pub/Sub refuses them, or does not answer.
        """
        for message in messages:
            self._take(message)
            if self._waiting >= SOON_MESSAGES or self._waiting_bytes >= SOON_BYTES:
                while not self._answers.empty():
                    self._go_on()
                self._start()
            while self._held > MOST_MESSAGES or self._held_bytes > MOST_BYTES:
                self._go_on()

    def flush(self) -> None:
        """Waits until Pub/Sub has all that was sent.

        Raises:
            EngineError: `sink-failed`, as `send`.
        """
        while self._held:
            self._start()
            self._go_on()

    def close(self) -> None:
        """Lets go of the connection; what was not flushed may be lost."""
        self._client.transport.close()

    def _take(self, message: Message) -> None:
        key = message.ordering_key
        if key not in self._lanes:
            self._lanes[key] = deque()
            if key not in self._busy:
                self._ready.append(key)
        self._lanes[key].append(message)
        self.counts["message"] += 1
        self._waiting += 1
        self._waiting_bytes += message.size
        self._held += 1
        self._held_bytes += message.size

    def _go_on(self) -> None:
        """Waits for an answer; where none is to come, starts again what failed, or what waits."""
        if self._flying:
            self._answered(*self._answers.get())
        elif self._failed:
            failed, self._failed = self._failed, []
            self._around.pause(max(request.failures for request in failed))
            for request in failed:
                self._call(request)
        else:
            self._start()

    def _start(self) -> None:
        """Requests of what waits, for keys that have none under way."""
        while self._ready and self._flying < MOST_REQUESTS:
            key = self._ready.popleft()
            self._call(self._request(key))
            if key:
                self._busy.add(key)
            elif key in self._lanes:
                self._ready.append(key)

    def _request(self, key: str) -> _Request:
        """The next messages of a key, as many as a request takes."""
        lane = self._lanes[key]
        some = [lane.popleft()]
        size = some[0].size
        while lane and len(some) < REQUEST_MESSAGES and size + lane[0].size <= REQUEST_BYTES:
            size += lane[0].size
            some.append(lane.popleft())
        if not lane:
            del self._lanes[key]
        self._waiting -= len(some)
        self._waiting_bytes -= size
        return _Request(key, some, size)

    def _call(self, request: _Request) -> None:
        self._flying += 1
        self.counts["request"] += 1
        messages = [
            _MESSAGE(data=m.data, attributes=dict(m.attributes), ordering_key=m.ordering_key) for m in request.messages
        ]
        asked = types.PublishRequest.pb()(topic=self.name, messages=messages)
        future = self._publish.future(types.PublishRequest.wrap(asked), timeout=SECONDS, metadata=self._metadata)
        future.add_done_callback(lambda answer: self._answers.put((request, answer)))

    def _answered(self, request: _Request, answer: Any) -> None:
        self._flying -= 1
        error = answer.exception()
        if error is None:
            self._held -= len(request.messages)
            self._held_bytes -= request.size
            if request.key:
                self._busy.discard(request.key)
                if request.key in self._lanes:
                    self._ready.append(request.key)
            return
        request.failures += 1
        self.counts["retry"] += 1
        if error.code() not in _AWAY or request.failures >= ATTEMPTS:
            what = f"{self.name} does not take messages: {error.code().name}: {error.details()}"
            fix = (
                "Look whether the topic is there, and whether this account may publish to it (roles/pubsub.publisher)."
            )
            raise EngineError("sink-failed", what, fix=fix) from error
        self._failed.append(request)


@dataclass
class _Request:
    key: str
    messages: list[Message]
    size: int
    failures: int = 0
