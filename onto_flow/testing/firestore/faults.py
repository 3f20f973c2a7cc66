"""What goes wrong on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from typing import Any

import grpc


class Faults:
    """Errors and delays of calls to come, by the method's name (`Commit`, `RunQuery`, ...), and counts of all calls.

    Attributes:
        calls: How often each method was called.
        documents: How many documents were given by reads and listeners: what Firestore bills.
    """

    def __init__(self) -> None:
        self.calls: dict[str, int] = {}
        self.documents = 0
        self._failing: dict[str, list[tuple[grpc.StatusCode, int]]] = {}
        self._slow: dict[str, float] = {}
        self._lock = threading.Lock()

    def fail(self, method: str, code: grpc.StatusCode, times: int = 1, *, after: int = 0) -> None:
        """Fails the next calls of a method; a stream after so many of its messages."""
        with self._lock:
            self._failing.setdefault(method, []).extend([(code, after)] * times)

    def clear(self) -> None:
        """Nothing goes wrong any more."""
        with self._lock:
            self._failing.clear()
            self._slow.clear()

    def slow(self, method: str, seconds: float) -> None:
        """Every call of a method begins so much later."""
        self._slow[method] = seconds

    def called(self, method: str, context: grpc.ServicerContext) -> int | None:
        """Counts a call, waits, or fails it; the number of messages after which its stream is to fail."""
        with self._lock:
            self.calls[method] = self.calls.get(method, 0) + 1
            failing = self._failing.get(method)
            fault = failing.pop(0) if failing else None
        time.sleep(self._slow.get(method, 0.0))
        if fault is None:
            return None
        code, after = fault
        if not after:
            context.abort(code, f"{method} fails on demand")
        self._codes = code
        return after

    def cut(self, answers: Iterable[Any], after: int | None, context: grpc.ServicerContext) -> Iterator[Any]:
        """A stream, which fails after so many messages where it is to."""
        for count, answer in enumerate(answers):
            if count == after:
                context.abort(self._codes, "a stream fails on demand")
            yield answer
