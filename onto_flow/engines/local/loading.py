"""The first load of a run: every document of the source, counted, then the views of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import cast

from ...core.change import Change, DeadLetter
from ...core.columns import ViewColumns
from ...core.errors import EngineError
from ...operators.messages import Event
from ...sinks.base import ColumnSink
from ..base import seed
from ..bulk import Bulk, unfilled
from ..steady import uncollected
from .flow import Stopped
from .giving import Giving, only


class Loading(Giving):
    """A run that reads its source."""

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
        if only(Change, batch):
            return cast("Sequence[Change]", batch)
        for item in batch:
            if isinstance(item, DeadLetter):
                self._dead(item)
        return [item for item in batch if isinstance(item, Change)]
