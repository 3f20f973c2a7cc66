"""The documents of a batch of records, made by kinds instead of one by one.

Law: a document is what `EntityDecoder` makes of its record; where a record is odd, nothing is made of it here.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..core.values import Document, GeoPoint, Reference, Vector, from_micros
from .batch_references import targets_of
from .intern import Names
from .record_batch import (
    BOOLEAN,
    BYTES,
    DOUBLE,
    EMPTY,
    GEOPOINT,
    IN_VECTOR,
    INTEGER,
    MAPPING,
    REFERENCE,
    STRING,
    TIMESTAMP,
    Level,
    RecordBatch,
    Wanted,
    strings,
)
from .spans import Spans
from .typed_json import vector_of_map
from .words import Bools, Ints

FIRST_TIME, LAST_TIME = -62_135_596_800_000_000, 253_402_300_799_999_999
"""Microseconds since 1970 of the years 1 and 9999, which `datetime` can say."""

_Objects = NDArray[np.object_]


class BatchDecoder:
    """Decodes the records of one export, many at once."""

    def __init__(self) -> None:
        self._names = Names()

    def decode(
        self, records: Spans, wanted: Wanted | None = None
    ) -> tuple[list[str], list[Document], list[int], list[int]]:
        """The documents of records.

        Args:
            records: As `read_spans` gives them.
            wanted: Which collections and fields are wanted; `None`: all.

        Returns:
            Paths and fields; the numbers of their records; the numbers of the records that are odd: damaged, or with
            something that only the decoder of single records knows.

        Example:
            >>> from onto_flow.formats.entity_writer import encode_entity
            >>> records = [encode_entity("users/u1", {"n": 1}), b"?", encode_entity("users/u2", {"n": 2})]
            >>> BatchDecoder().decode(Spans.of(records))
            (['users/u1', 'users/u2'], [{'n': 1}, {'n': 2}], [0, 2], [1])
        """
        batch = RecordBatch(records, self._names, wanted)
        paths, fields, rows = documents(batch)
        return paths, fields, rows.tolist(), np.flatnonzero(batch.odd).tolist()


def documents(batch: RecordBatch) -> tuple[list[str], list[Document], Ints]:
    """Paths and fields of the documents that are wanted and not odd, and which records they are.

    Args:
        batch: The records; `batch.odd` is complete after this.
    """
    fields: list[Any] = []
    for depth in range(len(batch.levels) - 1, -1, -1):
        level = batch.levels[depth]
        fields = _entities(batch, level, _values(batch, level, fields))
        if depth:
            fields = [vector_of_map(f) if len(f) == 2 else f for f in fields]
    rows = batch.rows
    paths = paths_of(batch, rows)
    keep = ~batch.odd[rows]
    if keep.all():
        return paths, fields, rows
    kept = np.flatnonzero(keep).tolist()
    return [paths[n] for n in kept], [fields[n] for n in kept], rows[keep]


def paths_of(batch: RecordBatch, rows: Ints) -> list[str]:
    """The paths of records; those without one become odd."""
    parents, found = batch.parents, []
    ids = batch.ids(rows)
    for row, parent, doc_id in zip(rows.tolist(), batch.parent[rows].tolist(), ids):
        if doc_id is None:
            batch.odd[row] = True
        found.append(f"{parents[parent]}/{doc_id}")
    return found


def _values(batch: RecordBatch, level: Level, maps: list[Any]) -> _Objects:
    """The values of a level; `None` stays where a value is null or odd."""
    values: _Objects = np.empty(len(level.kind), object)
    words, properties = batch.words, level.properties
    good: Bools = np.ones(len(level.kind), bool)
    for kind in np.flatnonzero(np.bincount(level.kind)).tolist():
        rows = level.rows(kind)
        begin = level.begin[rows]
        if kind in (INTEGER, TIMESTAMP):
            numbers, good[rows] = words.integers(begin, properties.size[rows] - 1)
            if kind == TIMESTAMP:
                within = (numbers >= FIRST_TIME) & (numbers <= LAST_TIME)
                good[rows] &= within
                values[rows] = _objects(map(from_micros, np.where(within, numbers, 0).tolist()), len(rows))
            else:
                values[rows] = numbers
        elif kind in (DOUBLE, IN_VECTOR):
            values[rows] = words.doubles(begin)
        elif kind == BOOLEAN:
            values[rows] = words.bytes[begin] == 1
        elif kind == STRING:
            found = strings(words, begin, level.size(rows))
            values[rows] = _objects(found, len(rows))
            good[rows] = [text is not None for text in found] if None in found else True
        elif kind == BYTES:
            ends = begin + level.size(rows)
            values[rows] = _objects((words.data[a:b] for a, b in zip(begin.tolist(), ends.tolist())), len(rows))
        elif kind == GEOPOINT:
            sides = words.doubles(begin + 1).tolist(), words.doubles(begin + 10).tolist()
            values[rows] = _objects(map(GeoPoint, *sides), len(rows))
        elif kind == REFERENCE:
            values[rows], good[rows] = _references(batch, level, rows)
        elif kind == MAPPING:
            values[rows] = _objects(maps, len(rows))
        elif kind == EMPTY:
            values[rows] = _objects(([] for _ in range(len(rows))), len(rows))
    batch.odd[level.document[~good]] = True
    return values


def _objects(values: Iterable[Any], count: int) -> _Objects:
    return np.fromiter(values, object, count)


def _references(batch: RecordBatch, level: Level, rows: Ints) -> tuple[_Objects, Bools]:
    """The references at these rows, and which of them can be read."""
    targets = targets_of(batch, level, rows)
    found: _Objects = np.empty(len(rows), object)
    reference: type[Reference[Any]] = Reference
    parents, databases_ = targets.parents, targets.databases
    columns = (targets.parent.tolist(), targets.ids, targets.database.tolist())
    made = (reference(f"{parents[p]}/{i}", databases_[d]) for p, i, d in zip(*columns))
    found[targets.rows] = _objects(made, len(targets.rows))
    return found, targets.good


def _entities(batch: RecordBatch, level: Level, values: _Objects) -> list[dict[str, Any]]:
    """Puts the values of a level together: arrays first, then the fields of each entity."""
    entity, number = level.properties.entity, level.number
    if level.properties.multiple.any() or (level.kind == IN_VECTOR).any():
        entity, number, values = _arrays(batch, level, values)
    names = np.array(batch.names.texts, object)[number].tolist()
    objects = values.tolist()
    ends = np.cumsum(np.bincount(entity, minlength=level.entities))
    found, begin = [], 0
    for end in ends.tolist():
        found.append(dict(zip(names[begin:end], objects[begin:end])))
        begin = end
    if sum(map(len, found)) != len(objects):  # a name that occurs twice
        sizes = np.fromiter(map(len, found), np.int64, len(found))
        twice = np.flatnonzero(sizes != np.diff(ends, prepend=0))
        batch.odd[level.documents[twice]] = True
    return found


def _arrays(batch: RecordBatch, level: Level, values: _Objects) -> tuple[Ints, Ints, _Objects]:
    """Values that stand together as elements of one array become one value."""
    entity, number = level.properties.entity, level.number
    multiple = level.properties.multiple == 1
    new = np.ones(len(values), bool)
    new[1:] = ~(multiple[1:] & multiple[:-1]) | (entity[1:] != entity[:-1]) | (number[1:] != number[:-1])
    first = np.flatnonzero(new)
    last = np.append(first[1:], len(values))
    vector = level.kind == IN_VECTOR
    vectors = np.add.reduceat(vector, first, dtype=np.int64) if len(first) else first
    out = values[first]
    wrong = (vectors > 0) & ((vectors != last - first) | ~multiple[first])
    batch.odd[level.document[first[wrong]]] = True
    runs_ = np.flatnonzero(multiple[first])
    lists = [values[a:b].tolist() for a, b in zip(first[runs_].tolist(), last[runs_].tolist())]
    out[runs_] = _objects(lists, len(runs_))
    for n in np.flatnonzero((vectors > 0) & ~wrong).tolist():
        out[n] = Vector(tuple(out[n]))
    return entity[first], number[first], out
