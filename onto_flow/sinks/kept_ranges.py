"""Where in a file the versions of a table lie, so that a reader of an older one finds its bytes in the newer file.

Law: while a version is kept, every later file has its bytes at the same places, and nobody else's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

FIRST = 4
"""The first place behind the format's mark at the start of a file."""


class Range(NamedTuple):
    """The bytes of a version, from `start` up to `end`, and when it was replaced, in seconds."""

    start: int
    end: int
    replaced: float


def keep(ranges: Sequence[Range], *, now: float, grace: float, budget: int) -> list[Range]:
    """The ranges that stay, the newest first.

    The newest always stays; of the others, those that were replaced within the grace, as long as all that stay are
    within the budget. A time in the future counts as now: a clock that was set back takes nothing from a reader.

    Args:
        ranges: What could stay, the newest first.
        now: Seconds.
        grace: Seconds that a reader may take.
        budget: Bytes.

    Example:
        >>> keep([Range(4, 14, 9.0), Range(14, 24, 8.0), Range(24, 34, 1.0)], now=10.0, grace=5.0, budget=100)
        [Range(start=4, end=14, replaced=9.0), Range(start=14, end=24, replaced=8.0)]
        >>> keep([Range(4, 14, 0.0), Range(14, 24, 9.0)], now=10.0, grace=5.0, budget=15)
        [Range(start=4, end=14, replaced=0.0)]
    """
    kept = list(ranges[:1])
    for one in ranges[1:]:
        if now - one.replaced >= grace or sum(r.end - r.start for r in (*kept, one)) > budget:
            break
        kept.append(one)
    return kept


def places(kept: Sequence[Range], size: int) -> list[tuple[int, int | None]]:
    """Where a new version may go: the lowest gap between ranges that holds `size` bytes, and behind all of them.

    Returns:
        Places and where each ends; the last one has no end.

    Example:
        >>> places([Range(30, 40, 0.0), Range(10, 20, 0.0)], 8)
        [(20, 30), (40, None)]
        >>> places([], 8)
        [(4, None)]
    """
    at = FIRST
    gaps: list[tuple[int, int | None]] = []
    for one in sorted(kept):
        if not gaps and one.start - at >= size > 0:
            gaps.append((at, one.start))
        at = max(at, one.end)
    return [*gaps, (at, None)]


def encode_ranges(ranges: Sequence[Range]) -> str:
    """Ranges as text.

    Example:
        >>> decode_ranges(encode_ranges([Range(4, 14, 9.5)]), 14)
        [Range(start=4, end=14, replaced=9.5)]
    """
    return json.dumps([list(one) for one in ranges])


def decode_ranges(text: bytes | str, size: int) -> list[Range]:
    """Ranges of a file of `size` bytes; nothing where the text is no list of them."""
    try:
        found = [Range(int(start), int(end), float(replaced)) for start, end, replaced in json.loads(text)]
    except (ValueError, TypeError, RecursionError):
        return []
    return found if all(FIRST <= one.start <= one.end <= size for one in found) else []
