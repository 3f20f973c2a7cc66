"""The file of a checkpoint: SQLite, in which one transaction is one checkpoint.

Law: what a transaction wrote is there as a whole or not at all, whenever the process or the machine stops; and only the
process that opened the file last commits.

`synchronous = FULL`: a commit has reached the disk when it returns, as far as the disk says the truth. The disk may be
waited for in another thread (`transaction(behind=True)`); whatever else is done with the file comes after that. The file
is compacted little by little (`incremental_vacuum`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ...core.codec import decode_state, encode_state
from ...core.errors import EngineError

FORMAT = 5
"""Of the file; a newer one is refused."""

READS = (2, 3, 4, 5)
"""Formats that are read; a file becomes one of this release when it is opened to be written. In 2 the log has other
rows; in 3 nothing in it says that a register is gone; to 4 a match of a `via` slot has its documents too."""

FILE = "state.sqlite3"
APPLICATION = 0x4F464C57
PAGE_BYTES = 8192
_VACUUM_PAGES = 2000
_FREE_PAGES = 500
_WAL_PAGES = 4000
_CACHE = 64 << 20
_LEAST_CACHE = 2 << 20

_BEFORE_TABLES = (f"PRAGMA page_size = {PAGE_BYTES}", "PRAGMA auto_vacuum = INCREMENTAL")
SETTINGS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",
    f"PRAGMA cache_size = -{_CACHE >> 10}",
    f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}",
)
_TABLES = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE operators (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
    """CREATE TABLE state (operator INTEGER, key, part BLOB, data BLOB NOT NULL,
        PRIMARY KEY (operator, key, part)) WITHOUT ROWID""",
    """CREATE TABLE timers (operator INTEGER, key, kind TEXT, at INTEGER NOT NULL,
        PRIMARY KEY (operator, key, kind)) WITHOUT ROWID""",
    "CREATE INDEX timers_at ON timers (at)",
    "CREATE TABLE log (number INTEGER PRIMARY KEY, data BLOB NOT NULL)",
    "CREATE TABLE outbox (number INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE letters (number INTEGER NOT NULL, data BLOB NOT NULL)",
    "CREATE TABLE points (partition TEXT PRIMARY KEY, resume BLOB NOT NULL) WITHOUT ROWID",
    "CREATE TABLE gaps (gap BLOB PRIMARY KEY, weight INTEGER NOT NULL) WITHOUT ROWID",
)
EMPTY = tuple(f"DELETE FROM {table}" for table in ("state", "log", "timers", "outbox", "letters", "points", "gaps"))  # noqa: S608
"""What a first load begins with."""

Connect = Callable[..., sqlite3.Connection]
"""Opens the file, as `sqlite3.connect` does; that of a test fails where it wants."""


class Store:
    """The open file.

    Args:
        file: Made, readable by its owner alone, where it is not there.
        connect: Opens it.

    Attributes:
        file: Where it is.
        epoch: How often the file was opened to be written; whoever has an older one is fenced.
        told: Is called, in the other thread, when a commit behind the feed has ended.

    Raises:
        EngineError: `checkpoint-failed` when it cannot be opened, `state-version` when a newer release made it.
    """

    def __init__(self, file: Path, connect: Connect = sqlite3.connect) -> None:
        self.file = file
        with failing(file):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
            self._held = connect(str(file), timeout=30, isolation_level=None, check_same_thread=False)
        self.told: Callable[[], None] = lambda: None
        self._writer = ThreadPoolExecutor(1, "onto_flow-checkpoint")
        self._commits: Future[None] | None = None
        try:
            with failing(file):
                self._prepare()
            self.epoch = 0
            with self._immediate():
                self.epoch = (self.get("epoch") or 0) + 1
                self.put(epoch=self.epoch)
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")
        except BaseException:
            self.close()
            raise

    def _prepare(self) -> None:
        if self.one("PRAGMA schema_version") == 0:
            for statement in (*_BEFORE_TABLES, *SETTINGS):
                self._connection.execute(statement)
            with self._immediate():
                for statement in _TABLES:
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA application_id = {APPLICATION}")
                self._connection.execute(f"PRAGMA user_version = {FORMAT}")
            return
        check_format(self._connection, self.file)
        for statement in SETTINGS:
            self._connection.execute(statement)

    @property
    def _connection(self) -> sqlite3.Connection:
        self.settle()
        return self._held

    @property
    def is_settled(self) -> bool:
        """Whether no commit is under way, or waiting for it takes no time."""
        return self._commits is None or self._commits.done()

    def settle(self) -> None:
        """Waits for the commit that is under way, if there is one.

        Raises:
            EngineError: `checkpoint-failed`; then nothing of it was written.
        """
        commits, self._commits = self._commits, None
        if commits is not None:
            with failing(self.file):
                commits.result()

    @contextmanager
    def transaction(self, *, behind: bool = False) -> Iterator[None]:
        """One checkpoint.

        Args:
            behind: It is made permanent in another thread; whoever must know that it is asks `settle`.

        Raises:
            EngineError: `checkpoint-fenced` when another process has opened the file since; `checkpoint-failed`. Then
                nothing of it was written.
        """
        with self._immediate(behind=behind):
            found = self.get("epoch")
            if found != self.epoch:
                raise EngineError(
                    "checkpoint-fenced",
                    f"another process took this checkpoint over (epoch {found}, here {self.epoch}); nothing was written",
                    where=self.file.parent,
                    fix="Let that one go on; a job has one process.",
                )
            yield

    @contextmanager
    def _immediate(self, *, behind: bool = False) -> Iterator[None]:
        with failing(self.file):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._roll_back()
                raise
            if behind:
                self._commits = self._writer.submit(self._commit)
                self._commits.add_done_callback(lambda _: self.told())
            else:
                self._commit()

    def _commit(self) -> None:
        try:
            self._held.execute("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        with suppress(sqlite3.Error):
            self._held.execute("ROLLBACK")

    def get(self, name: str) -> Any:
        """A single value; `None` where there is none."""
        with failing(self.file):
            data = self.one("SELECT value FROM meta WHERE name = ?", name)
        return None if data is None else decode_state(data)

    def put(self, **values: Any) -> None:
        """Keeps single values."""
        rows = [(name, encode_state(value)) for name, value in values.items()]
        self.write("INSERT OR REPLACE INTO meta VALUES (?, ?)", rows)

    def operators(self, names: Sequence[str]) -> dict[str, int]:
        """The numbers of operators in the tables; new ones get one."""
        self.write("INSERT OR IGNORE INTO operators (name) VALUES (?)", [(n,) for n in names])
        return {name: number for number, name in self.read("SELECT id, name FROM operators")}

    def write(self, statement: str, rows: Iterable[Sequence[Any]] = ((),)) -> None:
        """Runs a statement for each row of parameters, in the transaction that is open."""
        given = rows if isinstance(rows, (list, tuple)) else list(rows)
        if given:
            self._connection.executemany(statement, given)

    def read(self, statement: str, *parameters: Any) -> list[Any]:
        """All rows that a query gives."""
        with failing(self.file):
            return self._connection.execute(statement, parameters).fetchall()

    def one(self, statement: str, *parameters: Any) -> Any:
        """The first value of the first row; `None` where there is none."""
        row = self._connection.execute(statement, parameters).fetchone()
        return None if row is None else row[0]

    def compact(self) -> None:
        """Gives some of the free pages back to the system, where there are many."""
        with failing(self.file):
            free, pages = self.one("PRAGMA freelist_count"), self.one("PRAGMA page_count")
            if free > _FREE_PAGES and free * 8 > pages:
                # A page a step: `execute` would make one.
                self._connection.executescript(f"PRAGMA incremental_vacuum({_VACUUM_PAGES})")

    def cache(self, most: int) -> None:
        """Holds at most so many bytes of its pages in memory; some there must be."""
        with failing(self.file):
            self._connection.execute(f"PRAGMA cache_size = -{min(_CACHE, max(_LEAST_CACHE, most)) >> 10}")

    def verify(self) -> None:
        """Raises: EngineError: `checkpoint-fenced` when another process has opened the file since."""
        with self.transaction():
            pass

    def bytes(self) -> int:
        """What the file's pages in use take."""
        with failing(self.file):
            used: int = self.one("PRAGMA page_count") - self.one("PRAGMA freelist_count")
            return used * PAGE_BYTES

    def close(self) -> None:
        """Lets go of the file, once the commit that is under way has ended."""
        self._writer.shutdown()
        with suppress(sqlite3.Error):
            self._held.close()


def check_format(connection: sqlite3.Connection, file: Path) -> None:
    """Raises: EngineError: for a file that is no checkpoint, or that a newer release made."""
    [application], [version] = (
        connection.execute(f"PRAGMA {name}").fetchone() for name in ("application_id", "user_version")
    )
    if application != APPLICATION:
        raise EngineError("checkpoint-failed", "this file is not a checkpoint of onto_flow", where=file)
    if version not in READS:
        raise EngineError(
            "state-version",
            f"a checkpoint of format {version}; this release reads {READS[0]} to {READS[-1]}",
            where=file,
            fix="Run it with the release that made it, or begin again with a new directory.",
        )


@contextmanager
def failing(file: Path) -> Iterator[None]:
    """Whatever SQLite or the system raises is one clear error."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        full = "full" in str(error)
        raise EngineError(
            "checkpoint-failed",
            f"the checkpoint cannot be read or written: {error}",
            where=file,
            fix="Make room, and run it again: it goes on from its last checkpoint." if full else "",
        ) from error
