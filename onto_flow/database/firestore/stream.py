"""One target of Firestore's Listen call: opened again where its stream breaks or falls silent, at the place that was taken.

A target has a stream of its own. Google's emulator (1.19.9) writes the frames of a stream from several threads without a
lock: where a target is added while documents change, frames of two targets mix, and the stream breaks, or is never heard of
again (`docs/decisions/0071`). A stream that breaks, or is silent for long, is opened again; nothing is lost by it, since
what was told is told from the last token on.
"""

from __future__ import annotations

import queue
import threading
import time
from dataclasses import dataclass
from typing import Any

import grpc
from google.api_core import exceptions
from google.cloud.firestore_v1 import types

from ...core.errors import EngineError
from .service import Service


@dataclass(frozen=True)
class Opened:
    """Stands before the messages of each call: what came after the last token was taken comes again.

    Attributes:
        resumes: Whether the service was asked to go on from a place: it tells everything only after it has said so.
    """

    resumes: bool


_AGAIN = (
    exceptions.ServiceUnavailable,
    exceptions.InternalServerError,
    exceptions.DeadlineExceeded,
    exceptions.Cancelled,
    exceptions.Aborted,
    exceptions.Unknown,
    exceptions.ResourceExhausted,
)
"""What a stream ends with that is to be opened again."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 10.0
_PATIENCE = 10.0
_ROOM = 1000
"""So many messages wait at most; then the service does."""


class Inbox:
    """Where the messages of some streams arrive."""

    def __init__(self) -> None:
        self._messages: queue.Queue[tuple[Stream, Any]] = queue.Queue(_ROOM)

    def next(self, timeout: float) -> tuple[Stream, Any] | None:
        """The next message, or `Opened`, and its stream; `None` where none came within some seconds.

        Raises:
            EngineError: `database-failed`: the service does not let us listen.
        """
        try:
            stream, message = self._messages.get(timeout=timeout) if timeout > 0 else self._messages.get_nowait()
        except queue.Empty:
            return None
        if isinstance(message, Exception):
            raise EngineError("database-failed", f"a listener ended: {message}", where=stream.where) from message
        return stream, message

    def put(self, stream: Stream, message: Any, closed: threading.Event) -> None:
        """Waits for room, unless the stream is closed."""
        while not closed.is_set():
            try:
                self._messages.put((stream, message), timeout=0.5)
                return
            except queue.Full:
                continue


class Stream:
    """The messages of a target, for as long as somebody listens.

    Args:
        service: Where.
        target: What is listened to.
        inbox: Where messages go.
        resume: The token to go on from.

    Attributes:
        resume: The token behind what was taken; whoever takes messages sets it.
        where: The database.
    """

    def __init__(self, service: Service, target: Any, inbox: Inbox, resume: bytes = b"") -> None:
        self._service, self._target, self._inbox = service, target, inbox
        self.resume, self.where = resume, service.name
        self._requests: queue.Queue[Any] = queue.Queue()
        self._call: Any = None
        self._heard = time.monotonic()
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._run, name="firestore-listen", daemon=True)
        self._thread.start()

    def begin_again(self) -> None:
        """What is known is wrong: all of it is to be told anew."""
        self.resume = b""
        self._target.ClearField("resume_type")
        self._cancel()

    def look(self) -> None:
        """Opens a stream again that has been silent for long."""
        if time.monotonic() - self._heard > self._service.silence:
            self._cancel()

    def close(self) -> None:
        """Ends it, and waits until it has ended: its channel may be closed then."""
        self._closed.set()
        self._cancel()
        self._thread.join(_PATIENCE)

    def _cancel(self) -> None:
        self._heard = time.monotonic()
        if self._call is not None:
            self._call.cancel()

    def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while not self._closed.is_set():
            try:
                for message in self._open():
                    pause, self._heard = _SHORTEST_PAUSE, time.monotonic()
                    self._inbox.put(self, message, self._closed)
            except grpc.RpcError as error:
                said = exceptions.from_grpc_error(error)
                if not isinstance(said, _AGAIN):
                    self._inbox.put(self, said, self._closed)
                    return
            finally:
                self._requests.put(None)
            if not self._closed.wait(pause):
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _open(self) -> Any:
        self._requests = queue.Queue()
        self._heard = time.monotonic()
        target = types.Target.pb()()
        target.CopyFrom(self._target)
        if self.resume:
            target.resume_token = self.resume
        self._inbox.put(self, Opened(target.WhichOneof("resume_type") is not None), self._closed)
        request = types.ListenRequest.pb()(database=self._service.name, add_target=target)
        self._requests.put(request)
        self._call = self._service.listen(iter(self._requests.get, None), metadata=self._service.metadata)
        if self._closed.is_set():
            self._call.cancel()
        return self._call
