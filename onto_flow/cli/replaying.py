"""Messages that could not be read, again: from the dead letters to a topic, or as lines of a feed."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from ..core.errors import EngineError, UsageError
from ..formats.letter_messages import line_message, replayed
from ..formats.messages import Message
from ..formats.redaction import is_whole

if TYPE_CHECKING:
    from ..deadletters import DeadLetters, KeptLetter

Again = tuple["Message | None", Callable[[], None]]
"""A message, `None` where it cannot be replayed; and what is to be done once it has been."""
_AT_ONCE = 1000
_SECONDS = 10.0


def from_file(letters: DeadLetters, key: str | None) -> Iterator[Again]:
    """The messages of letters in a file: of one, or of all that tell of a message or line of a feed."""
    for letter in [letters.show(key)] if key else list(letters):
        if key or letter.key.startswith("event:"):
            yield _kept(letter), partial(letters.clear, letter.key)


def from_subscription(client: Any, place: str) -> Iterator[Again]:
    """The messages of a subscription of a dead-letter topic, until none comes any more.

    Args:
        client: A `SubscriberClient`, which is open until the last of them is settled.
        place: `//PROJECT/SUBSCRIPTION`.

    Raises:
        EngineError: `feed-failed` where it does not answer.
    """
    from google.api_core.exceptions import DeadlineExceeded, GoogleAPICallError

    from ..sources.pubsub import subscription_of

    subscription = subscription_of(place)
    request = {"subscription": subscription, "max_messages": _AT_ONCE}
    seen: set[str] = set()

    def acknowledge(ack_id: str) -> None:
        client.acknowledge({"subscription": subscription, "ack_ids": [ack_id]})

    while True:
        try:
            received = client.pull(request, timeout=_SECONDS, retry=None).received_messages
        except DeadlineExceeded:
            return
        except GoogleAPICallError as error:
            raise EngineError("feed-failed", f"{subscription} gives no messages: {error}") from error
        fresh = [one for one in received if one.message.message_id not in seen]
        if not fresh:
            return
        for one in fresh:
            seen.add(one.message.message_id)
            message = Message(one.message.data, dict(one.message.attributes), one.message.ordering_key)
            yield replayed(message), partial(acknowledge, one.ack_id)


def replay(found: Iterator[Again], to: str) -> tuple[int, int]:
    """Publishes messages, or prints them as lines of a feed; (how many, how many could not be).

    Args:
        found: The messages.
        to: `pubsub://PROJECT/TOPIC`, or `-` for lines on standard output, after which the letters stay.

    Raises:
        UsageError: `wrong-usage` for another place.
    """
    if to == "-":
        messages = [message for message, _ in found]
        for message in messages:
            if message is not None:
                print(_line(message))
        return sum(m is not None for m in messages), sum(m is None for m in messages)
    if not to.startswith("pubsub:"):
        raise UsageError("wrong-usage", f"--to {to}: dead letters are replayed to pubsub://PROJECT/TOPIC, or -")
    from ..sinks.pubsub import Topic

    topic = Topic(to.partition(":")[2])
    counts, settled = [0, 0], list[Callable[[], None]]()
    try:
        topic.check()
        for message, done in found:
            counts[message is None] += 1
            if message is not None:
                topic.send([message])
                settled.append(done)
            if len(settled) >= _AT_ONCE:
                _settle(topic.flush, settled)
        _settle(topic.flush, settled)
    finally:
        topic.close()
    return counts[0], counts[1]


def _settle(flush: Callable[[], None], settled: list[Callable[[], None]]) -> None:
    """What was replayed is no dead letter any more, once Pub/Sub has it."""
    flush()
    for done in settled:
        done()
    settled.clear()


def _kept(letter: KeptLetter) -> Message | None:
    if not letter.key.startswith("event:") or not is_whole(letter.payload):
        return None
    return line_message(letter.payload) or Message(letter.payload.encode(), {})


def _line(message: Message) -> str:
    data = base64.b64encode(message.data).decode()
    return json.dumps({"attributes": dict(message.attributes), "data_base64": data})
