"""Who waits for a commit."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from ...core.change import DeadLetter, ViewChange


@dataclass
class Waits:
    """What is told once the next commit is permanent.

    Attributes:
        changes: View changes.
        oldest: Since when the oldest of them waits; seconds since 1970.
        letters: Dead letters.
        points: Resume points, by the names of partitions, as they are in the commit.
    """

    changes: list[ViewChange] = field(default_factory=list)
    oldest: float | None = None
    letters: list[DeadLetter] = field(default_factory=list)
    points: dict[str, bytes] = field(default_factory=dict)

    def take(self, changes: Iterable[ViewChange], oldest: float | None) -> None:
        """View changes wait too."""
        self.changes += changes
        if oldest is not None:
            self.oldest = min(oldest, self.oldest or oldest)
