"""A job that does not end, as a pipeline: workers open its ends, so nothing is contacted when it is made.

```
subscription -> feed -+
                      +-> views -> table
source ------> load --+     |        |
                            +-> dead letters, receipts
```
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.io import PubsubMessage, ReadFromPubSub, WriteToPubSub
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions, StandardOptions

from ...core.change import Change, DeadLetter, ViewChange
from ...core.errors import EngineError, OntoFlowError
from ...core.gaps import Gap
from ...formats.messages import Message
from ...plan.clocks import is_timed
from ...plan.nodes import Plan
from ...plan.wire import not_portable
from ...sinks.base import Table
from ...sources.base import Source
from ..base import Progress
from ..breaker import Limits
from ..metrics import Metrics
from .decode import DecodeMessages, OpenContents
from .loading import read_load
from .maintain import Load, MaintainPlan
from .options import StreamOptions
from .parts import flatten
from .runners import NO_END, known, named
from .seeds import SeedsAt
from .told import Tell
from .write_lines import WriteLines, WriteReceipt
from .write_table import Shared, WriteTables

CHANGES, VIEWS, LETTERS, GAPS, RECEIPTS = "changes", "views", "letters", "gaps", "receipts"
"""What a pipeline in this process tells."""

LOCAL_RECEIPTS = ".onto-flow/receipts"
"""Where receipts go by default on this machine; elsewhere below the job's temporary files."""

_TOPIC = "pubsub://"


class Letters(NamedTuple):
    """Where dead letters go that workers write.

    Attributes:
        place: `pubsub://PROJECT/TOPIC`, or a folder; empty: the process that runs the pipeline is told them.
        encode: A letter as a line of a folder, without what is sensitive.
        message: A letter as a message of a topic, the same.
    """

    place: str
    encode: Callable[[DeadLetter], bytes]
    message: Callable[[DeadLetter], Message]


@dataclass(frozen=True)
class StreamJob:
    """A job that does not end.

    Attributes:
        plan: What to maintain.
        subscription: The full name of the subscription whose messages are the changes.
        contents: Makes what reads its messages, on a worker.
        sink: How the tables are written.
        letters: Where dead letters go.
        source: Opens the documents to begin with, on a worker; `None`: it begins with seeds, or with nothing.
        seeds: Those that it begins with.
        snapshot: Their time in microseconds; `None`: below any event.
        generation: The first part of view versions, in microseconds.
        options: Beam's pipeline options, and `StreamOptions`.
        dead_letter, progress: Are told, where the pipeline runs in this process.
        say: Is told what a person should know before it begins.
        stop: Set from outside to end it, there.
        metrics, limits: As a `Job` has them, there.
    """

    plan: Plan
    subscription: str
    contents: OpenContents
    sink: Shared
    letters: Letters
    source: Callable[[], Source] | None = None
    seeds: SeedsAt | None = None
    snapshot: int | None = None
    generation: int = 0
    options: Mapping[str, Any] = field(default_factory=dict)
    dead_letter: Callable[[DeadLetter], None] = lambda letter: None
    progress: Callable[[Progress], None] = lambda progress: None
    say: Callable[[str], None] = lambda text: None
    stop: threading.Event = field(default_factory=threading.Event)
    metrics: Metrics = field(default_factory=Metrics)
    limits: Limits | None = field(default_factory=Limits)

    @property
    def name(self) -> str:
        """Tells this job from others of this process."""
        return f"stream-{self.generation}"

    def tables(self) -> list[Table]:
        """The tables that the plan writes."""
        return [Table(v.name, v.collection, v.schema) for v in self.plan.views]

    def pipeline_options(self) -> PipelineOptions:
        """Beam's, with the runner in full."""
        runner = named(str(self.options.get("runner", "direct")), unbounded=True)
        options = PipelineOptions.from_dictionary({**self.options, "runner": runner})
        options.view_as(StandardOptions).streaming = True
        return options


class StreamOutputs(NamedTuple):
    """The collections of a stream.

    Attributes:
        changes: `Change`s of the feed.
        views: `ViewChange`s, as they are written.
        letters: `DeadLetter`s of all steps.
        gaps: `Gap`s of the feed.
        receipts: The receipt as JSON, one; `None` without a load.
    """

    changes: Any
    views: Any
    letters: Any
    gaps: Any
    receipts: Any


def refusals_of(job: StreamJob) -> Sequence[str]:
    """Why a job cannot be a stream on Beam, whatever the runner."""
    known = {"runner", *PipelineOptions([]).get_all_options()}
    reasons = [f"Beam has no pipeline option {name!r}" for name in job.options if name not in known]
    if is_timed(job.plan):
        reasons.append(NO_END)
    return reasons + not_portable(job.plan)


def stream_pipeline(job: StreamJob) -> tuple[beam.Pipeline, StreamOutputs]:
    """The job as Beam has it, not yet running, and its collections.

    Raises:
        EngineError: `engine-refused` for a sink that does not take a stream, or dead letters that would go nowhere.
    """
    with refused_by_beam():
        return _pipeline(job)


@contextmanager
def refused_by_beam() -> Iterator[None]:
    """While a pipeline is made: what Beam does not take, in words of this package.

    Raises:
        EngineError: `engine-refused`.
    """
    try:
        yield
    except OntoFlowError:
        raise
    except ValueError as error:
        raise EngineError("engine-refused", f"Beam does not take the job: {' '.join(str(error).split())}") from error


def _pipeline(job: StreamJob) -> tuple[beam.Pipeline, StreamOutputs]:
    options = job.pipeline_options()
    local = known(str(options.view_as(StandardOptions).runner)).is_local
    if not local and not job.letters.place:
        fix = "Say --dead-letters pubsub://PROJECT/TOPIC, or a folder: gs://BUCKET/letters."
        raise EngineError("engine-refused", "workers elsewhere have no file for dead letters", fix=fix)
    pipeline = beam.Pipeline(options=options)
    asked = options.view_as(StreamOptions)
    read = ReadFromPubSub(subscription=job.subscription, with_attributes=True)
    decoded = pipeline | "messages" >> read | "feed" >> DecodeMessages(job.contents)
    load = None if job.seeds is None else Load(seeds=job.seeds)
    load = load if job.source is None else read_load(pipeline, job.source, job.plan)
    maintained = decoded.changes | "views" >> MaintainPlan(
        job.plan,
        load=load,
        snapshot=job.snapshot,
        generation=job.generation,
        canaries=[path for path in asked.canaries.split(",") if path],
        settle=int(asked.settle * 1_000_000),
        force_fence=asked.force_fence,
        shards=asked.gate_shards,
        page=asked.page,
        coalesce=asked.coalesce,
        keep=asked.keep,
    )
    unwritten = maintained | "table" >> WriteTables(job.sink.open, job.tables(), job.sink)
    letters = flatten("dead_letters", [decoded.dead_letters, maintained.dead_letters, unwritten])
    outputs = StreamOutputs(decoded.changes, maintained.views, letters, maintained.gaps, maintained.receipts)
    _write_letters(job, letters)
    _write_receipts(job, outputs.receipts, asked, local=local)
    if local:
        _tell(job, outputs)
    return pipeline, outputs


def _write_letters(job: StreamJob, letters: Any) -> None:
    if not job.letters.place:
        return
    if job.letters.place.startswith(_TOPIC):
        project, _, topic = job.letters.place.removeprefix(_TOPIC).partition("/")
        made = beam.Map(partial(_message, job.letters.message)).with_output_types(PubsubMessage)
        write = WriteToPubSub(f"projects/{project}/topics/{topic}", with_attributes=True)
        _ = letters | "letters.messages" >> made | "letters" >> write
    else:
        lines = letters | "letters.lines" >> beam.Map(job.letters.encode).with_output_types(bytes)
        _ = lines | "letters" >> beam.ParDo(WriteLines(job.letters.place, "letters"))


def _message(made: Callable[[DeadLetter], Message], letter: DeadLetter) -> PubsubMessage:
    message = made(letter)
    return PubsubMessage(message.data, dict(message.attributes))


def _write_receipts(job: StreamJob, receipts: Any, asked: Any, *, local: bool) -> None:
    temp = asked.view_as(GoogleCloudOptions).temp_location or ""
    folder = asked.receipts or (LOCAL_RECEIPTS if local else f"{temp.rstrip('/')}/receipts")
    if receipts is not None:
        _ = receipts | "receipts" >> beam.ParDo(WriteReceipt(folder, job.generation))


def _tell(job: StreamJob, outputs: StreamOutputs) -> None:
    """Tells this process what there is to tell."""
    told = {CHANGES: outputs.changes, VIEWS: outputs.views, GAPS: outputs.gaps, RECEIPTS: outputs.receipts}
    if not job.letters.place:
        told[LETTERS] = outputs.letters
    kinds: dict[str, Any] = {
        CHANGES: Change,
        VIEWS: ViewChange,
        LETTERS: DeadLetter,
        GAPS: Gap,
        RECEIPTS: str,
    }
    for kind, collection in told.items():
        if collection is not None:
            tell = Tell(job.name, kind, counts=kind == CHANGES).with_input_types(kinds[kind])
            _ = collection | f"tell.{kind}" >> beam.ParDo(tell)
