"""Jobs that lose events, for audits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

from engine_views import ListSource

from onto_flow.audit.audit import Audit
from onto_flow.audit.repair import Bounds, repair
from onto_flow.audit.report import Report
from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.values import Document, from_micros
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine, durable, store
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.base import Partition, SourceInfo
from onto_flow.testing.histories import Commit

_QUICK = (*(s for s in store.SETTINGS if "synchronous" not in s), "PRAGMA synchronous = OFF")
"""No test here cuts the power."""

ANY = Bounds(share=10**9)


class Taken(ListSource):
    """An export in this process.

    Args:
        documents: What there is.
        at: When it was taken, in microseconds.
    """

    def __init__(self, documents: dict[str, Document], at: int, *, partitions: int = 2) -> None:
        super().__init__([Change(p, None, f, (0, 1)) for p, f in documents.items()], partitions=partitions)
        self._at = at

    def info(self) -> SourceInfo:
        return SourceInfo("test", snapshot_time=from_micros(self._at))


class Damaged(Taken):
    """Of whose documents one cannot be decoded."""

    def __init__(self, documents: dict[str, Document], at: int, key: str) -> None:
        super().__init__(documents, at, partitions=1)
        letter: Any = DeadLetter(key, "bad-document: it ends in the middle")
        self.changes.append(letter)


class Kept:
    """An outlet that keeps the changes of a repair."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def send(self, changes: Sequence[Change]) -> None:
        self.changes += changes

    def close(self) -> None:
        pass


class LossyJob:
    """A job with a checkpoint, fed piece by piece.

    Args:
        folder: Of the checkpoint.
        plan: What it maintains.
        seeds: Its first load.
        snapshot: The time of that.
    """

    def __init__(self, folder: Path, plan: Plan, seeds: Iterable[Change], snapshot: int | None) -> None:
        self.folder, self.plan, self.snapshot = folder, plan, snapshot
        self._seeds = list(seeds)
        self._runs = 0
        self.tables: dict[str, dict[str, Document]] = {}

    def feed(self, changes: Sequence[Change], now: int) -> None:
        """Goes on with some changes, that come at a time."""
        self._runs += 1
        sink = MemorySink()
        feed = Named(changes, f"feed{self._runs}")
        options = {"checkpoint": str(self.folder), "checkpoint_every": "1h"}
        job = Job(self.plan, ListSource(self._seeds), sink, feed=feed, snapshot=self.snapshot, options=options)
        with mock.patch.object(durable, "now", lambda: now), mock.patch.object(store, "SETTINGS", _QUICK):
            Engine().run(job)
        self.tables = {view.name: sink.documents(view.name) for view in self.plan.views}

    def audit(self, export: Taken, **options: Any) -> Report:
        """Compares with an export that was just taken."""
        at = export._at
        return Audit(self.plan, export, checkpoint=self.folder, whole_export=True, now=lambda: at, **options).run()


class Named(ListSource):
    """A feed with a place of its own in the checkpoint."""

    def __init__(self, changes: Iterable[Change], name: str) -> None:
        super().__init__(list(changes))
        self._name = name

    def partitions(self) -> list[Partition]:
        return [Partition(self._name)]

    def open(self, partition: Partition, **options: Any) -> Any:
        return super().open(Partition("0"), **options)

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        pass


def repaired(plan: Plan, report: Report, export: Taken, bounds: Bounds = ANY) -> list[Change]:
    """The changes of a repair."""
    outlet: Any = Kept()
    receipt = repair(plan, report, export, outlet, bounds)
    assert receipt["sent"] == len(outlet.changes)
    return outlet.changes


def documents_after(commits: Iterable[Commit]) -> dict[str, Document]:
    """What there is after some commits."""
    found: dict[str, Document] = {}
    for path, fields, _ in commits:
        found.pop(path, None)
        if fields is not None:
            found[path] = fields
    return found
