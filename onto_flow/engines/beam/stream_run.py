"""Runs a stream: on a runner of this machine until somebody stops it; elsewhere it is submitted, and goes on by itself."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from dataclasses import replace
from queue import Empty, SimpleQueue
from typing import Any

from apache_beam.options.pipeline_options import GoogleCloudOptions
from apache_beam.runners.runner import PipelineState

from ...core.errors import EngineError, OntoFlowError
from ...core.gaps import Gaps
from ...core.values import from_micros
from ...sinks.base import Succeeding
from ..base import Progress, Report
from ..breaker import Failures
from .local_pubsub import patient_reads
from .needs import check_pipeline
from .runners import runner_of
from .stream_job import CHANGES, GAPS, LETTERS, RECEIPTS, VIEWS, StreamJob, stream_pipeline
from .told import taking
from .write_stream import WRITERS

FORGETS = (
    "the runner of this machine keeps state in memory: what it knows is gone when it ends or is killed, and messages that "
    "it has acknowledged do not come again; `onto-flow run` without --engine beam keeps both, `onto-flow audit` mends"
)
"""What is said of the local runner."""

AGAIN = (
    "these tables were written by an earlier job, at {}: if it was a stream on this machine, what it knew is gone, messages "
    "that it acknowledged do not come again, and where the documents read now are older, the tables go back to them. When "
    "the subscription is read: onto-flow audit VIEWS --source LATER_EXPORT --table TABLES --repair pubsub://PROJECT/TOPIC"
)
"""What is said where tables have an owner already."""

_LOOK_SECONDS = 0.2


def run_stream(job: StreamJob) -> Report:
    """Runs or submits a job.

    Raises:
        EngineError: `engine-refused` for what the runner cannot do; `engine-failed` when it fails.
    """
    pipeline, _ = stream_pipeline(job)
    check_pipeline(pipeline)
    return _Local(job, pipeline).run() if runner_of(pipeline).is_local else _submit(pipeline)


def earlier_writer(job: StreamJob) -> int:
    """The generation that has written the job's tables before; 0 where none has, or where the seeds are of it.

    Raises:
        EngineError: The sink cannot be opened.
    """
    sink = job.sink.open()
    try:
        sink.open(job.tables(), job.generation)
        found = sink.written_by().values() if isinstance(sink, Succeeding) else ()
    finally:
        sink.close()
    before = max(found, default=0)
    seeds = None if job.seeds is None else job.seeds.known()
    is_its_own = before == job.generation or (seeds is not None and seeds.generation == before)
    return 0 if is_its_own else before


def _submit(pipeline: Any) -> Report:
    """Hands a job to its service; says its name and id."""
    try:
        result = pipeline.run()
    except Exception as error:
        raise EngineError("engine-failed", f"the job was not submitted: {last_line(error)}") from error
    name = pipeline._options.view_as(GoogleCloudOptions).job_name or "the job"
    number = _job_id(result)
    return Report(0, 0, 0, 0, 0.0, published=False, submitted=f"{name} {number}".strip())


def _job_id(result: Any) -> str:
    """The id of a job; none where only its template was made."""
    with suppress(Exception):
        return str(result.job_id())
    return ""


class _Local:
    """A pipeline in this process."""

    def __init__(self, job: StreamJob, pipeline: Any) -> None:
        self.job, self.pipeline = job, pipeline
        self.counts = {CHANGES: 0, VIEWS: 0, LETTERS: 0}
        self.stage = "loading" if job.source is not None or job.seeds is not None else "following"
        self.failed: BaseException | None = None
        self.gaps, self.failures = Gaps(), Failures(job.limits)
        job.metrics.counts_in(self.gaps, {})
        self.told: SimpleQueue[tuple[str, list[Any]]] = SimpleQueue()

    def run(self) -> Report:
        """Runs until `stop` is set, or until it fails."""
        started = time.monotonic()
        self.job.say(FORGETS)
        if before := earlier_writer(self.job):
            self.job.say(AGAIN.format(from_micros(before).isoformat()))
        try:
            with taking(self.job.name, lambda kind, told: self.told.put((kind, told))), patient_reads():
                self._follow(self.pipeline.run())
        finally:
            WRITERS.close()
            self._take_all(0)
        counts = self.counts
        shown = self.stage == "following"
        seconds = time.monotonic() - started
        self.failures.settle(counts[VIEWS])
        report = Report(0, counts[CHANGES], counts[VIEWS], counts[LETTERS], seconds, published=shown)
        return replace(report, gaps=self.gaps)

    def _follow(self, result: Any) -> None:
        waits = threading.Thread(target=self._wait, args=(result,), daemon=True, name="beam")
        waits.start()
        try:
            while waits.is_alive() and not self.job.stop.is_set():
                self.job.metrics.alive()
                self._take_all(_LOOK_SECONDS)
        except OntoFlowError:
            result.cancel()
            raise
        if not waits.is_alive() and not self.job.stop.is_set():
            raise _as_ours(self.failed) from self.failed
        if not PipelineState.is_terminal(result.state):
            result.cancel()

    def _wait(self, result: Any) -> None:
        try:
            result.wait_until_finish()
        except BaseException as error:  # it is raised where the job is run
            self.failed = error

    def _take_all(self, seconds: float) -> None:
        """Takes what there is to tell, waiting so long for the first."""
        with suppress(Empty):
            self._take(*self.told.get(timeout=seconds))
            while True:
                self._take(*self.told.get_nowait())

    def _take(self, kind: str, told: list[Any]) -> None:
        """What a bundle tells."""
        metrics = self.job.metrics
        if kind == RECEIPTS:
            self.stage = metrics.stage = "following"
            metrics.ready = True
        elif kind == GAPS:
            for gap in told:
                self.gaps.take(gap)
        elif kind == LETTERS:
            for letter in told:
                self.counts[LETTERS] += not letter.cleared
                self.job.dead_letter(letter)
                self.failures.take(letter)
        elif kind == CHANGES:
            self.counts[CHANGES] += len(told)
            metrics.heard(len(told), None)
        else:
            self.counts[VIEWS] += len(told)
            metrics.wrote(told)
        seen = Progress(self.stage, 0, None, self.counts[CHANGES], self.counts[VIEWS], self.gaps.open)
        self.job.progress(seen)


def _as_ours(error: BaseException | None) -> OntoFlowError:
    """Why a pipeline failed: the error of ours that Beam wrapped, where there is one."""
    if error is None:
        return EngineError("engine-failed", "Beam stopped the job: it ended")
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OntoFlowError):
            return inner
        inner = inner.__cause__ or inner.__context__
    return EngineError("engine-failed", f"Beam stopped the job: {last_line(error)}")


def last_line(error: BaseException) -> str:
    """What an error says last: of Beam's, which have a worker's whole stack, why it failed."""
    return "".join(str(error).strip().splitlines()[-1:]) or type(error).__name__
