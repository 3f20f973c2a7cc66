"""Byte strings in order, for many of them: added, removed and read from the front in O(log n) or so.

Blocks of some hundred strings: an insertion moves the pointers of one block, never of all. Derived from the keys of a map
cell, and never kept itself.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import chain, islice

BLOCK = 512


class Ordered:
    """A set of byte strings in order; `_lasts` is at or above the last one of each block, and below the next block.

    Example:
        >>> some = Ordered([b"c", b"a"])
        >>> some.add(b"b"), some.remove(b"a"), list(some), some.first(1)
        (None, None, [b'b', b'c'], [b'b'])
    """

    __slots__ = ("_blocks", "_lasts")

    def __init__(self, items: Iterable[bytes]) -> None:
        ordered = sorted(items)
        self._blocks = [ordered[at : at + BLOCK] for at in range(0, len(ordered), BLOCK)] or [[]]
        self._lasts = [block[-1] for block in self._blocks if block]

    def __iter__(self) -> Iterator[bytes]:
        return chain.from_iterable(self._blocks)

    def first(self, count: int) -> list[bytes]:
        """The first ones, at most so many."""
        return list(islice(self, count))

    def add(self, item: bytes) -> None:
        """Adds one that is not there."""
        at = min(bisect_left(self._lasts, item), len(self._blocks) - 1)
        block = self._blocks[at]
        insort(block, item)
        if len(block) > 2 * BLOCK:
            self._blocks[at : at + 1] = [block[:BLOCK], block[BLOCK:]]
            self._lasts[at : at + 1] = [block[BLOCK - 1], block[-1]]
        else:
            self._lasts[at : at + 1] = [block[-1]]

    def remove(self, item: bytes) -> None:
        """Removes one that is there."""
        at = bisect_left(self._lasts, item)
        block = self._blocks[at]
        del block[bisect_left(block, item)]
        if not block:
            del self._lasts[at]
            del self._blocks[at]
            if not self._blocks:
                self._blocks.append(block)
