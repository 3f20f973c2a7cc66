"""What a run gives away: view changes to the sink, dead letters, gaps and progress to who asked for them.

Nothing is published before the tables are complete; what is written until then is held.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from ...core.change import DeadLetter, ViewChange
from ...core.columns import ViewColumns
from ...core.errors import EngineError
from ...core.gaps import Gap, Gaps
from ...operators.base import Output
from ...operators.messages import Event
from ...plan.clocks import is_timed
from ...sinks.base import ColumnSink
from ..base import Job, Progress
from ..breaker import Breaker
from ..wrong_types import WrongTypes
from .flow import LocalFlow
from .pausing import Bell
from .publisher import Publisher


def now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass
class Counts:
    """What a run did so far."""

    documents: int = 0
    changes: int = 0
    view_changes: int = 0
    dead_letters: int = 0


class Giving:
    """What one run of a job computes, and who is given it.

    Args:
        job: What to do.
        flow: What computes; one of the job's own when left out.
    """

    def __init__(self, job: Job, flow: LocalFlow | None = None) -> None:
        self.job = job
        self.counts = Counts()
        self.gaps = Gaps()
        self.wrong_types = WrongTypes(job.plan)
        self.flow = flow or LocalFlow(job.plan, generation=job.generation, snapshot=job.snapshot, clock=now)
        self.flow.interrupted = job.stop.is_set
        self.flow.breaker = self.breaker = Breaker(job.limits, time.monotonic)
        self.timed = is_timed(job.plan)
        self.held: list[ViewChange] = []
        self.fenced = False
        self.publisher = Publisher(job.publish_every, self._show_written)
        self.bell = Bell()
        self._told = 0.0

    def _open_fence(self) -> None:
        """From here on what is written may be seen: the tables are complete."""
        self.fenced = True
        self._write(self.held, None)
        self.held = []
        self.job.sink.complete()
        self._publish()
        self.job.metrics.ready = True

    def _write(self, changes: Sequence[ViewChange], oldest_commit: float | None) -> None:
        self.job.sink.write(changes)
        self.job.metrics.wrote(changes, oldest_commit)

    def _show_written(self) -> None:
        """What was written is to be seen."""
        self._publish()

    def _publish(self) -> None:
        for letter in self.job.sink.publish():
            self._dead(letter)
        self.job.metrics.publications += 1

    def _advance(self, *, to_the_end: bool = False) -> bool:
        """Declared time goes on, or to where it is when the job ends; returns whether a view may change by it."""
        if not self.timed:
            return False
        declared = self.job.declared
        return self.flow.advance(declared.last() if to_the_end else declared.moment(self.counts.changes))

    def _process(self, events: Iterable[tuple[str, Event]]) -> list[Output]:
        """One micro-batch; where user code stops the run, what failed in it is told all the same."""
        try:
            outputs = self.flow.process(events)
        except EngineError:
            self._tell_failures()
            raise
        self.breaker.recent.clear()
        return outputs

    def _tell_failures(self) -> None:
        for letter in self.breaker.recent:
            self.job.dead_letter(letter)

    def _take(self, outputs: Sequence[Output], oldest_commit: float | None = None) -> None:
        changes = cast("list[ViewChange]", outputs) if only(ViewChange, outputs) else self._view_changes(outputs)
        self.counts.view_changes += len(changes)
        self._show(changes, oldest_commit)

    def _view_changes(self, outputs: Sequence[Output]) -> list[ViewChange]:
        """The view changes among some outputs; the others are told."""
        changes = []
        for output in outputs:
            if isinstance(output, DeadLetter):
                self._dead(output)
            elif isinstance(output, Gap):
                self._gap(output)
            else:
                changes.append(output)
        return changes

    def _take_columns(self, sink: ColumnSink, columns: ViewColumns) -> None:
        """Hands the documents of a load on, all at once."""
        sink.write_columns(columns)
        self.counts.view_changes += len(columns)
        self.job.metrics.created(columns.view, len(columns))
        self.job.metrics.acknowledged()

    def _show(self, changes: list[ViewChange], oldest_commit: float | None) -> None:
        """Hands view changes on."""
        if self.fenced:
            self._write(changes, oldest_commit)
            self.publisher.wrote()
        else:
            self.held.extend(changes)
        self.job.metrics.acknowledged()

    def _gap(self, gap: Gap) -> None:
        self.gaps.take(gap)

    def _dead(self, letter: DeadLetter) -> None:
        self.counts.dead_letters += not letter.cleared
        self.job.metrics.dead(letter)
        self._hand_over(letter)

    def _hand_over(self, letter: DeadLetter) -> None:
        self.job.dead_letter(letter)

    def _progress(self, stage: str, expected: int | None) -> None:
        counts, metrics = self.counts, self.job.metrics
        metrics.stage, metrics.documents = stage, counts.documents
        metrics.alive()
        self.job.progress(
            Progress(stage, counts.documents, expected, counts.changes, counts.view_changes, self.gaps.open)
        )


def only(kind: type, items: Sequence[object]) -> bool:
    """Whether all of them are of one class."""
    return {*map(type, items)} <= {kind}
