"""Dead letters: what failed, whole, with reason and stack; keyed, deduplicated, bounded and private.

A SQLite file that its owner alone may read. One letter is kept per key: a repeated one counts up and keeps its first
time; one that succeeds later goes. The oldest go beyond `max_letters` and after `retention`.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .core.change import DeadLetter
from .core.codec import encode
from .core.errors import DataError, EngineError, UsageError
from .core.values import from_micros

MAX_PAYLOAD_BYTES = 1 << 20
MAX_TEXT = 20_000
MAX_LETTERS = 100_000
RETENTION_SECONDS = 30 * 86_400.0
REDACTED = "(redacted)"

_TABLE = """CREATE TABLE IF NOT EXISTS letters (
    key TEXT PRIMARY KEY, reason TEXT NOT NULL, stack TEXT NOT NULL, payload TEXT NOT NULL,
    count INTEGER NOT NULL, first REAL NOT NULL, last REAL NOT NULL
)"""


@dataclass(frozen=True)
class KeptLetter:
    """A dead letter as it is kept.

    Attributes:
        payload: What failed, as JSON, or a note that it was too large.
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
        max_letters: The oldest go beyond this.
        retention: Seconds after which a letter goes.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        redact: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
        max_letters: int = MAX_LETTERS,
        retention: float = RETENTION_SECONDS,
    ) -> None:
        self._file = Path(file)
        self._redact = frozenset(redact)
        self._clock = clock
        self._max_letters, self._retention = max_letters, retention
        self._connection = _connect(self._file)
        self._forget()

    def put(self, letter: DeadLetter) -> None:
        """Keeps a letter, or takes the one with its key back when it is cleared."""
        if letter.cleared:
            self._connection.execute("DELETE FROM letters WHERE key = ?", (letter.key,))
        else:
            now = self._clock()
            payload = _payload(letter.payload, self._redact)
            self._connection.execute(
                "INSERT INTO letters VALUES (?, ?, ?, ?, 1, ?, ?) ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, "
                "stack = excluded.stack, payload = excluded.payload, count = count + 1, last = excluded.last",
                (letter.key, letter.reason[:MAX_TEXT], letter.stack[-MAX_TEXT:], payload, now, now),
            )
            self._forget()
        self._connection.commit()

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

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def _forget(self) -> None:
        """Drops what is too old, and the oldest of too many."""
        self._connection.execute("DELETE FROM letters WHERE last < ?", (self._clock() - self._retention,))
        surplus = len(self) - self._max_letters
        if surplus > 0:
            self._connection.execute(
                "DELETE FROM letters WHERE key IN (SELECT key FROM letters ORDER BY last, key LIMIT ?)", (surplus,)
            )


def _connect(file: Path) -> sqlite3.Connection:
    try:
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        file.chmod(0o600)
        connection = sqlite3.connect(file)
        connection.execute(_TABLE)
        connection.commit()
    except (OSError, sqlite3.Error) as error:
        raise EngineError("sink-failed", f"dead letters cannot be kept: {error}", where=file) from error
    return connection


def _payload(payload: Any, redact: frozenset[str]) -> str:
    """The payload as JSON text, in Firestore's typed form where it is a value."""
    if payload is None:
        return ""
    if isinstance(payload, bytes) and len(payload) <= MAX_PAYLOAD_BYTES and (text := _text(payload)):
        return text
    from .formats.typed_json import encode_value

    shown = _redacted(payload, redact)
    try:
        size = len(encode(shown))
        text = json.dumps(encode_value(shown), ensure_ascii=False) if size <= MAX_PAYLOAD_BYTES else ""
    except DataError:
        text = repr(shown)[:MAX_PAYLOAD_BYTES]
        size = len(text)
    return text or f"(a payload of {size} bytes, more than {MAX_PAYLOAD_BYTES}, is not kept)"


def _text(payload: bytes) -> str:
    """A line of a feed as text; empty when it is none."""
    try:
        return payload.decode()
    except UnicodeDecodeError:
        return ""


def _redacted(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, dict):
        return {k: REDACTED if k in names else _redacted(v, names) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_redacted(v, names) for v in value]
    return value
