"""Bytes as words: reading at many places at once.

A `Words` holds the records of a batch in one piece of memory; its methods take arrays of places and give arrays of
what stands there. Places may lie anywhere, aligned or not; behind the last record there are zeros.

| array | type | what it is |
|---|---|---|
| at, size | int64 | places in the buffer, bytes |
| word | uint64 | 8 bytes, the first one lowest |
"""

from __future__ import annotations

from functools import cached_property
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = "NDArray[np.int64]"
Longs: TypeAlias = "NDArray[np.uint64]"
Bools: TypeAlias = "NDArray[np.bool_]"
Bytes: TypeAlias = "NDArray[np.uint8]"

PADDING = bytes(32)
_U = np.uint64
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], np.uint64)
_CONTINUED = np.array([0x8080808080808080 & (1 << 8 * max(n - 1, 0)) - 1 for n in range(9)], np.uint64)
_GROUPS = (
    (_U(0x7F007F007F007F00), _U(1), _U(0x007F007F007F007F)),
    (_U(0x3FFF00003FFF0000), _U(2), _U(0x00003FFF00003FFF)),
    (_U(0x0FFFFFFF00000000), _U(4), _U(0x000000000FFFFFFF)),
)
_HIGH = _U(0x8080808080808080)
_WORD = 8
_ESCAPED = np.array([n < 0x20 or n in b'"\\' for n in range(256)], np.uint8)
MAX_SHORT = 4
"""Bytes of the longest length that is read at many places at once: lengths below 256 MiB."""


class Words:
    """A buffer.

    Args:
        pieces: What it holds, one behind the other; it must be smaller than 2 GiB.

    Example:
        >>> words = Words(b"abcdefgh12")
        >>> [hex(w) for w in words.at(np.array([0, 6])).tolist()]
        ['0x6867666564636261', '0x32316867']
    """

    def __init__(self, *pieces: bytes | memoryview) -> None:
        self.data = b"".join([*pieces, PADDING])
        self.size = len(self.data) - len(PADDING)
        count = len(self.data) - _WORD + 1
        self._words: Longs = np.ndarray(shape=(count,), dtype="<u8", buffer=self.data, strides=(1,))
        self.bytes: Bytes = np.frombuffer(self.data, np.uint8)

    @cached_property
    def text(self) -> str:
        """One character for each byte: where all are ASCII, a slice of it is the text."""
        return self.data.decode("latin-1")

    @cached_property
    def _wide(self) -> NDArray[np.int32]:
        """How many of the aligned words before each one have a byte beyond ASCII."""
        count = len(self.data) // _WORD
        counts = np.zeros(count + 2, np.int32)
        high = (np.frombuffer(self.data, "<u8", count) & _HIGH) != 0
        np.cumsum(high, dtype=np.int32, out=counts[1 : count + 1])
        counts[-1] = counts[-2]
        return counts

    def wide(self, at: Ints, end: Ints) -> Bools:
        """Whether there are bytes beyond ASCII from a place to another one."""
        found = self._wide[(end + (_WORD - 1)) >> 3] != self._wide[at >> 3]
        near = np.flatnonzero(found)
        if len(near):
            edges = np.column_stack([at[near], np.maximum(end[near], at[near] + 1)]).reshape(-1)
            found[near] = (np.bitwise_or.reduceat(self.bytes, edges)[::2] > 127) & (end[near] > at[near])
        return found

    @cached_property
    def _escaped(self) -> NDArray[np.int32]:
        """How many bytes before each one are control characters, quotation marks or backslashes."""
        counts = np.zeros(len(self.data) + 1, np.int32)
        np.cumsum(_ESCAPED[self.bytes], dtype=np.int32, out=counts[1:])
        return counts

    def escaped(self, at: Ints, end: Ints) -> Bools:
        """Whether there are bytes, from a place to another one, that JSON writes as something else."""
        return self._escaped[end] != self._escaped[at]

    def at(self, at: Ints) -> Longs:
        """The words at these places, which lie in the buffer or up to 24 bytes behind its end."""
        return self._words[at]

    def masked(self, at: Ints, size: Ints) -> Longs:
        """The first `size` bytes of the words, at least 0 and at most 8; the rest is zero."""
        return self._words[at] & _MASKS[np.clip(size, 0, _WORD)]

    def length(self, at: Ints, short: Ints) -> tuple[Ints, Ints]:
        """The lengths at these places, and the places behind them.

        Args:
            at: Places of the first byte of a length.
            short: Those bytes.

        Returns:
            Where a length has more than 4 bytes, it is -1.
        """
        behind = at + 1
        long = np.flatnonzero(short > 127)
        if not len(long):
            return short, behind
        size = short.copy()
        word = self._words[at[long]] & _MASKS[MAX_SHORT]
        stops = (~word) & (_HIGH & _MASKS[MAX_SHORT])
        last = stops & (~stops + _U(1))  # the lowest byte that ends it
        value = compress((word & ((last << _U(1)) - _U(1))) & ~_HIGH)
        bytes_ = 1 + (last > 0x80).astype(np.int64) + (last > 0x8000) + (last > 0x800000)
        size[long] = np.where(last > 0, value.astype(np.int64), -1)
        behind[long] = at[long] + bytes_
        return size, behind

    def integers(self, at: Ints, size: Ints) -> tuple[NDArray[np.int64], Bools]:
        """Signed varints of known sizes, and which of them are as long as they say.

        Args:
            at: Where they begin.
            size: Bytes of each.

        Example:
            >>> words = Words(bytes([0xAC, 0x02, 0x05]) + bytes([255] * 9 + [1]))
            >>> value, good = words.integers(np.array([0, 2, 3]), np.array([2, 1, 10]))
            >>> value.tolist(), good.tolist()
            ([300, 5, -1], [True, True, True])
        """
        short = np.clip(size, 0, _WORD)
        word = self._words[at] & _MASKS[short]
        good = (word & _HIGH) == _CONTINUED[short]
        good &= size > 0
        value = compress(word & ~_HIGH)
        long = np.flatnonzero(size > _WORD)
        if len(long):
            size, begin = size[long], self._words[at[long]]
            rest = self._words[at[long] + _WORD]
            first, second = rest & _U(0x7F), (rest >> _U(8)) & _U(0x7F)
            value[long] |= (first << _U(56)) | np.where(size == 10, second << _U(63), _U(0))
            ends = np.where(size == 9, (rest & _U(0x80)) == 0, (rest & _U(0x8080)) == 0x80)
            good[long] = ((begin & _HIGH) == _HIGH) & ends & (size <= 10)
        return value.view(np.int64), good

    def doubles(self, at: Ints) -> NDArray[np.float64]:
        """The doubles at these places."""
        return self._words[at].view(np.float64)


def compress(word: Longs) -> Longs:
    """The 56 bits of 8 groups of 7 bits, each in the low bits of its byte."""
    for high, shift, low in _GROUPS:
        word = (word & low) | ((word & high) >> shift)
    return word
