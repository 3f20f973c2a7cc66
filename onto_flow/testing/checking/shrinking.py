"""Makes a failing story small: fewer changes, fewer documents, fewer and simpler fields, a simpler way to run it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from ...core.equality import same
from ...core.values import Document, Reference
from .stories import CLOCK, Story
from .ways import Way

Fails = Callable[[Story, Way], "Failure | None"]
"""Runs a story in a way, or in one like it."""

RAISES = " raises "
"""What a complaint says when user code raised: another kind of failure than a law that is broken."""

_WALL = 3.0
"""How many times longer than its seconds of a processor shrinking may take on a machine that is busy."""

_SIMPLE: Mapping[type, tuple[Any, ...]] = {str: ("a", "b"), int: (1, 2), float: (1.0, 0.5), bool: (True,)}


class Failure(NamedTuple):
    """A story that fails, how it was run, and what was wrong."""

    story: Story
    way: Way
    complaint: str


def shrink(failure: Failure, fails: Fails, *, seconds: float) -> Failure:
    """The smallest failure that was found in so many seconds of a processor; it fails again each time that it is run."""
    shrinking = _Shrinking(failure, fails, seconds)
    while shrinking.go_on():
        pass
    return shrinking.best


class _Shrinking:
    def __init__(self, failure: Failure, fails: Fails, seconds: float) -> None:
        self.best, self.fails = failure, fails
        self._processor, self._wall = time.process_time() + seconds, time.monotonic() + _WALL * seconds

    def go_on(self) -> bool:
        """First fewer writes, as long as that goes, then less in them; whether anything became simpler."""
        start = before = None
        while start is not self.best and self._in_time:
            start = self.best
            before = before or start
            self._leave_out_changes()
            self._leave_out_documents()
            for candidates in (_fewer_documents, _simpler_ways, _simpler_exports):
                self._repeat(candidates)
        for candidates in (_fewer_fields, _simpler_values):
            self._repeat(candidates)
        return self.best is not before and self._in_time

    @property
    def _in_time(self) -> bool:
        return time.process_time() < self._processor and time.monotonic() < self._wall

    def _try(self, story: Story, way: Way) -> bool:
        if not self._in_time:
            return False
        failure = self.fails(story, way)
        if failure is None or (RAISES in failure.complaint) != (RAISES in self.best.complaint):
            return False
        self.best = failure
        return True

    def _leave_out_changes(self) -> None:
        size = max(1, len(self.best.story.changes) // 2)
        while size:
            start = 0
            while start < len(self.best.story.changes):
                story, way, _ = self.best
                stop = start + size
                if not self._try(story.without(start, stop), way.without(start, stop)):
                    start += size
            size //= 2

    def _leave_out_documents(self) -> None:
        size = len(self.best.story.given) // 2
        while size:
            start = 0
            while start < len(self.best.story.given):
                story, way, _ = self.best
                given = list(story.given.items())
                if not self._try(replace(story, given=dict(given[:start] + given[start + size :])), way):
                    start += size
            size //= 2

    def _repeat(self, candidates: Callable[[Story, Way], Iterator[tuple[Story, Way]]]) -> None:
        """Tries what follows from the best one, goes on where one is better, and in the end once more from the first."""
        at = 0
        while self._in_time:
            story, way, _ = self.best
            better = next((n for n, c in enumerate(candidates(story, way)) if n >= at and self._try(*c)), None)
            if better is None and not at:
                return
            at = better or 0


def _fewer_documents(story: Story, way: Way) -> Iterator[tuple[Story, Way]]:
    for path in story.given:
        yield replace(story, given={p: f for p, f in story.given.items() if p != path}), way
    for at, (path, fields) in enumerate(story.changes):
        # What the first change writes may as well be there before it.
        if fields is not None and path != CLOCK and not any(p == path for p, _ in story.changes[:at]):
            given = {**story.given, path: fields}
            yield replace(story.without(at, at + 1), given=given), way.without(at, at + 1)


def _simpler_ways(story: Story, way: Way) -> Iterator[tuple[Story, Way]]:
    for simpler in way.simpler(story):
        yield story, simpler


def _simpler_exports(story: Story, way: Way) -> Iterator[tuple[Story, Way]]:
    if story.export is not None:
        yield replace(story, export=None), way
        for export in range(story.export):
            yield replace(story, export=export), way
    if story.own_time:
        yield replace(story, own_time=False), way
    if story.may_raise:
        yield replace(story, may_raise=False), way


def _fewer_fields(story: Story, way: Way) -> Iterator[tuple[Story, Way]]:
    names = {(p, n): None for p, f in (*story.given.items(), *story.changes) for n in f or () if p != CLOCK}
    for path, name in names:
        yield _mapped(story, lambda p, f, path=path, name=name: _less(f, name) if p == path else f), way
    for at, (path, _) in enumerate(story.changes):
        before = story.states()[at].get(path)
        fields = story.changes[at][1]
        if before is None or fields is None or path == CLOCK:
            continue
        for name in {**before, **fields}:
            if (name in before) != (name in fields) or not same(before.get(name), fields.get(name)):
                as_before = {n: v for n, v in {**fields, name: before.get(name)}.items() if n != name or name in before}
                yield _written(story, at, as_before), way


def _simpler_values(story: Story, way: Way) -> Iterator[tuple[Story, Way]]:
    for at, (_, fields) in enumerate(story.changes):
        for name, value in (fields or {}).items():
            for simpler in _simpler(value):
                yield _written(story, at, {**(fields or {}), name: simpler}), way
    for path, fields in story.given.items():
        for name, value in fields.items():
            for simpler in _simpler(value):
                yield replace(story, given={**story.given, path: {**fields, name: simpler}}), way


def _simpler(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for at in range(len(value)):
            yield value[:at] + value[at + 1 :]
    elif isinstance(value, str) and "/" in value and value.count("/") % 2:
        yield Reference(value)
    else:
        simple = _SIMPLE.get(type(value), ())
        yield from simple[: next((i for i, v in enumerate(simple) if same(v, value)), len(simple))]


def _less(fields: Document | None, name: str) -> Document | None:
    return fields if fields is None else {n: v for n, v in fields.items() if n != name}


def _mapped(story: Story, change: Callable[..., Document | None]) -> Story:
    given = {p: change(p, f) or {} for p, f in story.given.items()}
    return replace(story, given=given, changes=tuple((p, change(p, f)) for p, f in story.changes))


def _written(story: Story, at: int, fields: Document) -> Story:
    path = story.changes[at][0]
    return replace(story, changes=(*story.changes[:at], (path, fields), *story.changes[at + 1 :]))
