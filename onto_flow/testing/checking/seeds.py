"""Documents of a source as seeds: stories then play with real values and real references."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from random import Random
from typing import Any

from ...connect import open_source
from ...core.change import Change
from ...core.values import Document, Reference
from ...plan.nodes import Plan
from .worlds import World

MOST = 5_000
"""How many documents of a source are looked at."""

_AROUND = 6


class Seeds:
    """The first documents of a source that a plan reads.

    Args:
        plan: What is read.
        uri: The source.
    """

    def __init__(self, plan: Plan, uri: str) -> None:
        changes = islice(_documents(plan, uri), MOST)
        self._documents: dict[str, Document] = {c.path: c.after for c in changes if c.after is not None}
        roots = [v.slots[0].collection for v in plan.views]
        self._roots = [p for p in self._documents if any(c.matches(p) for c in roots)]

    def plant(self, random: Random, world: World) -> None:
        """Lets a world have the documents around some root."""
        if not self._roots:
            return
        found: dict[str, Document] = {}
        self._gather(random.choice(self._roots), found)
        for collection in world.fields.collections:
            mine = [p for p in found if collection.matches(p)]
            world.paths[collection] = tuple(dict.fromkeys((*mine, *world.paths[collection][:1])))
            world.templates = {**world.templates, collection: [found[p] for p in mine]}

    def _gather(self, path: str, found: dict[str, Document]) -> None:
        if path in found or len(found) >= _AROUND:
            return
        found[path] = self._documents[path]
        for named in _named(found[path], self._documents):
            self._gather(named, found)


def _documents(plan: Plan, uri: str) -> Iterator[Change]:
    source = open_source(uri)
    for partition in source.partitions():
        reader = source.open(partition, projection=plan.projection)
        try:
            while (batch := reader.next_batch()) is not None:
                yield from (item for item in batch if isinstance(item, Change))
        finally:
            reader.close()


def _named(value: Any, documents: Mapping[str, Document]) -> Iterator[str]:
    """The paths of documents that a value names."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _named(inner, documents)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(inner, documents)
    else:
        path = value.path if isinstance(value, Reference) else value
        if isinstance(path, str) and path in documents:
            yield path
