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
from .reading import ENDS, Fence, Gate, ReadPartition, encode_partition
from .steps import LETTERS, operator_fn

KEYED = tuple[bytes, bytes]
"""The type of collections of messages: keys and envelopes, or keys and messages."""


class Outputs(NamedTuple):
    """The collections that a job gives, all of encoded bytes (`carried.decode_carried`).

    Attributes:
        views: `ViewChange`s that passed the fence; `None` in the batch plan.
        letters: `DeadLetter`s and `Gap`s.
        fenced: One `Fenced`.
        built: What the batch plan built and passed the fence (`elements.unpack_built`).
    """

    views: Any
    letters: Any
    fenced: Any
    built: Any = None


def build_pipeline(pipeline: beam.Pipeline, job: Job, *, coalesce: bool) -> Outputs:
    """Adds a job to a pipeline; see `steps` for `coalesce`."""
    phases = {LOAD: job.source} | ({FEED: job.feed} if job.feed is not None else {})
    reads = {phase: _read(pipeline, phase, source, job) for phase, source in phases.items()}
    entering = [read[None] for read in reads.values()]
    moment = job.declared.last()
    if ticked := ticks(job.plan, moment):
        given = [(encode_key(path), encode_message(tick)) for path, tick in ticked]
        entering.append(pipeline | "ticks" >> beam.Create(given).with_output_types(KEYED))
    profile = Profile(drained=False, snapshot=job.snapshot, born=time.time_ns() // 1000, moment=moment)
    json = to_json(job.plan)
    fns = {node.id: operator_fn(json, node, profile, job.generation, coalesce=coalesce) for node in job.plan.operators}
    lowered = lower(job.plan, entering, fns, {None: bytes, LETTERS: bytes})
    letters = [*(read[LETTERS] for read in reads.values()), *lowered[LETTERS]]
    fenced = fence(pipeline, job, [read[ENDS] for read in reads.values()])
    gate = beam.ParDo(Gate(), beam.pvalue.AsSingleton(fenced)).with_output_types(bytes)
    return Outputs(flatten("views", lowered[None]) | "gate" >> gate, flatten(LETTERS, letters), fenced)


def lower(
    plan: Plan, entering: Sequence[Any], fns: Mapping[str, beam.DoFn], outputs: Mapping[str | None, Any]
) -> dict[str | None, list[Any]]:
    """One ParDo per operator.

    Args:
        plan: The plan.
        entering: The collections of what goes to ingest.
        fns: Operator -> its DoFn.
        outputs: What every operator gives beside its messages: tag -> type; `None` is the main output.

    Returns:
        Tag -> the collections of all operators.
    """
    inputs: dict[str, list[Any]] = {node.id: [] for node in plan.operators} | {"ingest": [*entering]}
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


def pardo(fn: beam.DoFn, takes: Any, gives: Mapping[str | None, Any]) -> Any:
    """A ParDo with the types of all its outputs; `None` is the main one. One of several outputs has them by tag."""
    tags = {tag: hint for tag, hint in gives.items() if tag is not None}
    step = beam.ParDo(fn.with_input_types(takes).with_output_types(gives[None], **tags))
    return step.with_outputs(*tags) if tags else step


def fence(pipeline: beam.Pipeline, job: Job, ends: Sequence[Any]) -> Any:
    """The collection of one `Fenced`, from the collections of end markers of a job."""
    partitions = sum(len(s.partitions()) for s in (job.source, job.feed) if s is not None)
    compare = beam.ParDo(Fence(job.source.info().documents, partitions), beam.pvalue.AsList(flatten("ends", ends)))
    start = pipeline | "fence.start" >> beam.Create([b""]).with_output_types(bytes)
    return start | "fence" >> compare.with_output_types(bytes)


def flatten(label: str, collections: Sequence[Any]) -> Any:
    """Several collections as one."""
    return tuple(collections) | label >> beam.Flatten()
