"""A subscription of Google Cloud Pub/Sub as a feed of changes.

Law: a message is acknowledged only once the checkpoint that holds its effect is on disk. Messages of a process that is
killed come again after the stream's deadline, at once after one that was stopped. What comes again is applied once: by its
version.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from time import monotonic
from typing import Any

from ..core.change import Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import UsageError
from ..core.options import amount_of, count_of
from .base import Partition, SourceInfo
from .event_options import EventOptions
from .line_contents import EventContents, read_message
from .pubsub_streams import Pulled
from .thin_events import Item, Thin

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
        streams: How many streams pull at once. One takes what a job can; Google's emulator gives 100 messages each 50 ms
            on one, and several take turns.

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
        streams: int | str = 1,
    ) -> None:
        self.subscription = subscription_of(subscription)
        self.batch_messages = count_of("batch_messages", batch_messages)
        self._limits = count_of("max_messages", max_messages), count_of("max_bytes", max_bytes)
        self._until_quiet = amount_of("until_quiet", until_quiet, of="seconds", below=1e9)
        self._streams = count_of("streams", streams)
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

    @property
    def opened(self) -> tuple[str, ...]:
        """See `sources.base.Subscribed`."""
        return f"pubsub:{self.subscription}", *self._options.opened

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> PubSubReader:
        """Begins to pull messages; where it goes on is the subscription's own affair."""
        contents = self._options.contents(projection)
        count, state = decode(resume) if resume is not None else (0, {})
        contents.restore(state)
        pulled = Pulled(partition.name, *self._limits, count, self._ring, self._streams)
        self._open = PubSubReader(pulled, contents, self.batch_messages, self._until_quiet)
        return self._open

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """All messages up to this resume point are done with."""
        if self._open is not None:
            self._open.pulled.acknowledge(decode(resume)[0])


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
