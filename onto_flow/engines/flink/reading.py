"""Reads the partitions of a source inside the job: Python cannot write a source for Flink.

The partitions are a collection, spread over the readers; each is read to its end in one call, followed by its end
marker with the number of documents that it held. A partition that cannot be read says so in place of the marker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pyflink.common import Row
from pyflink.datastream import OutputTag, ProcessFunction

from ...core.change import Change, DeadLetter
from ...core.collection import Projection
from ...core.errors import DataError, OntoFlowError
from ...operators.messages import Event, encode_message
from ...sources.base import Partition, Source
from .carried import FEED, LOAD, End, Output, Unreadable, encode_output, key_text

_IDLE_SECONDS = 0.05

ToEvent = Callable[[Change], tuple[str, Event]]


class ReadPartition(ProcessFunction):  # type: ignore[misc]
    """Partitions -> events for ingest, as (document path, message); markers and dead letters to a side output.

    Args:
        source: Opens the partitions; travels to the workers as it is.
        partitions: All of them; an element of the stream is an index into these.
        to_event: `engines.base.seed` or `event`.
        projection: What is read of documents; `None` for a feed.
        aside: The side output.
    """

    def __init__(
        self,
        source: Source,
        partitions: Sequence[Partition],
        to_event: ToEvent,
        *,
        projection: Projection | None,
        aside: OutputTag,
    ) -> None:
        self.source, self.partitions, self.to_event = source, partitions, to_event
        self.projection, self.aside = projection, aside
        self.phase = FEED if projection is None else LOAD

    def process_element(self, value: int, ctx: ProcessFunction.Context) -> Iterator[Any]:
        """Reads one partition."""
        partition = self.partitions[value]
        try:
            yield from self._read(partition)
        except OntoFlowError as error:
            parts = (isinstance(error, DataError), error.code, error.what, error.where, error.fix)
            yield self._aside(Unreadable(*parts))

    def _read(self, partition: Partition) -> Iterator[Any]:
        reader = self.source.open(partition, projection=self.projection)
        changes = 0
        try:
            while (batch := reader.next_batch()) is not None:
                if not batch:
                    time.sleep(_IDLE_SECONDS)
                for item in batch:
                    if isinstance(item, DeadLetter):
                        yield self._aside(item)
                    else:
                        changes += 1
                        path, event = self.to_event(item)
                        yield Row(key_text(path), encode_message(event))
            count = changes if self.phase == FEED else reader.documents_read
        finally:
            reader.close()
        yield self._aside(End(self.phase, partition.name, count))

    def _aside(self, output: Output) -> tuple[OutputTag, bytes]:
        return self.aside, encode_output(output)
