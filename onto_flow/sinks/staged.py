"""What was written and is not published yet, in a file without a name: the newest of each view document.

Law: in whatever order and however often changes are written, one row per path is left, of the highest version; what is
dropped is what was seen, and nothing newer. Two threads may use it: one that writes, one that publishes.
"""

from __future__ import annotations

import sqlite3
import struct
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from ..core.change import ViewChange, ViewVersion
from ..core.errors import EngineError

_VERSION = struct.Struct(">QQQ")
_TABLE = """CREATE TABLE staged (
    view TEXT, path TEXT, version BLOB, data BLOB, misfit TEXT, failed INTEGER, created INTEGER, mixed INTEGER,
    PRIMARY KEY (view, path)) WITHOUT ROWID"""
_TAKE = """INSERT INTO staged VALUES (?, ?, ?, ?, ?, ?, ?, 0) ON CONFLICT (view, path) DO UPDATE SET
    data = iif(excluded.version > version, excluded.data, data),
    misfit = iif(excluded.version > version, excluded.misfit, misfit),
    failed = iif(excluded.version > version, excluded.failed, failed), version = max(version, excluded.version),
    created = created OR excluded.created,
    mixed = mixed OR data IS NOT excluded.data OR failed IS NOT excluded.failed"""
_ROWS = "SELECT path, version, data, misfit, failed, created, mixed FROM staged WHERE view = ?"
MOST_PATHS = 500
"""The most paths that are asked for at once."""


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


class Staged:
    """What waits for its publication."""

    def __init__(self) -> None:
        self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
        self._file.execute("PRAGMA synchronous = off")
        self._file.execute("PRAGMA journal_mode = off")
        self._file.execute(_TABLE)
        self._lock = threading.Lock()

    def write(self, change: ViewChange, data: bytes | None, misfit: str | None) -> None:
        """Takes a change whose document has these bytes."""
        self.write_all([(change, data, misfit)])

    def write_all(self, changes: Iterable[tuple[ViewChange, bytes | None, str | None]]) -> None:
        """Takes changes, each with the bytes of its document and what of it does not fit."""
        rows = [
            (c.view, c.path, _VERSION.pack(*c.version), data, misfit, c.failed, c.old is None)
            for c, data, misfit in changes
        ]
        with self._errors():
            self._file.executemany(_TAKE, rows)

    def rows(self, view: str) -> Iterator[Row]:
        """All of a view's, in the order of the bytes of their paths; it may be changed meanwhile."""
        after = ""
        while page := self._fetch(f"{_ROWS} AND path > ? ORDER BY path LIMIT {MOST_PATHS}", (view, after)):
            yield from page
            after = page[-1].path

    def of(self, view: str, paths: Iterable[str]) -> dict[str, Row]:
        """Those of a view at some paths, at most `MOST_PATHS`."""
        wanted = list(paths)
        marks = ", ".join("?" * len(wanted))
        return {row.path: row for row in self._fetch(f"{_ROWS} AND path IN ({marks})", (view, *wanted))}

    def count(self, view: str) -> int:
        """How many of a view's wait."""
        with self._errors():
            found: int = self._file.execute("SELECT count(*) FROM staged WHERE view = ?", (view,)).fetchone()[0]
        return found

    def drop(self, view: str, rows: Iterable[Row] | None = None) -> None:
        """These are published, unless something newer waits meanwhile; `None`: all of the view's are."""
        with self._errors():
            if rows is None:
                self._file.execute("DELETE FROM staged WHERE view = ?", (view,))
            else:
                seen = [(view, row.path, _VERSION.pack(*row.version)) for row in rows]
                self._file.executemany("DELETE FROM staged WHERE view = ? AND path = ? AND version = ?", seen)

    def clear(self) -> None:
        """Nothing waits."""
        with self._errors():
            self._file.execute("DELETE FROM staged")

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _fetch(self, statement: str, values: tuple[str, ...]) -> list[Row]:
        with self._errors():
            found = self._file.execute(statement, values).fetchall()
        return [Row(p, _VERSION.unpack(v), data, m, bool(f), bool(c), bool(x)) for p, v, data, m, f, c, x in found]

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except (sqlite3.Error, struct.error) as error:
            raise EngineError("sink-failed", f"what waits for its publication cannot be kept: {error}") from error
