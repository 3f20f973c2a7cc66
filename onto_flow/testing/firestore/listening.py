"""Listen: an answer as of one commit, then what makes it the one of a later commit; tokens are commits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from google.cloud.firestore_v1 import types

from ...core.codec import decode, encode
from ...core.errors import EngineError
from ...database.base import Snapshot
from ...database.embedded.reading import Reading
from ...database.embedded.rows import State
from .messages import Reads, time_of, timestamp

if TYPE_CHECKING:
    from .held import Held

_Kind = types.TargetChange.TargetChangeType
Answer = dict[str, Snapshot]


class Listening:
    """One target of one stream.

    Args:
        held: The database.
        target: What is listened to.
    """

    def __init__(self, held: Held, target: Any) -> None:
        self._held, self._target = held, target
        self._reads: Reads = held.reads
        self.shown: Answer = {}
        self.at: State | None = None

    def open(self) -> Iterator[Any]:
        """The first messages."""
        yield self._change(_Kind.ADD)
        before = self._resumed()
        asked = self._target.WhichOneof("resume_type") is not None
        if before is None and asked:
            yield self._change(_Kind.RESET)
        if before is not None:
            self.shown = self._answer(before)
            if self._held.counts_at_resume:
                yield from self._step(Reading(self._held.database.file), counted=True)
                return
        yield from self._step(Reading(self._held.database.file), first=True)

    def follow(self) -> Iterator[Any]:
        """What is new."""
        reading = Reading(self._held.database.file)
        if self.at is None or reading.at.position > self.at.position:
            yield from self._step(reading)

    def _step(self, reading: Reading, *, first: bool = False, counted: bool = False) -> Iterator[Any]:
        now, before = self._answer(reading), self.shown
        read_time = timestamp(reading.time)
        told = [s for p, s in now.items() if p not in before or before[p].update_time != s.update_time]
        gone = [path for path in before if path not in now]
        missed = self._held.take_missed({*gone, *(s.path for s in told)})
        for found in told:
            if found.path not in missed:
                message = types.DocumentChange.pb()(document=self._reads.document(found), target_ids=[1])
                self._held.faults.documents += 1
                yield types.ListenResponse.pb()(document_change=message)
        for path in gone:
            if path not in missed:
                exists = reading.snapshots([path])[0].exists
                of = "document_remove" if exists else "document_delete"
                said = {"document": self._reads.name(path), "removed_target_ids": [1], "read_time": read_time}
                yield types.ListenResponse.pb()(**{of: said})
        self.shown, self.at = now, reading.at
        if (missed and self._held.counts_missed) or counted:
            yield types.ListenResponse.pb()(filter=types.ExistenceFilter.pb()(target_id=1, count=len(now)))
        token = encode((self._held.epoch, *reading.at))
        if first or counted:
            yield self._change(_Kind.CURRENT, token, read_time)
        yield self._change(_Kind.NO_CHANGE, token, read_time)

    def _resumed(self) -> Reading | None:
        """The reading that a token or a time says, if it is still known."""
        kind = self._target.WhichOneof("resume_type")
        try:
            if kind == "resume_token":
                epoch, *state = decode(self._target.resume_token)
                return Reading(self._held.database.file, State(*state)) if epoch == self._held.epoch else None
            if kind == "read_time" and not self._held.forgets_times:
                return self._held.as_of(time_of(self._target.read_time))
        except EngineError:
            return None
        return None

    def _answer(self, reading: Reading) -> Answer:
        target = self._target
        if target.WhichOneof("target_type") == "documents":
            found = reading.snapshots([self._reads.path(name) for name in target.documents.documents])
        else:
            query = self._reads.query(target.query.parent, target.query.structured_query)
            found = list(reading.query(query))
        return {s.path: s for s in found if s.exists}

    def _change(self, kind: Any, token: bytes = b"", read_time: Any = None) -> Any:
        change = types.TargetChange.pb()(target_change_type=kind, resume_token=token)
        if kind != _Kind.NO_CHANGE:
            change.target_ids.append(1)
        if read_time is not None:
            change.read_time.CopyFrom(read_time)
        return types.ListenResponse.pb()(target_change=change)
