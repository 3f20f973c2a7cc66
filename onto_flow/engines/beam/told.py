"""What a pipeline tells the process that runs it, where that is one: the local runners work in the submitting process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import apache_beam as beam

Taker = Callable[[str, list[Any]], None]
"""Takes what a bundle tells: its kind, the elements."""

_TAKERS: dict[str, Taker] = {}
_LOCK = threading.Lock()


@contextmanager
def taking(name: str, taker: Taker) -> Iterator[None]:
    """While this lasts, what the pipeline of a name tells is taken, one bundle after the other."""
    _TAKERS[name] = taker
    try:
        yield
    finally:
        del _TAKERS[name]


class Tell(beam.DoFn):
    """Elements -> the process that takes them, by bundles.

    Args:
        name: Of the pipeline.
        kind: What they are.
        counts: Whether only their number is told.
    """

    def __init__(self, name: str, kind: str, *, counts: bool = False) -> None:
        super().__init__()
        self.name, self.kind, self.counts = name, kind, counts

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "tell"

    def start_bundle(self) -> None:
        """Nothing has come."""
        self._told: list[Any] = []

    def process(self, element: Any) -> None:
        """Keeps an element for the end of the bundle."""
        self._told.append(None if self.counts else element)

    def finish_bundle(self) -> None:
        """Tells: a job that has ended takes nothing more."""
        with _LOCK:
            taker = _TAKERS.get(self.name)
            if taker is not None and self._told:
                taker(self.kind, self._told)
