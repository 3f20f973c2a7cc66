"""The records of a batch, taken apart: keys, fields by name and kind, nested maps level by level.

What is made of it, documents or columns, is said in `batch_documents` and `arrow_batches`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .entity_key import database_of
from .entity_parts import BLOB, BYTESTRING, EMPTY_LIST, KEY_PATH, MAP, NONE, POINT, TEXT, VECTOR, WHEN
from .intern import BAD, Names, runs
from .lockstep import Properties, prefix_of, walk
from .lockstep_keys import Paths, parent_of, read_keys
from .spans import Spans
from .typed_json import MAX_DEPTH
from .words import Bools, Ints, Words

KINDS = 13
ODD, NULL, BOOLEAN, INTEGER, DOUBLE, TIMESTAMP, STRING, BYTES, REFERENCE, GEOPOINT, EMPTY, MAPPING, IN_VECTOR = range(
    KINDS
)
"""The kinds of values; `ODD` is for the decoder of single records."""

_KNOWN = {
    (NONE, 0x08): INTEGER,
    (NONE, 0x10): BOOLEAN,
    (NONE, 0x1A): STRING,
    (NONE, 0x21): DOUBLE,
    (NONE, 0x2B): GEOPOINT,
    (NONE, 0x63): REFERENCE,
    (TEXT, 0x1A): STRING,
    (WHEN, 0x08): TIMESTAMP,
    (POINT, 0x2B): GEOPOINT,
    (BLOB, 0x1A): BYTES,
    (BYTESTRING, 0x1A): BYTES,
    (MAP, 0x1A): MAPPING,
    (VECTOR, 0x21): IN_VECTOR,
}
_MEANINGS = 128

Wanted = Callable[[str], "tuple[bool, Collection[str] | None]"]
"""Given the path of a collection: whether its documents are wanted, and which of their fields (`None`: all)."""


def _kinds() -> NDArray[np.int64]:
    table = np.zeros((_MEANINGS, 256), np.int64)
    table[:, 0] = NULL
    table[EMPTY_LIST, 0] = EMPTY
    for (meaning, tag), kind in _KNOWN.items():
        table[meaning, tag] = kind
    return table.reshape(-1)


_KINDS = _kinds()


class Level(NamedTuple):
    """The fields of the entities of one depth: of the documents, of the maps in them, of the maps in those.

    Attributes:
        properties: One row for each value.
        number: The number of its name.
        kind: Its kind.
        document: The document that it is in.
        begin: Where a text, bytes or a map begins behind its length; elsewhere where the value begins, behind its tag.
        documents: The document of each entity; the entities of the next level are the maps of this one, in their order.
    """

    properties: Properties
    number: Ints
    kind: Ints
    document: Ints
    begin: Ints
    documents: Ints

    @property
    def entities(self) -> int:
        """How many entities there are."""
        return len(self.documents)

    def size(self, rows: Ints) -> Ints:
        """Bytes of texts, bytes or maps."""
        return self.properties.value[rows] + self.properties.size[rows] - self.begin[rows]

    def rows(self, kind: int) -> Ints:
        """The rows of a kind."""
        return np.flatnonzero(self.kind == kind)


class RecordBatch:
    """Records, taken apart.

    Attributes:
        words: Their bytes.
        start: Where each begins.
        keys: Their keys.
        parents: The collections; `parent` is the index for each record. One that is no text is "".
        databases: The databases; `database` is the index for each record. What cannot be read is "".
        wants: Which records are wanted.
        rows: The records whose fields were read.
        odd: Which records must be decoded one by one; it grows while values are made.
        levels: Their fields.
    """

    def __init__(self, records: Spans, names: Names, wanted: Wanted | None = None) -> None:
        names.trim()
        self.names = names
        self.words, self.start, self.stop = records.words, records.start, records.stop
        self.keys: Paths = read_keys(self.words, self.start, self.stop)
        self.odd: Bools = self.keys.odd.copy()
        self._read_parents()
        self._read_databases()
        self.wants, fields = self._wanted(wanted)
        self.levels: list[Level] = []
        self._read_levels(fields)

    def _read_parents(self) -> None:
        rows = np.flatnonzero(~self.odd)
        self.parent: Ints = np.zeros(len(self.start), np.int64)
        number, found = runs(
            self.words, self.keys.parent[rows], self.keys.parent_size[rows], partial(parent_of, tags=KEY_PATH)
        )
        self.parents: list[str] = [*found, ""]
        self.parent[:] = len(found)
        self.parent[rows] = number
        self.odd |= np.array([not p for p in self.parents])[self.parent]

    def _read_databases(self) -> None:
        rows = np.flatnonzero(~self.odd)
        number, found = databases(self.words, self.keys, rows)
        self.databases: list[str] = [*found, ""]
        self.database: Ints = np.full(len(self.start), len(found))
        self.database[rows] = number
        self.odd |= np.array([not d for d in self.databases])[self.database]

    def _wanted(self, wanted: Wanted | None) -> tuple[Bools, list[Collection[str] | None] | None]:
        if wanted is None:
            return np.ones(len(self.start), bool), None
        answers = [wanted(parent) if parent else (True, None) for parent in self.parents]
        wants = np.array([w for w, _ in answers])[self.parent]
        fields = [fields for _, fields in answers]
        return wants, None if all(names is None for names in fields) else fields

    def _read_levels(self, fields: list[Collection[str] | None] | None) -> None:
        self.rows: Ints = np.flatnonzero(self.wants & ~self.odd)
        document = self.rows
        start, stop = self.keys.end[document], self.stop[document]
        prefixes = None if fields is None else _prefixes([fields[p] for p in set(self.parent[document].tolist())])
        for depth in range(MAX_DEPTH + 1):
            level = self._level(document, start, stop, prefixes)
            if depth == 0 and fields is not None:
                level = self._project(level, fields)
            self._check(level)
            self.levels.append(level)
            maps = level.rows(MAPPING)
            if not len(maps):
                return
            document, start = level.document[maps], level.begin[maps]
            stop = level.properties.value[maps] + level.properties.size[maps]
            prefixes = None
        self.odd[document] = True
        level.kind[maps] = NULL

    def _level(self, document: Ints, start: Ints, stop: Ints, prefixes: Sequence[bytes] | None) -> Level:
        properties, odd = walk(self.words, start, stop, prefixes)
        self.odd[document[odd]] = True
        number = self.names.numbers(self.words, properties.name, properties.name_size)
        kind = _KINDS[properties.meaning * 256 + properties.tag]
        return Level(properties, number, kind, document[properties.entity], properties.value + 1, document)

    def _project(self, level: Level, fields: list[Collection[str] | None]) -> Level:
        """Only the wanted fields; the walk gave all that begin like one."""
        distinct = list({id(f): f for f in fields}.values())
        which = {id(f): n for n, f in enumerate(distinct)}
        table = np.array([[f is None or text in f for text in self.names.texts] for f in distinct])
        of_parent = np.array([which[id(f)] for f in fields])
        rows = np.flatnonzero(table[of_parent[self.parent[level.document]], level.number])
        return level._replace(
            properties=level.properties.take(rows),
            **{name: getattr(level, name)[rows] for name in ("number", "kind", "document", "begin")},
        )

    def _check(self, level: Level) -> None:
        """Finds values that are not what their kind says; finds where texts begin behind their lengths."""
        properties, kind = level.properties, level.kind
        good = (kind != ODD) & (level.number != BAD)
        inside = np.flatnonzero((kind == STRING) | (kind == BYTES) | (kind == MAPPING))
        at = properties.value[inside] + 1
        size, begin = self.words.length(at, self.words.bytes[at].astype(np.int64))
        good[inside] &= begin + size == properties.value[inside] + properties.size[inside]
        level.begin[inside] = begin
        for this, bytes_ in ((DOUBLE, 9), (IN_VECTOR, 9), (GEOPOINT, 20), (BOOLEAN, 2)):
            rows = level.rows(this)
            good[rows] &= properties.size[rows] == bytes_
        empty = (kind == NULL) | (kind == EMPTY)
        good &= ~empty | (properties.size == 0)
        rows = level.rows(BOOLEAN)
        good[rows] &= self.words.bytes[level.begin[rows]] < 2
        rows = level.rows(GEOPOINT)
        at = properties.value[rows]
        for offset, tag in ((1, 0x31), (10, 0x39), (19, 0x2C)):
            good[rows] &= self.words.bytes[np.minimum(at + offset, self.words.size)] == tag
        if not good.all():
            self.odd[level.document[~good]] = True
            level.kind[~good] = NULL

    def ids(self, rows: Ints) -> list[str | None]:
        """The ids of documents; `None` for one that is no text."""
        keys = self.keys
        return texts(self.words, keys.kind[rows], keys.id[rows], keys.id_size[rows])


def texts(words: Words, kind: Ints, at: Ints, size: Ints) -> list[str | None]:
    """Ids of documents: names, and numbers as Firestore shows them; `None` for what cannot be one."""
    found = strings(words, at, size)
    for row in np.flatnonzero(kind).tolist():
        number, good = words.integers(at[row : row + 1], size[row : row + 1])
        found[row] = f"__id{number[0]}__" if good[0] else None
    if "/" in "".join(filter(None, found)):
        found = [None if text is not None and "/" in text else text for text in found]
    return found


def strings(words: Words, at: Ints, size: Ints) -> list[str | None]:
    """The texts at these places; `None` for what is no text."""
    ends = at + size
    text = words.text
    found: list[str | None] = [text[a:b] for a, b in zip(at.tolist(), ends.tolist())]
    for row in np.flatnonzero(words.wide(at, ends)).tolist():
        try:
            found[row] = words.data[at[row] : ends[row]].decode()
        except UnicodeDecodeError:
            found[row] = None
    return found


def databases(words: Words, paths: Paths, rows: Ints) -> tuple[Ints, list[str]]:
    """The databases that keys or references name: a number for each, and the names; "" for what cannot be read."""
    app, apps = runs(words, paths.app[rows], paths.app_size[rows], bytes)
    rest, rests = runs(words, paths.rest[rows], (paths.end - paths.rest)[rows], bytes)
    pairs, number = np.unique(app * (len(rests) or 1) + rest, return_inverse=True)
    return number, [_database(apps[p // len(rests)], rests[p % len(rests)]) for p in pairs.tolist()]


def _database(app: bytes, rest: bytes) -> str:
    try:
        return database_of(app, rest)[0]
    except (ValueError, IndexError):
        return ""


def _prefixes(fields: Sequence[Collection[str] | None]) -> list[bytes] | None:
    found: set[bytes] = set()
    for names in fields:
        if names is None:
            return None
        found.update(prefix_of(name.encode()) for name in names)
    return sorted(found)
