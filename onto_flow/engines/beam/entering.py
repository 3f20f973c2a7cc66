"""Changes of a feed and documents of a load -> events for ingest, and what the fence must know of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from ...core.change import Change
from ...formats.native.changes import change_encoder
from ..base import event, seed
from ..coding import encode_message
from ..credit import ONE, Credit, digest, wrap
from .fence import returned, seen
from .keys import KeyedMessage, encode_key
from .outlet import CREDIT
from .plain_bytes import EVENT, WEIGHTLESS

CANARIES = "canaries"
"""The output of canaries that were seen."""


def change_to_ingest(change: Change) -> KeyedMessage:
    """A change as an event for ingest."""
    path, happened = event(change)
    return encode_key(path), encode_message(happened)


def _weightless(change: Change) -> KeyedMessage:
    """A change as an event for ingest, in an envelope that weighs nothing."""
    key, message = change_to_ingest(change)
    return key, wrap(message)


_entered = change_encoder(WEIGHTLESS + EVENT, _weightless)


def document_to_ingest(change: Change, snapshot: int | None) -> KeyedMessage:
    """A document of a load as an event for ingest; see `EnterLoad`."""
    path, document = seed(change, snapshot)
    return encode_key(path), encode_message(document)


class EnterFeed(beam.DoFn):
    """Changes -> events for ingest, which weigh nothing; canaries among them for the fence.

    Args:
        canaries: The paths of documents whose changes the fence waits for.
    """

    def __init__(self, canaries: tuple[str, ...]) -> None:
        super().__init__()
        self.canaries = canaries

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "feed"

    def process(self, element: Change) -> Sequence[Any]:
        """Takes a change."""
        entered = _entered(element)
        if not self.canaries or element.path not in self.canaries:
            return (entered,)
        return (entered, *(beam.pvalue.TaggedOutput(CANARIES, told) for told in seen([element.path])))


class EnterLoad(beam.DoFn):
    """Documents -> events for ingest, each of weight 1; counts and hashes per collection for the receipt.

    Args:
        snapshot: The time of the documents in microseconds; `None`: below any event.
    """

    def __init__(self, snapshot: int | None) -> None:
        super().__init__()
        self.snapshot = snapshot

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "load"

    def process(self, element: Change) -> Iterator[Any]:
        """Takes a document."""
        key, message = document_to_ingest(element, self.snapshot)
        yield key, wrap(message, ONE)
        read = {element.path.rpartition("/")[0]: digest(element.path, element.after or {})}
        yield beam.pvalue.TaggedOutput(CREDIT, Credit(read=read).encoded())


class AddUp(beam.DoFn):
    """Credits -> their sum, per bundle, on its way to the fence.

    Args:
        gathers: Over how many keys they go.
    """

    def __init__(self, gathers: int) -> None:
        super().__init__()
        self.gathers = gathers

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "bundle"

    def start_bundle(self) -> None:
        """Nothing has come yet."""
        self.credit: Credit | None = None

    def process(self, element: bytes) -> None:
        """Takes a credit."""
        self.credit = self.credit or Credit()
        self.credit.add(Credit.decoded(element))

    def finish_bundle(self) -> Iterator[Any]:
        """Hands on what came."""
        if self.credit is not None:
            message: KeyedMessage = returned(self.credit.encoded(), self.gathers)
            yield GlobalWindows.windowed_value(message)
