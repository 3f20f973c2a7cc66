"""How a run that has nothing to do waits before it looks again."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime, timezone

from ...sources.base import Reader

LONGEST = 0.05
"""Seconds: a stop, moments of declared time and pages are looked for."""

SHORTEST = 0.002
"""Seconds: what another thread is about to finish is not waited for in a busy loop."""


class Bell:
    """Wakes a run that waits: what it waits for has come, or is over."""

    def __init__(self) -> None:
        self._rung = threading.Event()

    def ring(self) -> None:
        """Wakes it, from any thread; where it does not wait, it will not wait the next time."""
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Waits until it rings, or until so much time has passed."""
        self._rung.wait(seconds)
        self._rung.clear()


def pause(readers: Iterable[Reader], due: float) -> float:
    """Seconds until a reader wants to be asked again, or something is due.

    Args:
        readers: Those that gave nothing just now.
        due: Seconds until the run itself has something to do; it may be over already, or never come.

    Example:
        >>> pause([], float("inf")), pause([], 0.01), pause([], -3.0)
        (0.05, 0.01, 0.002)
    """
    now = datetime.now(timezone.utc)
    wakes = (reader.next_wake() for reader in readers)
    asked = [0.0 if wake is None else (wake - now).total_seconds() for wake in wakes]
    return max(SHORTEST, min(LONGEST, due, *asked))
