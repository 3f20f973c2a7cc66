"""What was written and is not published yet, in a file without a name: the newest of each view document."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ..core.change import ViewVersion
from ..core.errors import EngineError

_VERSION = struct.Struct(">QQQ")
_TABLE = """CREATE TABLE staged (
    view TEXT, path TEXT, version BLOB, data BLOB, misfit TEXT, failed INTEGER, created INTEGER, mixed INTEGER,
    PRIMARY KEY (view, path)) WITHOUT ROWID"""
_TAKE = """INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (view, path) DO UPDATE SET
    data = iif(excluded.version > version, excluded.data, data),
    misfit = iif(excluded.version > version, excluded.misfit, misfit),
    failed = iif(excluded.version > version, excluded.failed, failed), version = max(version, excluded.version),
    created = created OR excluded.created,
    mixed = mixed OR excluded.mixed OR data IS NOT excluded.data OR failed IS NOT excluded.failed"""
_ROWS = "SELECT path, version, data, misfit, failed, created, mixed FROM staged WHERE view = ?"
MOST_PATHS = 500
"""The most paths that are asked for at once."""
_OVERHEAD = 300


class Row(NamedTuple):
    """The newest of a view document.

    Attributes:
        path: Where it lies.
        version: Its version.
        data: Its canonical bytes; `None`: it is gone, or it does not fit at all.
        misfit: What of it does not fit; `None` where all does.
        failed: Whether it is the last good one of failing code.
        created: Whether a change said that there was no document before.
        mixed: Whether it was something else in between, since it was published last.
    """

    path: str
    version: ViewVersion
    data: bytes | None
    misfit: str | None = None
    failed: bool = False
    created: bool = False
    mixed: bool = False

    @property
    def bytes(self) -> int:
        """About what it takes in memory."""
        return _OVERHEAD + len(self.path) + len(self.data or b"") + len(self.misfit or "")

    def over(self, before: Row) -> Row:
        """What waits after this one and another of the same path, in whatever order they came."""
        newest = self if self.version > before.version else before
        is_mixed = before.mixed or self.mixed or (self.data, self.failed) != (before.data, before.failed)
        return newest._replace(created=before.created or self.created, mixed=is_mixed)


class StagedFile:
    """The rows that are too many for memory. Who calls sees to it that one thread does so at a time."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA synchronous = off")
        self._file.execute("PRAGMA journal_mode = off")
        self._file.execute(_TABLE)

    @property
    def is_empty(self) -> bool:
        """Whether it has none."""
        with _errors():
            return self._file.execute("SELECT 1 FROM staged LIMIT 1").fetchone() is None

    def take(self, rows: Iterable[tuple[str, Row]]) -> None:
        """Takes rows, each with its view."""
        with _errors():
            self._file.executemany(
                _TAKE, ((view, row.path, _VERSION.pack(*row.version), *row[2:]) for view, row in rows)
            )

    def page(self, view: str, after: str) -> list[Row]:
        """The first of a view's behind a path, at most `MOST_PATHS`."""
        return self._fetch(f"{_ROWS} AND path > ? ORDER BY path LIMIT {MOST_PATHS}", (view, after))

    def of(self, view: str, paths: Sequence[str]) -> dict[str, Row]:
        """Those of a view at some paths, at most `MOST_PATHS`."""
        marks = ", ".join("?" * len(paths))
        return {row.path: row for row in self._fetch(f"{_ROWS} AND path IN ({marks})", (view, *paths))}

    def count(self, view: str) -> int:
        """How many of a view's wait."""
        with _errors():
            found: int = self._file.execute("SELECT count(*) FROM staged WHERE view = ?", (view,)).fetchone()[0]
        return found

    def drop(self, view: str, rows: Iterable[Row] | None) -> None:
        """These are published, unless something newer waits meanwhile; `None`: all of the view's are."""
        with _errors():
            if rows is None:
                self._file.execute("DELETE FROM staged WHERE view = ?", (view,))
            else:
                seen = [(view, row.path, _VERSION.pack(*row.version)) for row in rows]
                self._file.executemany("DELETE FROM staged WHERE view = ? AND path = ? AND version = ?", seen)

    def clear(self) -> None:
        """Nothing waits."""
        with _errors():
            self._file.execute("DELETE FROM staged")

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _fetch(self, statement: str, values: tuple[str, ...]) -> list[Row]:
        with _errors():
            found = self._file.execute(statement, values).fetchall()
        return [Row(p, _VERSION.unpack(v), data, m, bool(f), bool(c), bool(x)) for p, v, data, m, f, c, x in found]


@contextmanager
def _errors() -> Iterator[None]:
    try:
        yield
    except (sqlite3.Error, struct.error) as error:
        raise EngineError("sink-failed", f"what waits for its publication cannot be kept: {error}") from error
