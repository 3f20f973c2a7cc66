"""One run of a job in this process: the first load as one batch, then the feed in micro-batches.

Nothing is published before the whole source has been read and its documents counted. State lives in memory: a run that
is killed begins again from its source, under a higher generation; so nothing of a feed is ever acknowledged. Where that is
not enough, `durable` keeps the state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from ...core.change import Change, DeadLetter, ViewChange
from ...core.collection import Collection
from ...core.columns import ViewColumns
from ...core.compact import Cells
from ...core.errors import EngineError
from ...core.gaps import Gap, Gaps
from ...operators.base import Key, Output
from ...operators.messages import Event
from ...plan.clocks import is_timed
from ...sinks.base import ColumnSink
from ...sources.base import Partition, Reader, Remembering, Source
from ..base import Job, Progress, Report, event, seed
from ..breaker import Breaker
from ..bulk import Bulk, unfilled, unknown
from ..collector import Collector
from ..steady import steady, uncollected
from ..wrong_types import WrongTypes
from .flow import LocalFlow, Stopped
from .pausing import pause
from .publisher import Publisher

_TELL_SECONDS = 0.1
"""While a feed is followed, progress is told so often at most: its batches may be single changes."""


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


class Run:
    """One run of a job, with its state in memory.

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
        self.publisher = Publisher(job.publish_every, self._publish)
        self._told = 0.0

    def run(self) -> Report:
        """Runs it to its end."""
        started = time.monotonic()
        job = self.job
        job.metrics.counts_in(self.gaps, self.wrong_types.counts)
        job.sink.open(job.tables(), self.flow.generation)
        try:
            self._begin()
            if job.feed is not None:
                self._follow(job.feed)
                if not job.stop.is_set() and self._advance(to_the_end=True):
                    self._take(self._process(()))
                    self._take_what_is_due()
            self._end()
        except Stopped:
            self._give_up()
        finally:
            job.sink.close()
        counts = self.counts
        seconds = time.monotonic() - started
        return Report(
            counts.documents,
            counts.changes,
            counts.view_changes,
            counts.dead_letters,
            seconds,
            published=self.fenced,
            gaps=self.gaps,
            wrong_types=self.wrong_types.counts,
        )

    def _begin(self) -> None:
        """Everything before the feed."""
        if self.job.feed is None and not unknown(self.job.plan):
            self._build()
        else:
            self._load()
        if not self.job.publish_after_feed:
            self._open_fence()

    def _end(self) -> None:
        """Everything after the feed."""
        if self.fenced:
            self._publish()
        elif not self.job.stop.is_set():
            self._open_fence()

    def _give_up(self) -> None:
        """The job was stopped in the middle of a batch: what was written before that may still be shown."""
        if self.fenced:
            self._publish()

    def _load(self) -> None:
        """Reads all partitions, checks the count, and builds the views: as one batch, or its state directly."""
        expected = self.job.source.info().documents
        seeds = (seed(change, self.job.snapshot) for change in self._documents(expected))
        if not unfilled(self.job.plan):
            self._fill(seeds, expected)
            return
        events = list(seeds)
        self._check_count(expected)
        self._progress("computing", expected)
        self._advance(to_the_end=self.job.feed is None)
        self._take(self._process(events))

    def _fill(self, seeds: Iterable[tuple[str, Event]], expected: int | None) -> None:
        with uncollected():
            self.flow.fill(seeds)
            self._check_count(expected)
            try:
                for outputs in self.flow.filled():
                    self._take(outputs)
                    self.breaker.recent.clear()
                    self._progress("computing", expected)
            except EngineError:
                self._tell_failures()
                raise

    def _build(self) -> None:
        """As `_load` where nothing comes after it: no state is kept, and what is computed goes to the sink at once."""
        expected = self.job.source.info().documents
        bulk = Bulk(self.job.plan, generation=self.job.generation)
        bulk.take(self._documents(expected))
        self._check_count(expected)
        self.fenced = True
        bulk.breaker = self.breaker
        try:
            for given in bulk.tables():
                if not isinstance(given, ViewColumns):
                    self._take(given)
                elif isinstance(self.job.sink, ColumnSink):
                    self._take_columns(self.job.sink, given)
                else:
                    self._take(list(given.changes()))
                self.breaker.recent.clear()
                self._progress("computing", expected)
        except EngineError:
            self._tell_failures()
            raise

    def _check_count(self, expected: int | None) -> None:
        if self.job.stop.is_set():
            if self.job.feed is not None:
                raise Stopped
            raise EngineError("engine-refused", "stopped before the source was read; nothing was published")
        if expected is not None and self.counts.documents != expected:
            raise EngineError(
                "bad-export",
                f"the source gave {self.counts.documents} documents and says that it has {expected}; nothing was published",
            )

    def _documents(self, expected: int | None) -> Iterator[Change]:
        source, projection = self.job.source, self.job.plan.projection
        for partition in source.partitions():
            reader = source.open(partition, projection=projection)
            before = self.counts.documents
            try:
                while not self.job.stop.is_set() and (batch := reader.next_batch()) is not None:
                    changes = self._changes(batch)
                    self.wrong_types.look(changes)
                    yield from changes
                    self.counts.documents = before + reader.documents_read
                    self._progress("reading", expected)
            finally:
                self.counts.documents = before + reader.documents_read
                reader.close()

    def _changes(self, batch: Sequence[Change | DeadLetter]) -> Sequence[Change]:
        if _only(Change, batch):
            return cast("Sequence[Change]", batch)
        for item in batch:
            if isinstance(item, DeadLetter):
                self._dead(item)
        return [item for item in batch if isinstance(item, Change)]

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

    def _publish(self) -> None:
        for letter in self.job.sink.publish():
            self._dead(letter)
        self.job.metrics.publications += 1

    def _follow(self, feed: Source) -> None:
        """Takes the feed batch by batch until it ends or the job is stopped."""
        if isinstance(feed, Remembering):
            feed.remembers(self._live)
        readers = {partition: self._open(feed, partition) for partition in feed.partitions()}
        with steady() as collector:
            self._follow_all(readers, collector)

    def _follow_all(self, readers: dict[Partition, Reader], collector: Collector) -> None:
        try:
            while readers and not self.job.stop.is_set():
                idle = not self._round(readers)
                self._tick()
                self._tell_following()
                collector.between(idle=idle)
                if idle and readers:
                    self.job.stop.wait(pause(readers.values(), self._due()))
            self._take_what_is_due()
            self._progress("following", None)
        finally:
            for reader in readers.values():
                reader.close()

    def _take_what_is_due(self) -> None:
        """Pages and moments that have come, until there are none."""
        while self.flow.timer_is_due and not self.job.stop.is_set():
            self._take(self._process(()))

    def _live(self, collection: Collection) -> Iterator[str]:
        """The documents of a collection that exist for this job."""
        for path, cells in self._ingested():
            document = cells.get("document")
            if isinstance(path, str) and collection.matches(path) and document is not None and document[1] is not None:
                yield path

    def _ingested(self) -> Iterable[tuple[Key, Cells]]:
        """Every document that is known, or known to be gone."""
        return list(self.flow.state.states["ingest"].items())

    def _open(self, feed: Source, partition: Partition) -> Reader:
        return feed.open(partition)

    def _round(self, readers: dict[Partition, Reader]) -> bool:
        """Takes a batch of every partition, or what waits for its time; returns whether there was any."""
        busy = False
        for partition, reader in list(readers.items()):
            batch = reader.next_batch()
            if batch:
                busy = True
                self._feed(batch)
            self._read(partition, reader, busy=bool(batch))
            if batch is None:
                del readers[partition]
                reader.close()
        if not busy and (self._advance() or self.flow.timer_is_due):
            self._take(self._process(()))
            busy = True
        return busy

    def _read(self, partition: Partition, reader: Reader, *, busy: bool) -> None:
        """A partition was read up to here; `busy`: it gave something."""

    def _tick(self) -> None:
        """Does what is to be done from time to time."""
        if self.fenced:
            self.publisher.tick()

    def _due(self) -> float:
        """Seconds until there is something to do though no feed gives anything."""
        return self.publisher.due() if self.fenced else math.inf

    def _feed(self, batch: Sequence[Change | DeadLetter]) -> None:
        changes = self._changes(batch)
        self.counts.changes += len(changes)
        self.wrong_types.look(changes)
        events = [event(c) for c in changes]
        times = [e.time for _, e in events if e.time is not None]
        oldest = min(times) / 1e6 if times else None
        self.job.metrics.heard(len(changes), oldest)
        self._advance()
        self._take(self._process(events), oldest)

    def _tell_following(self) -> None:
        """Progress, from time to time."""
        at = time.monotonic()
        if at - self._told >= _TELL_SECONDS:
            self._told = at
            self._progress("following", None)

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
        changes = cast("list[ViewChange]", outputs) if _only(ViewChange, outputs) else self._view_changes(outputs)
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


def _only(kind: type, items: Sequence[object]) -> bool:
    """Whether all of them are of one class."""
    return {*map(type, items)} <= {kind}
