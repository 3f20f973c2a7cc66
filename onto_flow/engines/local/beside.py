"""A publication in a thread of its own, while the run goes on.

Law: of a sink one publication is under way at a time, and nothing else is asked of it meanwhile but to take what is written.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ...core.change import DeadLetter
from ...sinks.base import Sink


class Ended(NamedTuple):
    """A publication that is over.

    Attributes:
        number: Of the last commit that it surely shows.
        letters: What the sink could not show.
        seconds: How long it took.
    """

    number: int
    letters: Sequence[DeadLetter]
    seconds: float


class Beside:
    """The publications of a sink, one after the other.

    Args:
        sink: What publishes.
        ring: Is called, in the other thread, when one is over.
    """

    def __init__(self, sink: Sink, ring: Callable[[], None]) -> None:
        self._sink, self._ring = sink, ring
        self._thread = ThreadPoolExecutor(1, "onto_flow-publication")
        self._under_way: Future[Ended] | None = None

    @property
    def is_busy(self) -> bool:
        """Whether there is one whose end nobody has taken note of."""
        return self._under_way is not None

    @property
    def is_over(self) -> bool:
        """Whether there is one that has ended."""
        return self._under_way is not None and self._under_way.done()

    def publish(self, number: int) -> None:
        """Publishes all that was written, up to this commit, at once and here; its end is to be noted all the same."""
        ended = self._publish(number)
        self._under_way = Future()
        self._under_way.set_result(ended)

    def begin(self, number: int) -> None:
        """Begins to publish all that was written, up to this commit, in the other thread."""
        self._under_way = self._thread.submit(self._publish, number)
        self._under_way.add_done_callback(lambda _: self._ring())

    def end(self) -> Ended | None:
        """Waits for the one that is under way, if there is one.

        Raises:
            OntoFlowError: As `Sink.publish`.
        """
        under_way, self._under_way = self._under_way, None
        return None if under_way is None else under_way.result()

    def close(self) -> None:
        """Waits for the one that is under way, whatever comes of it."""
        self._thread.shutdown()

    def _publish(self, number: int) -> Ended:
        began = time.monotonic()
        letters = [*self._sink.publish()]
        return Ended(number, letters, time.monotonic() - began)
