"""A job without a feed as the batch plan: the engine's own reading, fence and gate around `BuildTables`.

```
partitions of the source -> read -> tables -> gate -> what was built
                            end markers -> fence --^
```
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import apache_beam as beam

from ...core.errors import OntoFlowError
from ...plan.nodes import Plan
from ...sources.base import Partition, Source
from ..base import Job
from ..carried import LOAD, End, Unreadable, encode_carried
from ..coding import decode
from ..wrong_types import WrongTypes
from .backfill import BuildTables, refusals
from .elements import Block, pack_built
from .graph import Outputs, fence
from .options import ViewOptions
from .parts import flatten, pardo
from .read_documents import Reads
from .reading import ENDS, Gate, encode_partition
from .steps import LETTERS

SHARD_BYTES = 64 << 20
"""The roots of a job are dealt to as many shards as it has so many bytes; a document takes some ten times its bytes."""


def fits(job: Job) -> list[str]:
    """What keeps a job from the batch plan; empty when it can run so."""
    return ["a feed follows"] if job.feed is not None else refusals(job.plan)


def shards_of(job: Job, options: ViewOptions) -> int:
    """How many shards the roots are dealt to: as asked for, else by the size of the source."""
    if options.view_shards:
        return int(options.view_shards)
    return 1 + sum(p.size or 0 for p in job.source.partitions()) // SHARD_BYTES


def batch_pipeline(pipeline: beam.Pipeline, job: Job, shards: int) -> Outputs:
    """Adds a job to a pipeline; what passes the fence is `built`."""
    partitions = [encode_partition(p) for p in job.source.partitions()]
    listed = pipeline | "partitions" >> beam.Create(partitions).with_output_types(bytes)
    read = listed | "read" >> pardo(
        ReadForTables(job.source, job.plan), bytes, {None: Block, LETTERS: bytes, ENDS: bytes}
    )
    tables = BuildTables(job.plan, shards=shards, generation=job.generation, of=Block)
    built = read[None] | "tables" >> tables
    fenced = fence(pipeline, job, [read[ENDS]])
    packed = built | "pack" >> beam.Map(pack_built).with_output_types(bytes)
    gate = beam.ParDo(Gate(), beam.pvalue.AsSingleton(fenced)).with_output_types(bytes)
    return Outputs(None, flatten(LETTERS, [read[LETTERS]]), fenced, packed | "gate" >> gate)


class ReadForTables(beam.DoFn):
    """Partitions -> blocks of documents; end markers, dead letters and wrong types have their own outputs.

    A partition that cannot be read says so in place of its end marker: a runner that tried again would read the same.
    """

    def __init__(self, source: Source, plan: Plan) -> None:
        super().__init__()
        self._reads = Reads(partial(_same, source), plan.projection)
        self._plan = plan

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "partition"

    def process(self, element: bytes) -> Iterator[Any]:
        """Reads one partition."""
        partition, wrong, read, given = Partition(*decode(element)), WrongTypes(self._plan), 0, 0
        try:
            for block in self._reads.blocks(self._reads.source(), partition):
                read, given = read + block.read, given + len(block.changes)
                wrong.look(block.changes)
                yield block
                yield from (_tagged(LETTERS, letter) for letter in block.letters)
            yield _tagged(ENDS, End(LOAD, partition.name, read, given))
            yield from (_tagged(LETTERS, mistyped) for mistyped in wrong.told())
        except OntoFlowError as error:
            yield _tagged(ENDS, Unreadable.of(error))


def _same(source: Source) -> Source:
    return source


def _tagged(tag: str, carried: Any) -> Any:
    return beam.pvalue.TaggedOutput(tag, encode_carried(carried))
