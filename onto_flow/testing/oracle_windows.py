"""The oracle's windows: which ones a moment lies in, and which rows are one session; its own arithmetic.

Law: it shares no code with `model.windows` or operators. A window with number n begins at `offset + n * every`; a moment
lies in it when it is not before that, and before its end.

Example:
    >>> windows_of(47, 60, 30, 0), windows_of(60, 60, 30, 0), windows_of(-1, 30, 30, 10)
    ([0, 30], [30, 60], [-20])
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..plan.nodes import View


def windows_of(at: int, size: int, every: int, offset: int) -> list[int]:
    """The starts of the windows that a moment lies in, the earliest first; all in microseconds."""
    around = (at - offset) // every
    numbers = range(around - size // every - 2, around + 3)
    begins = (offset + number * every for number in numbers)
    return [begin for begin in begins if begin <= at < begin + size]


def sessions_of(view: View, rows: Mapping[str, Sequence[Any]]) -> list[dict[str, list[Any]]]:
    """The rows of each session: any two of them are joined by others that are no further than the gap from the next."""
    assert view.sessions is not None
    moments = sorted({row[-1] for several in rows.values() for row in several})
    starts = [at for at, before in zip(moments, [None, *moments]) if before is None or at - before > view.sessions.gap]
    pieces: list[dict[str, list[Any]]] = [{} for _ in starts]
    for root, several in rows.items():
        for row in several:
            number = sum(start <= row[-1] for start in starts) - 1
            pieces[number].setdefault(root, []).append(row)
    return pieces
