"""Reads the partitions of a source inside the job: Python cannot write a source for Flink.

The partitions are a collection, spread over the readers; each is read to its end in one call, followed by its end
marker with the number of documents that it held. A partition that cannot be read says so in place of the marker.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pyflink.common import Row
from pyflink.datastream import OutputTag, ProcessFunction

from ...core.change import DeadLetter
from ...operators.messages import Tick
from ...plan.wire import from_json
from ...sources.base import Partition, Source
from ..carried import End, ToEvent, Unreadable, encode_carried, read_partition
from ..coding import encode_message
from ..wrong_types import Mistyped
from .keys import key_text


class ReadPartition(ProcessFunction):  # type: ignore[misc]
    """Partitions -> events for ingest, as (document path, message); markers and dead letters to a side output.

    Args:
        source: Opens the partitions; travels to the workers as it is.
        partitions: All of them; an element of the stream is an index into these.
        to_event: `engines.base.seed` or `event`.
        plan: The plan as JSON.
        load: Whether these are documents, or changes of a feed.
        aside: The side output.
    """

    def __init__(
        self,
        source: Source,
        partitions: Sequence[Partition],
        to_event: ToEvent,
        *,
        plan: str,
        load: bool,
        aside: OutputTag,
    ) -> None:
        self.source, self.partitions, self.to_event = source, partitions, to_event
        self.plan, self.load, self.aside = plan, load, aside

    def process_element(self, value: int, ctx: ProcessFunction.Context) -> Iterator[Any]:
        """Reads one partition."""
        plan = from_json(self.plan)
        for item in read_partition(self.source, self.partitions[value], self.to_event, plan, load=self.load):
            if isinstance(item, (DeadLetter, Mistyped, End, Unreadable)):
                yield self.aside, encode_carried(item)
            else:
                path, event = item
                yield Row(key_text(path), encode_message(event))


class GiveTicks(ProcessFunction):  # type: ignore[misc]
    """Numbers -> the ticks of clocks for ingest, as (document path, message).

    Args:
        ticks: All of them; an element of the stream is an index into these.
    """

    def __init__(self, ticks: Sequence[tuple[str, Tick]]) -> None:
        self.ticks = ticks

    def process_element(self, value: int, ctx: ProcessFunction.Context) -> Iterator[Any]:
        """Gives one tick."""
        path, tick = self.ticks[value]
        yield Row(key_text(path), encode_message(tick))
