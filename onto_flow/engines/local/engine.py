"""Runs a job in this process: the first load as one batch, then the feed in micro-batches.

Nothing is published before the whole source has been read and its documents counted. State lives in memory: a run that
is killed begins again from its source, under a higher generation; so nothing of a feed is ever acknowledged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from ...core.change import Change, DeadLetter, ViewChange
from ...core.errors import EngineError
from ...core.gaps import Gap, Gaps
from ...operators.base import Output
from ...sources.base import Reader
from ..base import EngineCapabilities, Job, Progress, Report, event, seed
from .bulk import Bulk, unknown
from .flow import LocalFlow

QUIET_SECONDS = 1.0
_IDLE_SECONDS = 0.05


@dataclass
class _Counts:
    documents: int = 0
    changes: int = 0
    view_changes: int = 0
    dead_letters: int = 0


class LocalEngine:
    """The embedded engine."""

    name = "local"
    capabilities = EngineCapabilities(
        drained=True, keeps_order=True, exactly_once_between_stages=True, restores_by="nothing", unbounded=True
    )

    def check(self, job: Job) -> Sequence[str]:
        """Why the job cannot run here."""
        reasons = []
        for name in job.options:
            if name == "checkpoint":
                reasons.append("engine local keeps its state in memory: --checkpoint is not there yet, run without it")
            else:
                reasons.append(f"engine local has no option {name!r}")
        return reasons

    def run(self, job: Job) -> Report:
        """Runs the job; see `Engine.run`."""
        reasons = self.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        return _Run(job).run()


class _Run:
    def __init__(self, job: Job) -> None:
        self.job = job
        self.counts = _Counts()
        self.gaps = Gaps()
        self.flow = LocalFlow(
            job.plan, generation=job.generation, snapshot=job.snapshot, clock=lambda: time.time_ns() // 1000
        )
        self.held: list[ViewChange] = []
        self.fenced = False

    def run(self) -> Report:
        started = time.monotonic()
        job = self.job
        job.sink.open(job.tables(), job.generation)
        try:
            if job.feed is None and not unknown(job.plan):
                self._build()
            else:
                self._load()
            if not job.publish_after_feed:
                self._open_fence()
            if job.feed is not None:
                self._follow()
            if self.fenced:
                self._publish()
            elif not job.stop.is_set():
                self._open_fence()
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
        )

    def _load(self) -> None:
        """Reads all partitions, checks the count, and builds the views in one batch."""
        expected = self.job.source.info().documents
        seeds = [seed(change, self.job.snapshot) for change in self._documents(expected)]
        self._check_count(expected)
        self._progress("computing", expected)
        self._take(self.flow.process(seeds))

    def _build(self) -> None:
        """As `_load` where nothing comes after it: no state is kept, and what is computed goes to the sink at once."""
        expected = self.job.source.info().documents
        bulk = Bulk(self.job.plan, generation=self.job.generation)
        bulk.take(self._documents(expected))
        self._check_count(expected)
        self.fenced = True
        for outputs in bulk.outputs():
            self._take(outputs)
            self._progress("computing", expected)

    def _check_count(self, expected: int | None) -> None:
        if self.job.stop.is_set():
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
                    yield from self._changes(batch)
                    self.counts.documents = before + reader.documents_read
                    self._progress("reading", expected)
            finally:
                self.counts.documents = before + reader.documents_read
                reader.close()

    def _changes(self, batch: Sequence[Change | DeadLetter]) -> Iterator[Change]:
        for item in batch:
            if isinstance(item, DeadLetter):
                self._dead(item)
            else:
                yield item

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

    def _follow(self) -> None:
        """Takes the feed batch by batch until it ends or the job is stopped."""
        feed = self.job.feed
        assert feed is not None
        readers: list[Reader] = [feed.open(partition) for partition in feed.partitions()]
        publisher = _Publisher(self.job.publish_every, self._publish)
        try:
            while readers and not self.job.stop.is_set():
                idle = True
                for reader in list(readers):
                    batch = reader.next_batch()
                    if batch is None:
                        readers.remove(reader)
                        reader.close()
                    elif batch:
                        idle = False
                        self._feed(batch)
                        publisher.wrote()
                if self.fenced:
                    publisher.tick()
                self.job.metrics.alive()
                if idle and readers:
                    self.job.stop.wait(_IDLE_SECONDS)
        finally:
            for reader in readers:
                reader.close()

    def _feed(self, batch: Sequence[Change | DeadLetter]) -> None:
        changes = list(self._changes(batch))
        self.counts.changes += len(changes)
        oldest = min((c.time.timestamp() for c in changes if c.time is not None), default=None)
        self.job.metrics.heard(len(changes), oldest)
        self._take(self.flow.process(event(c) for c in changes), oldest)
        self.job.metrics.acknowledged()
        self._progress("following", None)

    def _take(self, outputs: Sequence[Output], oldest_commit: float | None = None) -> None:
        changes = []
        for output in outputs:
            if isinstance(output, DeadLetter):
                self._dead(output)
            elif isinstance(output, Gap):
                self.gaps.take(output)
            else:
                changes.append(output)
        self.counts.view_changes += len(changes)
        if self.fenced:
            self._write(changes, oldest_commit)
        else:
            self.held.extend(changes)

    def _dead(self, letter: DeadLetter) -> None:
        self.counts.dead_letters += not letter.cleared
        self.job.metrics.dead(letter)
        self.job.dead_letter(letter)

    def _progress(self, stage: str, expected: int | None) -> None:
        counts, metrics = self.counts, self.job.metrics
        metrics.stage, metrics.documents = stage, counts.documents
        metrics.gaps_open, metrics.gaps_lost = self.gaps.open, self.gaps.lost
        metrics.alive()
        self.job.progress(
            Progress(stage, counts.documents, expected, counts.changes, counts.view_changes, self.gaps.open)
        )


class _Publisher:
    """Publishes when the feed has been quiet for a second, and at the latest every `publish_every` seconds."""

    def __init__(self, every: float, publish: Callable[[], None]) -> None:
        self._every, self._publish = every, publish
        self._published = self._last_write = time.monotonic()
        self._dirty = False

    def wrote(self) -> None:
        """Something was written."""
        self._dirty = True
        self._last_write = time.monotonic()

    def tick(self) -> None:
        """Publishes when it is time."""
        now = time.monotonic()
        if self._dirty and (now - self._last_write >= QUIET_SECONDS or now - self._published >= self._every):
            self._publish()
            self._dirty, self._published = False, now
