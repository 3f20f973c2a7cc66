"""From a plan to a Beam pipeline: one keyed, stateful ParDo per operator, one collection per edge.

```
partitions of the source -> read.load -+
                                       +-> ingest -> match* -> assemble -> [aggregate | own] -> gate -> view changes
partitions of the feed ---> read.feed -+                                                         ^
                end markers of both ----------------------------------------------> fence -------+
```

Labels are the operators' ids, so that a later job of the same plan finds their state.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

import apache_beam as beam

from ...operators.base import Profile
from ...plan.nodes import Plan
from ...plan.wire import to_json
from ...sources.base import Source
from ..base import Job, ticks
from ..carried import FEED, LOAD
from ..coding import encode_message
from .keys import encode_key
from .parts import KEYED, flatten, pardo
from .reading import ENDS, Fence, Gate, ReadPartition, encode_partition
from .seeds import SEEDS
from .seeds_written import WriteSeeds, said
from .steps import LETTERS, operator_fn


class Outputs(NamedTuple):
    """The collections that a job gives, all of encoded bytes (`carried.decode_carried`).

    Attributes:
        views: `ViewChange`s that passed the fence; `None` in the batch plan.
        letters: `DeadLetter`s and `Gap`s.
        fenced: One `Fenced`.
        built: What the batch plan built and passed the fence (`elements.unpack_built`).
        seeds: One `carried.Seeds`, where they are asked for.
    """

    views: Any
    letters: Any
    fenced: Any
    built: Any = None
    seeds: Any = None


def build_pipeline(pipeline: beam.Pipeline, job: Job, *, coalesce: bool, seeds: WriteSeeds | None = None) -> Outputs:
    """Adds a job to a pipeline; see `steps` for `coalesce`."""
    phases = {LOAD: job.source} | ({FEED: job.feed} if job.feed is not None else {})
    reads = {phase: _read(pipeline, phase, source, job) for phase, source in phases.items()}
    entering = [read[None] for read in reads.values()]
    moment = job.declared.last()
    if ticked := ticks(job.plan, moment):
        given = [(encode_key(path), encode_message(tick)) for path, tick in ticked]
        entering.append(pipeline | "ticks" >> beam.Create(given).with_output_types(KEYED))
    profile = Profile(drained=False, snapshot=job.snapshot, born=time.time_ns() // 1000, moment=moment)
    json, shards = to_json(job.plan), 0 if seeds is None else seeds.shards
    fns = {
        node.id: operator_fn(json, node, profile, job.generation, coalesce=coalesce, seeds=shards)
        for node in job.plan.operators
    }
    gives: dict[str | None, Any] = {None: bytes, LETTERS: bytes}
    lowered = lower(job.plan, entering, fns, gives if seeds is None else {**gives, SEEDS: KEYED})
    letters = [*(read[LETTERS] for read in reads.values()), *lowered[LETTERS]]
    fenced = fence(pipeline, job, [read[ENDS] for read in reads.values()])
    gate = beam.ParDo(Gate(), beam.pvalue.AsSingleton(fenced)).with_output_types(bytes)
    views = flatten("views", lowered[None]) | "gate" >> gate
    manifest = None if seeds is None else tuple(lowered[SEEDS]) | SEEDS >> seeds | "said" >> said()
    return Outputs(views, flatten(LETTERS, letters), fenced, seeds=manifest)


def lower(
    plan: Plan,
    entering: Sequence[Any],
    fns: Mapping[str, beam.DoFn],
    outputs: Mapping[str | None, Any],
    seeds: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str | None, list[Any]]:
    """One ParDo per operator.

    Args:
        plan: The plan.
        entering: The collections of what goes to ingest.
        fns: Operator -> its DoFn.
        outputs: What every operator gives beside its messages: tag -> type; `None` is the main output.
        seeds: Operator -> the collection of its seeds.

    Returns:
        Tag -> the collections of all operators.
    """
    inputs: dict[str, list[Any]] = {node.id: [] for node in plan.operators} | {"ingest": [*entering]}
    for name, collection in seeds.items():
        inputs[name].append(collection)
    found: dict[str | None, list[Any]] = {tag: [] for tag in outputs}
    for node in plan.operators:
        gives = dict[str | None, Any](outputs) | dict.fromkeys(node.sends_to, KEYED)
        given = flatten(f"{node.id}.in", inputs[node.id]) | node.id >> pardo(fns[node.id], KEYED, gives)
        for target in node.sends_to:
            inputs[target].append(given[target])
        for tag in outputs:
            found[tag].append(given[tag])
    return found


def _read(pipeline: beam.Pipeline, phase: str, source: Source, job: Job) -> Any:
    partitions = [encode_partition(p) for p in source.partitions()]
    listed = pipeline | f"partitions.{phase}" >> beam.Create(partitions).with_output_types(bytes)
    fn = ReadPartition(source, phase, to_json(job.plan), job.snapshot)
    return listed | f"read.{phase}" >> pardo(fn, bytes, {None: KEYED, LETTERS: bytes, ENDS: bytes})


def fence(pipeline: beam.Pipeline, job: Job, ends: Sequence[Any]) -> Any:
    """The collection of one `Fenced`, from the collections of end markers of a job."""
    partitions = sum(len(s.partitions()) for s in (job.source, job.feed) if s is not None)
    compare = beam.ParDo(Fence(job.source.info().documents, partitions), beam.pvalue.AsList(flatten("ends", ends)))
    start = pipeline | "fence.start" >> beam.Create([b""]).with_output_types(bytes)
    return start | "fence" >> compare.with_output_types(bytes)
