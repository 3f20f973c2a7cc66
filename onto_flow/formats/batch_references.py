"""What the references in the fields of many documents point to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from .entity_parts import REFERENCE_PATH
from .intern import runs
from .lockstep_keys import Paths, parent_of, read_references
from .record_batch import Level, RecordBatch, databases, texts
from .words import Bools, Ints, Words


@dataclass
class Targets:
    """What references point to.

    Attributes:
        words: The bytes.
        paths: Where the parts of the references stand.
        rows: Which of the references that were asked for have the known form; the columns are theirs.
        parent: The index of the collection in `parents`.
        database: The index in `databases`, where the database of the referring document is `None`.
        readable: Which of all that were asked for can be read, but for their ids.
    """

    words: Words
    paths: Paths
    rows: Ints
    parent: Ints
    parents: list[str]
    database: Ints
    databases: list[str | None]
    readable: Bools

    @cached_property
    def ids(self) -> list[str | None]:
        """The ids of documents; `None` for what is none."""
        paths, rows = self.paths, self.rows
        return texts(self.words, paths.kind[rows], paths.id[rows], paths.id_size[rows])

    @property
    def good(self) -> Bools:
        """Which of all that were asked for can be read."""
        good = self.readable.copy()
        good[self.rows] &= np.array([i is not None for i in self.ids], bool)
        return good


def targets_of(batch: RecordBatch, level: Level, rows: Ints) -> Targets:
    """The targets of the references at these rows."""
    words, value = batch.words, level.properties.value[rows]
    paths = read_references(words, value, value + level.properties.size[rows], REFERENCE_PATH)
    kept = np.flatnonzero(~paths.odd)
    parent, parents = runs(words, paths.parent[kept], paths.parent_size[kept], partial(parent_of, tags=REFERENCE_PATH))
    database, names = databases(words, paths, kept)
    good = ~paths.odd
    known = [np.array([*map(bool, found), False]) for found in (parents, names)]
    good[kept] = known[0][parent] & known[1][database]
    distinct = {name: n for n, name in enumerate(names)}
    number = np.array([*(distinct[name] for name in names), -1])[database]
    own = np.array([distinct.get(name, -1) for name in batch.databases])[batch.database[level.document[rows[kept]]]]
    database = np.where(number == own, len(names), database)
    return Targets(words, paths, kept, parent, parents, database, [*names, None], good)
