"""Stories: what a test tells. Documents that are given, the changes that come, and where among them an export lies.

Declared time begins at `MOMENT`. Where it goes on, that is a change too: of `CLOCK`, which is no document.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from random import Random

from ...core.equality import same
from ...core.values import Document, to_micros
from ..histories import START, TICK, Commit, History
from ..simulation import MOMENT
from .values import draw_fields
from .worlds import World

_DRAWS = 5
"""How many times a document is drawn again that should move and does not."""

Writes = tuple[tuple[str, Document | None], ...]

_Change = Callable[[Random, World, str, Mapping[str, Document], Sequence[Document]], Document | None]
"""Draws what is written to a path, over all documents of now and what it was before."""

CLOCK = "__clock__"
"""The path of a change by which declared time comes to the moment `now`."""


def clock(moment: datetime) -> tuple[str, Document]:
    """The change by which declared time comes to a moment."""
    return CLOCK, {"now": moment}


@dataclass(frozen=True)
class Story:
    """A history as a test tells it.

    Attributes:
        given: Documents that are there before all changes.
        changes: (path, whole content; `None`: deleted), in the order of the database; `clock` among them.
        export: How many of the changes the export has; `None`: it has the given documents alone, and ranks below events.
        own_time: Whether the event of a deletion carries the deletion's own time as its version.
        may_raise: Whether the views' code may raise on these documents; the laws then hold for the other views.
    """

    given: Mapping[str, Document]
    changes: Writes
    export: int | None = None
    own_time: bool = False
    may_raise: bool = False

    @cached_property
    def history(self) -> History:
        """The same as commits; the given documents come first."""
        writes: Writes = (*self.given.items(), *(c for c in self.changes if c[0] != CLOCK))
        commits = tuple(Commit(path, fields, START + TICK * at) for at, (path, fields) in enumerate(writes))
        exported = len(self.given) + sum(path != CLOCK for path, _ in self.changes[: self.export or 0])
        snapshot = None if self.export is None or not exported else commits[exported - 1].time
        return History(commits, exported, snapshot, self.own_time)

    @cached_property
    def commits(self) -> tuple[int | None, ...]:
        """For each change its number in the history; `None` for those of the clock."""
        numbers = itertools.count(len(self.given))
        return tuple(None if path == CLOCK else next(numbers) for path, _ in self.changes)

    @cached_property
    def clock(self) -> tuple[tuple[int, int], ...]:
        """(how many commits came before, the moment in microseconds) of the clock's changes."""
        found, before = [], len(self.given)
        for at, (path, _) in enumerate(self.changes):
            if path == CLOCK:
                found.append((before, self.moment((at,))))
            else:
                before += 1
        return tuple(found)

    def moment(self, came: Iterable[int] | None = None) -> int:
        """Declared time in microseconds, when these changes came; when all did."""
        several = range(len(self.changes)) if came is None else came
        told = [to_micros((self.changes[at][1] or {})["now"]) for at in several if self.changes[at][0] == CLOCK]
        return max([MOMENT, *told])

    def cut_at(self, export: int) -> Story:
        """The same with an export after so many changes."""
        return replace(self, export=export)

    def without(self, start: int, stop: int) -> Story:
        """The same without some changes."""
        kept = self.changes[:start] + self.changes[stop:]
        gone = 0 if self.export is None else sum(start <= at < stop for at in range(self.export))
        return replace(self, changes=kept, export=None if self.export is None else self.export - gone)

    def states(self) -> list[dict[str, Document]]:
        """The documents before the changes and after each."""
        now = dict(self.given)
        found = [dict(now)]
        for path, fields in self.changes:
            now.pop(path, None)
            if fields is not None and path != CLOCK:
                now[path] = fields
            found.append(dict(now))
        return found


def draw_story(random: Random, world: World) -> Story:
    """Any story: deletions, re-creations, documents that move, are as they were, change often, or in what no view reads."""
    now: dict[str, Document] = {}
    had: dict[str, list[Document]] = {}
    for path in world.all_paths:
        if random.random() < (0.9 if world.wide else 0.6):
            now[path] = draw_fields(random, world, world.collection_of(path))
            had[path] = [now[path]]
    given = dict(now)
    changes: list[tuple[str, Document | None]] = []
    count = random.choice((6, 8, 12) if world.wide else (1, 2, 3, 4, 5, 6, 8, 12))
    for path, change in islice(_steps(random, world), count):
        if path == CLOCK:
            changes.append(clock(random.choice(world.moments)))
            continue
        fields = change(random, world, path, now, had.get(path, []))
        changes.append((path, fields))
        if fields is None:
            del now[path]
        else:
            now[path] = fields
            had.setdefault(path, []).append(fields)
    export = random.choice((None, None, random.randint(0, len(changes))))
    return Story(given, tuple(changes), export, random.random() < 0.15)


def _steps(random: Random, world: World) -> Iterator[tuple[str, _Change]]:
    """What changes next: often what changed last, or what another one did not see as it was away.

    Where roots meet many documents, they move, and those change.
    """
    roots = next(iter(world.paths.values()))
    others = [path for path in world.all_paths if path not in roots]
    changed = ""
    while True:
        if world.fields.timed and random.random() < 0.35:
            yield CLOCK, _next
        elif world.wide and others and random.random() < 0.5:
            yield random.choice(roots), _moved
            for _ in range(random.choice((2, 3, 4, 5))):
                # Pages go from the first path to the last: what changes behind them may be forgotten.
                first = min(random.choices(range(len(others)), k=2))
                yield others[first], random.choice((_stays, _stays, _next))
        elif random.random() < 0.1:
            changed = random.choice(world.all_paths)
            yield changed, _leaves
            yield random.choice(world.all_paths), random.choice((_leaves, _next))
            yield changed, _returns
        else:
            changed = changed if changed and random.random() < 0.25 else random.choice(world.all_paths)
            yield changed, _next


def _moved(
    random: Random, world: World, path: str, now: Mapping[str, Document], had: Sequence[Document]
) -> Document | None:
    """A document that comes, or meets others than before; that goes where it cannot."""
    joins = [n for n, spec in world.fields.collections[world.collection_of(path)].items() if spec.joins]
    return _redrawn(random, world, path, now, joins) if joins or path not in now else None


def _stays(random: Random, world: World, path: str, now: Mapping[str, Document], had: Sequence[Document]) -> Document:
    """A document that comes, or says something else and belongs where it did."""
    others = [n for n, spec in world.fields.collections[world.collection_of(path)].items() if not spec.decides]
    return _redrawn(random, world, path, now, others)


def _leaves(
    random: Random, world: World, path: str, now: Mapping[str, Document], had: Sequence[Document]
) -> Document | None:
    """A document that goes, where it is there."""
    return None if path in now else _next(random, world, path, now, had)


def _returns(
    random: Random, world: World, path: str, now: Mapping[str, Document], had: Sequence[Document]
) -> Document | None:
    """A document that is there again as it was, where it went."""
    return had[-1] if had and path not in now else _next(random, world, path, now, had)


def _redrawn(random: Random, world: World, path: str, now: Mapping[str, Document], names: Sequence[str]) -> Document:
    """A document that is new, or holds something else in some fields."""
    before = now.get(path)
    for _ in range(_DRAWS):
        fresh = draw_fields(random, world, world.collection_of(path))
        if before is None or any(not same(before.get(n), fresh.get(n)) for n in names):
            break
    return fresh if before is None else {**before, **{n: fresh[n] for n in names if n in fresh}}


def _next(
    random: Random, world: World, path: str, now: Mapping[str, Document], had: Sequence[Document]
) -> Document | None:
    collection = world.collection_of(path)
    if path not in now:
        again = had and random.random() < 0.4
        return had[-1] if again else draw_fields(random, world, collection)
    chance = random.random()
    if chance < 0.2:
        return None
    if chance < 0.3:
        return random.choice(had)
    fresh = draw_fields(random, world, collection)
    if chance < 0.38:
        return fresh
    names = list({**now[path], **fresh})
    if not names:
        return fresh
    specs = world.fields.collections[collection]
    deciding = [n for n in names if n in specs and specs[n].decides]
    if deciding and random.random() < 0.5:
        names = deciding
    changed = random.sample(names, min(len(names), random.choice((1, 1, 1, 2))))
    kept = {n: v for n, v in now[path].items() if n not in changed}
    return {**kept, **{n: fresh[n] for n in changed if n in fresh}}
