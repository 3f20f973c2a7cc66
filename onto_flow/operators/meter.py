"""The loss meter of ingest: which versions of one document the feed must have had, and did not give.

An event of version u that replaced version p says that nothing lies between them: it *covers* (p, u]. An event that made
a document covers u alone. What is known from the start (`Ingest`) covers all below. A *hole* is what stays uncovered
below the highest version; it is a *gap* when an event named its upper end as the version that it replaced, and something
is known below it. Other holes lie below the making of a document, or below the first event of one of which nothing is
known: nothing need be missing there, and they are kept only because an event that comes late may open a gap in them.

Law: the holes are a function of the set of events, whatever their order and repeats (within `MAX_GAPS`, `MAX_QUIET`).

Versions are numbers here: `number((t, tie))` is `4 t + tie + 1`, and one less stands directly below the making of a
document at t. The holes of a document are bytes, 16 each in rising order; none for nearly all documents.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..core.change import BELOW_EVENTS, NEVER, Version
from .messages import Event

MAX_GAPS = 64
"""Gaps that are kept for one document; beyond that the oldest are given up."""

MAX_QUIET = 8
"""Holes without a gap that are kept for one document."""

Hole = tuple[int, int]
"""(after, until), as numbers."""

_HOLE = struct.Struct(">qq")


def number(version: Version) -> int:
    """A version as a number; a tie above 1, which no event that names what it replaced has, counts as 2.

    Example:
        >>> number((7, 0)), number((7, 1)), version_of(29)
        (29, 30, (7, 0))
    """
    micros, tie = version
    return 4 * micros + min(tie, 2) + 1


def version_of(position: int) -> Version:
    """The version of a number."""
    return position // 4, position % 4 - 1


def cover(holes: bytes, top: Version, events: Iterable[Event]) -> bytes:
    """The holes after some events.

    Args:
        holes: Those before.
        top: The highest version that was known before.
        events: In any order; those that do not say what they replaced cover nothing.

    Example:
        Version 9 replaced 7, and 5 was known; then comes 6, and 7, which replaced 6:

        >>> one = cover(b"", (5, 0), [Event((9, 0), {}, None, (7, 0))])
        >>> gaps(one)
        [((5, 0), (7, 0))]
        >>> gaps(cover(one, (9, 0), [Event((6, 0), {}, None, (5, 0))]))
        [((6, 0), (7, 0))]
        >>> cover(one, (9, 0), [Event((7, 0), {}, None, (6, 0)), Event((6, 0), {}, None, (5, 0))])
        b''
    """
    highest = number(top)
    for event in sorted(events, key=lambda e: e.version):
        version = number(event.version)
        replaced = _replaced(event, version)
        if replaced is None:
            pass
        elif version <= highest:
            holes = _fill(holes, replaced, version)
        elif replaced > highest:
            holes += _HOLE.pack(highest, replaced)
        highest = max(highest, version)
    return holes


def gaps(holes: bytes) -> list[tuple[Version, Version]]:
    """The gaps among holes: (known below it, awaited)."""
    return [
        (version_of(after), version_of(until)) for after, until in _HOLE.iter_unpack(holes) if _is_gap(after, until)
    ]


def keep(holes: bytes, oldest: int) -> bytes:
    """The holes that are kept: not too many, and none whose upper end is of a time (microseconds) before `oldest`."""
    if not holes:
        return holes
    kept = [hole for hole in _HOLE.iter_unpack(holes) if hole[1] // 4 >= oldest]
    if len(kept) > MAX_QUIET:
        named = [hole for hole in kept if _is_gap(*hole)]
        quiet = [hole for hole in kept if not _is_gap(*hole)]
        kept = sorted(named[-MAX_GAPS:] + quiet[-MAX_QUIET:])
    return _pack(kept)


def _is_gap(after: int, until: int) -> bool:
    return until % 4 != 0 and after > number(BELOW_EVENTS)


def _replaced(event: Event, version: int) -> int | None:
    """The number below which an event says nothing: of what it replaced, or directly below the making of a document."""
    if event.previous is None or event.previous >= event.version:
        return None
    return version - 1 if event.previous == NEVER else number(event.previous)


def _fill(holes: bytes, replaced: int, version: int) -> bytes:
    """The holes after an event that is not the newest: the one that it lies in becomes smaller, two, or none."""
    for at, (after, until) in enumerate(_HOLE.iter_unpack(holes)):
        if after < version <= until:
            rest = [hole for hole in ((after, replaced), (version, until)) if hole[0] < hole[1]]
            return holes[: at * _HOLE.size] + _pack(rest) + holes[(at + 1) * _HOLE.size :]
    return holes


def _pack(holes: Iterable[Hole]) -> bytes:
    return b"".join(_HOLE.pack(*hole) for hole in holes)
