"""The fields of a batch of records without those that a mask does not show."""

from __future__ import annotations

import numpy as np

from ..core.field_mask import FieldMask, Tree
from .record_batch import MAPPING, Level, RecordBatch
from .typed_json import VECTOR_KEY
from .words import Bools, Ints

_ALL, _NOTHING = 0, -1


def mask_levels(batch: RecordBatch, mask: FieldMask) -> None:
    """Takes away the values that are not wanted.

    Law: what stays are the values of `mask.apply(document)`; a document with a vector in their place is odd.

    Args:
        batch: The records; their top-level fields are those that the mask names.
        mask: What is wanted.
    """
    wanted = _Wanted(mask, batch.names.texts)
    parts: list[Ints] = []
    part = np.full(batch.levels[0].entities, wanted.root)
    for level in batch.levels:
        within = part[level.properties.entity]
        batch.odd[level.document[(within > wanted.root) & (level.number == wanted.vector)]] = True
        parts.append(wanted.parts(level, within))
        part = parts[-1][level.rows(MAPPING)]
    keeps = _keeps(batch.levels, parts)
    entities = np.ones(batch.levels[0].entities, bool)
    for depth, (level, keep) in enumerate(zip(batch.levels, keeps)):
        batch.levels[depth] = _kept(level, keep, entities)
        entities = keep[level.rows(MAPPING)]


class _Wanted:
    """The parts of a mask, numbered: `_ALL` and `_NOTHING` are parts too.

    Attributes:
        root: The part that is the mask; those of maps have larger numbers.
        vector: The number of the name that makes a vector of a map; a vector has no fields that could be wanted.
    """

    def __init__(self, mask: FieldMask, names: list[str]) -> None:
        self._numbers: dict[str, int] = {name: n for n, name in enumerate(names) if n}
        self.vector = self._numbers.get(VECTOR_KEY, _NOTHING)
        self._rows: list[dict[int, int]] = [{}]
        self.root = self._add(mask.tree)
        self._below: Ints = np.full((len(self._rows) + 1, len(names)), _NOTHING)
        self._below[_ALL] = _ALL
        for part, row in enumerate(self._rows):
            for number, below in row.items():
                self._below[part, number] = below

    def _add(self, tree: Tree) -> int:
        row: dict[int, int] = {}
        self._rows.append(row)
        part = len(self._rows) - 1
        for name, below in tree.items():
            if name in self._numbers:
                row[self._numbers[name]] = _ALL if below is None else self._add(below)
        return part

    def parts(self, level: Level, within: Ints) -> Ints:
        """Which part of the mask is below each value, given that of its entity."""
        found = self._below[within, level.number]
        is_map = (level.kind == MAPPING) & (level.properties.multiple == 0)
        found[(found != _ALL) & ~is_map] = _NOTHING
        return found


def _keeps(levels: list[Level], parts: list[Ints]) -> list[Bools]:
    """Which values stay: not the maps of which nothing stays."""
    keeps: list[Bools] = []
    counts = np.zeros(0, np.int64)
    for level, part in zip(reversed(levels), reversed(parts)):
        keep = part != _NOTHING
        maps = level.rows(MAPPING)
        if len(counts):
            keep[maps[(part[maps] != _ALL) & (counts == 0)]] = False
        keeps.insert(0, keep)
        counts = np.bincount(level.properties.entity[keep], minlength=level.entities)
    return keeps


def _kept(level: Level, keep: Bools, entities: Bools) -> Level:
    rows = np.flatnonzero(keep & entities[level.properties.entity])
    properties = level.properties.take(rows)
    entity = (np.cumsum(entities) - 1)[properties.entity]
    return Level(
        properties._replace(entity=entity),
        level.number[rows],
        level.kind[rows],
        level.document[rows],
        level.begin[rows],
        level.documents[entities],
    )
