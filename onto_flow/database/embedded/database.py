"""The embedded document database."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from ...core.errors import DataError, EngineError
from ...core.options import amount_of
from ...core.writes import Write
from ..base import ATTEMPTS, Committed, PreconditionFailed, Snapshot, Transaction, Written, refuse_twice
from ..inside import inside, refuse_inside
from ..limits import checked_path
from ..query import Query, field_path
from .bell import Bell
from .feed import EmbeddedChanges
from .file import File
from .indexes import INDEX_FROM, Indexes
from .listening import EmbeddedListener
from .reading import Reading
from .rows import now
from .transaction import EmbeddedTransaction
from .writing import Writer, checked, write_all

T = TypeVar("T")
KEEP_DAYS = 8.0
"""How long versions are kept that were replaced: as long as the late horizon of a run."""

_DAY = 86_400_000_000
_FORGET_EVERY = 1_000_000
_FORGET_ROWS = 2000


def _now() -> int:
    return time.time_ns() // 1000


class EmbeddedDatabase:
    """A document database in a file.

    Threads and processes may share it. Writers wait for each other, readers for nobody: a read is as of one commit,
    however long it lasts. Versions that were replaced, and deletions, are kept for `keep_days`: that long a feed can go on
    from its place.

    Args:
        file: Made where it does not exist.
        create: Whether it may be made.
        keep_days: How long the feed goes back.
        synchronous: `full` (the default): a commit survives a power cut; `normal`: a kill of the process.
        clock: Microseconds since the epoch.
        index_from: A collection of more documents has an index made for a field when a query first asks for it.

    Raises:
        UsageError: `not-found`, or `wrong-usage` for a file that is no such database.
        EngineError: `database-failed`.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder, EmbeddedDatabase(f"{folder}/app.sqlite") as database:
        ...     _ = database.commit([Write.create("users/u1", {"name": "Ada"})])
        ...     database.get("users/u1").fields
        {'name': 'Ada'}
    """

    def __init__(
        self,
        file: str | Path,
        *,
        create: bool = True,
        keep_days: float | str = KEEP_DAYS,
        synchronous: str = "full",
        clock: Callable[[], int] = _now,
        index_from: int = INDEX_FROM,
    ) -> None:
        self._keep = int(amount_of("keep_days", keep_days, of="days", below=36_500) * _DAY)
        self.file = File(file, create=create, synchronous=synchronous)
        self.bell = Bell()
        self._clock = clock
        self._index_from = index_from
        self._forget_at = 0

    @staticmethod
    def check(place: str) -> None:
        """Whether there is such a database.

        Raises:
            UsageError: `not-found`, or `wrong-usage` for a file that is no such database.
        """
        File(place, create=False).close()

    def __enter__(self) -> EmbeddedDatabase:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, path: str) -> Snapshot:
        """See `Database`."""
        with self.file.reading() as connection:
            return now(connection, checked_path(path))

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Database`."""
        return Reading(self.file).snapshots(paths)

    def query(self, query: Query) -> Iterator[Snapshot]:
        """See `Database`."""
        return Reading(self.file, index_from=self._index_from).query(query)

    def index(self, collection: str, field: str) -> bool:
        """Makes the index of a field, for all collections of the name; queries make those of smaller collections themselves.

        Writers wait while it is made.

        Args:
            collection: The name of the collections: `users`, `notes`.
            field: A field path: `age`, `address.city`.

        Returns:
            Whether there is one now; not where these collections have as many as they may.
        """
        with self.file.writing() as connection:
            return Indexes(connection).make(collection.rpartition("/")[2], field_path(field))

    def collections(self, document: str | None = None) -> list[str]:
        """See `Database`."""
        prefix = "" if document is None else document
        depth = 0 if document is None else document.count("/") + 1
        return list(dict.fromkeys(p.split("/")[depth] for p in Reading(self.file).below(prefix)))

    def missing(self, collection: str) -> list[str]:
        """See `Database`."""
        reading = Reading(self.file)
        depth = collection.count("/") + 2
        paths = list(dict.fromkeys("/".join(p.split("/")[:depth]) for p in reading.below(collection)))
        return [s.path for s in reading.snapshots(paths) if not s.exists]

    def commit(self, writes: Sequence[Write]) -> Committed:
        """See `Database`."""
        refuse_inside(self, self.file.path)
        writes = checked(writes)
        with self.writing() as writer:
            return write_all(writer, writes)

    def commit_each(self, writes: Sequence[Write]) -> list[Written]:
        """See `Database`."""
        refuse_twice(writes)
        return [self._written(write) for write in writes]

    def _written(self, write: Write) -> Written:
        try:
            return Written(self.commit([write]).update_times[0])
        except (PreconditionFailed, DataError) as error:
            return Written(error=error)

    def transact(self, body: Callable[[Transaction], T], *, attempts: int = ATTEMPTS) -> T:
        """See `Database`; the last attempt holds the writer's place from its beginning, so that nobody can be faster."""
        refuse_inside(self, self.file.path)
        for attempt in range(1, attempts + 1):
            done, result = self._held(body) if attempt == attempts > 1 else self._tried(body)
            if done:
                return result
            time.sleep(random.uniform(0, 0.002 * 2**attempt))  # who met shall not meet again
        what = f"others changed what a transaction read, {attempts} times in a row"
        raise EngineError("contention", what, where=self.file.path, fix="Give it more attempts.")

    def listen(self, what: str | Query) -> EmbeddedListener:
        """See `Database`."""
        return EmbeddedListener(self.file, self.bell, what, self._index_from)

    def changes(self, after: bytes | datetime | None = None) -> EmbeddedChanges:
        """See `Database`."""
        return EmbeddedChanges(self.file, self.bell, after)

    @contextmanager
    def writing(self) -> Iterator[Writer]:
        """A commit to fill and finish: it is made at the end of the `with`, or not at all."""
        with self.file.writing() as connection:
            now = self._clock()
            writer = Writer(connection, now)
            yield writer
            if now >= self._forget_at:
                self._forget_at = now + _FORGET_EVERY
                writer.forget(now - self._keep, _FORGET_ROWS)
        self.bell.ring()

    def forget(self) -> int:
        """Forgets all that is older than `keep_days`; commits do so by and by. Returns how many versions it saw."""
        total = 0
        while True:
            with self.writing() as writer:
                seen = writer.forget(self._clock() - self._keep, _FORGET_ROWS)
            total += seen
            if seen < _FORGET_ROWS:
                return total

    def close(self) -> None:
        """See `Database`."""
        self.file.close()
        self.bell.ring()

    def _tried(self, body: Callable[[Transaction], T]) -> tuple[bool, T]:
        """Runs a transaction, and whether what it read stands: then it is committed."""
        transaction = EmbeddedTransaction(Reading(self.file, index_from=self._index_from))
        with inside(self):
            result = body(transaction)
        if not transaction.writes:
            return True, result
        with self.writing() as writer:
            if not transaction.stands(Reading(self.file, writer.state)):
                return False, result
            transaction.committed = write_all(writer, transaction.writes)
        return True, result

    def _held(self, body: Callable[[Transaction], T]) -> tuple[bool, T]:
        """Runs a transaction that nobody else can write beside."""
        with self.writing() as writer:
            transaction = EmbeddedTransaction(Reading(self.file, writer.state))
            with inside(self):
                result = body(transaction)
            transaction.committed = write_all(writer, transaction.writes)
        return True, result
