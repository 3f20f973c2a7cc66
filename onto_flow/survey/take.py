"""Takes a survey: one pass over the documents of a source, in bounded memory."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timezone

from ..core.change import Change, DeadLetter
from ..core.values import Document
from ..formats.times import format_time
from ..sources.base import Reader, Source
from .collections import CollectionProfile, Parents, survey_collection
from .facts import Names, Survey
from .fields import Room
from .patterns import pattern_of
from .references import find_references
from .sketch import bound

MAX_COLLECTIONS = 1000
"""Documents of further collections are only counted: collections whose names are data would have one for each name."""

MAX_PROBLEMS = 5


def survey_of(
    source: Source, name: str = "", progress: Callable[[int, int | None], None] = lambda done, expected: None
) -> Survey:
    """What the documents of a source are.

    Args:
        source: An export, or any other source that ends.
        name: What it is called.
        progress: Is told how many documents were read, and how many there are.

    Raises:
        DataError: What the source raises; a document that cannot be read is counted instead.
    """
    info = source.info()
    survey = _Pass()
    partitions = source.partitions()
    for partition in partitions:
        reader = source.open(partition)
        try:
            for batch in _batches(reader):
                survey.observe(batch)
                progress(survey.documents, info.documents)
        finally:
            reader.close()
    sizes = [p.size for p in partitions]
    return survey.finish(
        name,
        info.kind,
        format_time(info.snapshot_time) if info.snapshot_time is not None else None,
        None if None in sizes else sum(s or 0 for s in sizes),
    )


def _batches(reader: Reader) -> Iterator[Sequence[Change | DeadLetter]]:
    while (batch := reader.next_batch()) is not None:
        if batch:
            yield batch
        elif (wake := reader.next_wake()) is not None:
            time.sleep(max((wake - datetime.now(timezone.utc)).total_seconds(), 0))


class _Pass:
    def __init__(self) -> None:
        self.documents = self._unreadable = self._others = 0
        self._problems: list[str] = []
        self._room = Room()
        self._collections: dict[Names, CollectionProfile] = {}
        self._parents: dict[Names, Parents] = {}

    def observe(self, batch: Sequence[Change | DeadLetter]) -> None:
        by_collection: dict[Names, list[tuple[str, Document]]] = {}
        for item in batch:
            if isinstance(item, DeadLetter):
                self._unreadable += 1
                if len(self._problems) < MAX_PROBLEMS:
                    self._problems.append(item.reason)
            elif item.after is not None:
                self.documents += 1
                names = tuple(item.path.split("/")[::2])
                by_collection.setdefault(names, []).append((item.path, item.after))
        for names, documents in by_collection.items():
            self._observe(names, documents)
        self._room.sketches.settle()
        found = self._collections.values()
        for kind in ("paths", "ids", "numbers"):
            bound(getattr(c, kind) for c in found)

    def _observe(self, names: Names, documents: list[tuple[str, Document]]) -> None:
        if names not in self._collections:
            if len(self._collections) >= MAX_COLLECTIONS:
                self._others += len(documents)
                return
            self._collections[names] = CollectionProfile(names, self._room)
        profile = self._collections[names]
        profile.observe(documents)
        if len(names) > 1:
            above = Counter(path.rsplit("/", 2)[0] for path, _ in documents)
            profile.lies_under(above)
            self._lie_above(names[:-1], list(above))

    def _lie_above(self, names: Names, paths: list[str]) -> None:
        """Notes parents, their parents, and so on."""
        while names:
            if names not in self._parents:
                self._parents[names] = Parents(names, self._room)
            self._parents[names].observe(paths)
            names, paths = names[:-1], list(dict.fromkeys(path.rsplit("/", 2)[0] for path in paths))

    def finish(self, name: str, kind: str, snapshot: str | None, size: int | None) -> Survey:
        names = sorted(self._collections.keys() | self._parents.keys())
        collections = [
            survey_collection(n, pattern_of(n), self._collections.get(n), self._parents.get(n)) for n in names
        ]
        existing = {c.names for c in collections if c.documents or c.phantoms}
        return Survey(
            name,
            kind,
            snapshot,
            self.documents,
            self._unreadable,
            tuple(self._problems),
            size,
            tuple(c for c in collections if c.names in existing),
            self._others,
            find_references([self._collections[n] for n in sorted(self._collections)]),
        )
