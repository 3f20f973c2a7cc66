"""Python's collector beside a feed: it looks for cycles in what is new, and in everything where nobody waits for it.

Left to itself it looks again and again at what a state has grown by: half a second for a million objects, in the middle of
a batch. User code may make cycles, so all of it is looked at sometimes: decision 66.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

YOUNG = 50_000
"""Objects that are made before the collector looks at the young ones."""

GROWN = 4_000_000
"""Blocks of memory that were added since everything was looked at: so many at least, or as many as there were."""

GROWN_IN_CYCLES = 500_000
"""The same where user code makes cycles: so many at least, or a quarter of what there was."""

CYCLES = 10_000
"""Objects in cycles that were found since everything was looked at: with so many, user code makes them."""

PRESSING = 4
"""After so many times the growth, everything is looked at though changes wait."""


class Collector:
    """What is steered between `begin` and `end`.

    Law: cycles that nobody uses are freed, at the latest when the blocks in use have grown by `PRESSING` times what they
    were (or `GROWN`, if that is more), and by as many as they were where cycles are seen to be made.

    New objects are looked at once or twice, in portions of about `YOUNG`, and set aside when they are still there.

    Attributes:
        whole_looks: How often everything was looked at.
    """

    def __init__(self) -> None:
        self.whole_looks = 0
        self._looks = self._found = self._held = 0
        self._thresholds = gc.get_threshold()

    def begin(self) -> None:
        """What is there already is set aside."""
        self._thresholds = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(YOUNG, 0, self._thresholds[2])
        gc.callbacks.append(self._looked)
        self._held = sys.getallocatedblocks()

    def end(self) -> None:
        """The collector is as it was."""
        gc.callbacks.remove(self._looked)
        gc.set_threshold(*self._thresholds)
        gc.unfreeze()

    def between(self, *, idle: bool) -> None:
        """Between two batches: looks at everything, if there is reason to.

        Args:
            idle: Whether nothing waits.
        """
        if not self._looks:
            return
        self._looks = 0
        makes_cycles = self._found >= CYCLES
        enough = max(GROWN_IN_CYCLES, self._held // 4) if makes_cycles else max(GROWN, self._held)
        if sys.getallocatedblocks() - self._held >= enough * (1 if idle else PRESSING):
            self._look_at_all()

    def _look_at_all(self) -> None:
        gc.unfreeze()
        self._found = gc.collect()
        gc.freeze()
        self.whole_looks += 1
        self._held, self._looks = sys.getallocatedblocks(), 0

    def _looked(self, phase: str, info: dict[str, Any]) -> None:
        """The collector has looked; see `gc.callbacks`."""
        if phase == "stop":
            self._looks += 1
            self._found += info["collected"]
            if info["generation"]:
                gc.freeze()
