"""Rings at each commit of this process; commits of others are heard by asking a few times a second."""

from __future__ import annotations

import threading

ASK_SECONDS = 0.02
"""How long a commit of another process may go unheard."""


class Bell:
    """Wakes whoever waits.

    Attributes:
        rung: How often it rang.
    """

    def __init__(self) -> None:
        self.rung = 0
        self._condition = threading.Condition()

    def ring(self) -> None:
        """Wakes all."""
        with self._condition:
            self.rung += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Waits until it rings again, or until it is time to ask.

        Args:
            heard: `rung` before the last look: a ring since then ends the wait at once.
            seconds: How long at most.
        """
        with self._condition:
            if self.rung == heard:
                self._condition.wait(min(seconds, ASK_SECONDS))
