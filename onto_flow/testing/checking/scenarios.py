"""Scenario tests that read like tables: given documents, when changes, then the view.

Example:
    >>> from onto_flow import Reference
    >>> from onto_flow.demo.meeting_room import OrganizationLoad
    >>> _ = (
    ...     scenario(OrganizationLoad)
    ...     .given({
    ...         "users/ada": {"lastName": "Lovelace", "organization": "Analytical"},
    ...         "tickets/t1": {"user": Reference("users/ada"), "role": "guest", "attendance": True},
    ...     })
    ...     .then({
    ...         "organizationLoad/Analytical|guest":
    ...             {"organization": "Analytical", "role": "guest", "attending": 1, "names": ["Lovelace"]},
    ...     })
    ...     .when(
    ...         ("users/ada", {"lastName": "King"}),
    ...         ("tickets/t1", {"attendance": False}),
    ...     )
    ...     .then({
    ...         "organizationLoad/Analytical|guest":
    ...             {"organization": "Analytical", "role": "guest", "attending": 0, "names": ["King"]},
    ...     })
    ... )
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Any

from ...core.values import Document
from .jobs import AsJob
from .purity import InTwoProcesses
from .stories import Story, Writes, clock
from .subject import Expected, Subject, differences
from .ways import Batches, Shuffled, Way, batches_of, draw_batches


class _Word:
    """A word of scenarios."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


EXPORT = _Word("EXPORT")
"""Among changes: the export is taken here; what comes before is in it, and comes with the feed too."""

MISSING = _Word("MISSING")
"""In a change: the field goes."""


def now(moment: datetime) -> tuple[str, Mapping[str, Any] | None]:
    """Among changes: declared time comes to a moment; before the first one it stands at noon of May 4th, 2026, UTC."""
    return clock(moment)


Written = tuple[str, Mapping[str, Any] | None] | _Word
"""(path, the fields that change; `None`: deleted), what `now` gives, or `EXPORT`."""

_SHUFFLED_ORDERS = 3


@dataclass(frozen=True)
class Scenario:
    """What happens to documents, and what a view then shows. Each method gives a new scenario.

    Attributes:
        subject: The views.
        story: What was told so far.
        way: How it is run; `None`: in every way that is quick.
    """

    subject: Subject
    story: Story
    way: Way | None = None

    def given(self, documents: Mapping[str, Mapping[str, Any]]) -> Scenario:
        """The documents that are there from the beginning: path -> fields, by their names in Firestore."""
        return replace(self, story=replace(self.story, given={**self.story.given, **documents}))

    def when(self, *changes: Written) -> Scenario:
        """What happens then, in the order of the database.

        Args:
            changes: (path, fields): these fields are written, and others stay; a field that is `MISSING` goes. (path,
                `None`): the document is deleted. `now(moment)`: declared time comes to it. `EXPORT`: the export is taken
                here.
        """
        story = self.story
        for change in changes:
            if isinstance(change, _Word):
                story = replace(story, export=len(story.changes))
            else:
                written: Writes = ((change[0], _updated(story.states()[-1].get(change[0]), change[1])),)
                story = replace(story, changes=story.changes + written)
        return replace(self, story=story, way=None)

    def delivered(
        self,
        order: str | None = None,
        *,
        page: int = 0,
        kept: bool = False,
        filled: bool = False,
        resumed: bool = False,
        hurried: bool = False,
    ) -> Scenario:
        """The changes come in this order: numbers from 1 on; `|` ends a batch; `kill` ends the process.

        Args:
            order: The order; one by one as they were told when left out.
            page, kept, filled, resumed, hurried: See `drained.Drained`.

        Example:
            `.delivered("2 1 | kill | 3")`: the first two in one batch, the later one before; then a new process.
        """
        batches = None if order is None else batches_of(order)
        return replace(self, way=Batches(batches, page, kept, filled, resumed, hurried))

    def shuffled(self, **setting: Any) -> Scenario:
        """An engine without any order between stages runs it; the arguments are those of `ways.Shuffled`."""
        return replace(self, way=Shuffled(**setting))

    def as_job(
        self,
        *,
        engine: str = "local",
        sink: str = "memory",
        delivered: str | None = None,
        kill: int = -1,
        rebuild: bool = False,
        repeat: int = -1,
        checkpoint: bool = False,
    ) -> Scenario:
        """Whole jobs run it; `delivered` is the text that the method takes, the rest is as for `jobs.AsJob`."""
        batches = None if delivered is None else batches_of(delivered)
        return replace(self, way=AsJob(engine, sink, batches, kill, rebuild, repeat, checkpoint))

    def then(self, expected: Mapping[str, Mapping[str, Any]]) -> Scenario:
        """The view tables now: path -> document, by the names in Firestore; all views in one.

        Raises:
            AssertionError: They are not what they should be: as recomputed, or in one of the ways to run it.
        """
        found = self.subject.expected(self.story.states()[-1], self.story.moment())
        table = {path: document for documents in found.tables.values() for path, document in documents.items()}
        _refuse("then", differences(Expected({"": expected}, {}), {"": table}) if not found.raised else iter(()))
        for way in [self.way] if self.way else self._ways():
            for story in [self.story] if self.way else [*self._stories()]:
                _refuse(way.call() or "in their order", way.complaints(self.subject, story))
        return self

    def twice(self) -> Scenario:
        """The view is evaluated twice, in two processes with other hash seeds, clocks and time zones.

        Raises:
            AssertionError: It is no pure function of its documents.
        """
        _refuse(".twice()", InTwoProcesses().complaints(self.subject, self.story))
        return self

    def _ways(self) -> Iterator[Way]:
        changes = range(len(self.story.changes))
        yield Batches()
        if changes:
            yield Batches((tuple(changes),))
            yield Batches(tuple((at,) for at in reversed(changes)))
            yield draw_batches(Random(0), self.story)
        yield Shuffled(schedules=_SHUFFLED_ORDERS)

    def _stories(self) -> Iterator[Story]:
        """The story, and the same with the export at both ends."""
        yield self.story
        if self.story.export is None:
            yield self.story.cut_at(len(self.story.changes) // 2)
            yield self.story.cut_at(len(self.story.changes))


def scenario(*views: type[Any], own_time: bool = False, may_raise: bool = False) -> Scenario:
    """Begins a scenario.

    Args:
        views: The view models.
        own_time: Whether the events of deletions carry the deletion's own time as their version.
        may_raise: Whether the views' code may raise on the documents; each is then a dead letter.
    """
    return Scenario(Subject(views), Story({}, (), None, own_time, may_raise))


def _updated(before: Document | None, fields: Mapping[str, Any] | None) -> Document | None:
    if fields is None:
        return None
    return {n: v for n, v in {**(before or {}), **fields}.items() if v is not MISSING}


def _refuse(how: str, complaints: Iterator[str]) -> None:
    found = list(dict.fromkeys(complaints))
    if found:
        shown = "\n".join(f"  {complaint}" for complaint in found[:10])
        raise AssertionError(f"{how}:\n{shown}")
