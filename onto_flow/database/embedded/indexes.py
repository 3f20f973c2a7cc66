"""Indexes of single fields: made for the collections of one name when a query first asks for it, then kept by every commit.

Law: a document stands at a key as long as any version of it is kept that has the key there. So all documents that match are
found, whatever the commit of a reading is; each is then looked at as of that commit.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from ...core.codec import decode, encode
from ...core.field_path import FieldPath
from ...core.values import Document
from .document_bytes import decode_document
from .index_keys import Part, Range, keys_of
from .rows import Version, key_of

INDEX_FROM = 1000
"""A collection of more documents has an index made for a field that is asked for."""

INDEX_UP_TO = 300_000
"""Larger collections have none made by a query: it would keep writers waiting for long."""

MAX_INDEXES = 20
"""So many fields of one name of collections have an index at most: each costs every commit."""

_KEPT = "SELECT id, field FROM indexes WHERE name = ?"
_MAKE = "INSERT INTO indexes (name, field) VALUES (?, ?)"
_ENTER = """INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, 1)
    ON CONFLICT (indexed, collection, rank, key, number, id) DO UPDATE SET versions = versions + 1"""
_LEAVE = (
    """UPDATE entries SET versions = versions - 1
    WHERE indexed = ? AND collection = ? AND rank = ? AND key = ? AND number = ? AND id = ?""",
    """DELETE FROM entries
    WHERE indexed = ? AND collection = ? AND rank = ? AND key = ? AND number = ? AND id = ? AND versions = 0""",
)
_VERSIONS = "SELECT path, data FROM versions WHERE data IS NOT NULL AND instr(path, ?) > 0"
_FOUND = """SELECT e.rank, e.key, e.number, e.id, v.id, v.time, v.created, v.path, v.data, v.previous FROM entries e
    JOIN documents d ON d.collection = e.collection AND d.number = e.number AND d.id = e.id
    JOIN versions v ON v.id = d.version
    WHERE e.indexed = ? AND e.collection = ? AND """
_BETWEEN = (
    "(e.rank, e.key) >= (?, ?) AND (e.rank, e.key) <= (?, ?)",
    "(e.rank, e.key) > (?, ?) AND (e.rank, e.key) < (?, ?)",
)
"""By whether the two keys are left out."""

_UP = " ORDER BY e.rank, e.key, e.number, e.id LIMIT ?"
_DOWN = " ORDER BY e.rank DESC, e.key DESC, e.number DESC, e.id DESC LIMIT ?"
_PAGE = {
    (False, False): _UP,
    (False, True): _DOWN,
    (True, False): " AND (e.rank, e.key, e.number, e.id) > (?, ?, ?, ?)" + _UP,
    (True, True): " AND (e.rank, e.key, e.number, e.id) < (?, ?, ?, ?)" + _DOWN,
}
_MANY = "SELECT COUNT(*) FROM (SELECT 1 FROM documents WHERE collection = ? LIMIT ?)"
_MANY_ENTRIES = "SELECT COUNT(*) FROM (SELECT 1 FROM entries e WHERE e.indexed = ? AND e.collection = ? AND {} LIMIT ?)"

Entry = tuple[int, Any, Any, str]
"""(rank, key, number, id) of an entry."""


class Indexes:
    """The indexes of a database, in the transaction of its writer."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._known: dict[str, list[tuple[int, FieldPath]]] = {}

    def enter(self, path: str, data: bytes | None, fields: Document | None = None) -> None:
        """A version was added; `fields` are those in its bytes, where they are at hand."""
        self._each(path, data, fields, (_ENTER,))

    def leave(self, path: str, data: bytes | None) -> None:
        """A version is forgotten."""
        self._each(path, data, None, _LEAVE)

    def of(self, name: str) -> list[tuple[int, FieldPath]]:
        """(id, field) of those for the collections of a name."""
        known = self._known.get(name)
        if known is None:
            known = self._known[name] = [(id, tuple(decode(f))) for id, f in self._connection.execute(_KEPT, (name,))]
        return known

    def make(self, name: str, field: FieldPath) -> bool:
        """Makes one from all versions that are kept; returns whether there is one now."""
        known = self.of(name)
        if any(f == field for _, f in known):
            return True
        if len(known) >= MAX_INDEXES:
            return False
        made = self._connection.execute(_MAKE, (name, encode(field))).lastrowid
        assert made is not None
        known.append((made, field))
        for path, data in self._connection.execute(_VERSIONS, (f"{name}/",)):
            if path.split("/")[-2] == name:
                self._write(made, field, path, decode_document(data), (_ENTER,))
        return True

    def _each(self, path: str, data: bytes | None, fields: Document | None, statements: tuple[str, ...]) -> None:
        if data is None:
            return
        known = self.of(path.split("/")[-2])
        if known:
            fields = decode_document(data) if fields is None else fields
            for index, field in known:
                self._write(index, field, path, fields, statements)

    def _write(self, index: int, field: FieldPath, path: str, fields: Document, statements: tuple[str, ...]) -> None:
        collection, number, id = key_of(path)
        for rank, key in keys_of(fields, field):
            for statement in statements:
                self._connection.execute(statement, (index, collection, rank, key, number, id))


def index_of(connection: sqlite3.Connection, name: str, field: FieldPath) -> int | None:
    """The index of a field, if there is one."""
    row = connection.execute(_KEPT + " AND field = ?", (name, encode(field))).fetchone()
    return None if row is None else row[0]


def is_large(connection: sqlite3.Connection, collection: str, least: int) -> bool:
    """Whether a collection has more than so many documents."""
    return bool(connection.execute(_MANY, (collection, least + 1)).fetchone()[0] > least)


def size_of(connection: sqlite3.Connection, index: int, part: Part, collection: str, most: int) -> int:
    """How many entries a part of an index has; of more than `most` it is one more than that."""
    found = 0
    for low, high, within in part.ranges:
        text = _MANY_ENTRIES.format(_BETWEEN[within])
        found += connection.execute(text, (index, collection, *low, *high, most - found + 1)).fetchone()[0]
        if found > most:
            break
    return found


def page_of(
    connection: sqlite3.Connection,
    index: int,
    collection: str,
    between: Range,
    after: Entry | None,
    *,
    descending: bool,
    page: int,
) -> list[tuple[Entry, Version]]:
    """Entries between two keys, behind a place: with the newest version of each document."""
    low, high, within = between
    values = (index, collection, *low, *high, *(after or ()), page)
    text = _FOUND + _BETWEEN[within] + _PAGE[after is not None, descending]
    rows = connection.execute(text, values).fetchall()
    return [(row[:4], Version(*row[4:])) for row in rows]
