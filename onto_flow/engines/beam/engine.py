"""Runs a bounded job as a Beam pipeline, and applies its view changes to the sink of the submitting process.

A job that does not end is a `StreamJob`: its workers write (`stream_run`).

The pipeline writes its outputs as lines of text (base64 of their bytes) to a folder, with Beam's own file writer, which
commits each file once whatever is retried; the submitting process reads them back when the job has ended well, and
writes, completes and publishes. So the same code serves the runner in this process and one elsewhere, and no sink has
to travel; for a runner on other machines `--temp_location` must be a folder that all of them see. The price is that all
view changes pass through one process: fine for the local runners (FnApiRunner, Prism), the only ones this was run on.
"""

from __future__ import annotations

import base64
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.runner import PipelineState

from ...core.columns import ViewColumns
from ...core.errors import EngineError
from ...formats.seed_files import SeedManifest
from ...plan.clocks import is_timed
from ...plan.wire import not_portable
from ...sinks.base import ColumnSink
from ..base import EngineCapabilities, Job, Progress, Report
from ..carried import Carried, Fenced, Seeds, Unreadable, decode_carried
from ..received import Received
from .batch import batch_pipeline, fits, shards_of
from .elements import unpack_built
from .graph import build_pipeline
from .needs import check_pipeline
from .options import ViewOptions
from .probe import cheap_state_sizes
from .runners import BOUNDED, BY_URIS, NO_END, is_dataflow, named
from .seeds import SEEDS, refuse_a_folder_of_seeds, write_manifest
from .seeds_written import SHARD_BYTES, WriteSeeds, about
from .seeds_written import SHARDS as SEED_SHARDS
from .stream_job import StreamJob, refusals_of, refused_by_beam, stream_pipeline
from .stream_run import last_line, run_stream

IN_PROCESS = BOUNDED
"""The default: named in full, for plain `DirectRunner` chooses among three runners by what it finds."""


class BeamEngine:
    """Apache Beam's Python SDK; options are Beam's own pipeline options, `runner` before all.

    Args:
        coalesce: Whether all messages of a key are one step per stage (`steps`); else every message is one.
        batch: Whether a job without a feed takes the batch plan where it can (`batch`); else it runs stage by stage.
    """

    name = "beam"
    capabilities = EngineCapabilities(
        drained=False,
        keeps_order=False,
        exactly_once_between_stages=True,
        restores_by="nothing",
        unbounded=True,
        workers_open=True,
    )

    def __init__(self, *, coalesce: bool = True, batch: bool = True) -> None:
        self._coalesce, self._batch = coalesce, batch

    def check(self, job: Job | StreamJob) -> Sequence[str]:
        """Why the job cannot run here."""
        there = [BY_URIS] if is_dataflow(job.options) else []
        if isinstance(job, StreamJob):
            return [*there, *refusals_of(job)]
        known = {"runner", *PipelineOptions([]).get_all_options()}
        reasons = there + [f"Beam has no pipeline option {name!r}" for name in job.options if name not in known]
        if job.feed is not None and not job.feed.info().bounded:
            reasons.append(
                "on Beam a feed that does not end is a subscription, and it, source and sink are named by URIs"
            )
        return reasons + self._seeds_refused(job) + not_portable(job.plan)

    def _seeds_refused(self, job: Job) -> list[str]:
        if not job.options.get(SEEDS):
            return []
        reasons = [NO_END] if is_timed(job.plan) else []
        if job.feed is not None:
            reasons.append("seeds are of documents at one time: leave out the feed, the stream will read it")
        return reasons

    def run(self, job: Job | StreamJob) -> Report:
        """Runs the job; see `Engine.run`."""
        reasons = self.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        return run_stream(job) if isinstance(job, StreamJob) else _Run(job, self).run()

    def pipeline(self, job: Job | StreamJob) -> tuple[beam.Pipeline, Any]:
        """The job as Beam has it, not yet running, and its collections: `Outputs`, or `StreamOutputs`."""
        if isinstance(job, StreamJob):
            return stream_pipeline(job)
        with refused_by_beam():
            return self._bounded(job)

    def _bounded(self, job: Job) -> tuple[beam.Pipeline, Any]:
        options = _options(job)
        pipeline = beam.Pipeline(options=options)
        seeds = options.view_as(ViewOptions).seeds
        if seeds:
            made_by = about(job.plan, job.fingerprints, job.generation, job.snapshot)
            shards = SEED_SHARDS + sum(p.size or 0 for p in job.source.partitions()) // SHARD_BYTES
            return pipeline, build_pipeline(pipeline, job, coalesce=True, seeds=WriteSeeds(seeds, made_by, int(shards)))
        if self._batch and not fits(job):
            return pipeline, batch_pipeline(pipeline, job, shards_of(job, options.view_as(ViewOptions)))
        return pipeline, build_pipeline(pipeline, job, coalesce=self._coalesce)


def _options(job: Job) -> PipelineOptions:
    runner = named(str(job.options.get("runner", "direct")), unbounded=False)
    return PipelineOptions.from_dictionary({**job.options, "runner": runner})


class _Run:
    """What the submitting process does."""

    def __init__(self, job: Job, engine: BeamEngine) -> None:
        self.job, self.engine = job, engine
        self.fenced = Fenced(0, 0, None)
        self.received = Received(job)
        self.seeds: Seeds | None = None

    def run(self) -> Report:
        """Runs the pipeline, takes its outputs, then publishes."""
        started = time.monotonic()
        job, folder_of_seeds = self.job, str(self.job.options.get(SEEDS) or "")
        if folder_of_seeds:
            refuse_a_folder_of_seeds(folder_of_seeds)
        job.sink.open(job.tables(), job.generation)
        try:
            with _folder(_options(job).view_as(GoogleCloudOptions).temp_location) as folder:
                self._execute(folder)
                self._go_on()
                for output in _read_back(folder):
                    self._take(output)
            if self.fenced.refused is not None:
                raise Unreadable(*self.fenced.refused).error()
            self.received.publish()
            if self.seeds is not None:
                write_manifest(folder_of_seeds, SeedManifest.of(self.seeds.manifest, folder_of_seeds))
        finally:
            job.sink.close()
        job.progress(Progress("done", self.fenced.documents, None, self.fenced.changes, self.received.view_changes))
        seconds = time.monotonic() - started
        return Report(
            self.fenced.documents,
            self.fenced.changes,
            self.received.view_changes,
            self.received.dead_letters,
            seconds,
            gaps=self.received.gaps,
            wrong_types=self.received.wrong_types.counts,
        )

    def _execute(self, folder: str) -> None:
        self._go_on()
        pipeline, outputs = self.engine.pipeline(self.job)
        told = [c for c in (outputs.views, outputs.letters, outputs.fenced, outputs.seeds) if c is not None]
        lines = tuple(told) | "outputs" >> beam.Flatten() | "lines" >> beam.Map(_line).with_output_types(str)
        if outputs.built is not None:
            built = outputs.built | "built" >> beam.Map(_built_line).with_output_types(str)
            lines = (lines, built) | "all" >> beam.Flatten()
        _ = lines | "write" >> beam.io.WriteToText(FileSystems.join(folder, "outputs"))
        check_pipeline(pipeline)
        with cheap_state_sizes():
            try:
                state = pipeline.run().wait_until_finish()
            except Exception as error:
                what = f"Beam stopped the job: {last_line(error)}; nothing was published"
                raise EngineError("engine-failed", what) from error
        if state != PipelineState.DONE:
            raise EngineError("engine-failed", f"the job ended as {state}; nothing was published")

    def _go_on(self) -> None:
        if self.job.stop.is_set():
            raise EngineError("engine-refused", "stopped before the job had ended; nothing was published")

    def _take(self, output: Carried | ViewColumns) -> None:
        if isinstance(output, ViewColumns):
            self._take_columns(output)
        elif isinstance(output, Fenced):
            self.fenced = output
        elif isinstance(output, Seeds):
            self.seeds = output
        else:
            self.received.take(output)
            if self.received.many:
                self.received.write()

    def _take_columns(self, columns: ViewColumns) -> None:
        self.received.view_changes += len(columns)
        if isinstance(self.job.sink, ColumnSink):
            self.job.sink.write_columns(columns)
        else:
            self.job.sink.write(list(columns.changes()))


def _line(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _built_line(data: bytes) -> str:
    """A line of another form: base64 does not begin so."""
    return "=" + _line(data)


def _read_back(folder: str) -> Iterator[Carried | ViewColumns]:
    (found,) = FileSystems.match([FileSystems.join(folder, "outputs*")])
    for file in found.metadata_list:
        with FileSystems.open(file.path) as lines:
            while line := lines.readline():
                if line.startswith(b"="):
                    built = unpack_built(base64.b64decode(line[1:]))
                    if built.columns is not None:
                        yield built.columns
                    yield from built.given()
                else:
                    yield decode_carried(base64.b64decode(line))


@contextmanager
def _folder(place: str | None) -> Iterator[str]:
    """A folder for this job alone, which goes when it has ended."""
    if place is None:
        with tempfile.TemporaryDirectory(prefix="onto_flow_beam_") as folder:
            yield folder
        return
    folder = FileSystems.join(place, f"onto_flow_{uuid.uuid4().hex}")
    FileSystems.mkdirs(folder)
    try:
        yield folder
    finally:
        FileSystems.delete([folder])
