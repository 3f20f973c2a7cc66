"""Reads the partitions of a source inside the pipeline, and fences what may be published.

The partitions are a collection; each is opened by a worker and read to its end in one call, followed by its end marker
with the number of documents that it held. When all have ended, the fence compares their sum with what the source says
of itself, and the gate lets view changes pass, or none of them. So the fence is data, and no watermark.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

import apache_beam as beam

from ...core.change import DeadLetter
from ...plan.wire import from_json
from ...sources.base import Partition, Source
from ..base import event, seed
from ..carried import (
    FEED,
    LOAD,
    Carried,
    End,
    Fenced,
    ToEvent,
    Unreadable,
    decode_carried,
    encode_carried,
    half_read,
    read_partition,
)
from ..coding import decode, encode, encode_message
from ..wrong_types import Mistyped
from .keys import KeyedMessage, encode_key
from .steps import LETTERS

ENDS = "ends"
"""The output of end markers."""


def encode_partition(partition: Partition) -> bytes:
    """The bytes of a partition."""
    return encode((partition.name, partition.size))


class ReadPartition(beam.DoFn):
    """Partitions -> events for ingest; end markers and dead letters have their own outputs.

    A partition that cannot be read says so in place of its end marker: a runner that tried again would read the same.

    Args:
        source: Opens the partitions; travels to the workers as it is.
        phase: `load`: documents, by the plan's projection; `feed`: changes.
        plan: The plan as JSON.
        snapshot: The time of the documents.
    """

    def __init__(self, source: Source, phase: str, plan: str, snapshot: int | None) -> None:
        super().__init__()
        self.source, self.phase, self.plan, self.snapshot = source, phase, plan, snapshot

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partition"

    def process(self, element: bytes) -> Iterator[KeyedMessage]:
        """Reads one partition."""
        load = self.phase == LOAD
        to_event: ToEvent = partial(seed, snapshot=self.snapshot) if load else event
        partition = Partition(*decode(element))
        for item in read_partition(self.source, partition, to_event, from_json(self.plan), load=load):
            if isinstance(item, (DeadLetter, Mistyped)):
                yield _tagged(LETTERS, item)
            elif isinstance(item, (End, Unreadable)):
                yield _tagged(ENDS, item)
            else:
                path, happened = item
                yield encode_key(path), encode_message(happened)


class Fence(beam.DoFn):
    """All end markers -> what may be published (`Fenced`).

    A partition counts once, however often its marker comes: FnApiRunner gives a side input again with every round of
    timers of the stage that made it.

    Args:
        expected: How many documents the source says that it has; `None` where nobody knows.
        partitions: How many partitions must end.
    """

    def __init__(self, expected: int | None, partitions: int) -> None:
        super().__init__()
        self.expected, self.partitions = expected, partitions

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "compare"

    def process(self, element: bytes, ends: Sequence[bytes]) -> Iterator[bytes]:
        """Compares what was read with what there is."""
        markers = [decode_carried(data) for data in ends]
        ended = {(m.phase, m.partition): m.read for m in markers if isinstance(m, End)}
        documents = sum(read for (phase, _), read in ended.items() if phase == LOAD)
        changes = sum(read for (phase, _), read in ended.items() if phase == FEED)
        broken = next((m for m in markers if isinstance(m, Unreadable)), None)
        if broken is None and (len(ended) != self.partitions or self.expected not in (None, documents)):
            broken = Unreadable.of(half_read(documents, self.expected, self.partitions - len(ended)))
        yield encode_carried(Fenced(documents, changes, None if broken is None else tuple(broken)))


class Gate(beam.DoFn):
    """View changes -> view changes, once the fence has seen the whole source; else nothing."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "pass"

    def process(self, element: bytes, fenced: bytes) -> Iterator[bytes]:
        """Lets one pass."""
        found = decode_carried(fenced)
        if isinstance(found, Fenced) and found.refused is None:
            yield element


def _tagged(tag: str, carried: Carried) -> KeyedMessage:
    tagged: KeyedMessage = beam.pvalue.TaggedOutput(tag, encode_carried(carried))
    return tagged
