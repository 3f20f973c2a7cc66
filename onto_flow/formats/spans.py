"""Records that stand in one buffer: where each begins and ends in it, and in its file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from .words import Ints, Words


class Spans(NamedTuple):
    """Records that stand in one buffer, in their order, each in one piece.

    Attributes:
        words: The buffer.
        start: Where each begins in it.
        stop: Where each ends in it.
        offset: Where its header stands in the file.
        behind: Where it ends in the file.
    """

    words: Words
    start: Ints
    stop: Ints
    offset: Ints
    behind: Ints

    @classmethod
    def of(cls, records: Sequence[bytes]) -> Spans:
        """Records that stand in no file."""
        stop: Ints = np.cumsum(np.fromiter(map(len, records), np.int64, len(records)))
        start = stop - np.diff(stop, prepend=0)
        return cls(Words(*records), start, stop, start, stop)

    @classmethod
    def joined(cls, parts: Sequence[Spans]) -> Spans:
        """The records of several, of which each has offsets of its own file."""
        if len(parts) == 1:
            return parts[0]
        words = Words(*(memoryview(part.words.data)[: part.words.size] for part in parts))
        shifts = np.cumsum([0, *(part.words.size for part in parts[:-1])])
        starts, stops = ([part[n] + shift for part, shift in zip(parts, shifts)] for n in (1, 2))
        return cls(words, *map(np.concatenate, (starts, stops, [p.offset for p in parts], [p.behind for p in parts])))

    @property
    def size(self) -> int:
        """The bytes of the records."""
        return int((self.stop - self.start).sum())

    def take(self, rows: Ints) -> Spans:
        """Some of them."""
        return Spans(self.words, *(column[rows] for column in self[1:]))

    def part(self, begin: int, end: int) -> Spans:
        """Some that follow each other."""
        return Spans(self.words, *(column[begin:end] for column in self[1:]))

    def records(self) -> Iterator[tuple[int, int, bytes]]:
        """As `read_records` gives them."""
        data = self.words.data
        for start, stop, offset, behind in zip(*(column.tolist() for column in self[1:])):
            yield offset, behind, data[start:stop]
