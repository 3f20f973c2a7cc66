"""Messages of a subscription as they come, by Google's client, in the order in which they came; held until acknowledged.

Messages are taken whatever their ordering keys. The client hands over the next message of a key when the one before is
acknowledged (2.44.0, also of a subscription without order): a document would change once in a checkpoint.

The client extends the leases of all messages that are here, in a thread of its own. It also extends each lease when the
message comes, and waits for the answer before it hands the message over, in another thread; here that goes on beside
(`pubsub_told`), and the thread that receives messages hands them over.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from google.api_core.exceptions import GoogleAPICallError
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.scheduler import Scheduler
from google.cloud.pubsub_v1.types import FlowControl

from ..core.errors import EngineError
from ..formats.credentials import credentials_for
from .pubsub_told import DEADLINE_SECONDS, Told


class Pulled:
    """Messages as they come, numbered as they are taken, each held until it is acknowledged.

    A message that is delivered again while it is here is not given again: a job that is slower than its leases would have
    more and more copies of what it has.

    Args:
        subscription: Its full name.
        max_messages, max_bytes: How much may be here.
        taken: The number of the last message that an earlier process took.
        ring: Is called when some have come; `None`: nobody is to be called.
        streams: How many streams pull.
    """

    def __init__(
        self,
        subscription: str,
        max_messages: int,
        max_bytes: int,
        taken: int,
        ring: Callable[[], None] | None = None,
        streams: int = 1,
    ) -> None:
        self.subscription, self.taken, self.ring = subscription, taken, ring
        self._came: deque[_Here] = deque()
        self._held: deque[tuple[int, _Here]] = deque()
        self._here: dict[str, _Here] = {}
        self._lock = threading.Lock()
        with credentials_for("Pub/Sub"):
            self._client = SubscriberClient()
        self._client.streaming_pull = _without_keys(self._client.streaming_pull)
        self._told = Told(self._client, subscription)
        flow = FlowControl(
            max_messages=max(1, max_messages // streams),
            max_bytes=max(1, max_bytes // streams),
            min_duration_per_lease_extension=DEADLINE_SECONDS,
            max_duration_per_lease_extension=DEADLINE_SECONDS,
            max_lease_duration=86_400.0,
        )
        self._ended = threading.Event()
        self._futures = [self._subscribe(flow) for _ in range(streams)]

    def _subscribe(self, flow: FlowControl) -> Any:
        future = self._client.subscribe(
            self.subscription,
            self._take_in,
            flow_control=flow,
            scheduler=_AtOnce(),
            await_callbacks_on_shutdown=True,
        )
        future.add_done_callback(lambda _: self._ended.set())
        return future

    def _take_in(self, message: Any) -> None:
        """Takes a message; of one that is here already the lease alone, as the older one is over."""
        with self._lock:
            id = message.message_id
            here = self._here.get(id)
            if here is not None:
                here.message.drop()
                here.message = message
                return
            here = self._here[id] = _Here(id, message)
            self._came.append(here)
        if self.ring is not None:
            self.ring()

    def take(self, most: int) -> list[Any]:
        """The next messages.

        Raises:
            EngineError: `feed-failed`: the stream has ended, and the client has given it up.
        """
        batch: list[Any] = []
        while self._came and len(batch) < most:
            here = self._came.popleft()
            self.taken += 1
            self._held.append((self.taken, here))
            batch.append(here.message)
        if not batch and self._ended.is_set():
            raise self._failed()
        return batch

    def acknowledge(self, number: int) -> None:
        """The messages up to this number need not come again."""
        done: list[Any] = []
        with self._lock:
            while self._held and self._held[0][0] <= number:
                here = self._held.popleft()[1]
                del self._here[here.id]
                done.append(here.message)
        for message in done:
            message.ack()

    def close(self) -> None:
        """Ends the streams, then gives back what was not acknowledged: before, it would come to this stream again."""
        for future in self._futures:
            future.cancel()
        with suppress(GoogleAPICallError, TimeoutError):
            for future in self._futures:
                future.result(timeout=DEADLINE_SECONDS)
            self._told.close()
            self._told.give_back([here.message.ack_id for here in self._here.values()])
        self._told.close()
        self._client.close()

    def _failed(self) -> EngineError:
        over = [future for future in self._futures if future.done() and not future.cancelled()]
        error = next((future.exception() for future in over), None)
        what = f"{self.subscription} gives no messages any more: {type(error).__name__}: {error}"
        fix = "Look whether the subscription is there, and whether this account may consume it."
        return EngineError("feed-failed", what, fix=fix)


class _Here:
    """A message that is here and not acknowledged, by its newest delivery."""

    __slots__ = ("id", "message")

    def __init__(self, id: str, message: Any) -> None:
        self.id, self.message = id, message


class _AtOnce(Scheduler):  # type: ignore[misc]
    """Hands a message over where it was received: to take it in is short, and another thread would cost more than that."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Any] = SimpleQueue()

    @property
    def queue(self) -> Any:
        return self._queue

    def schedule(self, callback: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        callback(*args, **kwargs)

    def shutdown(self, await_msg_callbacks: bool = False) -> list[Any]:
        return []


def _without_keys(streaming_pull: Callable[..., Any]) -> Callable[..., Any]:
    """The call with streams that show no ordering keys."""
    return lambda *arguments, **options: _Stream(streaming_pull(*arguments, **options))


class _Stream:
    """A stream of answers whose messages have no ordering keys; in all else it is the client's own."""

    def __init__(self, call: Any) -> None:
        self._call = call

    def __next__(self) -> Any:
        answer = next(self._call)
        for received in type(answer).pb(answer).received_messages:
            received.message.ClearField("ordering_key")
        return answer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._call, name)
