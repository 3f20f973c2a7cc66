"""One run of a job in this process: the first load as one batch, then the feed in micro-batches.

Nothing is published before the whole source has been read and its documents counted. State lives in memory: a run that
is killed begins again from its source, under a higher generation; so nothing of a feed is ever acknowledged. Where that is
not enough, `durable` keeps the state.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Iterator, Sequence

from ...core.change import Change, DeadLetter
from ...core.collection import Collection
from ...core.compact import Cells
from ...operators.base import Key
from ...sources.base import Calling, Partition, Reader, Remembering, Source
from ..base import Report, event
from ..bulk import unknown
from ..collector import Collector
from ..steady import steady
from .flow import Stopped
from .loading import Loading
from .pausing import pause

_TELL_SECONDS = 0.1
"""While a feed is followed, progress is told so often at most: its batches may be single changes."""


class Run(Loading):
    """One run of a job, with its state in memory."""

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
            self._close()
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

    def _close(self) -> None:
        self.job.sink.close()

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

    def _follow(self, feed: Source) -> None:
        """Takes the feed batch by batch until it ends or the job is stopped."""
        if isinstance(feed, Remembering):
            feed.remembers(self._live)
        if isinstance(feed, Calling):
            feed.calls(self.bell.ring)
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
                    self.bell.wait(pause(readers.values(), self._due()))
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
