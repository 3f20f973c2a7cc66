"""Dead letters as messages of a topic: `--dead-letters pubsub://PROJECT/TOPIC`."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.change import DeadLetter
from ...formats.letter_messages import letter_message
from .topic import Topic


class LetterTopic:
    """Publishes dead letters, and what takes them back.

    Args:
        place: `//PROJECT/TOPIC`.
        redact: Names of fields whose values are never shown.

    Raises:
        UsageError: `wrong-usage` for what is no topic.
        EngineError: `not-found` where there is none.
    """

    def __init__(self, place: str, *, redact: Iterable[str] = ()) -> None:
        self._redact = frozenset(redact)
        self._topic = Topic(place)
        self._topic.check()

    def put(self, letter: DeadLetter) -> None:
        """Sends a letter."""
        self._topic.send([letter_message(letter, self._redact)])

    def flush(self) -> None:
        """Waits until Pub/Sub has all letters that were put.

        Raises:
            EngineError: `sink-failed` where it refuses them, or does not answer.
        """
        self._topic.flush()

    def close(self) -> None:
        """Flushes, and lets go of the connection."""
        try:
            self._topic.flush()
        finally:
            self._topic.close()
