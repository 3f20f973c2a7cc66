"""When tables are published while a feed goes on."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

QUIET_SECONDS = 1.0


class Publisher:
    """Publishes when the feed has been quiet for a second, and at the latest every `publish_every` seconds."""

    def __init__(self, every: float, publish: Callable[[], None]) -> None:
        self._every, self._publish = every, publish
        self._published = self._last_heard = time.monotonic()
        self._dirty = False

    def wrote(self) -> None:
        """Something was written."""
        self._dirty = True
        self.heard()

    def heard(self) -> None:
        """Something will be written: the feed is not quiet."""
        self._last_heard = time.monotonic()

    def due(self) -> float:
        """Seconds until it is time, if nothing comes; infinite where nothing was written, negative where it has come."""
        if not self._dirty:
            return math.inf
        return min(self._last_heard + QUIET_SECONDS, self._published + self._every) - time.monotonic()

    def tick(self) -> None:
        """Publishes when it is time."""
        now = time.monotonic()
        if self.due() <= 0:
            self._publish()
            self._dirty, self._published = False, now
