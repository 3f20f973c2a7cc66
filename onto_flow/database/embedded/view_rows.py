"""View documents in an embedded database: the version of each beside it, so that writes are idempotent.

Law: a path ends with its highest version, deletions included, whatever the order and however often it is written; the row of
a deletion goes with its generation, or after the horizon of a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ...core.change import ViewVersion
from .writing import Writer

HORIZON = 8 * 86_400_000_000
"""Microseconds that the version of a deletion is kept."""

_TABLE = "SELECT generation FROM view_tables WHERE collection = ?"
_REACHED = (
    "INSERT INTO view_tables VALUES (?, ?) ON CONFLICT (collection) DO UPDATE SET generation = excluded.generation"
)
_VERSION = "SELECT generation, epoch, seq, misfit FROM view_versions WHERE collection = ? AND path = ?"
_PUT = """INSERT INTO view_versions VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (collection, path) DO UPDATE SET
    generation = excluded.generation, epoch = excluded.epoch, seq = excluded.seq, gone = excluded.gone,
    misfit = excluded.misfit"""
_OLDER = "SELECT path, misfit FROM view_versions WHERE collection = ? AND generation < ?"
_DROP_OLDER = "DELETE FROM view_versions WHERE collection = ? AND generation < ?"
_DROP_GONE = "DELETE FROM view_versions WHERE collection = ? AND gone < ?"


class Held(NamedTuple):
    """What was known of a view document before."""

    misfit: bool = False


class ViewRows:
    """The view documents of one collection, in a commit.

    Attributes:
        generation: The one that has written the table last; 0: none has.
    """

    def __init__(self, writer: Writer, collection: str) -> None:
        self._writer = writer
        self._collection = collection
        row = writer.connection.execute(_TABLE, (collection,)).fetchone()
        self.generation: int = 0 if row is None else row[0]

    def put(self, path: str, version: ViewVersion, data: bytes | None, *, misfit: bool) -> Held | None:
        """Takes a view document; returns what was known before, or `None` where the version is no news.

        Args:
            path: Where it lies.
            version: Its version.
            data: Its canonical bytes; `None`: it is gone.
            misfit: Whether it is gone only because the database cannot hold it.
        """
        row = self._writer.connection.execute(_VERSION, (self._collection, path)).fetchone()
        if row is not None and row[:3] >= version:
            return None
        gone = self._writer.time if data is None else None
        self._writer.connection.execute(_PUT, (self._collection, path, *version, gone, misfit))
        self._writer.put(path, data, self._writer.newest(path))
        return Held(row is not None and bool(row[3]))

    def drop_older(self, generation: int) -> Iterator[str]:
        """Takes away what older generations left; gives the paths of what they could not hold."""
        for path, misfit in self._writer.connection.execute(_OLDER, (self._collection, generation)).fetchall():
            self._writer.put(path, None, self._writer.newest(path))
            if misfit:
                yield path
        self._writer.connection.execute(_DROP_OLDER, (self._collection, generation))

    def reached(self, generation: int) -> None:
        """Says which generation has written the table."""
        self._writer.connection.execute(_REACHED, (self._collection, generation))
        self._writer.connection.execute(_DROP_GONE, (self._collection, self._writer.time - HORIZON))
        self.generation = generation
