"""Ctrl-C while a job runs in this process: the first ends it cleanly, as SIGTERM does; the second is Python's own."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def stopped_by_interrupts(stop: threading.Event) -> Iterator[None]:
    """Sets `stop` at the first Ctrl-C, where nobody else has said what it does; so in notebooks and scripts.

    Example:
        >>> before, stop = signal.signal(signal.SIGINT, signal.default_int_handler), threading.Event()
        >>> with stopped_by_interrupts(stop):
        ...     signal.raise_signal(signal.SIGINT)
        >>> stop.is_set(), signal.signal(signal.SIGINT, before) is signal.default_int_handler
        (True, True)
    """
    is_ours = threading.current_thread() is threading.main_thread()
    if not is_ours or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield
        return

    def interrupted(number: int, frame: Any) -> None:
        if stop.is_set():
            signal.default_int_handler(number, frame)
        stop.set()

    signal.signal(signal.SIGINT, interrupted)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGINT) is interrupted:
            signal.signal(signal.SIGINT, signal.default_int_handler)
