"""Listeners of an embedded database: an answer as of one commit, then what makes it another one."""

from __future__ import annotations

import time
from collections.abc import Iterator

from ...core.values import Document, from_micros
from ..answers import Matcher
from ..base import Snapshot, Update
from ..limits import checked_path
from ..query import Query
from .bell import Bell
from .feed import EmbeddedChanges
from .file import File
from .reading import Reading


class EmbeddedListener:
    """Tells of a document or an answer.

    A commit that touches no document that was or is in the answer costs one look at its changes; any other has the
    answer computed again.
    """

    def __init__(self, file: File, bell: Bell, what: str | Query, index_from: int | None = None) -> None:
        self._file = file
        self._index_from = index_from
        self._bell = bell
        self._what = checked_path(what) if isinstance(what, str) else what
        self._matcher = None if isinstance(what, str) else Matcher(what)
        self._changes: EmbeddedChanges | None = None
        self._shown: dict[str, Snapshot] = {}
        self._closed = False

    def next(self, timeout: float | None = None) -> Update | None:
        """See `Listener`."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self._closed:
            heard = self._bell.rung
            update = self._first() if self._changes is None else self._following(self._changes)
            if update is not None:
                return update
            left = 1.0 if until is None else until - time.monotonic()
            if left <= 0:
                break
            self._bell.wait(heard, left)
        return None

    def __iter__(self) -> Iterator[Update]:
        while (update := self.next()) is not None:
            yield update

    def close(self) -> None:
        """See `Listener`."""
        self._closed = True
        self._bell.ring()

    def _first(self) -> Update:
        reading = Reading(self._file, index_from=self._index_from)
        changes = EmbeddedChanges(self._file, self._bell, None)
        changes.at = reading.at.position
        self._changes = changes
        return self._update(reading)

    def _following(self, changes: EmbeddedChanges) -> Update | None:
        concerned = False
        while batch := changes.next_batch():
            concerned = concerned or any(self._concerns(c.path, c.after) for c in batch)
        if not concerned:
            return None
        reading = Reading(self._file)
        update = self._update(reading)
        return update if update.added or update.modified or update.removed else None

    def _concerns(self, path: str, after: Document | None) -> bool:
        if self._matcher is None:
            return path == self._what
        return path in self._shown or (after is not None and self._matcher.place(path, after) is not None)

    def _update(self, reading: Reading) -> Update:
        what = self._what
        found = reading.snapshots([what]) if isinstance(what, str) else list(reading.query(what))
        before, now = self._shown, {s.path: s for s in found if s.exists}
        self._shown = now
        return Update(
            documents=tuple(found),
            added=tuple(s for p, s in now.items() if p not in before),
            modified=tuple(s for p, s in now.items() if p in before and before[p].update_time != s.update_time),
            removed=tuple(p for p in before if p not in now),
            read_time=from_micros(reading.at.time),
        )
