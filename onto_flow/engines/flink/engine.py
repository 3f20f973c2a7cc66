"""Runs a bounded job on Flink, as a native DataStream job whose outputs come back to the submitting process.

Nothing is written before every partition of the source has sent its end marker and their counts agree with what the
source says of itself, and nothing is published before the job has ended: documents whose view changes are still under
way in the job would else be missing from a published table.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing, contextmanager

from pyflink.datastream import DataStream
from pyflink.util.exceptions import Py4JJavaError

from ...core.errors import EngineError
from ...plan.wire import not_portable
from ..base import EngineCapabilities, Job, Progress, Report
from ..carried import LOAD, Carried, End, Unreadable, decode_carried, half_read
from ..received import Received
from .environment import create_environment
from .graph import build_graph


class FlinkEngine:
    """PyFlink's DataStream API.

    Args:
        parallelism: How many subtasks each operator has.
        coalesce: Whether all messages of a key are one step per stage (`steps`); else every message is one.
    """

    name = "flink"
    capabilities = EngineCapabilities(
        drained=False, keeps_order=False, exactly_once_between_stages=True, restores_by="nothing", unbounded=False
    )

    def __init__(self, *, parallelism: int = 1, coalesce: bool = True) -> None:
        self._parallelism, self._coalesce = parallelism, coalesce

    def check(self, job: Job) -> Sequence[str]:
        """Why the job cannot run here."""
        reasons = [f"engine flink has no option {name!r}" for name in job.options]
        if job.feed is not None and not job.feed.info().bounded:
            reasons.append("engine flink runs feeds that end: its outputs are published when the job has ended")
        return reasons + not_portable(job.plan)

    def run(self, job: Job) -> Report:
        """Runs the job; see `Engine.run`."""
        reasons = self.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        run = _Run(job)
        with closing(self.outputs(job)) as outputs:
            return run.run(outputs)

    def graph(self, job: Job) -> DataStream:
        """The job as Flink has it, not yet running."""
        return build_graph(create_environment(self._parallelism), job, coalesce=self._coalesce)

    def outputs(self, job: Job) -> Generator[Carried, None, None]:
        """Runs the job and gives what its operators and readers put out."""
        graph = self.graph(job)
        with _named_failures(), graph.execute_and_collect("onto_flow") as collected:
            for data in collected:
                yield decode_carried(data)


class _Run:
    """What the submitting process does with the outputs of a job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.expected = job.source.info().documents
        self.unread = {p.name for p in job.source.partitions()}
        self.documents = self.changes = 0
        self.received = Received(job)

    def run(self, outputs: Iterator[Carried]) -> Report:
        """Takes all outputs, then publishes."""
        started = time.monotonic()
        job = self.job
        job.sink.open(job.tables(), job.generation)
        try:
            for output in outputs:
                self._take(output)
                if job.stop.is_set():
                    raise EngineError("engine-refused", "stopped before the job had ended; nothing was published")
            self._check_read()
            self.received.publish()
        finally:
            job.sink.close()
        seconds = time.monotonic() - started
        return Report(
            self.documents,
            self.changes,
            self.received.view_changes,
            self.received.dead_letters,
            seconds,
            gaps=self.received.gaps,
            wrong_types=self.received.wrong_types.counts,
        )

    def _take(self, output: Carried) -> None:
        if isinstance(output, Unreadable):
            raise output.error()
        if isinstance(output, End):
            self._ended(output)
        else:
            self.received.take(output)
            if self.received.many and not self.unread:
                self.received.write()

    def _ended(self, end: End) -> None:
        """A partition was read to its end; with the last one of the source the counts are compared."""
        if end.phase == LOAD:
            self.documents += end.read
            self.unread.discard(end.partition)
            if not self.unread:
                self._check_read()
        else:
            self.changes += end.read
        self.job.progress(Progress("reading", self.documents, self.expected, self.changes, self.received.view_changes))

    def _check_read(self) -> None:
        """The fence: no view change passes it before the whole source has been read."""
        if self.unread or self.expected not in (None, self.documents):
            raise half_read(self.documents, self.expected, len(self.unread))


@contextmanager
def _named_failures() -> Iterator[None]:
    """Shows the first cause of a job that Flink stopped, instead of a Java stack."""
    try:
        yield
    except Py4JJavaError as error:
        causes = [line for line in str(error).splitlines() if line.startswith("Caused by: ")]
        what = causes[-1].removeprefix("Caused by: ") if causes else str(error).strip()
        raise EngineError("engine-failed", f"Flink stopped the job: {what}; nothing was published") from error
