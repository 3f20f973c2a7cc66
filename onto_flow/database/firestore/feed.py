"""The feed of Firestore: a listener on each of some collections, or collection groups.

Law: each change has the update time of its document as its version. What is told is where documents are, at one moment after
the other: several changes between two moments are told as one, and a deletion has a time at which the document was read and
was not there. Where the service has lost its place and tells one anew, so does the feed: whoever takes it drops what it
has by its version. Documents that are taken to exist and are not among them are read again, and told as they are.

No time but that of a read is trusted for this: the moments that Google's emulator tells (1.19.9) may lie behind changes that
it tells later.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from google.cloud.firestore_v1 import types

from ...core.change import Change, Version
from ...core.codec import decode, encode
from ...core.collection import Collection
from ...core.errors import DataError, EngineError
from ...core.values import to_micros
from ..base import Snapshot
from ..query import Query
from .messages import Messages, time_of, timestamp
from .service import Service
from .stream import Inbox, Opened, Stream

_Kind = types.TargetChange.TargetChangeType
_LOOK_SECONDS = 0.2
Read = Callable[[Sequence[str]], Sequence[Snapshot]]
Live = Callable[[Collection], Iterable[str]]
"""The documents of a collection, or group, that are taken to exist."""


class FirestoreChanges:
    """The changes of some collections; see `Changes`.

    Args:
        service, messages: Where.
        collections: Each without free ids.
        after: As `Database.changes` takes it; `None`: everything is told, as it is now.
        read: Reads documents.
        live: The documents that are taken to exist; by default those that this feed has told.
    """

    def __init__(
        self,
        service: Service,
        messages: Messages,
        collections: Sequence[Collection],
        after: bytes | datetime | None,
        read: Read,
        live: Live | None = None,
    ) -> None:
        self._inbox = Inbox()
        places = _places(after) if isinstance(after, bytes) else {}
        since = _micros(after) if isinstance(after, datetime) else 0
        self._told: dict[Stream, Told] = {}
        for collection in collections:
            token, at = places.get(str(collection), (b"", since))
            target = _target(messages, collection, after if isinstance(after, datetime) else None)
            stream = Stream(service, target, self._inbox, token)
            self._told[stream] = Told(collection, messages, stream, at, read, live)
        self._closed = threading.Event()

    def next_batch(self, timeout: float = 0.0) -> Sequence[Change]:
        """See `Changes`; a batch is of one collection."""
        until = time.monotonic() + timeout
        while not self._closed.is_set():
            left = until - time.monotonic()
            arrived = self._inbox.next(min(left, _LOOK_SECONDS))
            if arrived is not None:
                stream, message = arrived
                if batch := self._told[stream].take(message):
                    return batch
                continue
            for stream in self._told:
                stream.look()
            if left <= 0:
                return ()
        return ()

    @property
    def has_begun(self) -> bool:
        """Whether each listener has told where its documents are, or what changed behind its place."""
        return all(told.has_begun for told in self._told.values())

    def position(self) -> bytes:
        """See `Changes`."""
        return encode({str(told.collection): (told.stream.resume, told.since) for told in self._told.values()})

    @property
    def is_closed(self) -> bool:
        """Whether it was closed: nothing of it is left."""
        return self._closed.is_set()

    def close(self) -> None:
        """See `Changes`."""
        self._closed.set()
        for stream in self._told:
            stream.close()


class Told:
    """What a feed is told of one collection.

    Args:
        collection: Which one.
        messages: Reads messages.
        stream: Where they come from.
        since: Nothing that is older is told, in microseconds.
        read, live: As `FirestoreChanges` takes them.

    Attributes:
        has_begun: Whether there was a moment.
    """

    def __init__(
        self,
        collection: Collection,
        messages: Messages,
        stream: Stream,
        since: int,
        read: Read,
        live: Live | None,
    ) -> None:
        self.collection, self.stream, self.since = collection, stream, since
        self._messages, self._read, self._live = messages, read, live
        self._told: dict[str, Version] = {}
        self._knows_all = False
        self._pending: dict[str, Change | None] = {}
        self._present: set[str] | None = None
        self._is_current = self._is_deaf = self.has_begun = False

    def take(self, message: Any) -> Sequence[Change]:
        """What a message completes."""
        if isinstance(message, Opened):
            self._pending, self._present, self._is_deaf = {}, None if message.resumes else set(), False
            self._is_current = False
            return ()
        if self._is_deaf:
            return ()
        kind = message.WhichOneof("response_type")
        if kind == "document_change":
            self._changed(message.document_change)
        elif kind in ("document_delete", "document_remove"):
            self._removed(self._messages.path(getattr(message, kind).document))
        elif kind == "filter" and self._miscounts(message.filter.count):
            self._is_deaf = True
            self.stream.begin_again()
        elif kind == "target_change":
            return self._target_changed(message.target_change)
        return ()

    def _changed(self, message: Any) -> None:
        found = self._messages.snapshot(message.document, time_of(message.document.update_time))
        if self._present is not None:
            self._present.add(found.path)
        self._pending[found.path] = _change(found)

    def _removed(self, path: str) -> None:
        self._pending[path] = None
        if self._present is not None:
            self._present.discard(path)

    def _target_changed(self, change: Any) -> Sequence[Change]:
        kind = change.target_change_type
        if kind == _Kind.RESET:
            self._pending, self._present, self._is_current = {}, set(), False
        elif kind == _Kind.REMOVE:
            what = f"a listener was refused: {change.cause.message}"
            raise EngineError("database-failed", what, where=self.stream.where)
        elif kind == _Kind.CURRENT:
            self._is_current = True
        elif kind == _Kind.NO_CHANGE and self._is_current and change.HasField("read_time"):
            return self._moment(time_of(change.read_time), change.resume_token)
        return ()

    def _moment(self, read_time: datetime, token: bytes) -> Sequence[Change]:
        """All that is pending is how things are at a moment."""
        found = {path: _deletion(path, read_time) if c is None else c for path, c in self._pending.items()}
        if self._present is not None:
            found |= self._read_again([path for path in self._known() if path not in self._present])
        batch = sorted((c for c in found.values() if self._is_news(c)), key=lambda change: change.version)
        if self._live is None:
            self._knows_all = self._knows_all or self._present is not None
            self._note(batch)
        self._pending, self._present, self.has_begun = {}, None, True
        self.stream.resume = token or self.stream.resume
        return batch

    def _read_again(self, paths: Sequence[str]) -> dict[str, Change]:
        """Documents that were not told when everything was."""
        found = self._read(paths) if paths else ()
        return {s.path: _deletion(s.path, s.read_time) if s.version is None else _change(s) for s in found}

    def _is_news(self, change: Change) -> bool:
        return change.version > (self.since, 0) and self._told.get(change.path) != change.version

    def _note(self, batch: Sequence[Change]) -> None:
        for change in batch:
            if change.after is None:
                self._told.pop(change.path, None)
            else:
                self._told[change.path] = change.version

    def _known(self) -> Iterable[str]:
        return self._told if self._live is None else self._live(self.collection)

    def _miscounts(self, count: int) -> bool:
        """Whether the service counts other documents than are known: a change was missed."""
        if self._present is not None:
            return count != len(self._present)
        if self._live is None and not self._knows_all:
            return True
        known = set(self._known())
        for path, change in self._pending.items():
            (known.discard if change is None else known.add)(path)
        return count != len(known)


def _change(found: Snapshot) -> Change:
    assert found.version is not None
    return Change(found.path, None, found.fields, found.version, found.update_time)


def _deletion(path: str, time: datetime) -> Change:
    return Change(path, None, None, (to_micros(time), 1), time)


def _target(messages: Messages, collection: Collection, after: datetime | None) -> Any:
    target = types.Target.pb()(target_id=1)
    parent, query = messages.query(Query(collection))
    query.ClearField("order_by")
    target.query.parent = parent
    target.query.structured_query.CopyFrom(query)
    if after is not None:
        target.read_time.CopyFrom(timestamp(after))
    return target


def _micros(time: datetime) -> int:
    return to_micros(time if time.tzinfo is None else time.astimezone(timezone.utc))


def _places(after: bytes) -> dict[str, tuple[bytes, int]]:
    """The token and the moment of each collection that a place says."""
    places = decode(after)
    if not isinstance(places, dict) or not all(
        isinstance(p, (tuple, list)) and len(p) == 2 and type(p[0]) is bytes and type(p[1]) is int
        for p in places.values()
    ):
        raise DataError("bad-value", f"{places!r:.80} is no place of a feed")
    return {name: (token, at) for name, (token, at) in places.items()}
