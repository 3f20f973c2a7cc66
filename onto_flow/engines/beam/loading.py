"""The load of a stream, read in the same pipeline: its documents, and the end markers that the fence waits for.

The source is opened on workers, and lists its partitions when the job runs; how many there are is a marker too. So the
source need not be there when a job is made. A partition is read by one worker to its end: no splittable DoFns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import apache_beam as beam

from ...core.change import Change
from ...core.errors import OntoFlowError
from ...plan.nodes import Plan
from ...plan.wire import from_json, to_json
from ...sources.base import Partition, Source
from ..carried import Begun, End, Unreadable, encode_carried, read_partition
from ..coding import decode
from .maintain import Load
from .parts import pardo
from .reading import ENDS, encode_partition
from .steps import LETTERS


def read_load(pipeline: beam.Pipeline, open: Callable[[], Source], plan: Plan) -> Load:
    """Adds the reading of a load to a pipeline.

    Args:
        pipeline: Whose stream begins with it.
        open: Opens the source on a worker; travels there by its import path and its arguments.
        plan: What is read of documents.
    """
    start = pipeline | "load.start" >> beam.Create([b""]).with_output_types(bytes)
    listed = start | "load.list" >> pardo(ListLoad(open), bytes, {None: bytes, ENDS: bytes})
    spread = listed[None] | "load.spread" >> beam.Reshuffle()
    fn = ReadOne(open, to_json(plan))
    read = spread | "load.read" >> pardo(fn, bytes, {None: Change, ENDS: bytes, LETTERS: bytes})
    ends = (listed[ENDS], read[ENDS]) | "load.ends" >> beam.Flatten()
    return Load(read[None], ends, letters=read[LETTERS])


class ListLoad(beam.DoFn):
    """The partitions of a source; and how many there are, as a marker.

    Args:
        open: Opens the source.
    """

    def __init__(self, open: Callable[[], Source]) -> None:
        super().__init__()
        self._open = open

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partitions"

    def process(self, element: bytes) -> Iterator[Any]:
        """Lists them."""
        try:
            source = self._open()
            partitions, documents = source.partitions(), source.info().documents
        except OntoFlowError as error:
            yield beam.pvalue.TaggedOutput(ENDS, encode_carried(Unreadable.of(error)))
            return
        yield beam.pvalue.TaggedOutput(ENDS, encode_carried(Begun(len(partitions), documents)))
        yield from map(encode_partition, partitions)


class ReadOne(beam.DoFn):
    """Partitions -> documents, end markers, dead letters.

    Args:
        open: Opens the source.
        plan: The plan as JSON.
    """

    def __init__(self, open: Callable[[], Source], plan: str) -> None:
        super().__init__()
        self._open, self._plan = open, plan

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partition"

    def process(self, element: bytes) -> Iterator[Any]:
        """Reads one to its end."""
        partition = Partition(*decode(element))
        items: Iterator[Any] = read_partition(self._open(), partition, _as_it_is, from_json(self._plan), load=True)
        for item in items:
            if isinstance(item, Change):
                yield item
            else:
                tag = ENDS if isinstance(item, (End, Unreadable)) else LETTERS
                yield beam.pvalue.TaggedOutput(tag, encode_carried(item))


def _as_it_is(change: Change) -> Any:
    return change
