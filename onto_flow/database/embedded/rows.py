"""Rows of an embedded database and what they are: versions of documents, as of a position."""

from __future__ import annotations

import sqlite3
from datetime import datetime
from typing import NamedTuple

from ...core.values import from_micros, numeric_id
from ..base import Snapshot
from .document_bytes import decode_document


class Version(NamedTuple):
    """One state of one document.

    Attributes:
        id: Its position in the feed.
        time: Of its commit, in microseconds.
        created: When the document was created, in microseconds.
        path: The document.
        data: Its canonical bytes; `None`: it was deleted.
        previous: The version before it.
    """

    id: int
    time: int
    created: int
    path: str
    data: bytes | None
    previous: int | None


class State(NamedTuple):
    """How far a database is: the last commit, and what is forgotten."""

    position: int
    time: int
    floor: int
    floor_time: int


_CURRENT = """SELECT v.id, v.time, v.created, v.path, v.data, v.previous
    FROM documents d JOIN versions v ON v.id = d.version WHERE d.collection = ? AND d.number = ? AND d.id = ?"""
_NOW = """SELECT s.time, v.id, v.time, v.created, v.path, v.data, v.previous FROM state s
    LEFT JOIN documents d ON d.collection = ? AND d.number = ? AND d.id = ? LEFT JOIN versions v ON v.id = d.version"""
_BY_ID = "SELECT id, time, created, path, data, previous FROM versions WHERE id = ?"
_STATE = "SELECT position, time, floor, floor_time FROM state"


def key_of(path: str) -> tuple[str, int | str, str]:
    """(collection, number, id): the key of a document; what is no numeric id sorts behind all of them.

    Example:
        >>> key_of("users/u1"), key_of("users/u1/notes/__id7__")
        (('users', '', 'u1'), ('users/u1/notes', 7, '__id7__'))
    """
    collection, _, name = path.rpartition("/")
    number = numeric_id(name) if name.startswith("__id") else None
    return collection, "" if number is None else number, name


def state_of(connection: sqlite3.Connection) -> State:
    """How far the database is."""
    return State(*connection.execute(_STATE).fetchone())


def now(connection: sqlite3.Connection, path: str) -> Snapshot:
    """A document as of the last commit."""
    time, *row = connection.execute(_NOW, key_of(path)).fetchone()
    return snapshot(path, None if row[0] is None else Version(*row), from_micros(time))


def newest(connection: sqlite3.Connection, path: str) -> Version | None:
    """The newest version of a document, deletions included."""
    row = connection.execute(_CURRENT, key_of(path)).fetchone()
    return None if row is None else Version(*row)


def as_of(connection: sqlite3.Connection, version: Version | None, position: int) -> Version | None:
    """The state of a document at a position, from its newest version; `None` where there was no document."""
    while version is not None and version.id > position:
        version = None if version.previous is None else by_id(connection, version.previous)
    return version if version is not None and version.data is not None else None


def by_id(connection: sqlite3.Connection, id: int) -> Version | None:
    """A version; `None` where it is forgotten."""
    row = connection.execute(_BY_ID, (id,)).fetchone()
    return None if row is None else Version(*row)


def snapshot(path: str, version: Version | None, read: datetime) -> Snapshot:
    """The document that a version is, read at a time."""
    if version is None or version.data is None:
        return Snapshot(path, None, read)
    updated = from_micros(version.time)
    created = updated if version.created == version.time else from_micros(version.created)
    return Snapshot(path, decode_document(version.data), read, created, updated)
