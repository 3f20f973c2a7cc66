"""Messages of any feed -> changes; what cannot be read is a dead letter with the whole message."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from typing import Any

import apache_beam as beam

from ...core.change import Change, DeadLetter
from ...sources.line_contents import EventContents, read_message
from .elements import Decoded

DEAD_LETTERS = "dead_letters"

OpenContents = Callable[[], EventContents]
"""Makes what reads messages, on a worker."""


class DecodeMessages(beam.PTransform):
    """Bytes, or Pub/Sub's messages with attributes -> `Change`s; see `onto_flow.beam.Decode`."""

    def __init__(self, open: OpenContents) -> None:
        super().__init__()
        self._open = open

    def expand(self, messages: Any) -> Decoded:
        """Decodes each."""
        decode = beam.ParDo(_Decode(self._open)).with_output_types(Change, **{DEAD_LETTERS: DeadLetter})
        decoded = messages | "messages" >> decode.with_outputs(DEAD_LETTERS, main="changes")
        return Decoded(decoded.changes, decoded[DEAD_LETTERS])


class _Decode(beam.DoFn):
    def __init__(self, open: OpenContents) -> None:
        super().__init__()
        self._open = open

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "decode"

    def setup(self) -> None:
        """Makes what reads messages."""
        self._contents = self._open()

    def process(self, element: Any) -> Iterator[Any]:
        """Reads one message."""
        data, attributes, name, published = _parts(element)
        found = read_message(self._contents, data, attributes, name, published, f"message {name}")
        for item in self._contents.resolved([] if found is None else [found]):
            yield beam.pvalue.TaggedOutput(DEAD_LETTERS, item) if isinstance(item, DeadLetter) else item


def _parts(element: Any) -> tuple[bytes, dict[str, str], str, datetime | None]:
    """(data, attributes, what tells it from others, when it was published) of bytes or of a message of Pub/Sub."""
    if isinstance(element, (bytes, str)):
        data = element.encode() if isinstance(element, str) else element
        return data, {}, hashlib.sha256(data).hexdigest()[:16], None
    name = element.message_id or hashlib.sha256(element.data).hexdigest()[:16]
    published: Any = element.publish_time
    if published is not None:
        published = published.replace(tzinfo=timezone.utc)
    return element.data, dict(element.attributes or {}), name, published
