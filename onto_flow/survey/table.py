"""Tables of text: aligned by what characters take on a terminal, and no wider than it is."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

GAP = 2


@dataclass(frozen=True)
class Head:
    """A column: its title, whether numbers stand in it, and how wide it may be.

    Attributes:
        least: It is left out of a table where it would have less; 0 where it must not be cut.
        most: Longer cells are cut.
    """

    title: str
    right: bool = False
    least: int = 0
    most: int = 60


def width(text: str) -> int:
    """How many places a text takes on a terminal.

    Example:
        >>> width("abc"), width("世界"), width("e\u0301")
        (3, 4, 1)
    """
    if text.isascii():
        return len(text)
    return sum(_width(c) for c in text)


def _width(char: str) -> int:
    if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in ("W", "F") else 1


def fit(text: str, places: int) -> str:
    """A text cut to so many places.

    Example:
        >>> fit("worldwide", 6), fit("世界世界", 6)
        ('world…', '世界…')
    """
    if width(text) <= places:
        return text
    taken, kept = 1, ""
    for char in text:
        taken += _width(char)
        if taken > places:
            break
        kept += char
    return kept + "…" if places > 0 else ""


def table(heads: Sequence[Head], rows: Sequence[Sequence[str]], places: int) -> Iterator[str]:
    """The lines of a table; empty columns are left out, and the last ones where there is no room for them.

    The last column that is left takes the rest of the line.
    """
    used = [n for n, head in enumerate(heads) if any(row[n] for row in rows)]
    widths = {n: min(max([width(heads[n].title), *(width(row[n]) for row in rows)]), heads[n].most) for n in used}
    while len(used) > 1 and _left(used, widths, places) < _least(heads[used[-1]], widths[used[-1]]):
        used.pop()
    if used:
        widths[used[-1]] = min(widths[used[-1]], max(_left(used, widths, places), 1))
    yield _line([heads[n].title for n in used], [heads[n].right for n in used], [widths[n] for n in used])
    for row in rows:
        yield _line([row[n] for n in used], [heads[n].right for n in used], [widths[n] for n in used])


def _left(used: Sequence[int], widths: Mapping[int, int], places: int) -> int:
    return places - sum(widths[n] + GAP for n in used[:-1])


def _least(head: Head, wanted: int) -> int:
    return wanted if head.right else min(head.least or wanted, wanted)


def _line(cells: Sequence[str], right: Sequence[bool], widths: Sequence[int]) -> str:
    parts = []
    for cell, to_the_right, places in zip(cells, right, widths):
        shown = fit(cell, places)
        room = " " * (places - width(shown))
        parts.append(room + shown if to_the_right else shown + room)
    return (" " * GAP).join(parts).rstrip()
