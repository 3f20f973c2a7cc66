"""The feed of an embedded database: its versions, in the order of their commits."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime, timezone

from ...core.change import NEVER, Change
from ...core.codec import decode, encode
from ...core.errors import DataError, UsageError
from ...core.values import to_micros
from .bell import Bell
from .document_bytes import decode_document
from .file import File
from .reading import expired
from .rows import State, state_of

BATCH = 1000
_NEXT = """SELECT id, path, time, previous_time, data FROM versions WHERE id > ? ORDER BY id LIMIT ?"""
_UP_TO = "SELECT id FROM versions WHERE time <= ? ORDER BY id DESC LIMIT 1"


class EmbeddedChanges:
    """The changes behind a position.

    Args:
        file: The file.
        bell: Rings at commits.
        after: As `Database.changes` takes it.
        batch: The most changes of one batch.

    Raises:
        DataError: `bad-value` for what is no position.
        EngineError: `feed-expired`.
    """

    def __init__(self, file: File, bell: Bell, after: bytes | datetime | None, batch: int = BATCH) -> None:
        self._file = file
        self._bell = bell
        self._batch = batch
        self._closed = False
        with file.reading() as connection:
            state = state_of(connection)
            if isinstance(after, datetime):
                [row] = connection.execute(_UP_TO, (_micros(after),)).fetchall() or [(0,)]
                self.at: int = max(row[0], state.floor)
                if _micros(after) < state.floor_time:
                    raise expired(file, f"the feed after {after}")
            else:
                self.at = state.floor if after is None else _position(after)
        self._refuse(state)

    def next_batch(self, timeout: float = 0.0) -> Sequence[Change]:
        """See `Changes`."""
        until = time.monotonic() + timeout
        while not self._closed:
            heard = self._bell.rung
            found = self._read()
            left = until - time.monotonic()
            if found or left <= 0:
                return found
            self._bell.wait(heard, left)
        return ()

    def position(self) -> bytes:
        """See `Changes`."""
        return encode(self.at)

    def close(self) -> None:
        """See `Changes`."""
        self._closed = True
        self._bell.ring()

    def _read(self) -> Sequence[Change]:
        with self._file.reading() as connection:
            rows = connection.execute(_NEXT, (self.at, self._batch)).fetchall()
            self._refuse(state_of(connection))
        if rows:
            self.at = rows[-1][0]
        return [_change(*row[1:]) for row in rows]

    def _refuse(self, state: State) -> None:
        if self.at < state.floor:
            raise expired(self._file, "the feed's place")
        if self.at > state.position:
            fix = "It is the place of a feed of another database."
            raise UsageError("wrong-usage", "the database has no such place", where=self._file.path, fix=fix)


def _change(path: str, time: int, previous: int | None, data: bytes | None) -> Change:
    before = NEVER if previous is None else (previous, 0)
    return Change(path, None, None if data is None else decode_document(data), (time, 0), None, before)


def _position(after: bytes) -> int:
    position = decode(after)
    if type(position) is not int or position < 0:
        raise DataError("bad-value", f"{position!r:.80} is no place of a feed")
    return position


def _micros(time: datetime) -> int:
    return to_micros(time if time.tzinfo is None else time.astimezone(timezone.utc))
