"""What is around a sink that writes over a network: time and chance, and patience with a service that does not answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from ..core.errors import EngineError
from ..core.values import from_micros
from ..database.base import Unavailable

T = TypeVar("T")
ATTEMPTS = 10
"""How often something is tried before it is given up."""
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 30.0


@dataclass(frozen=True)
class Around:
    """Time and chance.

    Attributes:
        clock: Seconds since 1970.
        sleep: Lets some seconds pass.
        chance: A number from 0 up to 1.
    """

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = lambda: time.perf_counter_ns() % 1009 / 1009

    @property
    def now(self) -> datetime:
        """The clock's time."""
        return from_micros(int(self.clock() * 1_000_000))

    def pause(self, failures: int) -> None:
        """Waits after so many failures: twice as long each time, by chance less."""
        self.sleep(min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2**failures) * self.chance())


REAL = Around()


def patiently(around: Around, action: Callable[[], T]) -> T:
    """Does something again while the service does not answer, or others hold what it needs.

    A process that is killed in a transaction leaves its locks behind, until the service finds it gone.

    Raises:
        EngineError: `database-failed` or `contention`: so it was, all the time.
    """
    for failures in range(ATTEMPTS - 1):
        try:
            return action()
        except EngineError as error:
            if not isinstance(error, Unavailable) and error.code != "contention":
                raise
            around.pause(failures)
    return action()
