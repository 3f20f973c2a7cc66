"""View tables as they follow from documents, and which documents each view document reads.

What is computed has the operators' own state, so every plan can be asked; the same questions are asked of a checkpoint.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..core.change import BELOW_EVENTS, DeadLetter, ViewChange
from ..core.compact import Cells
from ..core.values import Document
from ..engines.bulk import unfilled
from ..engines.declared import DeclaredTime
from ..engines.local.flow import LocalFlow
from ..operators.base import Key, Output
from ..operators.messages import Event
from ..operators.record import Record
from ..plan.clocks import CLOCKS, is_timed
from ..plan.nodes import OperatorNode, Plan, View

Every = Callable[[str], Iterable[tuple[Key, Cells]]]
"""Gives the keys of an operator with their cells."""

Row = tuple[str, str]
"""(view, path) of a view document."""

MOST = 20
"""So many documents are remembered of those that make one view document wrong."""


class Sources(NamedTuple):
    """What a view document reads.

    Attributes:
        there: The paths of documents.
        missing: Those of documents that it asks for and that do not exist.
    """

    there: frozenset[str] = frozenset()
    missing: frozenset[str] = frozenset()


class Reads:
    """The view documents of a state, and what they read.

    Args:
        plan: Of the state.
        flow: A flow of the plan: it knows what cells show.
        every: Gives the cells.
    """

    def __init__(self, plan: Plan, flow: LocalFlow, every: Every) -> None:
        self._plan, self.flow, self._every = plan, flow, every

    def rows(self) -> Iterator[ViewChange]:
        """Every view document."""
        for node in self._plan.operators:
            if node.shows:
                for key, cells in self._every(node.id):
                    yield from self.flow.shown(node, key, cells)

    def hit(self, view: View, causes: Mapping[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
        """(root, what made them wrong) of the roots that read documents that are wrong."""
        for root, record in self._records(view):
            if read := {c for path in {root, *record.reg} if path in causes for c in causes[path]}:
                yield root, read

    def shown_of(self, view: View, roots: Mapping[str, set[str]]) -> Iterator[tuple[str, set[str]]]:
        """(path of a view document, what made it wrong) of what some roots show."""
        hit: dict[Key, set[str]] = {}
        for root, record in self._records(view, roots) if roots else ():
            for key in record.last:
                hit.setdefault(key, set()).update(roots[root])
        yield from ((path, hit[key]) for path, key in self._paths(view, hit))

    def sources(self, rows: Collection[Row]) -> dict[Row, Sources]:
        """What some view documents read; by way of other views, what those read."""
        wanted = set(rows)
        read: dict[Row, Sources] = {}
        for view in reversed(self._plan.views):
            mine = {path for name, path in wanted if name == view.name}
            by_key: dict[Key, list[str]] = {}
            for path, key in self._paths(view, None) if mine else ():
                if path in mine:
                    by_key.setdefault(key, []).append(path)
            for root, record in self._records(view) if by_key else ():
                sources = _sources(root, record)
                for path in {p for key in record.last for p in by_key.get(key, ())}:
                    read[view.name, path] = _both(read.get((view.name, path), Sources()), sources)
            wanted |= self._between(s for row, s in read.items() if row[0] == view.name)
        return {row: self._through(row, read) for row in rows}

    def roots(self, view: View, roots: Collection[str]) -> Sources:
        """What some roots read, whatever they show."""
        found = Sources()
        for root, record in self._records(view) if roots else ():
            if root in roots:
                found = _both(found, _sources(root, record))
        return found

    def shown_by(self, view: View) -> Iterator[tuple[str, str]]:
        """(root, path of a view document that it shows), of a view whose roots each show their own."""
        for root, record in self._records(view):
            yield from ((root, str(path)) for path in record.last)

    def _between(self, sources: Iterable[Sources]) -> set[Row]:
        """The view documents among what was read."""
        names = {v.collection: v.name for v in self._plan.views if v.relayed}
        paths = {p for s in sources for p in s.there} if names else set()
        return {(names[c], p) for p in paths if (c := p.rpartition("/")[0]) in names}

    def _through(self, row: Row, read: Mapping[Row, Sources]) -> Sources:
        mine = read.get(row, Sources())
        between = self._between([mine])
        for other in between:
            mine = _both(mine, self._through(other, read))
        paths = {path for _, path in between}
        return Sources(mine.there - paths, mine.missing)

    def _records(self, view: View, roots: Collection[str] | None = None) -> Iterator[tuple[str, Record]]:
        for root, cells in self._every(f"{view.name}.assemble"):
            held = cells.get("record") if roots is None or root in roots else None
            if held is not None:
                yield str(root), Record.of(held)

    def _paths(self, view: View, keys: Collection[Key] | None) -> Iterator[tuple[str, Key]]:
        """(path of a view document, key of the view's last operator), for all keys or some."""
        final = self._final(view)
        if final.kind == "assemble":
            given = keys if keys is not None else {k for _, record in self._records(view) for k in record.last}
            yield from ((str(path), path) for path in given)
            return
        for key, cells in self._every(final.id):
            if keys is None or key in keys:
                for change in self.flow.shown(final, key, cells):
                    yield change.path, key

    def _final(self, view: View) -> OperatorNode:
        return next(n for n in self._plan.operators if n.view == view.name and n.shows)


def readers(plan: Plan, worlds: Sequence[Reads], documents: Collection[str]) -> dict[Row, set[str]]:
    """The view documents of any world whose roots read some documents in any world, each with some of those.

    What a root shows in one world, and not in another, is among them: there it may show nothing because of what it reads.
    By way of other views, too.
    """
    causes: dict[str, set[str]] = {path: {path} for path in documents}
    found: dict[Row, set[str]] = {}
    for view in plan.views:
        hit: dict[str, set[str]] = {}
        for root, read in (pair for world in worlds for pair in world.hit(view, causes)):
            hit.setdefault(root, set()).update(read)
        for path, read in (pair for world in worlds for pair in world.shown_of(view, hit)):
            because = found.setdefault((view.name, path), set())
            because |= set(sorted(read)[: MOST - len(because)])
            if view.relayed:
                causes.setdefault(path, set()).update(because)
    return found


class World(Reads):
    """The tables of a plan over some documents, computed from nothing.

    In memory, as a run without a checkpoint: some ten times the bytes of the documents.

    Args:
        plan: The views.
        documents: (path, projected fields) of all that exist.
        declared: Declared time.

    Attributes:
        failing: View -> keys on which its code fails.
        count: Of documents.
    """

    def __init__(self, plan: Plan, documents: Iterable[tuple[str, Document]], declared: DeclaredTime) -> None:
        self.failing: dict[str, set[str]] = {}
        self.count = 0
        flow = LocalFlow(plan, clock=lambda: time.time_ns() // 1000)
        super().__init__(plan, flow, lambda name: list(flow.state.states[name].items()))
        events = self._events(documents)
        if not unfilled(plan):
            flow.fill(events)
            for outputs in flow.filled():
                self._take(outputs)
        else:
            if is_timed(plan):
                flow.advance(declared.last())
            self._take(flow.process(events))
        while flow.timer_is_due:
            self._take(flow.process(()))

    def _events(self, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Event]]:
        for path, fields in documents:
            self.count += 1
            yield path, Event(BELOW_EVENTS, fields)

    def _take(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            if isinstance(output, DeadLetter) and output.key.startswith("view:"):
                _, view, key = output.key.split(":", 2)
                if output.reason.startswith("path-claimed"):
                    continue
                keys = self.failing.setdefault(view, set())
                keys.discard(key) if output.cleared else keys.add(key)


def _sources(root: str, record: Record) -> Sources:
    known: dict[str, Any] = dict(record.reg.items())
    missing = {p for p, doc in known.items() if doc.fields is None and doc.keys is None}
    if root not in known:
        missing.add(root)
    there = {path for path in known if not path.startswith(f"{CLOCKS}/")}
    return Sources(frozenset(there - missing), frozenset(missing))


def _both(one: Sources, other: Sources) -> Sources:
    return Sources(one.there | other.there, one.missing | other.missing)
