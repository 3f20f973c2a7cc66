"""Declared time: clocks are documents whose versions are ticks, and `until` says for how long a document counts.

Law: a table is a function of the documents and of one moment, up to which declared time has come. A clock that ticks every
`d` holds the last multiple of `d` that is not after that moment; a document with a moment in its `until` field counts
while that moment is still to come. Declared time never goes back.
"""

from __future__ import annotations

from ..core.values import Document, from_micros
from .nodes import Plan

CLOCKS = "__clock__"
"""The collection of clocks; Firestore has none of this name, as it keeps such names for itself."""


def clock_path(every: int) -> str:
    """The document that is the clock which ticks every so many microseconds."""
    return f"{CLOCKS}/{every}"


def clocks(plan: Plan) -> dict[str, int]:
    """The clocks that a plan reads: path -> microseconds between two ticks."""
    paths = [s.always for v in plan.views for s in v.slots if s.always is not None]
    return {path: int(path.rpartition("/")[2]) for path in paths}


def is_timed(plan: Plan) -> bool:
    """Whether the plan's views change by time alone."""
    return any(s.always is not None or s.until is not None for v in plan.views for s in v.slots)


def last_tick(every: int, moment: int) -> int:
    """The last tick that is not after a moment; both in microseconds.

    Example:
        >>> last_tick(60_000_000, 125_000_000)
        120000000
    """
    return moment - moment % every


def face(tick: int) -> Document:
    """What a clock's document holds at a tick."""
    return {"now": from_micros(tick)}
