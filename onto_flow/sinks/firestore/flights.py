"""Commits that are under way while the next ones are prepared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

from ...database.base import Committed
from ..staged import Row
from .deciding import Decision

Landing = Future[Committed | None]
"""What a commit will have come to; `None`: nothing was to be written."""


class Flight(NamedTuple):
    """A commit that is under way.

    Attributes:
        rows: What waited.
        decisions: What is done about each; empty where it could not be decided.
        landing: What it comes to.
        is_marked: Whether its first write is a mark.
    """

    rows: Sequence[Row]
    decisions: Sequence[Decision]
    landing: Landing
    is_marked: bool = False


class Flights:
    """Makes commits in threads of its own.

    Args:
        most: How many may be under way at once; with 1 each is made at once, by who begins it.

    Example:
        >>> Flights(1).begin(lambda: Committed(None)).result()
        Committed(time=None, update_times=())
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._threads = ThreadPoolExecutor(most, "onto_flow-commits") if most > 1 else None

    def begin(self, commit: Callable[[], Committed]) -> Landing:
        """Begins a commit."""
        if self._threads is not None:
            return self._threads.submit(commit)
        landing = Landing()
        try:
            landing.set_result(commit())
        except Exception as error:
            landing.set_exception(error)
        return landing

    def close(self) -> None:
        """Waits for those that are under way."""
        if self._threads is not None:
            self._threads.shutdown()


def landed(outcome: Committed | None) -> Landing:
    """One that is over."""
    landing = Landing()
    landing.set_result(outcome)
    return landing


def failed(error: Exception) -> Landing:
    """One that could not begin."""
    landing = Landing()
    landing.set_exception(error)
    return landing
