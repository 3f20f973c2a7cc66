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
from collections.abc import Sequence
from typing import Any, NamedTuple

import apache_beam as beam

from ...operators.base import Profile
from ...operators.messages import encode_message
from ...plan.nodes import OperatorNode
from ...plan.wire import to_json
from ...sources.base import Source
from ..base import Job, ticks
from ..carried import FEED, LOAD
from .keys import encode_key
from .reading import ENDS, Fence, Gate, ReadPartition, encode_partition
from .steps import LETTERS, OperatorFn, operator_fn

_KEYED = tuple[bytes, bytes]


class Outputs(NamedTuple):
    """The collections that a job gives, all of encoded bytes (`carried.decode_carried`).

    Attributes:
        views: `ViewChange`s that passed the fence.
        letters: `DeadLetter`s and `Gap`s.
        fenced: One `Fenced`.
    """

    views: Any
    letters: Any
    fenced: Any


def build_pipeline(pipeline: beam.Pipeline, job: Job, *, coalesce: bool) -> Outputs:
    """Adds a job to a pipeline; see `steps` for `coalesce`."""
    phases = {LOAD: job.source} | ({FEED: job.feed} if job.feed is not None else {})
    reads = {phase: _read(pipeline, phase, source, job) for phase, source in phases.items()}
    inputs: dict[str, list[Any]] = {node.id: [] for node in job.plan.operators}
    inputs["ingest"] = [read[None] for read in reads.values()]
    letters = [read[LETTERS] for read in reads.values()]
    views = []
    moment = job.declared.last()
    if ticked := ticks(job.plan, moment):
        given = [(encode_key(path), encode_message(tick)) for path, tick in ticked]
        inputs["ingest"].append(pipeline | "ticks" >> beam.Create(given).with_output_types(_KEYED))
    profile = Profile(drained=False, snapshot=job.snapshot, born=time.time_ns() // 1000, moment=moment)
    for node in job.plan.operators:
        fn = operator_fn(job.plan, node, profile, job.generation, coalesce=coalesce)
        outputs = _place(node, _flatten(f"{node.id}.in", inputs[node.id]), fn)
        for target in node.sends_to:
            inputs[target].append(outputs[target])
        letters.append(outputs[LETTERS])
        views.append(outputs[None])
    fenced = _fence(pipeline, job, [read[ENDS] for read in reads.values()])
    gate = beam.ParDo(Gate(), beam.pvalue.AsSingleton(fenced)).with_output_types(bytes)
    return Outputs(_flatten("views", views) | "gate" >> gate, _flatten(LETTERS, letters), fenced)


def _read(pipeline: beam.Pipeline, phase: str, source: Source, job: Job) -> Any:
    partitions = [encode_partition(p) for p in source.partitions()]
    listed = pipeline | f"partitions.{phase}" >> beam.Create(partitions).with_output_types(bytes)
    fn = ReadPartition(source, phase, to_json(job.plan), job.snapshot).with_output_types(
        _KEYED, **{LETTERS: bytes, ENDS: bytes}
    )
    return listed | f"read.{phase}" >> beam.ParDo(fn).with_outputs(LETTERS, ENDS)


def _place(node: OperatorNode, messages: Any, fn: OperatorFn) -> Any:
    hints = dict.fromkeys(node.sends_to, _KEYED) | {LETTERS: bytes}
    step = beam.ParDo(fn.with_input_types(_KEYED).with_output_types(bytes, **hints))
    return messages | node.id >> step.with_outputs(*hints)


def _fence(pipeline: beam.Pipeline, job: Job, ends: Sequence[Any]) -> Any:
    partitions = sum(len(s.partitions()) for s in (job.source, job.feed) if s is not None)
    fence = beam.ParDo(Fence(job.source.info().documents, partitions), beam.pvalue.AsList(_flatten("ends", ends)))
    start = pipeline | "fence.start" >> beam.Create([b""]).with_output_types(bytes)
    return start | "fence" >> fence.with_output_types(bytes)


def _flatten(label: str, collections: Sequence[Any]) -> Any:
    return tuple(collections) | label >> beam.Flatten()
