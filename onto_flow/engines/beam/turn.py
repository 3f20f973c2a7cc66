"""One step's key, state, timers and weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from apache_beam.utils.timestamp import Timestamp

from ...plan.nodes import TimerKind
from ..credit import NOTHING, Weight, total
from .cells import Cells
from .keys import decode_key
from .live import Held
from .waits import Waiting, set_garbage


class Turn:
    """What one step is of.

    Args:
        raw_key: Its key.
        live: What is kept of it.
        cells: Its cells.
        given: The state of what it waits for, then the timers.
        timers: By kind, in the order in which they are given.
    """

    def __init__(
        self, raw_key: bytes, live: Held, cells: Cells, given: Sequence[Any], timers: Mapping[str, Any]
    ) -> None:
        self.raw_key, self.live, self.cells = raw_key, live, cells
        self.key, self.weight = decode_key(raw_key), NOTHING
        self._given, self._timers = given, timers

    @cached_property
    def waiting(self) -> Waiting:
        """What it waits for."""
        return Waiting(self._given[0])

    @cached_property
    def timers(self) -> Mapping[str, Any]:
        """Its timers."""
        return dict(zip(self._timers, self._given[1:]))

    def set_timers(self, asked: dict[TimerKind, int]) -> None:
        """Sets the timers that the step asked for, the earliest of each."""
        if "garbage" in asked:
            set_garbage(self.waiting, self.timers["garbage"], asked["garbage"])
        if "coalesce" in asked:
            self.waiting.put(self.waiting.get()._replace(pages=True))
            self.timers["pages"].set(Timestamp(micros=asked["coalesce"]))

    def keep(self, weight: Weight) -> None:
        """Keeps a weight until the last page."""
        waits = self.waiting.get()
        self.waiting.put(waits._replace(weight=total((waits.weight, weight))))
