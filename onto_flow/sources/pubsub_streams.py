"""Messages of a subscription as they come, by Google's client, in the order in which they came; held until acknowledged.

Messages are taken whatever their ordering keys. The client hands over the next message of a key when the one before is
acknowledged (2.44.0, also of a subscription without order): a document would change once in a checkpoint.

The client extends the leases of all messages that are here, in a thread of its own. It also extends each lease when the
message comes, and waits for the answer before it hands the message over; here that goes on beside.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import islice
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.api_core.retry import Retry
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.types import FlowControl

from ..core.errors import EngineError
from ..formats.credentials import credentials_for

DEADLINE_SECONDS = 10
"""The stream's deadline, and the longest that a lease is extended by: the client's own 60 seconds are how long messages of a
killed process would stay away."""

_PATIENCE = 5.0
_A_WHILE = Retry(initial=0.1, maximum=1.0, timeout=_PATIENCE)
"""The client's own minute is longer than a lease."""

_AT_ONCE = 1000
"""So many messages a request: it may have 512 KiB."""


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
        self._modify = self._client.modify_ack_deadline
        self._leases = Leases(self._modify)
        self._client.modify_ack_deadline = self._leases.extend
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
        scheduler = ThreadScheduler(ThreadPoolExecutor(max_workers=1, thread_name_prefix="pubsub"))
        future = self._client.subscribe(
            self.subscription,
            self._take_in,
            flow_control=flow,
            scheduler=scheduler,
            await_callbacks_on_shutdown=True,
        )
        future.add_done_callback(lambda _: self._ended.set())
        return future

    def _take_in(self, message: Any) -> None:
        """Takes a message; of one that is here already the lease alone, as the older one is over."""
        with self._lock:
            here = self._here.get(message.message_id)
            if here is not None:
                here.message.drop()
                here.message = message
                return
            here = self._here[message.message_id] = _Here(message)
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
        while self._held and self._held[0][0] <= number:
            with self._lock:
                message = self._held.popleft()[1].message
                del self._here[message.message_id]
            message.ack()

    def close(self) -> None:
        """Ends the streams, then gives back what was not acknowledged: before, it would come to this stream again."""
        for future in self._futures:
            future.cancel()
        # What cannot be given back comes again after its deadline.
        with suppress(GoogleAPICallError, TimeoutError):
            for future in self._futures:
                future.result(timeout=DEADLINE_SECONDS)
            self._leases.close()
            left = [here.message.ack_id for here in self._here.values()]
            for at in range(0, len(left), _AT_ONCE):
                ids = left[at : at + _AT_ONCE]
                self._modify(
                    subscription=self.subscription,
                    ack_ids=ids,
                    ack_deadline_seconds=0,
                    retry=None,
                    timeout=DEADLINE_SECONDS,
                )
        self._leases.close()
        self._client.close()

    def _failed(self) -> EngineError:
        over = [future for future in self._futures if future.done() and not future.cancelled()]
        error = next((future.exception() for future in over), None)
        what = f"{self.subscription} gives no messages any more: {type(error).__name__}: {error}"
        fix = "Look whether the subscription is there, and whether this account may consume it."
        return EngineError("feed-failed", what, fix=fix)


class _Here:
    """A message that is here and not acknowledged, by its newest delivery."""

    def __init__(self, message: Any) -> None:
        self.message = message


class Leases:
    """Extends leases in a thread of its own: all that were wanted since the last request together.

    A lease that cannot be extended ends, and its message comes again.

    Args:
        modify: The call, `SubscriberClient.modify_ack_deadline`.
    """

    def __init__(self, modify: Callable[..., None]) -> None:
        self._modify = modify
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pubsub-leases")
        self._lock = threading.Lock()
        self._wanted: dict[tuple[str, float], dict[str, None]] = {}

    def extend(self, *, subscription: str, ack_ids: Iterable[str], ack_deadline_seconds: float) -> None:
        """Begins to extend some; called as the client calls `modify`."""
        with self._lock:
            self._wanted.setdefault((subscription, ack_deadline_seconds), {}).update(dict.fromkeys(ack_ids))
        # Once it is closed there is nothing to extend any more.
        with suppress(RuntimeError):
            self._thread.submit(self._send)

    def close(self) -> None:
        """Waits for the request that is under way; makes no other."""
        self._thread.shutdown(cancel_futures=True)

    def _send(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        for (subscription, seconds), ids in wanted.items():
            rest = iter(ids)
            while some := list(islice(rest, _AT_ONCE)):
                self._try(subscription=subscription, ack_ids=some, ack_deadline_seconds=seconds)

    def _try(self, **request: Any) -> None:
        with suppress(GoogleAPICallError, RetryError):
            self._modify(**request, retry=_A_WHILE, timeout=_PATIENCE)


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
