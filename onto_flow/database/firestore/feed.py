"""The feed of Firestore: a listener on whole collection groups.

Law: what is told is the state of documents as of rising moments, and each change has the update time of its document as its
version; several changes of one document between two moments are told as one, and a deletion has the moment at which the
document was seen to be gone. Where the service has lost its place and tells a collection anew, documents that a job takes to
exist, and that are not among them, are told as deleted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timezone
from typing import Any

from google.cloud.firestore_v1 import types

from ...core.change import Change
from ...core.codec import decode, encode
from ...core.errors import DataError, EngineError
from ...core.values import to_micros
from .messages import Messages, time_of, timestamp
from .service import Service
from .stream import BEGIN, Stream

_Kind = types.TargetChange.TargetChangeType
_LOOK_SECONDS = 0.2
Live = Callable[[], Iterable[str]]


class FirestoreChanges:
    """The changes of some collection groups; see `Changes`.

    Args:
        service, messages: Where.
        groups: Names of collections.
        after: As `Database.changes` takes it; `None`: everything is told, as it is now.
        live: The documents that are taken to exist; by default those that this feed has told.
    """

    def __init__(
        self,
        service: Service,
        messages: Messages,
        groups: Sequence[str],
        after: bytes | datetime | None,
        live: Live | None = None,
    ) -> None:
        self._messages, self._name = messages, service.name
        token, self._at = _place(after)
        self._told: set[str] = set()
        self._live = live
        self._pending: dict[str, Change] = {}
        self._present: dict[int, set[str]] = {}
        self._current: set[int] = set()
        self._groups = {group: n for n, group in enumerate(groups, 1)}
        self._targets = [self._target(service, n, group, after) for group, n in self._groups.items()]
        self._closed = threading.Event()
        self._stream = Stream(service, self._targets, token)

    def next_batch(self, timeout: float = 0.0) -> Sequence[Change]:
        """See `Changes`."""
        until = time.monotonic() + timeout
        while not self._closed.is_set():
            left = until - time.monotonic()
            message = self._stream.next(min(left, _LOOK_SECONDS))
            if message is None:
                if left <= 0:
                    return ()
                continue
            if message is BEGIN:
                self._begin(self._groups.values())
            elif batch := self._take(message):
                return batch
        return ()

    def position(self) -> bytes:
        """See `Changes`."""
        return encode((self._stream.resume, self._at))

    def close(self) -> None:
        """See `Changes`."""
        self._closed.set()
        self._stream.close()

    def _target(self, service: Service, number: int, group: str, after: bytes | datetime | None) -> Any:
        target = types.Target.pb()(target_id=number)
        target.query.parent = service.root
        target.query.structured_query.from_.add(collection_id=group, all_descendants=True)
        if isinstance(after, datetime):
            target.read_time.CopyFrom(timestamp(after))
        return target

    def _begin(self, targets: Iterable[int]) -> None:
        """From here on everything is told that is there of some targets."""
        for target in targets:
            self._current.discard(target)
            self._present[target] = set()

    def _take(self, message: Any) -> Sequence[Change]:
        kind = message.WhichOneof("response_type")
        if kind == "document_change":
            self._changed(message.document_change)
        elif kind in ("document_delete", "document_remove"):
            gone = getattr(message, kind)
            path = self._messages.missing(gone.document, datetime.min).path
            self._put(_deletion(path, time_of(gone.read_time)))
        elif kind == "filter":
            self._stream.begin_again()
        elif kind == "target_change":
            return self._target_changed(message.target_change)
        return ()

    def _changed(self, message: Any) -> None:
        found = self._messages.snapshot(message.document, time_of(message.document.update_time))
        assert found.version is not None
        assert found.update_time is not None
        for target in message.target_ids:
            if target in self._present:
                self._present[target].add(found.path)
        if to_micros(found.update_time) > self._at or self._at == 0:
            self._put(Change(found.path, None, found.fields, found.version, found.update_time))

    def _put(self, change: Change) -> None:
        before = self._pending.get(change.path)
        if before is None or before.version <= change.version:
            self._pending[change.path] = change

    def _target_changed(self, change: Any) -> Sequence[Change]:
        if change.target_change_type == _Kind.RESET:
            self._begin(change.target_ids)
        elif change.target_change_type == _Kind.REMOVE:
            raise EngineError("database-failed", f"a listener was refused: {change.cause.message}", where=self._name)
        elif change.target_change_type == _Kind.CURRENT:
            self._current.update(change.target_ids)
        is_whole = not change.target_ids and len(self._current) == len(self._targets)
        if change.target_change_type != _Kind.NO_CHANGE or not is_whole or not change.HasField("read_time"):
            return ()
        return self._moment(time_of(change.read_time), change.resume_token)

    def _moment(self, read_time: datetime, token: bytes) -> Sequence[Change]:
        """All that is pending is the state as of a moment."""
        if self._present:
            for path in self._gone():
                self._put(_deletion(path, read_time))
            self._present = {}
        batch = sorted(self._pending.values(), key=lambda change: change.version)
        self._pending = {}
        if self._live is None:
            for change in batch:
                (self._told.discard if change.after is None else self._told.add)(change.path)
        self._at = to_micros(read_time)
        self._stream.resume = token or self._stream.resume
        return batch

    def _gone(self) -> list[str]:
        """What is taken to exist of the targets that were told anew, and was not told."""
        gone = []
        for path in self._told if self._live is None else self._live():
            present = self._present.get(self._groups.get(path.split("/")[-2], 0))
            if present is not None and path not in present:
                gone.append(path)
        return gone


def _deletion(path: str, read_time: datetime) -> Change:
    return Change(path, None, None, (to_micros(read_time), 1), read_time)


def _place(after: bytes | datetime | None) -> tuple[bytes, int]:
    """The token and the moment that a place says."""
    if after is None:
        return b"", 0
    if isinstance(after, datetime):
        return b"", to_micros(after if after.tzinfo is None else after.astimezone(timezone.utc))
    place = decode(after)
    if not isinstance(place, tuple) or len(place) != 2 or type(place[0]) is not bytes or type(place[1]) is not int:
        raise DataError("bad-value", f"{place!r:.80} is no place of a feed")
    return place
