"""Changes of a feed and documents of a load -> events for ingest, and what the fence must know of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindows

from ...core.change import Change
from ..base import event, seed
from ..coding import encode_message
from ..credit import ONE, Credit, digest, wrap
from .fence import returned, seen
from .keys import KeyedMessage, encode_key
from .streaming import CREDIT

CANARIES = "canaries"
"""The output of canaries that were seen."""


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

    def process(self, element: Change) -> Iterator[Any]:
        """Takes a change."""
        path, happened = event(element)
        yield encode_key(path), wrap(encode_message(happened))
        if path in self.canaries:
            for message in seen([path]):
                yield beam.pvalue.TaggedOutput(CANARIES, message)


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
        path, document = seed(element, self.snapshot)
        yield encode_key(path), wrap(encode_message(document), ONE)
        read = {path.rpartition("/")[0]: digest(path, element.after or {})}
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
