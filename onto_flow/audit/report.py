"""What an audit found, as data: JSON for machines and for keeping, text for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.change import NEVER
from ..core.values import from_micros
from ..engines.credit import Sum
from .documents import MENDABLE, Compared, Finding
from .views import ViewCompared, ViewFinding
from .world import Row

SHOWN = 20
"""So many of a kind are shown to people; JSON has them all."""


@dataclass
class Report:
    """An audit.

    Attributes:
        time: Of the export, in microseconds.
        source: The export, as text without secrets.
        state: Whether it was compared with the state of a job.
        running: Whether that job goes on.
        documents: What the comparison of documents came to.
        findings: Source documents that the job does not have as the export says them.
        affected: View document -> wrong source documents that it reads.
        views: What the comparison of each view came to; empty without a table.
        view_findings: View documents that are not what follows from the documents.
        helpless: Those of them of which nothing is known that could mend them.
        absent: Collections that views read and of which the export has nothing, where there is no state.
        changes: Path -> whether the document is there: what a repair sends.
    """

    time: int
    source: str = ""
    state: bool = False
    running: bool = False
    documents: Compared = field(default_factory=Compared)
    findings: list[Finding] = field(default_factory=list)
    affected: Mapping[Row, set[str]] = field(default_factory=dict)
    views: Mapping[str, ViewCompared] = field(default_factory=dict)
    view_findings: list[ViewFinding] = field(default_factory=list)
    helpless: list[ViewFinding] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    changes: Mapping[str, bool] = field(default_factory=dict)

    @property
    def is_right(self) -> bool:
        """Whether nothing was found."""
        return not self.findings and not self.view_findings

    @property
    def notes(self) -> list[str]:
        """What whoever reads the findings should know."""
        return list(_notes(self))

    def as_json(self) -> dict[str, Any]:
        """All of it, in forms of JSON."""
        compared = self.documents
        return {
            "snapshot_time": from_micros(self.time).isoformat(),
            "source": self.source,
            "state": self.state,
            "running": self.running,
            "documents": compared.documents,
            "changed_after_export": compared.newer,
            "not_judged": dict(compared.undecided),
            "export": _sums(compared.export),
            "in_state": _sums(compared.state),
            "views": {
                name: {"follows": _sum(v.follows), "table": _sum(v.table), "not_judged": dict(v.undecided)}
                for name, v in self.views.items()
            },
            "findings": [{"path": f.path, "kind": f.kind, "version": list(f.version)} for f in self.findings],
            "affected": [
                {"view": view, "path": path, "because": sorted(because)}
                for (view, path), because in sorted(self.affected.items())
            ],
            "view_findings": [f._asdict() | {"because": list(f.because)} for f in self.view_findings],
            "helpless": [{"view": f.view, "path": f.path} for f in self.helpless],
            "repair": {
                "upserts": sum(self.changes.values()),
                "deletions": len(self.changes) - sum(self.changes.values()),
            },
            "notes": self.notes,
        }

    def as_text(self) -> str:
        """The lines that people read."""
        return "\n".join(_lines(self))


def _notes(report: Report) -> Iterator[str]:
    lasting = [f for f in report.findings if f.kind not in MENDABLE]
    if lasting:
        yield f"{len(lasting)} documents differ as of the very time of the export: no change mends them; begin the job again"
    newest = report.documents.newest
    if report.state and report.findings and NEVER < newest <= (report.time, 1):
        yield "the job has seen no change after the export: what it has not read yet is named as lost"
    unexplained = [f for f in report.view_findings if report.state and not f.because]
    if unexplained:
        yield f"{len(unexplained)} view documents read nothing that is wrong: the table was not written as it was computed"
    if report.view_findings and not report.state:
        yield "without state nobody knows what changed after the export: such view documents are named too, and sent in vain"
    if report.absent:
        yield f"the export has nothing of {', '.join(report.absent)}, which views read: was it exported?"
    if report.helpless:
        what = "view documents that should not be there read nothing that is in the export"
        yield f"{len(report.helpless)} {what}: give an earlier export (--since), or build the view again"


def _lines(report: Report) -> Iterator[str]:
    compared = report.documents
    yield f"as of {from_micros(report.time).isoformat()}: {compared.documents} documents compared"
    if compared.newer:
        yield f"  {compared.newer} changed after the export"
    for reason, count in compared.undecided.items():
        yield f"  {count} not judged: {reason}"
    for kind, count in sorted(Counter(f.kind for f in report.findings).items()):
        yield f"{kind}: {count}"
        yield from _some([f.path for f in report.findings if f.kind == kind])
    if report.affected:
        yield f"affected view documents: {len(report.affected)}"
        yield from _some([f"{path}  ({', '.join(sorted(b)[:3])})" for (_, path), b in sorted(report.affected.items())])
    for name, view in report.views.items():
        differ = Counter(f.kind for f in report.view_findings if f.view == name)
        told = "".join(f", {count} {kind}" for kind, count in sorted(differ.items()))
        told += "".join(f", {count} not judged ({reason})" for reason, count in view.undecided.items())
        yield f"{name}: {view.table.size} view documents, {view.follows.size} follow from the documents{told}"
        yield from _some([f.path for f in report.view_findings if f.view == name])
    yield from (f"note: {note}" for note in report.notes)
    if report.is_right:
        yield "nothing is wrong"
    else:
        there = sum(report.changes.values())
        yield f"a repair sends {there} documents and {len(report.changes) - there} deletions"


def _some(texts: list[str]) -> Iterator[str]:
    yield from (f"  {text}" for text in texts[:SHOWN])
    if len(texts) > SHOWN:
        yield f"  and {len(texts) - SHOWN} more"


def _sum(total: Sum) -> dict[str, Any]:
    return {"count": total.size, "hash": f"{total.digest:032x}"}


def _sums(sums: Mapping[str, Sum]) -> dict[str, Any]:
    return {name: _sum(total) for name, total in sorted(sums.items())}
