"""Histories: what happened to documents, what an export holds of it, and the ways in which a feed may deliver it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from random import Random
from typing import Any, NamedTuple

from ..core.change import BELOW_EVENTS, NEVER, Change, Version
from ..core.values import Document, from_micros

START, TICK = 1_000_000, 10


class Commit(NamedTuple):
    """One write as the database saw it; `fields` `None`: a deletion."""

    path: str
    fields: Document | None
    time: int


@dataclass(frozen=True)
class History:
    """Commits in their order, and where an export lies among them.

    Attributes:
        commits: What happened; times rise.
        exported: How many commits lie before the export.
        snapshot: The time of the export; `None`: no export, or one from a source that has no time, whose documents rank
            below all events and whose feed begins after it.
        named_by_delete: Whether the event of a deletion carries the deletion's own time as its version, instead of the
            version that it removed.
    """

    commits: tuple[Commit, ...]
    exported: int = 0
    snapshot: int | None = None
    named_by_delete: bool = False

    @cached_property
    def documents(self) -> dict[str, Document]:
        """What the export holds."""
        return _after(self.commits[: self.exported])

    @cached_property
    def final(self) -> dict[str, Document]:
        """The documents at the end."""
        return _after(self.commits)

    @cached_property
    def feed(self) -> tuple[int, ...]:
        """Indexes of the commits that the feed has: all, where the export has a time."""
        return tuple(range(0 if self.snapshot is not None else self.exported, len(self.commits)))

    @cached_property
    def _versions(self) -> tuple[Version, ...]:
        last: dict[str, int] = {}
        versions = []
        for path, fields, time in self.commits:
            removed = time if self.named_by_delete else last.get(path, 0)
            versions.append((time, 0) if fields is not None else (removed, 1))
            last[path] = time
        return tuple(versions)

    @cached_property
    def _replaced(self) -> tuple[int | None, ...]:
        """For each commit the one that wrote what it replaced; `None`: it made the document."""
        last: dict[str, int | None] = {}
        replaced = []
        for index, (path, fields, _) in enumerate(self.commits):
            replaced.append(last.get(path))
            last[path] = None if fields is None else index
        return tuple(replaced)

    def change(self, index: int) -> Change:
        """A commit as an event of the feed."""
        path, fields, time = self.commits[index]
        return Change(path, None, fields, self._versions[index], from_micros(time), self._previous(index))

    def _previous(self, index: int) -> Version | None:
        if self.named_by_delete:
            return None
        replaced = self._replaced[index]
        return NEVER if replaced is None else (self.commits[replaced].time, 0)

    def missing(self, delivered: Iterable[int]) -> set[tuple[str, Version]]:
        """The versions that delivered events replaced, and of which nothing came: no event, no export.

        Without the time of an export, the lowest version of a document that is known or named says nothing of what was
        before it.
        """
        if self.named_by_delete:
            return set()
        came = {i for i in delivered if i >= self.exported}
        named = {r for i in came if (r := self._replaced[i]) is not None}
        lacks = named - came
        if self.snapshot is not None:
            lacks -= set(range(self.exported))
        else:
            first: dict[str, int] = {}
            for index in sorted(came | named):
                first.setdefault(self.commits[index].path, index)
            lacks -= set(first.values())
        return {(self.commits[i].path, (self.commits[i].time, 0)) for i in lacks}

    def seeds(self) -> list[Change]:
        """The exported documents as a source gives them."""
        version = BELOW_EVENTS if self.snapshot is None else (self.snapshot, 0)
        return [Change(path, None, fields, version) for path, fields in sorted(self.documents.items())]

    def known(self, delivered: Iterable[int]) -> dict[str, Document]:
        """The documents as they are known when the export and some commits were delivered: the newest of each."""
        newest: dict[str, int] = {}
        for index in (*range(self.exported), *delivered):
            path = self.commits[index].path
            newest[path] = max(index, newest.get(path, -1))
        last = {path: self.commits[index].fields for path, index in newest.items()}
        return {path: fields for path, fields in last.items() if fields is not None}

    @cached_property
    def states(self) -> dict[str, list[tuple[Version, Document | None]]]:
        """The states of each document since the export, with the versions that they have behind ingest."""
        states: dict[str, list[tuple[Version, Document | None]]] = {}
        base = BELOW_EVENTS if self.snapshot is None else (self.snapshot, 0)
        for path in {c.path for c in self.commits}:
            fields = self.documents.get(path)
            states[path] = [(NEVER if fields is None else base, fields)]
        for index in range(self.exported, len(self.commits)):
            version = self._versions[index]
            if self.commits[index].fields is None and self.snapshot is not None:
                version = (max(version[0], self.snapshot), 1)
            states[self.commits[index].path].append((version, self.commits[index].fields))
        return states

    def without(self, start: int, stop: int) -> History:
        """The history without some commits, for shrinking."""
        kept = self.commits[:start] + self.commits[stop:]
        return replace(
            self, commits=kept, exported=self.exported - sum(start <= i < stop for i in range(self.exported))
        )

    def describe(self) -> str:
        """The history as lines."""
        lines = []
        for index, (path, fields, time) in enumerate(self.commits):
            if index == self.exported and self.exported:
                lines.append(f"  -- export, snapshot={self.snapshot} --")
            lines.append(f"  {index:2} {time} {path} {'deleted' if fields is None else fields}")
        return "\n".join(lines)


def _after(commits: Iterable[Commit]) -> dict[str, Document]:
    documents: dict[str, Document] = {}
    for path, fields, _ in commits:
        if fields is None:
            documents.pop(path, None)
        else:
            documents[path] = fields
    return documents


def history_of(
    *writes: tuple[str, Any], exported: int = 0, snapshot: bool = True, named_by_delete: bool = False
) -> History:
    """A history written down by hand: (path, fields or `None`) in order of time.

    Args:
        writes: The commits.
        exported: How many of them the export holds.
        snapshot: Whether the export has a time.
        named_by_delete: See `History`.
    """
    commits = tuple(Commit(path, fields, START + TICK * at) for at, (path, fields) in enumerate(writes))
    time = START + TICK * exported - TICK // 2 if exported and snapshot else None
    return History(commits, exported, time, named_by_delete)


def deliver(feed: Sequence[int], random: Random, kind: str) -> list[int]:
    """One delivery of a feed: `ordered`, `late`, `repeated` or `shuffled`; only `shuffled` forgets all order."""
    items = list(feed)
    if kind == "late" and items:
        items.sort(key=lambda i: i + (random.randrange(len(feed)) if random.random() < 0.3 else 0))
    elif kind == "repeated":
        items.extend(i for i in feed if random.random() < 0.5)
        items.sort(key=lambda i: i + random.randrange(6))
    elif kind == "shuffled":
        items.extend(i for i in feed if random.random() < 0.1)
        random.shuffle(items)
    return items


DELIVERIES = ("ordered", "late", "repeated", "shuffled")
