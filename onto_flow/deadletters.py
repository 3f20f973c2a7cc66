"""Dead letters: what failed, whole, with reason and stack; keyed, deduplicated, bounded and private.

A SQLite file that its owner alone may read. One letter is kept per key: a repeated one counts up and keeps its first
time; one that succeeds later goes. The oldest go beyond `max_letters` or `max_bytes` and after `retention`.

A kill of the process at any moment loses no letter; after a power cut the last moments may be missing.
Values of sensitive fields are cut out of the payload, and out of reason and stack where they stand there as text. Bytes
in which a sensitive field is named, and which are no JSON, are not kept.
"""

from __future__ import annotations

import base64
import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .core.change import DeadLetter
from .core.errors import DataError, EngineError, UsageError
from .core.values import from_micros

MAX_PAYLOAD = 10_000_000
"""Characters of one payload: an event of Firestore, as large as Pub/Sub takes it."""
MAX_TEXT = 20_000
MAX_LETTERS = 100_000
MAX_BYTES = 1 << 30
RETENTION_SECONDS = 30 * 86_400.0
REDACTED = "(redacted)"
_SHORTEST_HIDDEN = 4

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
        redaction = _Redaction(self._redact)
        payload = _payload(letter.payload, redaction)
        texts = [_storable(redaction.text(t)) for t in (letter.reason, letter.stack)]
        row = (_storable(letter.key), texts[0][:MAX_TEXT], texts[1][-MAX_TEXT:], _storable(payload), now, now)
        with self._writing():
            self._connection.execute(_PUT, row)
            self._at_most += 1
            self._forget()

    def clear(self, key: str) -> None:
        """Takes a letter back, where there is one with this key."""
        with self._writing():
            self._connection.execute("DELETE FROM letters WHERE key = ?", (_storable(key),))

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
    """A letter as JSON, as it goes to a topic or a file of lines: `key`, `reason`, `stack`, `payload`; or `cleared`.

    Example:
        >>> letter = DeadLetter("users/u1", "bad-value: 'DE0012'", payload={"n": 1, "iban": "DE0012"})
        >>> told = json.loads(encode_letter(letter, redact=["iban"]))
        >>> told["reason"], json.loads(told["payload"])["mapValue"]["fields"]["iban"]
        ("bad-value: '(redacted)'", {'stringValue': '(redacted)'})
    """
    if letter.cleared:
        return json.dumps({"key": _storable(letter.key), "cleared": True}, ensure_ascii=False).encode()
    redaction = _Redaction(frozenset(redact))
    payload = _payload(letter.payload, redaction)
    reason, stack = (_storable(redaction.text(text)) for text in (letter.reason, letter.stack))
    told = {"key": _storable(letter.key), "reason": reason[:MAX_TEXT], "stack": stack[-MAX_TEXT:], "payload": payload}
    return json.dumps({**told, "payload": _storable(payload)}, ensure_ascii=False).encode()


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


def _storable(text: str) -> str:
    """The text where it is Unicode; what is not stands as an escape."""
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode()


def _payload(payload: Any, redaction: _Redaction) -> str:
    """The payload as text: a line of a feed as it is, values as JSON in Firestore's typed form."""
    if payload is None:
        return ""
    text = redaction.line(payload) if isinstance(payload, bytes) else ""
    if not text:
        from .formats.typed_json import encode_value

        shown = redaction.value(payload)
        try:
            text = json.dumps(encode_value(shown), ensure_ascii=False)
        except DataError:
            text = repr(shown)
    return text if len(text) <= MAX_PAYLOAD else f"{text[:MAX_PAYLOAD]}... (cut: {len(text):,} characters)"


class _Redaction:
    """Cuts the values of some fields out of one letter, and remembers them.

    Example:
        >>> redaction = _Redaction(frozenset({"iban"}))
        >>> redaction.value({"name": "Ada", "iban": "DE0012"}), redaction.text("ValueError: 'DE0012'")
        ({'name': 'Ada', 'iban': '(redacted)'}, "ValueError: '(redacted)'")
    """

    def __init__(self, names: frozenset[str]) -> None:
        self._names = names
        self._raw = [name.encode() for name in names]
        self._hidden: set[str] = set()

    def line(self, payload: bytes) -> str:
        """A line of a feed as text; empty when it is none, or cannot be redacted."""
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return ""
        if not self._names:
            return text
        try:
            whole = json.loads(text)
            shown = self.value(whole)
        except (ValueError, RecursionError):
            return "" if self._named(payload) else text
        return text if shown == whole else json.dumps(shown, ensure_ascii=False)

    def value(self, value: Any) -> Any:
        """A value without what is hidden."""
        if isinstance(value, dict):
            return {k: self._hide(v) if k in self._names else self.value(v) for k, v in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(v) for v in value]
        raw = value if isinstance(value, bytes) else _bytes_of(value) if isinstance(value, str) else b""
        return REDACTED if self._named(raw) else value

    def text(self, text: str) -> str:
        """A text without the values that were hidden so far, also where only their beginning is left."""
        for hidden in sorted(self._hidden, key=len, reverse=True):
            at = text.find(hidden[:16])
            while at >= 0:
                text = text[:at] + REDACTED + text[at + _shared(text[at:], hidden) :]
                at = text.find(hidden[:16], at + len(REDACTED))
        return text

    def _named(self, raw: bytes) -> bool:
        return any(name in raw for name in self._raw)

    def _hide(self, value: Any) -> str:
        waiting = [value]
        while waiting:
            found = waiting.pop()
            if isinstance(found, dict):
                waiting += found.values()
            elif isinstance(found, (list, tuple)):
                waiting += found
            elif found is not None and not isinstance(found, bool) and len(str(found)) >= _SHORTEST_HIDDEN:
                self._hidden.add(str(found))
        return REDACTED


def _shared(left: str, right: str) -> int:
    """How many characters two texts begin with together."""
    pairs = enumerate(zip(left, right))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def _bytes_of(text: str) -> bytes:
    """The bytes that a text stands for in base64; none where it is not base64."""
    if len(text) % 4 or len(text) < 16:
        return b""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""
