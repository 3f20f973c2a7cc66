"""A subscription of Google Cloud Pub/Sub as a feed of changes.

Law: a message is acknowledged only once the checkpoint that holds its effect is on disk. Messages of a process that is
killed come again after the stream's deadline, at once after one that was stopped. What comes again is applied once: by its
version.

Messages are taken as they come, whatever their ordering keys. Google's client hands over the next message of a key when the
one before is acknowledged (2.44.0, also of a subscription without order): a document would change once in a checkpoint.

Leases of all messages that are here are extended by the client, in a thread of its own. It also extends each lease when the
message comes, and waits for the answer before it hands the message over; here that goes on beside.
"""

from __future__ import annotations

import re
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any

from google.api_core.exceptions import GoogleAPICallError, RetryError
from google.cloud.pubsub_v1 import SubscriberClient
from google.cloud.pubsub_v1.subscriber.scheduler import ThreadScheduler
from google.cloud.pubsub_v1.types import FlowControl

from ..core.change import Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import EngineError, UsageError
from ..core.options import amount_of, count_of
from .base import Partition, SourceInfo
from .event_options import EventOptions
from .line_contents import EventContents, read_message
from .thin_events import Item, Thin

DEADLINE_SECONDS = 10
"""The stream's deadline, and the longest that a lease is extended by: the client's own 60 seconds are how long messages of a
killed process would stay away."""

_GIVEN_BACK = 1000
"""So many messages a request: it may have 512 KiB."""

_POLL, _LONG_POLL = timedelta(milliseconds=10), timedelta(seconds=1)
_PLACE = re.compile(r"(?://|projects/)([^/?#]+)/(?:subscriptions/)?([^/?#]+)")


def subscription_of(place: str) -> str:
    """The full name of a subscription.

    Args:
        place: `//PROJECT/SUBSCRIPTION`, or `projects/PROJECT/subscriptions/SUBSCRIPTION`.

    Raises:
        UsageError: `wrong-usage` for what is no subscription.
    """
    found = _PLACE.fullmatch(place)
    if found is None:
        fix = "Write pubsub://PROJECT/SUBSCRIPTION."
        raise UsageError("wrong-usage", f"{place!r:.200} names no subscription of Pub/Sub", fix=fix)
    return f"projects/{found[1]}/subscriptions/{found[2]}"


class PubSubFeed:
    """The messages of a subscription, in any format of `formats.events`, or read by a mapping.

    Args:
        subscription: `//PROJECT/SUBSCRIPTION`, or `projects/PROJECT/subscriptions/SUBSCRIPTION`.
        format, mapping, database: See `EventOptions`.
        batch_messages: The most messages of one batch.
        max_messages: How many may be here and not acknowledged; a checkpoint's worth at least.
        max_bytes: The same in bytes.
        until_quiet: Seconds: the feed ends when nothing has come for so long; 0: it goes on.

    Raises:
        UsageError: `wrong-usage` for what is no subscription.
    """

    def __init__(
        self,
        subscription: str,
        *,
        format: str = "",
        mapping: str | Path | None = None,
        database: str = "",
        batch_messages: int | str = 1000,
        max_messages: int | str = 50_000,
        max_bytes: int | str = 64 << 20,
        until_quiet: float | str = 0.0,
    ) -> None:
        self.subscription = subscription_of(subscription)
        self.batch_messages = count_of("batch_messages", batch_messages)
        self._limits = count_of("max_messages", max_messages), count_of("max_bytes", max_bytes)
        self._until_quiet = amount_of("until_quiet", until_quiet, of="seconds", below=1e9)
        self._options = EventOptions(format, mapping, database)
        self._open: PubSubReader | None = None
        self._ring: Callable[[], None] | None = None

    def info(self) -> SourceInfo:
        """It goes on, unless it was told to end."""
        return SourceInfo(kind="pubsub", bounded=self._until_quiet > 0, keeps_unacknowledged=True)

    def partitions(self) -> Sequence[Partition]:
        """Pub/Sub deals messages out as it likes: the subscription is one partition."""
        return [Partition(self.subscription)]

    def follows(self, snapshot: int | None) -> None:
        """See `sources.base.Follower`."""
        self._options.joined = snapshot is not None

    def calls(self, ring: Callable[[], None]) -> None:
        """See `sources.base.Calling`."""
        self._ring = ring

    def contents(self, projection: Projection | None) -> EventContents:
        """See `sources.base.Subscribed`."""
        return self._options.contents(projection)

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> PubSubReader:
        """Begins to pull messages; where it goes on is the subscription's own affair."""
        contents = self._options.contents(projection)
        count, state = decode(resume) if resume is not None else (0, {})
        contents.restore(state)
        pulled = Pulled(partition.name, *self._limits, count, self._ring)
        self._open = PubSubReader(pulled, contents, self.batch_messages, self._until_quiet)
        return self._open

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """All messages up to this resume point are done with."""
        if self._open is not None:
            self._open.pulled.acknowledge(decode(resume)[0])


class Pulled:
    """Messages as they come, numbered as they are taken, each held until it is acknowledged.

    Args:
        subscription: Its full name.
        max_messages, max_bytes: How much may be here.
        taken: The number of the last message that an earlier process took.
        ring: Is called when some have come; `None`: nobody is to be called.
    """

    def __init__(
        self, subscription: str, max_messages: int, max_bytes: int, taken: int, ring: Callable[[], None] | None = None
    ) -> None:
        self.subscription, self.taken, self.ring = subscription, taken, ring
        self._came: deque[Any] = deque()
        self._held: deque[tuple[int, Any]] = deque()
        self._client = SubscriberClient()
        self._client.streaming_pull = _without_keys(self._client.streaming_pull)
        self._leases = ThreadPoolExecutor(max_workers=1, thread_name_prefix="pubsub-leases")
        self._extend = self._client.modify_ack_deadline
        self._client.modify_ack_deadline = self._extend_beside
        flow = FlowControl(
            max_messages=max_messages,
            max_bytes=max_bytes,
            min_duration_per_lease_extension=DEADLINE_SECONDS,
            max_duration_per_lease_extension=DEADLINE_SECONDS,
            max_lease_duration=86_400.0,
        )
        scheduler = ThreadScheduler(ThreadPoolExecutor(max_workers=1, thread_name_prefix="pubsub"))
        self._ended = threading.Event()
        self._future = self._client.subscribe(
            subscription, self._take_in, flow_control=flow, scheduler=scheduler, await_callbacks_on_shutdown=True
        )
        self._future.add_done_callback(lambda _: self._ended.set())

    def _take_in(self, message: Any) -> None:
        self._came.append(message)
        if self.ring is not None:
            self.ring()

    def _extend_beside(self, *, ack_ids: Iterable[str], **request: Any) -> None:
        """Extends leases, if that can be done: a message whose lease ends comes again."""
        # When the subscription is being closed there is nothing to extend any more.
        with suppress(RuntimeError):
            self._leases.submit(_tried, self._extend, {**request, "ack_ids": list(ack_ids)})

    def take(self, most: int) -> list[Any]:
        """The next messages.

        Raises:
            EngineError: `feed-failed`: the stream has ended, and the client has given it up.
        """
        batch: list[Any] = []
        while self._came and len(batch) < most:
            message = self._came.popleft()
            self.taken += 1
            self._held.append((self.taken, message))
            batch.append(message)
        if not batch and self._ended.is_set():
            raise self._failed()
        return batch

    def acknowledge(self, number: int) -> None:
        """The messages up to this number need not come again."""
        while self._held and self._held[0][0] <= number:
            self._held.popleft()[1].ack()

    def close(self) -> None:
        """Ends the stream, then gives back what was not acknowledged: before, it would come to this stream again."""
        self._future.cancel()
        # What cannot be given back comes again after its deadline.
        with suppress(GoogleAPICallError, TimeoutError):
            self._future.result(timeout=DEADLINE_SECONDS)
            left = [message.ack_id for _, message in self._held] + [message.ack_id for message in self._came]
            for at in range(0, len(left), _GIVEN_BACK):
                ids = left[at : at + _GIVEN_BACK]
                self._extend(
                    subscription=self.subscription, ack_ids=ids, ack_deadline_seconds=0, timeout=DEADLINE_SECONDS
                )
        self._leases.shutdown()
        self._client.close()

    def _failed(self) -> EngineError:
        error = self._future.exception() if not self._future.cancelled() else None
        what = f"{self.subscription} gives no messages any more: {type(error).__name__}: {error}"
        fix = "Look whether the subscription is there, and whether this account may consume it."
        return EngineError("feed-failed", what, fix=fix)


def _tried(extend: Callable[..., None], request: dict[str, Any]) -> None:
    with suppress(GoogleAPICallError, RetryError):
        extend(**request)


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


class PubSubReader:
    """Reads messages; a bad one becomes a dead letter and reading goes on.

    Attributes:
        pulled: Where they come from.
    """

    def __init__(self, pulled: Pulled, contents: EventContents, batch: int, until_quiet: float) -> None:
        self.pulled = pulled
        self._contents, self._batch = contents, batch
        self._until_quiet, self._heard = until_quiet, monotonic()

    @property
    def documents_read(self) -> int:
        """How many messages there were so far."""
        return self.pulled.taken

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The messages that have come; `None` when the feed was to end and nothing has come for so long."""
        messages = self.pulled.take(self._batch)
        if messages:
            self._heard = monotonic()
        elif self._until_quiet and monotonic() - self._heard > self._until_quiet:
            return None
        items = [self._item(message) for message in messages]
        return self._contents.resolved([item for item in items if item is not None])

    def _item(self, message: Any) -> Item | Thin | None:
        published = message.publish_time.replace(tzinfo=timezone.utc)
        where = f"message {message.message_id} of {self.pulled.subscription}"
        return read_message(self._contents, message.data, message.attributes, message.message_id, published, where)

    def next_wake(self) -> datetime | None:
        """Soon, unless somebody is called when there is something."""
        return datetime.now(timezone.utc) + (_POLL if self.pulled.ring is None else _LONG_POLL)

    def snapshot(self) -> bytes:
        """The number of the last message that was taken, and what the messages so far tell of those to come."""
        return encode((self.pulled.taken, self._contents.state()))

    def close(self) -> None:
        """See `Pulled.close`."""
        self.pulled.close()
