"""Who waits for a commit."""

from __future__ import annotations

from typing import NamedTuple

from ...core.change import DeadLetter, ViewChange


class Waits(NamedTuple):
    """What is told once a commit is permanent: view changes and since when the oldest waits, dead letters, resume points."""

    changes: list[ViewChange]
    oldest: float | None
    letters: list[DeadLetter]
    points: dict[str, bytes]
