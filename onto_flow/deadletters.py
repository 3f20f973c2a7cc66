"""Dead letters: what failed, whole, with reason and stack; keyed, deduplicated, bounded and private.

A SQLite file that its owner alone may read. One letter is kept per key: a repeated one counts up and keeps its first
time; one that succeeds later goes. The oldest go beyond `max_letters` or `max_bytes` and after `retention`.

A kill of the process at any moment loses no letter; after a power cut the last moments may be missing.
Values of sensitive fields are cut out of the payload, and out of reason and stack where they stand there as text. Bytes
in which a sensitive field is named, and which are no JSON, are not kept.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .core.change import DeadLetter
from .core.errors import EngineError, UsageError
from .core.values import from_micros
from .formats.redaction import redacted, storable

MAX_LETTERS = 100_000
MAX_BYTES = 1 << 30
RETENTION_SECONDS = 30 * 86_400.0

_TABLE = """CREATE TABLE IF NOT EXISTS letters (
    key TEXT PRIMARY KEY, reason TEXT NOT NULL, stack TEXT NOT NULL, payload TEXT NOT NULL,
    count INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL
)"""
_INDEX = "CREATE INDEX IF NOT EXISTS letters_by_age ON letters (last, key)"
_PREPARE = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL", _TABLE, _INDEX)
_PUT = """INSERT INTO letters VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (key) DO UPDATE SET reason = excluded.reason,
    stack = excluded.stack, payload = excluded.payload, count = count + 1, last = excluded.last"""
_FORGET = "DELETE FROM letters WHERE key IN (SELECT key FROM letters ORDER BY last, key LIMIT ?)"


@dataclass(frozen=True)
class KeptLetter:
    """A dead letter as it is kept.

    Attributes:
        payload: What failed, as JSON; where it was too large, its beginning and a note.
        count: How often it came.
        first, last: When, in seconds since the epoch.
    """

    key: str
    reason: str
    stack: str
    payload: str
    count: int
    first: float
    last: float

    def __str__(self) -> str:
        when = [from_micros(int(t * 1e6)).isoformat(timespec="seconds") for t in (self.first, self.last)]
        parts = [self.key, f"{self.count} times, {when[0]} to {when[1]}", self.reason, self.payload, self.stack]
        return "\n".join(p for p in parts if p)


class DeadLetters:
    """The dead letters in a file.

    Args:
        file: Made, with its folder, readable by its owner alone.
        redact: Names of fields whose values are never kept.
        clock: Seconds since the epoch.
        max_letters, max_bytes: The oldest go beyond this.
        retention: Seconds after which a letter goes.

    Attributes:
        dropped: How many letters have gone for these bounds since the file was opened here.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        redact: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        max_letters: int = MAX_LETTERS,
        max_bytes: int = MAX_BYTES,
        retention: float = RETENTION_SECONDS,
    ) -> None:
        self._file = Path(file)
        self._redact = frozenset(redact)
        self._clock = clock
        self._max_letters, self._max_bytes, self._retention = max_letters, max_bytes, retention
        self.dropped = 0
        self._connection = _connect(self._file)
        with self._writing():
            self._at_most = len(self)
            self._forget()

    def put(self, letter: DeadLetter) -> None:
        """Keeps a letter, or takes the one with its key back when it is cleared."""
        if letter.cleared:
            self.clear(letter.key)
            return
        now = self._clock()
        key, reason, stack, payload, *_ = redacted(letter, self._redact)
        row = (key, reason, stack, payload, now, now)
        with self._writing():
            self._connection.execute(_PUT, row)
            self._at_most += 1
            self._forget()

    def clear(self, key: str) -> None:
        """Takes a letter back, where there is one with this key."""
        with self._writing():
            self._connection.execute("DELETE FROM letters WHERE key = ?", (storable(key),))

    def __iter__(self) -> Iterator[KeptLetter]:
        return (KeptLetter(*row) for row in self._connection.execute("SELECT * FROM letters ORDER BY first, key"))

    def __len__(self) -> int:
        count: int = self._connection.execute("SELECT count(*) FROM letters").fetchone()[0]
        return count

    def show(self, key: str) -> KeptLetter:
        """One letter.

        Raises:
            UsageError: `not-found` when there is none with this key.
        """
        row = self._connection.execute("SELECT * FROM letters WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise UsageError("not-found", f"there is no dead letter {key!r}", fix="dead-letters list shows their keys.")
        return KeptLetter(*row)

    def flush(self) -> None:
        """Nothing: a letter is kept once it was put."""

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def _forget(self) -> None:
        """Drops what is too old, and the oldest of too many; they are counted only when there may be too many."""
        too_old = self._clock() - self._retention
        self.dropped += self._connection.execute("DELETE FROM letters WHERE last < ?", (too_old,)).rowcount
        if self._at_most > self._max_letters:
            surplus = len(self) - self._max_letters
            if surplus > 0:
                self._drop(surplus + self._max_letters // 100)
            self._at_most = len(self)
        while self._bytes() > self._max_bytes and (kept := len(self)) > 1:
            self._drop(max(1, kept // 100))

    def _drop(self, oldest: int) -> None:
        self.dropped += self._connection.execute(_FORGET, (oldest,)).rowcount

    def _bytes(self) -> int:
        total, free, size = (
            int(self._connection.execute(f"PRAGMA {name}").fetchone()[0])
            for name in ("page_count", "freelist_count", "page_size")
        )
        return (total - free) * size

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction."""
        try:
            with self._connection:
                yield
        except sqlite3.Error as error:
            raise _failed(self._file, error) from error


def encode_letter(letter: DeadLetter, *, redact: Iterable[str] = ()) -> bytes:
    """A letter as JSON, as it goes to a file of lines: `key`, `reason`, `stack`, `payload`; or `cleared`.

    Example:
        >>> letter = DeadLetter("users/u1", "bad-value: 'DE0012'", payload={"n": 1, "iban": "DE0012"})
        >>> told = json.loads(encode_letter(letter, redact=["iban"]))
        >>> told["reason"], json.loads(told["payload"])["mapValue"]["fields"]["iban"]
        ("bad-value: '(redacted)'", {'stringValue': '(redacted)'})
    """
    shown = redacted(letter, frozenset(redact))
    told = {"key": shown.key, "reason": shown.reason, "stack": shown.stack, "payload": shown.payload}
    return json.dumps({"key": shown.key, "cleared": True} if shown.cleared else told, ensure_ascii=False).encode()


def _connect(file: Path) -> sqlite3.Connection:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        file.chmod(0o600)
        connection = sqlite3.connect(file, timeout=30)
    except (OSError, sqlite3.Error) as error:
        raise _failed(file, error) from error
    try:
        for statement in _PREPARE:
            connection.execute(statement)
        connection.commit()
    except sqlite3.Error as error:
        connection.close()
        raise _failed(file, error) from error
    return connection


def _failed(file: Path, error: Exception) -> EngineError:
    return EngineError("sink-failed", f"dead letters cannot be kept: {error}", where=file)
