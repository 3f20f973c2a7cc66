"""How fast a database is written: as Firestore wants it, and not faster than was said.

| | |
|---|---|
| the ramp | 500 writes a second at first, half as many again every 5 minutes (the 500/50/5 rule) |
| a document | one write a second |
| `max_writes_per_second` | never more |

Source: the Firestore documentation on best practices (ramping up traffic, write rates to one document).
"""

from __future__ import annotations

from ..around import Around

RAMP_RATE, RAMP_GROWTH, RAMP_SECONDS = 500.0, 1.5, 300.0
SHORTEST = 0.001
"""Shorter than this nobody waits."""
_STEEPEST = 40
"""After so many steps the ramp does not matter any more."""


class Pace:
    """Says when the next writes may go.

    Args:
        around: Its clock.
        most: Writes a second at most; `None`: no such limit.
        gently: Whether the ramp and the second of each document are kept to.

    Example:
        >>> now = [0.0]
        >>> pace = Pace(Around(lambda: now[0], lambda s: now.__setitem__(0, now[0] + s)), gently=True)
        >>> pace.wait(2000), pace.spend(500), pace.wait(2000), now
        (500, None, 1, [0.002])
    """

    def __init__(self, around: Around, most: float | None = None, *, gently: bool = True) -> None:
        self._around, self._most, self._gently = around, most, gently
        self._began = self._filled = around.clock()
        self._room = self._rate() or 0.0
        self._written: dict[str, float] = {}

    @property
    def is_bounded(self) -> bool:
        """Whether there is a limit that somebody said."""
        return self._most is not None

    def wait(self, wanted: int) -> int:
        """Waits until at least one write may go; says how many of those that are wanted may."""
        rate = self._rate()
        if rate is None:
            return wanted
        while self._fill(rate) < 1.0:
            self._around.sleep(max(SHORTEST, (1.0 - self._room) / rate))
        return min(wanted, int(self._room))

    def spend(self, writes: int) -> None:
        """So many were made."""
        self._room -= writes

    def wrote(self, path: str) -> None:
        """A document was written now."""
        if self._gently:
            now = self._around.clock()
            self._written[path] = now
            if len(self._written) > 10_000:
                self._written = {p: at for p, at in self._written.items() if now - at < 1.0}

    def seconds_to(self, path: str) -> float:
        """How long until a document may be written again; 0: now."""
        at = self._written.get(path)
        return 0.0 if at is None else max(0.0, at + 1.0 - self._around.clock())

    def _rate(self) -> float | None:
        if not self._gently:
            return self._most
        steps = min(_STEEPEST, int((self._around.clock() - self._began) // RAMP_SECONDS))
        ramp = RAMP_RATE * RAMP_GROWTH ** max(0, steps)
        return ramp if self._most is None else min(ramp, self._most)

    def _fill(self, rate: float) -> float:
        now = self._around.clock()
        self._room = min(max(rate, 1.0), self._room + (now - self._filled) * rate)
        self._filled = now
        return self._room
