"""The file of an embedded database: its connections, and its one writer at a time.

Any number of threads and processes may have it open. A connection serves one thread at a time and is lent; after a fork
the child makes its own.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...core.errors import EngineError, UsageError
from .schema import APPLICATION_ID, FORMAT, INDEX_TABLES, TABLES

BUSY_SECONDS = 60.0
"""How long a writer waits for the one before it."""

MAX_IDLE = 8
SYNCHRONOUS = ("full", "normal", "off")


class File:
    """An open file.

    Args:
        path: Made where it does not exist, readable by its owner alone.
        create: Whether it may be made.
        synchronous: `full`: a commit survives a power cut; `normal`: the last ones may not; `off`: the file may not.

    Raises:
        UsageError: `not-found`, or `wrong-usage` for a file that is no such database.
        EngineError: `database-failed`.
    """

    def __init__(self, path: str | Path, *, create: bool = True, synchronous: str = "full") -> None:
        if synchronous not in SYNCHRONOUS:
            raise UsageError("wrong-usage", f"synchronous={synchronous!r:.40} is none of {', '.join(SYNCHRONOUS)}")
        self.path = Path(path)
        self.writer = threading.Lock()
        self._synchronous = synchronous
        self._idle: list[sqlite3.Connection] = []
        self._lent = threading.Lock()
        self._process = os.getpid()
        self._closed = False
        self._prepare(create)

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A connection in which each statement sees the last commit."""
        connection = self._take()
        try:
            with self.told():
                yield connection
        finally:
            self._give_back(connection)

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """A transaction that nobody else writes beside; it is committed at the end, or taken back."""
        with self.writer, self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            with _committed(connection):
                yield connection

    @contextmanager
    def writing_at_once(self) -> Iterator[sqlite3.Connection | None]:
        """As `writing` where nobody else is the writer now, and this process may write; else `None`: there is no waiting."""
        if not self.writer.acquire(blocking=False):
            yield None
            return
        try:
            with self.reading() as connection:
                if not _begins(connection):
                    yield None
                    return
                with _committed(connection):
                    yield connection
        finally:
            self.writer.release()

    def close(self) -> None:
        """Closes what is not lent, and the rest when it comes back."""
        with self._lent:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tells what SQLite refuses in one paragraph."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> EngineError | UsageError:
        text = str(error)
        if "not a database" in text:
            fix = "Give a file that onto_flow has made, or a name that is free."
            return UsageError("wrong-usage", "it is no database of SQLite", where=self.path, fix=fix)
        fix = "Look at the disk, and at who else has the file open."
        if "locked" in text or "busy" in text:
            fix = f"Another process has been writing for {BUSY_SECONDS:.0f} seconds; end it, or wait."
        return EngineError("database-failed", f"the database cannot be used: {text:.300}", where=self.path, fix=fix)

    def _take(self) -> sqlite3.Connection:
        with self._lent:
            if self._closed:
                raise UsageError("wrong-usage", "the database is closed", where=self.path, fix="Open it again.")
            if self._process != os.getpid():
                self._process, self._idle = os.getpid(), []
            if self._idle:
                return self._idle.pop()
        with self.told():
            return self._connect()

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._lent:
            sound = not connection.in_transaction
            if sound and not self._closed and self._process == os.getpid() and len(self._idle) < MAX_IDLE:
                self._idle.append(connection)
                return
        connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, cached_statements=64
        )
        connection.execute(f"PRAGMA synchronous = {self._synchronous}")
        connection.execute("PRAGMA trusted_schema = off")
        return connection

    def _prepare(self, create: bool) -> None:
        """Raises: UsageError: no such file, or it is somebody else's."""
        if not self.path.exists():
            if not create:
                fix = "Look at the path; a database is made when something is first written to it."
                raise UsageError("not-found", f"there is no database {str(self.path)!r}", fix=fix)
            self._make_file()
        with self.told():
            connection = self._connect()
            try:
                self._make_tables(connection)
            finally:
                connection.close()

    def _make_file(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        except OSError as error:
            what = f"the database {str(self.path)!r} cannot be made: {error.strerror}"
            raise EngineError("database-failed", what) from error

    def _make_tables(self, connection: sqlite3.Connection) -> None:
        if self._format(connection) == FORMAT:
            return
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        try:
            held = self._format(connection)
            if held != FORMAT:
                missing = INDEX_TABLES if held == 1 else TABLES + INDEX_TABLES
                for statement in filter(str.strip, missing.split(";")):
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
        finally:
            connection.execute("COMMIT")

    def _format(self, connection: sqlite3.Connection) -> int | None:
        """The format of the tables; `None` in a file that is empty."""
        [application] = connection.execute("PRAGMA application_id").fetchone()
        [format_] = connection.execute("PRAGMA user_version").fetchone()
        if application == APPLICATION_ID and 1 <= format_ <= FORMAT:
            return int(format_)
        if application == APPLICATION_ID:
            what = f"a database of format {format_}; this release reads {FORMAT}"
            raise UsageError("wrong-usage", what, where=self.path, fix="Use the release that wrote it.")
        if connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone():
            fix = "Give a file that onto_flow has made, or a name that is free."
            raise UsageError("wrong-usage", "it is another program's database", where=self.path, fix=fix)
        return None


@contextmanager
def _committed(connection: sqlite3.Connection) -> Iterator[None]:
    """Commits the transaction that is open at the end, or takes it back."""
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begins(connection: sqlite3.Connection) -> bool:
    """Begins to write, unless that would have to wait, or is not allowed."""
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.execute(f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}")
    return True
