"""View changes as messages of a topic: `pubsub://PROJECT/TOPIC`.

An append sink: at least once. A publication ends when Pub/Sub has acknowledged every message; after a kill the next process
sends again what was not published, under the same versions. A consumer keeps the highest version per path; ordering keys
spare it no look at versions, as messages come twice, but changes of a view document then come in order the first time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ...core.change import DeadLetter, ViewChange
from ...core.options import truth_of
from ...formats.messages import LARGEST, Message, view_change_message
from ..around import REAL, Around
from ..base import SinkCapabilities, Table
from .topic import Topic


class PubSubSink:
    """Publishes every view change.

    Args:
        place: `//PROJECT/TOPIC`.
        ordered: Whether a message has the path of its view document as ordering key. Requests then hold messages of one
            document alone; without it up to 1,000 of any.
        shared: Whether several writers publish to the topic together, which they may in any case.
        clock: How it waits between attempts.

    Raises:
        UsageError: `wrong-usage` for what is no topic, or no truth.
    """

    def __init__(
        self, place: str, *, ordered: bool | str = True, shared: bool | str = False, clock: Around = REAL
    ) -> None:
        self._ordered = truth_of("ordered", ordered)
        truth_of("shared", shared)
        self._topic = Topic(place, clock)
        self._too_large: dict[str, DeadLetter] = {}
        self._news: dict[str, DeadLetter] = {}

    @property
    def capabilities(self) -> SinkCapabilities:
        """Keeps every change."""
        return SinkCapabilities(append=True, atomic_publish=False)

    @property
    def operations(self) -> Mapping[str, int]:
        """See `sinks.base.Counting`: messages, requests, and requests that were tried again."""
        return self._topic.counts

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`.

        Raises:
            EngineError: `not-found` where there is no such topic.
        """
        self._topic.check()

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`; messages go as they come."""
        self._topic.send(m for change in changes if (m := self._message(change)) is not None)

    def complete(self) -> None:
        """See `Sink`; there is no message for it."""

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`: waits until Pub/Sub has all messages.

        Raises:
            EngineError: `sink-failed` where it refuses them, or does not answer.
        """
        self._topic.flush()
        letters, self._news = list(self._news.values()), {}
        return letters

    def close(self) -> None:
        """See `Sink`."""
        self._topic.close()

    def _message(self, change: ViewChange) -> Message | None:
        """The message of a change; one that is too large for Pub/Sub is a dead letter, until a smaller one comes."""
        message = view_change_message(change)
        key = f"table:{change.view}:{change.path}"
        if message.size > LARGEST:
            reason = f"sink-failed: {message.size:,} bytes are more than a message of Pub/Sub may have"
            self._too_large[key] = self._news[key] = DeadLetter(key, reason)
            return None
        if self._too_large.pop(key, None) is not None:
            self._news[key] = DeadLetter(key, "", cleared=True)
        return message if self._ordered else message._replace(ordering_key="")
