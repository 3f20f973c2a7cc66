"""A publication in a thread of its own, while the run goes on.

Law: of a sink one call is under way at a time. While it publishes, what is to be written waits here; a publication shows
what was written before it began.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ...core.change import DeadLetter, ViewChange
from ...sinks.base import Sink

MOST = 10_000
"""View changes that may wait; with more of them the run waits too."""


class Ended(NamedTuple):
    """A publication that is over.

    Attributes:
        number: Of the last commit that it shows.
        letters: What the sink could not show.
        seconds: How long it took.
        waiting: What was to be written meanwhile: view changes, and since when the oldest waits.
    """

    number: int
    letters: Sequence[DeadLetter]
    seconds: float
    waiting: list[tuple[Sequence[ViewChange], float | None]]


class Beside:
    """The publications of a sink, one after the other.

    Args:
        sink: What publishes.
        ring: Is called, in the other thread, when one is over.
    """

    def __init__(self, sink: Sink, ring: Callable[[], None]) -> None:
        self._sink, self._ring = sink, ring
        self._thread = ThreadPoolExecutor(1, "onto_flow-publication")
        self._under_way: Future[tuple[Sequence[DeadLetter], float]] | None = None
        self._number = 0
        self._waiting: list[tuple[Sequence[ViewChange], float | None]] = []

    @property
    def is_busy(self) -> bool:
        """Whether there is one whose end nobody has taken note of."""
        return self._under_way is not None

    @property
    def is_over(self) -> bool:
        """Whether there is one that has ended."""
        return self._under_way is not None and self._under_way.done()

    @property
    def is_full(self) -> bool:
        """Whether so much waits that the run must wait too."""
        return sum(len(changes) for changes, _ in self._waiting) > MOST

    def begin(self, number: int) -> None:
        """Begins one of all that was written: up to this commit."""
        self._number = number
        self._under_way = self._thread.submit(self._publish)
        self._under_way.add_done_callback(lambda _: self._ring())

    def hold(self, changes: Sequence[ViewChange], oldest: float | None) -> None:
        """Keeps what is to be written after it."""
        self._waiting.append((changes, oldest))

    def end(self) -> Ended | None:
        """Waits for the one that is under way, if there is one.

        Raises:
            OntoFlowError: As `Sink.publish`.
        """
        if self._under_way is None:
            return None
        (letters, seconds), self._under_way = self._under_way.result(), None
        waiting, self._waiting = self._waiting, []
        return Ended(self._number, letters, seconds, waiting)

    def close(self) -> None:
        """Waits for the one that is under way, whatever comes of it."""
        self._thread.shutdown()

    def _publish(self) -> tuple[Sequence[DeadLetter], float]:
        began = time.monotonic()
        letters = [*self._sink.publish()]
        return letters, time.monotonic() - began
