"""One audit: an export against the state of a job, or against its view tables alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from ..core.collection import Collection, members_of
from ..core.errors import UsageError
from ..core.values import Document, from_micros
from ..engines.declared import DeclaredTime, WallTime
from ..engines.local.reading import CheckpointReading
from ..engines.made_by import Fingerprints
from ..operators.base import Profile
from ..plan.clocks import CLOCKS
from ..plan.nodes import Plan
from ..sources.base import Selective, Source
from . import memory
from .documents import MENDABLE, UNREADABLE, Documents, Held, Right
from .export import Export, time_of
from .mending import changes_for
from .report import Report
from .tables import ViewTables
from .views import Tables
from .world import Reads, World, readers

HORIZON = Profile(drained=True).horizon
"""How long deletions are remembered, in microseconds."""


@dataclass(frozen=True)
class Audit:
    """What is to be compared with what.

    Attributes:
        plan: The views.
        source: The documents as they are right, as of one time.
        checkpoint: The directory of a job of the embedded engine, which may go on meanwhile; without it the tables alone
            are looked at.
        fingerprints: Of the views' code, as that job was given them.
        tables: The view tables.
        since: An earlier export, for tables alone (`mending`).
        whole_collections: For tables alone: a repair sends all documents of the collections that wrong views read.
        snapshot_time: The time of the source in microseconds, where it does not know it.
        whole_export: Whether a collection of which the export has nothing is empty; else it may not have been exported.
        documents_only: No view is computed: memory stays small, and no view document is named.
        max_memory: Bytes that computing the views may take, as it is estimated; `None`: what this machine has left.
        declared: Declared time.
        now: Microseconds since 1970.
    """

    plan: Plan
    source: Source
    checkpoint: Path | None = None
    fingerprints: Fingerprints = field(default_factory=dict)
    tables: ViewTables | None = None
    since: Source | None = None
    whole_collections: bool = False
    snapshot_time: int | None = None
    whole_export: bool = False
    documents_only: bool = False
    max_memory: int | None = None
    declared: DeclaredTime = field(default_factory=WallTime)
    now: Callable[[], int] = lambda: time.time_ns() // 1000

    def run(self) -> Report:
        """Compares.

        Raises:
            UsageError: `wrong-usage`, `not-found`, `no-snapshot-time`; `audit-refused` for an export that is too old, and
                for views that do not fit into memory.
            DataError: The source or a table cannot be read.
            EngineError: The checkpoint cannot be read, or other code made it.
        """
        if self.checkpoint is None and (self.tables is None or self.documents_only):
            raise UsageError(
                "wrong-usage", "there is nothing to compare with", fix="Give a checkpoint, a table, or both."
            )
        if isinstance(self.source, Selective):
            self.source.selects(self.plan.projection)
        at = time_of(self.source, self.snapshot_time)
        if at > self.now():
            raise UsageError("wrong-usage", f"the export would be of the future: {from_micros(at).isoformat()}")
        with ExitStack() as open_:
            export = open_.enter_context(Export(self.source, self.plan, at))
            if not self.documents_only:
                memory.check(export.size, len(self.plan.views), self.max_memory)
            tables = None if self.tables is None or self.documents_only else Tables(self.plan, self.tables)
            if self.checkpoint is None:
                assert tables is not None
                return self._tables_alone(export, tables, open_)
            state = open_.enter_context(CheckpointReading(self.checkpoint, self.plan, self.fingerprints))
            if state.snapshot is not None and at < state.snapshot:
                raise UsageError(
                    "audit-refused",
                    f"the export is of {from_micros(at).isoformat()}, and the job began with a later one",
                    fix="Compare with an export that was made since.",
                )
            return self._with_state(export, state, tables)

    def _with_state(self, export: Export, state: CheckpointReading, tables: Tables | None) -> Report:
        report = Report(export.time, state=True, running=state.running)
        fresh: set[str] = set()
        for right in self._compare(export, state, report):
            if right.finding is not None:
                report.findings.append(right.finding)
            if right.is_fresh and state.running:
                fresh.add(right.path)
        report.changes = {f.path: f.is_there for f in report.findings if f.kind in MENDABLE}
        if self.documents_only or (not report.findings and tables is None):
            return report
        rights = self._compare(export, state, Report(export.time))
        world = World(self.plan, _existing(rights), self.declared)
        wrong = {f.path for f in report.findings}
        report.affected = readers(self.plan, [world, Reads(self.plan, world.flow, state.every)], wrong)
        if tables is not None:
            report.view_findings = tables.findings(world, fresh, causes=report.affected)
            report.views = tables.compared
        return report

    def _compare(self, export: Export, state: CheckpointReading, report: Report) -> Iterator[Right]:
        is_old = self.now() - export.time > HORIZON
        documents = Documents(export, is_whole=self.whole_export, is_old=is_old)
        report.documents = documents.compared
        return documents.against(_ingested(state))

    def _tables_alone(self, export: Export, tables: Tables, open_: ExitStack) -> Report:
        report = Report(export.time)
        world = World(self.plan, export, self.declared)
        report.documents.documents = world.count
        report.view_findings = tables.findings(world, export.unreadable, UNREADABLE)
        report.views, report.absent = tables.compared, _absent(self.plan, export)
        since = None if self.since is None else open_.enter_context(Export(self.since, self.plan, 0))
        report.changes, report.helpless = changes_for(
            self.plan,
            report.view_findings,
            tables.sources,
            world,
            export,
            since=since,
            whole=self.whole_collections,
            is_whole=self.whole_export,
        )
        return report


def _absent(plan: Plan, export: Export) -> list[str]:
    """The collections that views read and of which the export has nothing."""
    read = [c for collection, _ in plan.projection.collections for c in members_of(collection)]
    there = [Collection(name.replace("*", "{id}")) for name in export.collections]
    return sorted({str(c) for c in read if not any(_alike(c, other) for other in there)})


def _alike(read: Collection, there: Collection) -> bool:
    return read.matches(there.path_of(["x"] * there.id_count))


def _ingested(state: CheckpointReading) -> Iterator[Held]:
    for path, cells in state.every("ingest"):
        cell = cells.get("document")
        if isinstance(path, str) and cell is not None and not path.startswith(f"{CLOCKS}/"):
            yield path, cell


def _existing(rights: Iterator[Right]) -> Iterator[tuple[str, Document]]:
    for right in rights:
        if right.fields is not None:
            yield right.path, right.fields
