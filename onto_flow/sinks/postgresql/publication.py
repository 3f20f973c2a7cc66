"""What has been written since the last publication, and how it gets into the tables.

Law: staging remembers every write; merging it once, twice, or after an answer that got lost gives the same table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from tempfile import SpooledTemporaryFile
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Identifier

from ...core.change import DeadLetter, ViewChange, ViewVersion
from ..base import Table
from .rows import NULL, Column, columns_of, copy_line, refused_path, row
from .tables import Relations, run, typed

HELD_BYTES = 8 * 2**20
"""Of each view so much is held in memory between publications; more goes to an unnamed file on disk."""
_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Misfit:
    """A document that does not fit, at the newest version that was written."""

    version: ViewVersion
    what: str
    document: Any


class Staging:
    """One view's writes since the last publication, as lines of COPY.

    Args:
        table: The view's table.
        name: Its name in PostgreSQL.

    Attributes:
        misfits: path -> the newest version that does not fit.
        rowless: The same for paths that no row can have; their letters stay open over publications.
        changed: Whether there is anything to publish.
        deletions: Whether a document went.
    """

    def __init__(self, table: Table, name: str) -> None:
        self.table = table
        self.name = name
        self.columns: tuple[Column, ...] = columns_of(table)
        self.rowless: dict[str, Misfit] = {}
        self._told: set[str] = set()
        self._nulls = [NULL] * len(self.columns)
        self._begin()

    def _begin(self) -> None:
        self.misfits: dict[str, Misfit] = {}
        self.changed = self.deletions = False
        self._lines = SpooledTemporaryFile(max_size=HELD_BYTES)  # noqa: SIM115 - closed by clear()

    def write(self, change: ViewChange) -> None:
        """Takes a change."""
        refused = refused_path(change.path)
        self.changed = True
        if refused:
            _keep_newest(self.rowless, change, refused)
            return
        if change.new is None:
            self.deletions = True
            self._lines.write(copy_line(change.path, change.version, self._nulls, gone=True).encode())
            return
        values, misfit = row(change.new, self.columns, self.table.view)
        if misfit:
            _keep_newest(self.misfits, change, misfit)
        self._lines.write(copy_line(change.path, change.version, values, failed=change.failed).encode())

    def chunks(self) -> Iterator[bytes]:
        """All lines, from the first."""
        self._lines.seek(0)
        while chunk := self._lines.read(_CHUNK):
            yield chunk

    def letters(self, standing: frozenset[str], resolved: frozenset[str]) -> Iterator[DeadLetter]:
        """The letters of a publication.

        Args:
            standing: The paths of rows that lack a value.
            resolved: The paths of rows that no longer do.
        """
        for path in sorted(standing):
            yield self._letter(path, self.misfits[path])
        for path in sorted(resolved - standing):
            yield self._taken_back(path)
        for path, misfit in list(self.rowless.items()):
            if misfit.document is not None and path not in self._told:
                self._told.add(path)
                yield self._letter(path, misfit)
            elif misfit.document is None and path in self._told:
                self._told.discard(path)
                yield self._taken_back(path)

    def clear(self) -> None:
        """All of it is published."""
        self._lines.close()
        self._begin()

    def close(self) -> None:
        """Lets go of the file."""
        self._lines.close()

    def _letter(self, path: str, misfit: Misfit) -> DeadLetter:
        return DeadLetter(f"table:{self.table.view}:{path}", f"sink-failed: {misfit.what}", payload=misfit.document)

    def _taken_back(self, path: str) -> DeadLetter:
        return DeadLetter(f"table:{self.table.view}:{path}", "", cleared=True)


def _keep_newest(kept: dict[str, Misfit], change: ViewChange, what: str) -> None:
    held = kept.get(change.path)
    if held is None or held.version < change.version:
        kept[change.path] = Misfit(change.version, what, change.new)


class Merge:
    """The statements that move one view's table to what is staged, in the transaction of a cursor.

    Args:
        complete: The generation before which everything goes; `None`: nothing does.
    """

    def __init__(self, cursor: Cursor[Any], relations: Relations, staging: Staging, complete: int | None) -> None:
        staged = f"staged_{hashlib.sha256(staging.name.encode()).hexdigest()[:32]}"
        self._cursor = cursor
        self._staging = staging
        self._complete = complete
        self._parts = {
            "name": staging.name,
            "complete": complete,
            "view": Identifier(relations.schema, staging.name),
            "staged": Identifier("pg_temp", staged),
            "tombstones": relations.tombstones,
            "misfits": relations.misfits,
            "columns": SQL("").join(SQL(", {}").format(Identifier(c.name)) for c in staging.columns),
            "updates": SQL("").join(SQL(", {0} = excluded.{0}").format(Identifier(c.name)) for c in staging.columns),
            "typed": typed(staging.columns),
        }

    def merge(self) -> tuple[frozenset[str], frozenset[str]]:
        """Does it; returns the paths of rows that lack a value, and of those that no longer do."""
        self._stage()
        if self._staging.deletions:
            self._do(_BURY)
            self._do(_DELETE)
        self._do(_UPSERT)
        if self._complete is not None:
            self._do(_DROP_OLDER)
            self._do(_DROP_OLDER_TOMBSTONES)
        resolved = frozenset(path for (path,) in self._do(_RESOLVE))
        return self._mark_misfits(), resolved

    def _stage(self) -> None:
        self._do(_STAGE)
        with self._cursor.copy(SQL(_COPY).format(**self._parts)) as copy:
            for chunk in self._staging.chunks():
                copy.write(chunk)

    def _mark_misfits(self) -> frozenset[str]:
        misfits = self._staging.misfits
        if not misfits:
            return frozenset()
        standing = [
            p for p, version in self._do(_VERSIONS, paths=list(misfits)) if tuple(version) == misfits[p].version
        ]
        if standing:
            self._do(_MARK, paths=standing)
        return frozenset(standing)

    def _do(self, statement: str, **more: Any) -> Any:
        return run(self._cursor, statement, **self._parts, **more)


_STAGE = (
    'CREATE TEMPORARY TABLE {staged} (__path__ text COLLATE "C", __version__ bigint[], __gone__ boolean, '
    "__failed__ boolean{typed}) ON COMMIT DROP"
)
_COPY = "COPY {staged} (__path__, __version__, __gone__, __failed__{columns}) FROM STDIN"
_BURY = (
    "INSERT INTO {tombstones} AS held SELECT {name}, __path__, max(__version__), now() FROM {staged} WHERE __gone__ "
    "GROUP BY __path__ ON CONFLICT (name, path) DO UPDATE SET version = excluded.version, deleted_at = excluded.deleted_at "
    "WHERE excluded.version > held.version"
)
_DELETE = (
    "DELETE FROM {view} held USING {tombstones} t WHERE t.name = {name} AND t.path = held.__path__ "
    "AND t.version > held.__version__ AND held.__path__ IN (SELECT __path__ FROM {staged} WHERE __gone__)"
)
_UPSERT = (
    "INSERT INTO {view} AS held (__path__, __version__, __failed__{columns}) "
    "SELECT DISTINCT ON (__path__) __path__, __version__, __failed__{columns} FROM {staged} WHERE NOT __gone__ "
    "AND NOT EXISTS (SELECT FROM {tombstones} t WHERE t.name = {name} AND t.path = __path__ AND t.version >= __version__) "
    "ORDER BY __path__, __version__ DESC ON CONFLICT (__path__) DO UPDATE SET __version__ = excluded.__version__, "
    "__failed__ = excluded.__failed__{updates} "
    "WHERE excluded.__version__ > held.__version__"
)
_DROP_OLDER = "DELETE FROM {view} WHERE __version__[1] < {complete}"
_DROP_OLDER_TOMBSTONES = "DELETE FROM {tombstones} WHERE name = {name} AND version[1] < {complete}"
_RESOLVE = (
    "DELETE FROM {misfits} m WHERE name = {name} "
    "AND ({complete}::bigint IS NOT NULL OR EXISTS (SELECT FROM {staged} s WHERE s.__path__ = m.path)) "
    "AND NOT EXISTS (SELECT FROM {view} v WHERE v.__path__ = m.path AND v.__version__ = m.version) RETURNING path"
)
_VERSIONS = "SELECT __path__, __version__ FROM {view} WHERE __path__ = ANY({paths})"
_MARK = (
    "INSERT INTO {misfits} SELECT {name}, __path__, __version__ FROM {view} WHERE __path__ = ANY({paths}) "
    "ON CONFLICT (name, path) DO UPDATE SET version = excluded.version"
)
