"""From a plan to a Flink job: one keyed process function per operator, one side output per edge.

```
partitions of the source -> read -+
                                  +-> ingest -> match* -> assemble -> [aggregate | own]
partitions of the feed ---> read -+      each: view changes and dead letters -> the submitting process
```

Names and uids are the operators' ids, so that state is found again by a later job of the same plan. An edge carries
(key, message) rows, so that Flink takes the key from the row itself: `DataStream.key_by` and `get_side_output` would
each put another Python function into every edge.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from pyflink.common import Types
from pyflink.datastream import DataStream, OutputTag, StreamExecutionEnvironment
from pyflink.datastream.data_stream import KeyedStream
from pyflink.java_gateway import get_gateway

from ...operators.base import Profile
from ...plan.nodes import OperatorNode
from ...plan.wire import to_json
from ...sources.base import Source
from ..base import Job, event, seed, ticks
from ..carried import FEED, LOAD, ToEvent
from .reading import GiveTicks, ReadPartition
from .steps import OperatorFunction


def build_graph(environment: StreamExecutionEnvironment, job: Job, *, coalesce: bool) -> DataStream:
    """The stream of all outputs (`engines.carried`, encoded) of a job."""
    to_seed = partial(seed, snapshot=job.snapshot)
    reads = [_read(environment, LOAD, job.source, to_seed, job)]
    if job.feed is not None:
        reads.append(_read(environment, FEED, job.feed, event, job))
    inputs: dict[str, list[DataStream]] = {node.id: [] for node in job.plan.operators}
    inputs["ingest"] = reads
    outputs = [read.get_side_output(_aside_tag()) for read in reads]
    moment = job.declared.last()
    if ticked := ticks(job.plan, moment):
        numbers = environment.from_collection(list(range(len(ticked))), type_info=Types.INT())
        inputs["ingest"].append(numbers.process(GiveTicks(ticked), output_type=_row_type()).name("ticks").uid("ticks"))
    profile = Profile(drained=False, snapshot=job.snapshot, born=time.time_ns() // 1000, moment=moment)
    plan = to_json(job.plan)
    for node in job.plan.operators:
        tags = {target: OutputTag(target, _row_type()) for target in node.sends_to}
        function = OperatorFunction(plan, node, profile, generation=job.generation, coalesce=coalesce, tags=tags)
        stream = _place(node, inputs[node.id], function)
        for target, tag in tags.items():
            inputs[target].append(_side(stream, tag))
        outputs.append(stream)
    return _union(outputs)


def _read(
    environment: StreamExecutionEnvironment, phase: str, source: Source, to_event: ToEvent, job: Job
) -> DataStream:
    partitions = list(source.partitions())
    plan, load = to_json(job.plan), phase == LOAD
    function = ReadPartition(source, partitions, to_event, plan=plan, load=load, aside=_aside_tag())
    indices = environment.from_collection(list(range(len(partitions))), type_info=Types.INT())
    stream: DataStream = indices.rebalance().process(function, output_type=_row_type())
    return stream.name(f"read.{phase}").uid(f"read.{phase}")


def _place(node: OperatorNode, inputs: Sequence[DataStream], function: OperatorFunction) -> DataStream:
    stream: DataStream = _keyed(_union(inputs)).process(function, output_type=Types.PICKLED_BYTE_ARRAY())
    return stream.name(node.id).uid(node.id)


def _row_type() -> object:
    return Types.ROW([Types.STRING(), Types.PICKLED_BYTE_ARRAY()])


def _aside_tag() -> OutputTag:
    return OutputTag("aside", Types.PICKLED_BYTE_ARRAY())


def _union(streams: Sequence[DataStream]) -> DataStream:
    first, *others = streams
    union: DataStream = first.union(*others) if others else first
    return union


def _side(stream: DataStream, tag: OutputTag) -> DataStream:
    return DataStream(stream._j_data_stream.getSideOutput(tag.get_java_output_tag()))


def _keyed(stream: DataStream) -> KeyedStream:
    key_type = Types.ROW([Types.STRING()]).get_java_type_info()
    keyed = stream._j_data_stream.keyBy(get_gateway().jvm.KeyByKeySelector(), key_type)
    return KeyedStream(keyed, Types.PICKLED_BYTE_ARRAY(), stream)
