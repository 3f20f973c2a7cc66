"""Listeners of Firestore: an answer as of one moment, then what makes it another one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1 import types

from ...core.errors import EngineError
from ..answers import Matcher
from ..base import Snapshot, Update
from ..limits import checked_path
from ..query import Query
from .messages import Messages, time_of
from .service import Service
from .stream import Inbox, Opened, Stream

_TARGET = 1
_Kind = types.TargetChange.TargetChangeType
_LOOK_SECONDS = 0.2
"""How often who waits looks whether the listener was closed."""


class FirestoreListener:
    """Tells of a document or an answer; see `Listener`."""

    def __init__(self, service: Service, messages: Messages, what: str | Query) -> None:
        self._messages, self._name = messages, service.name
        self._what = checked_path(what) if isinstance(what, str) else what
        self._matcher = None if isinstance(what, str) else Matcher(what)
        self._shown: dict[str, Snapshot] = {}
        self._known: dict[str, Snapshot] = {}
        self._is_current = self._has_told = False
        self._is_deaf = False
        self._closed = threading.Event()
        self._inbox = Inbox()
        self._stream = Stream(service, self._target(), self._inbox)

    def next(self, timeout: float | None = None) -> Update | None:
        """See `Listener`."""
        until = None if timeout is None else time.monotonic() + timeout
        while not self._closed.is_set():
            left = 1.0 if until is None else until - time.monotonic()
            arrived = self._inbox.next(min(left, _LOOK_SECONDS))
            if arrived is None:
                self._stream.look()
                if left <= 0:
                    return None
            elif (update := self._take(arrived[1])) is not None:
                return update
        return None

    def __iter__(self) -> Iterator[Update]:
        while (update := self.next()) is not None:
            yield update

    @property
    def is_closed(self) -> bool:
        """Whether it was closed: nothing of it is left."""
        return self._closed.is_set()

    def close(self) -> None:
        """See `Listener`."""
        self._closed.set()
        self._stream.close()

    def _target(self) -> Any:
        target = types.Target.pb()(target_id=_TARGET)
        if isinstance(self._what, str):
            target.documents.documents.append(self._messages.name(self._what))
            return target
        parent, query = self._messages.query(self._what)
        target.query.parent = parent
        target.query.structured_query.CopyFrom(query)
        return target

    def _take(self, message: Any) -> Update | None:
        if isinstance(message, Opened):
            self._is_deaf, self._is_current = False, False
            if not message.resumes:
                self._begin()
            return None
        if self._is_deaf:
            return None
        kind = message.WhichOneof("response_type")
        if kind == "document_change":
            self._changed(message.document_change)
        elif kind in ("document_delete", "document_remove"):
            gone = getattr(message, kind)
            self._known.pop(self._messages.path(gone.document), None)
        elif kind == "filter" and message.filter.count != len(self._known):
            self._is_deaf = True
            self._stream.begin_again()
        elif kind == "target_change":
            return self._target_changed(message.target_change)
        return None

    def _changed(self, change: Any) -> None:
        snapshot = self._messages.snapshot(change.document, time_of(change.document.update_time))
        if _TARGET in change.target_ids:
            self._known[snapshot.path] = snapshot
        elif _TARGET in change.removed_target_ids:
            self._known.pop(snapshot.path, None)

    def _target_changed(self, change: Any) -> Update | None:
        if change.resume_token:
            self._stream.resume = change.resume_token
        if change.target_change_type == _Kind.RESET:
            self._begin()
        elif change.target_change_type == _Kind.REMOVE:
            what = f"a listener was refused: {change.cause.message}"
            raise EngineError("database-failed", what, where=self._name)
        elif change.target_change_type == _Kind.CURRENT:
            self._is_current = True
        elif change.target_change_type == _Kind.NO_CHANGE and self._is_current and change.HasField("read_time"):
            return self._update(time_of(change.read_time))
        return None

    def _begin(self) -> None:
        self._known, self._is_current = {}, False

    def _update(self, read_time: datetime) -> Update | None:
        """What is known, as an answer at a moment; `None` where it is the one that was told last."""
        now = {path: replace(s, read_time=read_time) for path, s in self._known.items()}
        documents = self._answer(now, read_time)
        before, self._shown = self._shown, {s.path: s for s in documents if s.exists}
        update = Update(
            documents=tuple(documents),
            added=tuple(s for s in documents if s.exists and s.path not in before),
            modified=tuple(
                s for s in documents if s.exists and s.path in before and before[s.path].update_time != s.update_time
            ),
            removed=tuple(path for path in before if path not in self._shown),
            read_time=read_time,
        )
        is_first, self._has_told = not self._has_told, True
        return update if is_first or update.added or update.modified or update.removed else None

    def _answer(self, now: dict[str, Snapshot], read_time: datetime) -> list[Snapshot]:
        what = self._what
        if isinstance(what, str):
            return [now.get(what, Snapshot(what, None, read_time))]
        assert self._matcher is not None
        places = ((self._matcher.place(path, s.fields or {}), s) for path, s in now.items())
        return self._matcher.sorted((place, s) for place, s in places if place is not None)
