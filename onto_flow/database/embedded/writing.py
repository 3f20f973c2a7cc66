"""Writes of an embedded database: new versions of documents, in the transaction of its one writer."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from datetime import datetime

from ...core.errors import DataError
from ...core.values import Document, from_micros
from ...core.writes import Write, apply
from ..base import Committed, PreconditionFailed
from ..limits import MAX_COMMIT_BYTES, checked_document, checked_path
from .document_bytes import decode_document, encode_document
from .indexes import Indexes
from .rows import State, Version, by_id, key_of, newest, state_of

_INSERT = "INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?)"
_POINT = """INSERT INTO documents VALUES (?, ?, ?, ?)
    ON CONFLICT (collection, number, id) DO UPDATE SET version = excluded.version"""
_COLLECTION = "INSERT OR IGNORE INTO collections VALUES (?, ?)"
_REACHED = "UPDATE state SET position = ?, time = ?"
_SUPERSEDED = (
    "SELECT id, time, path, previous, data IS NULL FROM versions WHERE id > ? AND time < ? ORDER BY id LIMIT ?"
)
_FORGET = "DELETE FROM versions WHERE id = ?"
_FORGET_DOCUMENT = "DELETE FROM documents WHERE collection = ? AND number = ? AND id = ? AND version = ?"


class Writer:
    """One commit: opened in the transaction of a connection, ended with `finish`.

    Args:
        connection: In the transaction of `File.writing`.
        now: The clock, in microseconds; the time of the commit is above that of the last one, whatever it says.

    Attributes:
        time: Of the commit, in microseconds.
    """

    def __init__(self, connection: sqlite3.Connection, now: int) -> None:
        self.connection = connection
        self._state = state_of(connection)
        self.time = max(now, self._state.time + 1)
        self._position = self._state.position
        self._collections: set[str] = set()
        self._indexes = Indexes(connection)

    @property
    def state(self) -> State:
        """How far the database was before this commit."""
        return self._state

    def newest(self, path: str) -> Version | None:
        """The newest version of a document, deletions included."""
        return newest(self.connection, path)

    def put(self, path: str, data: bytes | None, before: Version | None, fields: Document | None = None) -> bool:
        """Makes a document what it is now; returns whether that is news.

        Args:
            path: A checked path.
            data: Its canonical bytes; `None`: it is deleted.
            before: Its newest version.
            fields: What its bytes hold, where that is at hand.
        """
        if (None if before is None else before.data) == data:
            return False
        created = self.time if before is None or before.data is None else before.created
        self._position += 1
        known = before is not None and before.data is not None
        previous = (None, None) if before is None else (before.id, before.time if known else None)
        self.connection.execute(_INSERT, (self._position, self.time, created, path, *previous, data))
        self._indexes.enter(path, data, fields)
        key = key_of(path)
        self.connection.execute(_POINT, (*key, self._position))
        if before is None and key[0] not in self._collections:
            self._collections.add(key[0])
            self.connection.execute(_COLLECTION, (key[0], key[0].rpartition("/")[2]))
        return True

    def finish(self) -> None:
        """Says that all of the commit is written."""
        self.connection.execute(_REACHED, (self._position, self.time))

    def forget(self, before: int, most: int) -> int:
        """Forgets versions that were replaced before a time, and documents deleted before it; returns how many rows it saw.

        Args:
            before: Microseconds; no older feed or reading can go on.
            most: The most rows to look at.
        """
        floor, floor_time = self._state.floor, self._state.floor_time
        rows = self.connection.execute(_SUPERSEDED, (floor, before, most)).fetchall()
        for id, time, path, previous, deleted in rows:
            floor, floor_time = id, time
            if previous is not None:
                self._forget(previous)
            if deleted and self.connection.execute(_FORGET_DOCUMENT, (*key_of(path), id)).rowcount:
                self.connection.execute(_FORGET, (id,))
        self._state = self._state._replace(floor=floor, floor_time=floor_time)
        if rows:
            self.connection.execute("UPDATE state SET floor = ?, floor_time = ?", (floor, floor_time))
        return len(rows)

    def _forget(self, version: int) -> None:
        found = by_id(self.connection, version)
        if found is not None:
            self._indexes.leave(found.path, found.data)
            self.connection.execute(_FORGET, (version,))


def checked(writes: Iterable[Write]) -> list[Write]:
    """Writes to paths that documents may have.

    Raises:
        DataError: `bad-key`.
    """
    found = list(writes)
    for write in found:
        checked_path(write.path)
    return found


def write_all(writer: Writer, writes: Sequence[Write]) -> Committed:
    """Makes all writes in a commit, those to one document one after the other.

    Raises:
        PreconditionFailed: Of any of them; nothing may be committed then.
        DataError: What Firestore refuses.
    """
    found: dict[str, Version | None] = {}
    now: dict[str, Document | None] = {}
    time = from_micros(writer.time)
    for write in writes:
        path = write.path
        if path not in found:
            found[path] = writer.newest(path)
        _refuse(write, _update_time(found[path], now, path, time))
        if write.fields is None or (write.mask is None and not write.transforms):
            now[path] = write.fields
        else:
            now[path] = apply(write, _fields(found[path], now, path), time)
    size = 0
    for path, fields in now.items():
        data = None if fields is None else encode_document(checked_document(path, fields))
        size += len(data or b"")
        if size > MAX_COMMIT_BYTES:
            raise DataError("too-deep", f"a commit of more than {MAX_COMMIT_BYTES} bytes", fix="Divide it.")
        if writer.put(path, data, found[path], fields):
            found[path] = None if data is None else Version(0, writer.time, 0, path, data, None)
    writer.finish()
    return Committed(time, tuple(_update_time(found[w.path], {}, w.path, time) for w in writes))


def _refuse(write: Write, update_time: datetime | None) -> None:
    why = write.precondition.failure(update_time)
    if why is not None:
        raise PreconditionFailed(write.path, why)


def _update_time(before: Version | None, now: dict[str, Document | None], path: str, time: datetime) -> datetime | None:
    if path in now:
        return None if now[path] is None else time
    return None if before is None or before.data is None else from_micros(before.time)


def _fields(before: Version | None, now: dict[str, Document | None], path: str) -> Document | None:
    if path in now:
        return now[path]
    if before is None or before.data is None:
        return None
    fields: Document = decode_document(before.data)
    return fields
