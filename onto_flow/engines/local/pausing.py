"""How long a run that has nothing to do waits before it looks again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timezone

from ...sources.base import Reader

LONGEST = 0.05
"""Seconds; a stop is heard at once, but moments of declared time and pages are looked for."""

SHORTEST = 0.002
"""Seconds: what another thread is about to finish is not waited for in a busy loop."""


def pause(readers: Iterable[Reader], due: float) -> float:
    """Seconds until a reader wants to be asked again, or something is due.

    Args:
        readers: Those that gave nothing just now.
        due: Seconds until the run itself has something to do; it may be over already, or never come.

    Example:
        >>> pause([], float("inf")), pause([], 0.01), pause([], -3.0)
        (0.05, 0.01, 0.002)
    """
    now = datetime.now(timezone.utc)
    wakes = (reader.next_wake() for reader in readers)
    asked = [0.0 if wake is None else (wake - now).total_seconds() for wake in wakes]
    return max(SHORTEST, min(LONGEST, due, *asked))
