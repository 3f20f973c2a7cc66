"""Faults in the arithmetic of windows: name, what makes the wrong function of the right one, and the views to look with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

STARTS = "model.windows:starts_of"

Wrong = Callable[[int, int, int, int], Sequence[int]]


def _instead(wrong: Callable[..., Any]) -> Callable[[Any], Wrong]:
    """A fault whose function is told the right one before its arguments."""
    return lambda right: lambda *given: wrong(right, *given)


WINDOWS: tuple[tuple[str, Callable[[Any], Wrong], tuple[str, ...]], ...] = (
    (
        "window: a bound belongs to the window before it",
        _instead(lambda right, at, *rest: right(at - 1, *rest)),
        ("Hourly", "Sliding"),
    ),
    (
        "window: the last moment belongs to the window behind it",
        _instead(lambda right, at, *rest: right(at + 1, *rest)),
        ("Hourly", "Sliding"),
    ),
    (
        "window: hopping windows hold their end too",
        _instead(lambda right, at, size, every, offset: right(at, size + (size > every), every, offset)),
        ("Sliding",),
    ),
    (
        "window: one hop too few",
        _instead(lambda right, *given: right(*given)[:1]),
        ("Sliding",),
    ),
    (
        "window: one hop too many",
        _instead(lambda right, at, size, every, offset: right(at, size + every * (size > every), every, offset)),
        ("Sliding",),
    ),
    (
        "window: hops are as long as windows",
        _instead(lambda right, at, size, every, offset: right(at, size, size, offset)),
        ("Sliding",),
    ),
    (
        "window: an offset counts twice",
        _instead(lambda right, at, size, every, offset: right(at, size, every, 2 * offset)),
        ("Hourly",),
    ),
    (
        "window: what comes late falls into the window that is open",
        lambda right: _Open(right),
        ("Hourly", "Sliding"),
    ),
)


class _Open:
    """Windows as a processor with a watermark has them, that moves late rows on instead of taking them back."""

    def __init__(self, right: Any) -> None:
        self._right, self._latest = right, -(2**62)

    def __call__(self, at: int, *rest: int) -> Sequence[int]:
        self._latest = max(self._latest, at)
        found: Sequence[int] = self._right(max(at, self._latest - rest[0]), *rest)
        return found
