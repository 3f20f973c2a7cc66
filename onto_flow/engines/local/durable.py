"""A run whose state is in a checkpoint directory: a kill at any moment changes nothing in the final tables.

Law: what a sink was given, and what a feed was told is safe, is in the checkpoint. A first load is committed once it is
complete: a kill before begins it again, and a sink sees nothing of it. From then on a run goes on from its last commit,
under the same generation: view versions rise where they had stopped. While the disk takes a commit the feed goes on; who
waits for that commit is told between two batches, once it is there (`_settle`).

After a restart a sink is given what is in the outbox; one that does not resume (and needs no outbox), one that has never
published the whole table, and another one than before are given the whole table, from the state. One whose tables are in
this process alone is given it between the batches of the feed, and publishes once it has all: what changed is committed
before that, however large the table is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from itertools import chain, islice

from ...core.change import DeadLetter, ViewChange
from ...core.compact import Cells
from ...core.gaps import Gap
from ...operators.base import Key
from ...sources.base import Follower, Partition, Reader, Source
from ..base import Job, seed
from .beside import Beside
from .checkpoint import Checkpoint
from .flow import LocalFlow, Stopped
from .giving import Counts, now
from .options import Options
from .pieces import documents_at_once, roots_at_once
from .points import Points
from .run import Run
from .waits import Waits
from .whole_table import WholeTable

_QUIET_SECONDS = 3.0
"""A feed that is quiet for so long gives time to bring the table of state up to its log."""

_SHORT_SECONDS = 3.0
"""A job that is stopped publishes once more where that took no longer so far; what it does not, the next process does."""


class DurableRun(Run):
    """One run of a job, or the rest of one.

    Args:
        job: What to do.
        kept: The checkpoint directory, open.
        options: How often, and how much memory.
    """

    def __init__(self, job: Job, kept: Checkpoint, options: Options) -> None:
        flow = LocalFlow(
            job.plan, generation=kept.generation, snapshot=kept.snapshot, clock=now, state=kept.state, born=kept.born
        )
        super().__init__(job, flow)
        self._kept, self._options = kept, options
        if options.max_memory is not None:
            kept.store.cache(options.max_memory // 8)
            kept.state.bound_log(options.max_memory // 4)
        self._points = Points(kept.points())
        self._dirty = False
        self._committed = time.monotonic()
        self._publishing = 0.0
        self._rest: WholeTable | None = None
        self._next = Waits()
        self._waits: Waits | None = None
        self._beside = Beside(job.sink, self.bell.ring)
        kept.store.told = self.bell.ring
        if kept.loaded:
            if isinstance(job.feed, Follower):
                job.feed.follows(kept.snapshot)
            self.counts = Counts(**kept.store.get("counts"))
            self.gaps = kept.gaps()

    def _begin(self) -> None:
        kept, job = self._kept, self.job
        if kept.loaded:
            for letter in kept.letters():
                job.dead_letter(letter)
            job.letters_kept()
        else:
            self._load()
            self._commit(loaded=True)
            kept.loaded = True
        if kept.store.get("fenced") or not job.publish_after_feed:
            self._open_fence()

    def _load(self) -> None:
        """As one batch where memory is not bounded, else in pieces, and silent until all are there."""
        most = self._options.max_memory
        if most is None:
            super()._load()
            return
        size = documents_at_once(most)
        expected = self.job.source.info().documents
        documents = self._documents(expected)
        self.flow.silent = True
        while piece := list(islice(documents, size)):
            self._take(self._process([seed(change, self.job.snapshot) for change in piece]))
            self._commit()
        self._take_what_is_due()
        self._check_count(expected)
        self.flow.silent = False
        self._advance(to_the_end=self.job.feed is None)
        for node in self.job.plan.operators:
            roots = chain.from_iterable(self._kept.state.keys(node.id)) if node.kind == "assemble" else iter(())
            while some := list(islice(roots, roots_at_once(size))):
                self._progress("computing", expected)
                self._take(self.flow.caught_up(node.id, some))
                self._commit()

    def _give_up(self) -> None:
        """Nothing: what was committed is there, and is shown by the next process."""

    def _close(self) -> None:
        self._beside.close()
        super()._close()

    def _end(self) -> None:
        self._note_publication()
        stopped = self.job.stop.is_set()
        if self._rest is not None:
            self._commit()
        while self._rest is not None and not stopped:
            self._give(self._rest)
        if not stopped or (self.fenced and self._rest is None and self._publishing <= _SHORT_SECONDS):
            super()._end()
        self._commit()

    def _open_fence(self) -> None:
        kept, sink = self._kept, self.job.sink
        self.fenced = True
        self._commit(fenced=True)
        whole = WholeTable(self.job.plan, self.flow, kept.state)
        if kept.settled and not sink.capabilities.resumes and self.job.feed is not None:
            self._rest = whole
            return
        if kept.settled and sink.capabilities.resumes:
            self._write(kept.outbox(), None)
        else:
            for chunk in whole.chunks:
                self._write(chunk, None)
            sink.complete()
        self._opened()

    def _opened(self) -> None:
        self._publish()
        self._kept.settled = self._dirty = True
        self.job.metrics.ready = True

    def _give(self, rest: WholeTable) -> None:
        """Gives the sink some more of the whole table."""
        if rest.give(partial(self._write, oldest_commit=None)):
            self._rest = None
            self.job.sink.complete()
            self._opened()

    def _ingested(self) -> Iterable[tuple[Key, Cells]]:
        return self._kept.state.every("ingest")

    def _open(self, feed: Source, partition: Partition) -> Reader:
        return self._points.open(feed, partition)

    def _read(self, partition: Partition, reader: Reader, *, busy: bool) -> None:
        if busy:
            self._points.moved(partition, reader)
            self._dirty = True
        else:
            self._points.note()

    def _take_what_is_due(self) -> None:
        self._points.note()
        super()._take_what_is_due()

    def _tick(self) -> None:
        since = time.monotonic() - self._committed
        is_due = since >= self._options.every
        if self._waits is not None and (is_due or self._kept.store.is_settled):
            self._settle()
        if self._beside.is_over:
            self._note_publication()
        if self._rest is not None and self._rest.is_due:
            self._give(self._rest)
        elif self._rest is None and self._waits is None and not self._beside.is_busy:
            super()._tick()
        if self._dirty and (is_due or self._is_over()):
            self._commit(behind=self._options.max_memory is None and self._options.every > 0)
        elif self._dirty:
            self._kept.state.say_some()
        elif since >= _QUIET_SECONDS:
            self._kept.state.fold()

    def _due(self) -> float:
        commit = self._committed + self._options.every - time.monotonic() if self._dirty or self._waits else math.inf
        return commit if self._beside.is_busy or self._waits else min(commit, super()._due())

    def _is_over(self) -> bool:
        """Whether the state takes more memory than it may."""
        most = self._options.max_memory
        return most is not None and self._kept.state.bytes_in_memory() > most

    def _show(self, changes: list[ViewChange], oldest_commit: float | None) -> None:
        if not self.fenced:
            return
        if self.job.sink.capabilities.resumes:
            for change in changes:
                self._kept.take(change)
        self._next.take(changes, oldest_commit)
        if changes:
            self.publisher.heard()
        self._dirty = self._dirty or bool(changes)

    def _hand_over(self, letter: DeadLetter) -> None:
        if self._kept.loaded:
            self._kept.put(letter)
            self._next.letters.append(letter)
            self._dirty = True
        else:
            super()._hand_over(letter)

    def _gap(self, gap: Gap) -> None:
        self._kept.gap(gap)
        super()._gap(gap)

    def _commit(self, *, behind: bool = False, **values: bool) -> None:
        """Makes all permanent, then tells those who waited for it; `behind`: while the feed goes on."""
        self._settle()
        self._points.note()
        counts, lost = asdict(self.counts), self.gaps.lost
        self._kept.commit(self._points.now, check=self._check, behind=behind, counts=counts, lost=lost, **values)
        self._dirty, self._committed = False, time.monotonic()
        self._waits, self._next = self._next, Waits()
        self._waits.points = dict(self._points.now)
        if not behind:
            self._settle()

    def _settle(self) -> None:
        """Waits until the last commit is permanent, and tells those who waited for it."""
        waits, self._waits = self._waits, None
        if waits is None:
            return
        self._kept.store.settle()
        job = self.job
        if waits.changes:
            self._write(waits.changes, waits.oldest)
            self.publisher.wrote()
        for letter in waits.letters:
            job.dead_letter(letter)
        if waits.letters:
            job.letters_kept()
        if job.feed is not None:
            self._points.acknowledge(job.feed, waits.points)
        self._after_commit()

    def _check(self) -> None:
        """Gives up a commit of a first load, which may take long; it begins again in any case."""
        if not self._kept.loaded and self.job.stop.is_set():
            raise Stopped

    def _after_commit(self) -> None:
        metrics = self.job.metrics
        metrics.acknowledged()
        metrics.checkpoints += 1
        metrics.state_bytes = self._kept.store.bytes()
        if self._options.max_memory is not None:
            self._kept.state.evict(self._options.max_memory)
        self._kept.store.compact()

    def _publish(self) -> None:
        self._note_publication()
        if self._dirty:
            self._commit()
        self._settle()
        self._kept.store.verify()
        self._beside.publish(self._kept.hand_over())
        self._note_publication()

    def _show_written(self) -> None:
        """Publishes beside the feed, where the sink may be asked so."""
        if self.job.sink.capabilities.beside:
            self._kept.store.verify()
            self._beside.begin(self._kept.hand_over())
        else:
            self._publish()

    def _note_publication(self) -> None:
        """Waits for the publication that is under way, if there is one."""
        ended = self._beside.end()
        if ended is None:
            return
        self._publishing = ended.seconds
        for letter in ended.letters:
            self._dead(letter)
        self.job.metrics.publications += 1
        self._kept.published(ended.number)
