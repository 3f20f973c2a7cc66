"""Which key is next on the shuffling engine, drawn in one of several styles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from ..operators.base import Key

STYLES = ("even", "deep", "slow", "biased", "held", "held")
"""Which key is next: any; late stages first, or early ones; some seldom; some not at all for a while."""

HASTY = "hasty"
"""A further style: time goes as far as the bounds allow, and timers come as soon as they are due."""


class Schedule:
    """The schedule of one run.

    Args:
        names: The operators, in the order of the flow.
        random: Decides.
        style: One of `STYLES`, or `HASTY`; any of the first when empty.

    Attributes:
        hasty: Whether the style is `HASTY`.
    """

    def __init__(self, names: Sequence[str], random: Random, style: str = "") -> None:
        style = style or random.choice(STYLES)
        self.hasty = style == HASTY
        self._names, self._random = names, random
        self._weights = self._drawn(style)
        self._held: dict[tuple[str, Key], bool] = {("", ""): True} if style == "held" else {}

    def _drawn(self, style: str) -> dict[str, float]:
        count = len(self._names)
        if style == "deep":
            return {name: 10.0 ** (i - count) for i, name in enumerate(self._names)}
        if style == "slow":
            return {name: 10.0**-i for i, name in enumerate(self._names)}
        if style in ("biased", HASTY):
            return {name: self._random.choice((0.01, 1, 1)) for name in self._names}
        return dict.fromkeys(self._names, 1)

    def next(self, queues: Mapping[str, Mapping[Key, Any]]) -> tuple[str, Key]:
        """A key for which something waits; there is one."""
        names = [name for name in self._names if queues[name]]
        if self._held:
            ready = [(name, key) for name in names for key in queues[name]]
            return self._random.choice(
                [r for r in ready if self._held.setdefault(r, self._random.random() > 0.3)] or ready
            )
        name = names[0] if len(names) == 1 else self._random.choices(names, [self._weights[n] for n in names])[0]
        return name, self._random.choice(list(queues[name]))

    def turn(self) -> None:
        """Others are held from now on."""
        self._held = {key: self._random.random() > 0.3 for key in self._held}
