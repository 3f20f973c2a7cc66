"""A database that is read and never written: what a dry run has before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import TypeVar

from ...core.writes import Write, apply
from ...database.base import ATTEMPTS, Changes, Committed, Database, Listener, Snapshot, Transaction, Written
from ...database.query import Query
from ..around import Around
from .fence import TABLES

T = TypeVar("T")


class DryDatabase:
    """Reads go through; of what is written only who writes a table is kept, here.

    Args:
        database: What is read.
        around: Its clock gives the times of commits that are not made.
    """

    def __init__(self, database: Database, around: Around) -> None:
        self._database, self._around = database, around
        self._tables: dict[str, Snapshot] = {}

    def get(self, path: str) -> Snapshot:
        """See `Database`."""
        return self.get_many([path])[0]

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Database`."""
        others = iter(self._database.get_many([path for path in paths if path not in self._tables]))
        return [self._tables.get(path) or next(others) for path in paths]

    def query(self, query: Query) -> Iterator[Snapshot]:
        """See `Database`."""
        return self._database.query(query)

    def collections(self, document: str | None = None) -> list[str]:
        """See `Database`."""
        return self._database.collections(document)

    def missing(self, collection: str) -> list[str]:
        """See `Database`."""
        return self._database.missing(collection)

    def commit(self, writes: Sequence[Write]) -> Committed:
        """Says when it would have been."""
        time = self._around.now
        for write in writes:
            if write.path.startswith(f"{TABLES}/"):
                before = self._tables.get(write.path)
                fields = apply(write, None if before is None else before.fields, time)
                self._tables[write.path] = Snapshot(write.path, fields, time, time, time)
        return Committed(time, tuple(None if write.fields is None else time for write in writes))

    def commit_each(self, writes: Sequence[Write]) -> list[Written]:
        """Says when each would have been made."""
        return [Written(time) for time in self.commit(writes).update_times]

    def transact(self, body: Callable[[Transaction], T], *, attempts: int = ATTEMPTS) -> T:
        """See `Database`; nobody can be in the way."""
        transaction = _DryTransaction(self)
        result = body(transaction)
        transaction.committed = self.commit(transaction.writes)
        return result

    def listen(self, what: str | Query) -> Listener:
        """See `Database`."""
        return self._database.listen(what)

    def changes(self, after: bytes | datetime | None = None) -> Changes:
        """See `Database`."""
        return self._database.changes(after)

    def close(self) -> None:
        """See `Database`."""
        self._database.close()


class _DryTransaction:
    def __init__(self, database: DryDatabase) -> None:
        self._database = database
        self.writes: list[Write] = []
        self.committed: Committed | None = None

    def get(self, path: str) -> Snapshot:
        return self._database.get(path)

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        return self._database.get_many(paths)

    def query(self, query: Query) -> list[Snapshot]:
        return list(self._database.query(query))

    def write(self, *writes: Write) -> None:
        self.writes += writes
