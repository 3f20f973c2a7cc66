"""Gaps: stretches of a document's history that a feed has not given, and their count.

Law: opening and closing are weights that add up, so the count is right in whatever order they come.
"""

from __future__ import annotations

from typing import NamedTuple

from .change import Version


class Gap(NamedTuple):
    """One document's versions above `known`, up to `awaited`: events tell that they exist, and none of them came.

    Attributes:
        path: The document's path.
        known: The highest version below the gap that came, or that the export has.
        awaited: The version that an event replaced: the highest one that is missing.
        weight: 1 opens the gap, -1 closes it.
        lost: Whether it is closed because nothing of it is expected any more.
    """

    path: str
    known: Version
    awaited: Version
    weight: int
    lost: bool = False


class Gaps:
    """The gaps of a run.

    Attributes:
        lost: How many were given up.
        open: How many are open.

    Example:
        >>> gaps = Gaps()
        >>> gaps.take(Gap("users/u1", (5, 0), (9, 0), 1))
        >>> gaps.open, gaps.awaited()
        (1, {('users/u1', (9, 0))})
        >>> gaps.take(Gap("users/u1", (5, 0), (9, 0), -1))
        >>> gaps.open, gaps.lost
        (0, 0)
    """

    def __init__(self) -> None:
        self.lost = self.open = 0
        self._weights: dict[tuple[str, Version, Version], int] = {}

    def take(self, gap: Gap) -> None:
        """Counts what was opened or closed."""
        self.lost += gap.lost
        self.open += gap.weight
        which = gap[:3]
        weight = self._weights.pop(which, 0) + gap.weight
        if weight:
            self._weights[which] = weight

    def awaited(self) -> set[tuple[str, Version]]:
        """(document path, version) of what is awaited."""
        return {(path, awaited) for path, _, awaited in self._weights}
