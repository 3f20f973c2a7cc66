"""What a key of a stream waits for: timers that it asked for, and what it keeps until they come."""

from __future__ import annotations

from typing import Any, NamedTuple

from ..coding import decode_state, encode_state
from ..credit import NOTHING, Weight


class Waits(NamedTuple):
    """What a key waits for.

    Attributes:
        garbage: When its garbage timer is to act, in microseconds; 0: never.
        pages: Whether it goes on by pages.
        weight: What it keeps until the last page.
    """

    garbage: int = 0
    pages: bool = False
    weight: Weight = NOTHING


class Waiting:
    """The state of `Waits`, read when it is asked for, written where it differs."""

    def __init__(self, state: Any) -> None:
        self._state = state
        self._held: Waits | None = None

    def get(self) -> Waits:
        """What is waited for."""
        if self._held is None:
            raw = self._state.read()
            garbage, pages, weight = (0, False, NOTHING) if raw is None else decode_state(raw)
            self._held = Waits(garbage, pages, Weight(*weight))
        return self._held

    def put(self, waits: Waits) -> None:
        """Writes what is waited for, where it differs."""
        if waits == self.get():
            return
        self._held = waits
        if waits == Waits():
            self._state.clear()
        else:
            self._state.write(encode_state((waits.garbage, waits.pages, tuple(waits.weight))))
