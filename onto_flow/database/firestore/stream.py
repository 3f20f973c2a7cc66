"""One stream of Firestore's Listen call: opened again where it breaks, with the token of what was taken."""

from __future__ import annotations

import queue
import threading
from collections.abc import Sequence
from typing import Any

import grpc
from google.api_core import exceptions
from google.cloud.firestore_v1 import types

from ...core.errors import EngineError
from .service import Service

BEGIN = "begin"
"""Stands before the messages of a stream that tells everything."""

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
_ROOM = 1000
"""So many messages wait at most; then the service does."""


class Stream:
    """The messages of some targets, for as long as somebody listens.

    Args:
        service: Where.
        targets: What is listened to.
        resume: The token to go on from.

    Attributes:
        resume: The token behind what was taken; whoever takes messages sets it.
    """

    def __init__(self, service: Service, targets: Sequence[Any], resume: bytes = b"") -> None:
        self._service, self._targets = service, targets
        self.resume = resume
        self._requests: queue.Queue[Any] = queue.Queue()
        self._call: Any = None
        self._closed = threading.Event()
        self._messages: queue.Queue[Any] = queue.Queue(_ROOM)
        threading.Thread(target=self._run, name="firestore-listen", daemon=True).start()

    def next(self, timeout: float) -> Any:
        """The next message, or `BEGIN`; `None` where none came within some seconds.

        Raises:
            EngineError: `database-failed`: the service does not let us listen.
        """
        try:
            message = self._messages.get(timeout=max(timeout, 0.0)) if timeout > 0 else self._messages.get_nowait()
        except queue.Empty:
            return None
        if isinstance(message, Exception):
            what = f"a listener ended: {message}"
            raise EngineError("database-failed", what, where=self._service.name) from message
        return message

    def begin_again(self) -> None:
        """What is known is wrong: all of it is to be told anew."""
        self.resume = b""
        self._cancel()

    def close(self) -> None:
        """Ends it."""
        self._closed.set()
        self._cancel()

    def _cancel(self) -> None:
        if self._call is not None:
            self._call.cancel()

    def _run(self) -> None:
        pause = _SHORTEST_PAUSE
        while not self._closed.is_set():
            try:
                for message in self._open():
                    pause = _SHORTEST_PAUSE
                    self._put(types.ListenResponse.pb(message))
            except _AGAIN:
                pass
            except (exceptions.GoogleAPICallError, grpc.RpcError) as error:
                self._put(error)
                return
            finally:
                self._requests.put(None)
            if not self._closed.wait(pause):
                pause = min(2 * pause, _LONGEST_PAUSE)

    def _put(self, item: Any) -> None:
        while not self._closed.is_set():
            try:
                self._messages.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    def _open(self) -> Any:
        self._requests = queue.Queue()
        if not self.resume:
            self._put(BEGIN)
        for target in self._targets:
            request = types.ListenRequest.pb()(database=self._service.name, add_target=target)
            if self.resume:
                request.add_target.resume_token = self.resume
            self._requests.put(types.ListenRequest.wrap(request))
        self._call = self._service.api.listen(iter(self._requests.get, None), metadata=self._service.metadata)
        return self._call
