"""Writes of Firestore: all of a commit or none, or each for itself; and which of them was refused."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from google.api_core import exceptions
from google.cloud.firestore_v1 import types

from ...core.errors import UsageError
from ...core.writes import Write
from ..base import Committed, PreconditionFailed, Snapshot, Written
from ..limits import MAX_COMMIT_BYTES, checked_document, checked_path, fits
from .messages import Messages, time_of
from .service import Service, error_of

_FAILED = (exceptions.AlreadyExists, exceptions.NotFound, exceptions.FailedPrecondition)
Read = Callable[[Sequence[str]], Sequence[Snapshot]]


def checked(write: Write) -> Write:
    """A write that Firestore takes.

    Raises:
        DataError: `bad-key`, `bad-value`, `too-deep`.
    """
    checked_path(write.path)
    if write.fields is None or fits(write.path, write.fields):
        return write
    return replace(write, fields=checked_document(write.path, write.fields))


def write_all(
    service: Service, messages: Messages, writes: Sequence[Write], transaction: bytes, read: Read
) -> Committed:
    """Commits checked writes.

    Args:
        service, messages: Where.
        writes: All or none of them are made.
        transaction: The id of the transaction that they end, if any.
        read: Reads documents: to find which one was refused.

    Raises:
        PreconditionFailed, UsageError, EngineError: As `Database.commit`.
    """
    made = [messages.write(write) for write in writes]
    _refuse_large(made)
    request = types.CommitRequest.pb()(database=service.name, writes=made, transaction=transaction)
    with service.errors():
        try:
            answer = service.api.commit(types.CommitRequest.wrap(request), metadata=service.metadata)
        except _FAILED as error:
            raise _failed(writes, error, read) from error
    pb = types.CommitResponse.pb(answer)
    times = (time_of(r.update_time) if r.HasField("update_time") else None for r in pb.write_results)
    return Committed(time_of(pb.commit_time), tuple(times))


def write_each(service: Service, messages: Messages, writes: Sequence[Write]) -> list[Written]:
    """Makes checked writes, each for itself (BatchWrite).

    Nothing is tried again here: who does must know that a write which nobody confirmed may have been made.

    Raises:
        UsageError, EngineError: As `Database.commit_each`.
    """
    made = [messages.write(write) for write in writes]
    _refuse_large(made)
    request = types.BatchWriteRequest.pb()(database=service.name, writes=made)
    with service.errors():
        answer = service.api.batch_write(types.BatchWriteRequest.wrap(request), retry=None, metadata=service.metadata)
    pb = types.BatchWriteResponse.pb(answer)
    return [_written(w, r, s, service.name) for w, r, s in zip(writes, pb.write_results, pb.status)]


def _written(write: Write, result: Any, status: Any, where: str) -> Written:
    if not status.code:
        return Written(time_of(result.update_time) if result.HasField("update_time") else None)
    error = exceptions.from_grpc_status(status.code, status.message)
    if isinstance(error, _FAILED):
        return Written(error=PreconditionFailed(write.path, status.message))
    return Written(error=error_of(error, f"{where}/documents/{write.path}"))


def _refuse_large(made: Sequence[Any]) -> None:
    if sum(message.ByteSize() for message in made) > MAX_COMMIT_BYTES:
        raise UsageError("wrong-usage", f"a commit of more than {MAX_COMMIT_BYTES} bytes", fix="Divide it.")


def _failed(writes: Sequence[Write], error: exceptions.GoogleAPICallError, read: Read) -> PreconditionFailed:
    """Which write of a commit was refused: Firestore says it in words, so what is there now is looked at."""
    wanted = [w for w in writes if w.precondition.exists is not None or w.precondition.update_time is not None]
    now = {s.path: s.update_time for s in read([w.path for w in wanted])}
    for write in wanted:
        if (why := write.precondition.failure(now[write.path])) is not None:
            return PreconditionFailed(write.path, why)
    named = next((w.path for w in wanted if w.path in error.message), ", ".join(w.path for w in wanted[:3]))
    return PreconditionFailed(named, error.message)
