"""View tables beside those that follow from the documents.

| kind | the table | what follows |
|---|---|---|
| `missing-view` | has nothing | a view document |
| `wrong-view` | has another one | a view document |
| `extra-view` | has one | nothing |
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ..core.values import Document
from ..engines.credit import Sum, add, digest
from ..plan.nodes import Plan
from ..sinks.base import Table
from .tables import ViewTables
from .world import MOST, Row, Sources, World

FAILING = "failing: the last good one stays"
NOTHING = Sum(0, 0)
UNDER_WAY = "it reads what the job took after the export, and the job goes on"


class ViewFinding(NamedTuple):
    """A view document that is not what follows from the documents.

    Attributes:
        view, path: Which.
        kind: See the module.
        because: Source documents that it reads and that are wrong in the state; empty where there are none, or no state.
    """

    view: str
    path: str
    kind: str
    because: tuple[str, ...] = ()


@dataclass
class ViewCompared:
    """What the comparison of one view came to.

    Attributes:
        follows, table: The view documents that follow from the documents, and those of the table, both as the table holds
            them.
        undecided: Why -> how many were not judged.
    """

    follows: Sum = NOTHING
    table: Sum = NOTHING
    undecided: dict[str, int] = field(default_factory=dict)


class Tables:
    """The tables of views as they were read, to be compared; a hash of each view document is in memory.

    They are read before the state is looked at: what differs because the job went on meanwhile is what it took since.

    Args:
        plan: The views.
        tables: What was written.

    Attributes:
        compared: View -> what the comparison came to.
        sources: What the view documents read that are not right.

    Raises:
        DataError, UsageError: A table cannot be read.
    """

    def __init__(self, plan: Plan, tables: ViewTables) -> None:
        self._tables = tables
        self._places = {view.name: Table(view.name, view.collection, view.schema) for view in plan.views}
        self._held = {
            name: {row.path: (digest(row.path, row.document), row.failed) for row in tables.rows(table)}
            for name, table in self._places.items()
        }
        self.compared = {
            name: ViewCompared(table=_total(hashed for hashed, _ in held.values())) for name, held in self._held.items()
        }
        self.sources: Mapping[Row, Sources] = {}

    def findings(
        self,
        world: World,
        doubtful: Collection[str] = (),
        reason: str = UNDER_WAY,
        causes: Mapping[Row, set[str]] | None = None,
    ) -> list[ViewFinding]:
        """What is not right.

        Args:
            world: What follows from the documents.
            doubtful: Documents whose view documents are not judged, nor those that nothing is known of.
            reason: Why not.
            causes: View document -> source documents that are wrong in the state.
        """
        found = dict(self._differences(world))
        self.sources = world.sources([row for row, kind in found.items() if kind != "extra-view"])
        findings = []
        for (view, path), kind in sorted(found.items()):
            if doubtful and (kind == "extra-view" or _reads(self.sources.get((view, path), Sources()), doubtful)):
                self._undecided(view, reason)
                continue
            because = (causes or {}).get((view, path), set())
            findings.append(ViewFinding(view, path, kind, tuple(sorted(because)[:MOST])))
        return findings

    def _differences(self, world: World) -> Iterator[tuple[Row, str]]:
        by_view: dict[str, list[tuple[str, Document]]] = {name: [] for name in self._places}
        for change in world.rows():
            if change.new is not None:
                by_view[change.view].append((change.path, change.new))
        for name, table in self._places.items():
            follows = {p: digest(p, d) for p, d in self._tables.shown(table, by_view.pop(name))}
            self.compared[name].follows = _total(follows.values())
            for path, (hashed, failed) in self._held[name].items():
                kind = self._kind(name, follows.pop(path, None), hashed, failed or bool(world.failing.get(name)))
                if kind is not None:
                    yield (name, path), kind
            yield from (((name, path), "missing-view") for path in follows)

    def _kind(self, view: str, follows: Sum | None, hashed: Sum, may_fail: bool) -> str | None:
        """What is the matter with a row; where the view's code fails, a last good one is what should be there."""
        if follows == hashed:
            return None
        if follows is None and may_fail:
            self._undecided(view, FAILING)
            return None
        return "extra-view" if follows is None else "wrong-view"

    def _undecided(self, view: str, reason: str) -> None:
        counts = self.compared[view].undecided
        counts[reason] = counts.get(reason, 0) + 1


def _reads(read: Sources, documents: Collection[str]) -> bool:
    return any(path in documents for path in (*read.there, *read.missing))


def _total(sums: Iterable[Sum]) -> Sum:
    total: dict[str, Sum] = {}
    for each in sums:
        add(total, {"": each})
    return total.get("", NOTHING)
