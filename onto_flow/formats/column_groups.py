"""The values of a batch of records, grouped into columns: same parent, same name, alone or in arrays.

Every check of a value is made here: after it, whatever is not odd can be put into arrays without a further look.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa

from .arrow_paths import bounds, is_text, path_column
from .batch_documents import FIRST_TIME, LAST_TIME
from .batch_references import targets_of
from .intern import distinct
from .record_batch import (
    BYTES,
    DOUBLE,
    IN_VECTOR,
    INTEGER,
    KINDS,
    MAPPING,
    REFERENCE,
    STRING,
    TIMESTAMP,
    Level,
    RecordBatch,
)
from .typed_json import VECTOR_KEY
from .words import Ints

Children = dict[int, tuple["int | None", "int | None"]]
"""By the number of a name: the column of its values, and that of the elements of its arrays."""


class Groups:
    """The columns of one level.

    Attributes:
        level: Their values.
        children: The columns below each column of the level above; of the documents, below 0.
        rows: The rows of each column, in the order of the documents.
        slot: The place of each entity in the column of the level above, or among the documents.
        bits: Integers, microseconds and doubles, as 64 bits; of other values 0.
    """

    def __init__(self, batch: RecordBatch, level: Level, parent: Ints, slot: Ints) -> None:
        self.batch, self.level, self.slot = batch, level, slot
        self._group(parent)
        self._check_arrays()
        self._read()

    def _group(self, parent: Ints) -> None:
        level = self.level
        names = len(self.batch.names.texts)
        key = (parent[level.properties.entity] * names + level.number) * 2 + level.properties.multiple
        found, group = distinct(key)
        order = np.argsort(group.astype(np.uint16) if len(found) < 1 << 16 else group, kind="stable")
        ends = np.cumsum(np.bincount(group, minlength=len(found)))
        self.group, self.order = group, order
        counts = np.bincount(group * KINDS + level.kind, minlength=len(found) * KINDS).reshape(-1, KINDS)
        self._kinds: list[dict[int, int]] = [{k: n for k, n in enumerate(row) if n} for row in counts.tolist()]
        self.rows: list[Ints] = np.split(order, ends[:-1]) if len(found) else []
        self.children: dict[int, Children] = {}
        for column, one in enumerate(found.tolist()):
            below = self.children.setdefault(one // 2 // names, {})
            alone, inside = below.get(one // 2 % names, (None, None))
            below[one // 2 % names] = (alone, column) if one % 2 else (column, inside)

    def _check_arrays(self) -> None:
        """A name occurs once in an entity, with one value or with elements that stand together, all of a vector or none."""
        order, properties = self.order, self.level.properties
        entity, group, multiple = properties.entity[order], self.group[order], properties.multiple[order] == 1
        again = (group[1:] == group[:-1]) & (entity[1:] == entity[:-1])
        vector = self.level.kind[order] == IN_VECTOR
        together = multiple[1:] & (np.diff(order) == 1) & (vector[1:] == vector[:-1])
        self._is_odd(order[1:][again & ~together])
        self._is_odd(order[vector & ~multiple])
        for below in self.children.values():
            for alone, inside in below.values():
                if alone is not None and inside is not None:
                    both = np.isin(properties.entity[self.rows[alone]], properties.entity[self.rows[inside]])
                    self._is_odd(self.rows[alone][both])

    def kinds(self, column: int | None) -> dict[int, int]:
        """The kinds that occur in a column, and how often."""
        return {} if column is None else self._kinds[column]

    def _is_odd(self, rows: Ints) -> None:
        self.batch.odd[self.level.document[rows]] = True

    def _read(self) -> None:
        level, words = self.level, self.batch.words
        self.bits: Ints = np.zeros(len(level.kind), np.int64)
        for kind in (INTEGER, TIMESTAMP):
            rows = level.rows(kind)
            value, good = words.integers(level.begin[rows], level.properties.size[rows] - 1)
            if kind == TIMESTAMP:
                good &= (value >= FIRST_TIME) & (value <= LAST_TIME)
            self.bits[rows] = value
            self._is_odd(rows[~good])
        rows = np.flatnonzero((level.kind == DOUBLE) | (level.kind == IN_VECTOR))
        self.bits[rows] = words.at(level.begin[rows]).view(np.int64)
        self._read_references()
        self._check_texts()

    def _read_references(self) -> None:
        rows = self.level.rows(REFERENCE)
        self.reference_number: Ints = np.zeros(len(self.level.kind), np.int64)
        self.references: tuple[Any, Any] = (None, None)
        if not len(rows):
            return
        found = targets_of(self.batch, self.level, rows)
        kept, good = found.rows, found.readable
        self.reference_number[rows[kept]] = np.arange(len(kept))
        paths = path_column(self.batch.words, found.paths, kept, found.parent, found.parents)
        good[kept] &= paths.is_valid().to_numpy(zero_copy_only=False)
        self._is_odd(rows[~good])
        self.references = paths, pa.array(found.databases, pa.string()).take(pa.array(found.database))

    def _check_texts(self) -> None:
        level, words = self.level, self.batch.words
        rows = level.rows(STRING)
        begin = level.begin[rows]
        rows = rows[words.wide(begin, begin + level.size(rows))]
        if len(rows) and not is_text(self.texts.take(pa.array(self.text_number[rows]))):
            wrong = [not is_text(self.texts.take(pa.array(self.text_number[n : n + 1]))) for n in rows.tolist()]
            self._is_odd(rows[np.array(wrong)])

    @cached_property
    def _inside(self) -> Ints:
        return np.flatnonzero((self.level.kind == STRING) | (self.level.kind == BYTES))

    @cached_property
    def text_number(self) -> Ints:
        """Where the text, or the bytes, of a row stand in `texts`."""
        number = np.zeros(len(self.level.kind), np.int64)
        number[self._inside] = np.arange(len(self._inside)) * 2
        return number

    @cached_property
    def texts(self) -> Any:
        """All texts and bytes, and between each two what lies between them."""
        rows = self._inside
        return bounds(self.batch.words, self.level.begin[rows], self.level.size(rows))

    def below(self) -> tuple[Ints, Ints]:
        """Of each map: its column, and its place among the maps of that column."""
        maps = self.level.rows(MAPPING)
        place: Ints = np.zeros(len(self.level.kind), np.int64)
        for rows in self.rows:
            inner = rows[self.level.kind[rows] == MAPPING]
            place[inner] = np.arange(len(inner))
        return self.group[maps], place[maps]


def grouped(batch: RecordBatch) -> list[Groups]:
    """The columns of each level; `batch.odd` is complete after this, and where it says so they are not to be used."""
    found: list[Groups] = []
    parent, slot = np.zeros(len(batch.rows), np.int64), np.arange(len(batch.rows))
    for level in batch.levels:
        if VECTOR_KEY in batch.names.texts:
            batch.odd[level.document[level.number == batch.names.texts.index(VECTOR_KEY)]] = True
        found.append(Groups(batch, level, parent, slot))
        parent, slot = found[-1].below()
    return found
