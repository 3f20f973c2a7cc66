"""Equal byte strings of a batch -> one number for each, without a Python object for each.

`Names` is for short strings of which there are few, in any order: the names of fields. `runs` is for strings that come
in runs of the same one: projects, parents.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

import numpy as np

from .words import Bools, Ints, Longs, Words

_U = np.uint64
_BITS = 14
_MAX_TABLE = 2048
_MAX_NAMES = 20_000
_SAMPLE = 64
_MIX = (_U(0x9E3779B97F4A7C15), _U(0xC2B2AE3D27D4EB4F), _U(0x165667B19E3779F9))
_WORD = 8
_MANY_RUNS, _LONG = 32, 512
BAD = 0
"""The number of a name that is not Unicode text."""

_T = TypeVar("_T", bound=Hashable)


class Names:
    """Numbers for the names of fields; they stay valid until the next `trim`.

    Attributes:
        texts: The names; the number is the index. The first stands for whatever is no text.

    Example:
        >>> words = Words(b"user/role/user")
        >>> names = Names()
        >>> numbers = names.numbers(words, np.array([0, 5, 10]), np.array([4, 4, 4]))
        >>> [names.texts[n] for n in numbers.tolist()]
        ['user', 'role', 'user']
    """

    def __init__(self) -> None:
        self._clear()

    def _clear(self) -> None:
        self.texts: list[str] = [""]
        self._raw: list[bytes] = [b""]
        self._numbers: dict[bytes, int] = {}
        self._tabled = 0
        self._build()

    def trim(self) -> None:
        """Forgets everything when there is too much of it."""
        if len(self.texts) > _MAX_NAMES:
            self._clear()

    def numbers(self, words: Words, at: Ints, size: Ints) -> Ints:
        """The numbers of the names at these places."""
        number, left = self._looked_up(words, at, size)
        if len(left) > _SAMPLE and len(self.texts) < _MAX_TABLE and int(size[left].max()) <= _LONG:
            some = left[_distinct_strings(words, at[left], size[left])[0]]
            self._learn(words.data, at[some], size[some])
            number[left], rest = self._looked_up(words, at[left], size[left])
            left = left[rest]
        if len(left):
            number[left] = self._learn(words.data, at[left], size[left])
        return number

    def _looked_up(self, words: Words, at: Ints, size: Ints) -> tuple[Ints, Ints]:
        """The numbers of the names that the table has, and which it has not."""
        first = words.masked(at, size)
        second = words.masked(at + _WORD, size - _WORD)
        number = self._table[self._slot(first, second, size)]
        same = (self._first[number] == first) & (self._second[number] == second) & (self._sizes[number] == size)
        if (size > 2 * _WORD).any():
            self._compare_long(words, at, size, number, same)
        return number, np.flatnonzero(~same)

    def _slot(self, first: Longs, second: Longs, size: Ints) -> Longs:
        mixed = (first ^ (second * _MIX[1]) ^ (size.view(np.uint64) * _MIX[2])) * self._factor
        return mixed >> _U(64 - _BITS)

    def _compare_long(self, words: Words, at: Ints, size: Ints, number: Ints, same: Bools) -> None:
        rows = np.flatnonzero(same & (size > 2 * _WORD))
        for one in np.unique(number[rows]).tolist():
            raw = self._raw[one]
            mine = rows[number[rows] == one]
            offsets = [*range(2 * _WORD, len(raw) - _WORD, _WORD), len(raw) - _WORD]
            for offset in offsets:
                expected = int.from_bytes(raw[offset : offset + _WORD], "little")
                same[mine] &= words.at(at[mine] + offset) == _U(expected)

    def _learn(self, data: bytes, at: Ints, size: Ints) -> list[int]:
        """The numbers of names, new ones too, one by one."""
        known, found = self._numbers, []
        for begin, length in zip(at.tolist(), size.tolist()):
            raw = data[begin : begin + length]
            number = known.get(raw)
            found.append(self._add(raw) if number is None else number)
        if len(self.texts) > self._tabled:
            self._build()
        return found

    def _add(self, raw: bytes) -> int:
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return BAD
        number = self._numbers[raw] = len(self.texts)
        self.texts.append(text)
        self._raw.append(raw)
        return number

    def _build(self) -> None:
        """The table of the first names; with a factor that lets as few as possible of them collide."""
        self._tabled = len(self.texts)
        raw = self._raw[:_MAX_TABLE]
        self._sizes: Ints = np.array([-1] + [len(r) for r in raw[1:]], np.int64)
        self._first: Longs = np.array([_word(r, 0) for r in raw], np.uint64)
        self._second: Longs = np.array([_word(r, _WORD) for r in raw], np.uint64)
        best = -1
        for n in range(8):
            self._factor = _MIX[0] + _U(2 * n * 0x1000193)
            slots = self._slot(self._first, self._second, self._sizes)
            distinct = len(np.unique(slots[1:]))
            if distinct > best:
                best, factor, chosen = distinct, self._factor, slots
            if distinct == len(slots) - 1:
                break
        self._factor = factor
        self._table: Ints = np.zeros(1 << _BITS, np.int64)
        self._table[chosen[1:]] = np.arange(1, len(raw))


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + _WORD], "little")


def runs(words: Words, at: Ints, size: Ints, read: Callable[[bytes], _T]) -> tuple[Ints, list[_T]]:
    """Numbers for byte strings that come in runs, and what was read of each.

    Args:
        words: The bytes.
        at: Where the strings begin.
        size: How long they are.
        read: Is called once for each run, or where there are many, for each string.

    Example:
        >>> words = Words(b"ababcd")
        >>> runs(words, np.array([0, 2, 4]), np.array([2, 2, 2]), bytes.decode)
        (array([0, 0, 1]), ['ab', 'cd'])
    """
    if not len(at):
        return np.zeros(0, np.int64), []
    new = np.ones(len(at), bool)
    new[1:] = ~_same(words, at[1:], at[:-1], size[1:], size[:-1])
    first, number = np.flatnonzero(new), np.cumsum(new) - 1
    if len(first) > _MANY_RUNS and int(size.max()) <= _LONG:
        chosen, inverse = _distinct_strings(words, at[first], size[first])
        first, number = first[chosen], inverse[number]
    found = [read(words.data[a : a + s]) for a, s in zip(at[first].tolist(), size[first].tolist())]
    return number, found


def _same(words: Words, at: Ints, other: Ints, size: Ints, other_size: Ints) -> Bools:
    """Which strings are equal to their other ones."""
    same = size == other_size
    left = np.flatnonzero(same)
    offset = 0
    while len(left):
        sizes = size[left] - offset
        equal = words.masked(at[left] + offset, sizes) == words.masked(other[left] + offset, sizes)
        same[left[~equal]] = False
        offset += _WORD
        left = left[equal & (sizes > _WORD)]
    return same


def _distinct_strings(words: Words, at: Ints, size: Ints) -> tuple[Ints, Ints]:
    """One of each set of equal strings, and the number of its set for each; two sets may be equal, but that is rare."""
    mixed = size.view(np.uint64) * _MIX[2]
    for offset in range(0, int(size.max()), _WORD):
        mixed = (mixed ^ words.masked(at + np.minimum(offset, size), size - offset)) * _MIX[0]
        mixed ^= mixed >> _U(32)
    _, first, number = np.unique(mixed, return_index=True, return_inverse=True)
    number = number.reshape(-1)
    of = first[number]
    wrong = np.flatnonzero(~_same(words, at, at[of], size, size[of]))
    number[wrong] = len(first) + np.arange(len(wrong))
    return np.append(first, wrong), number


def distinct(key: Ints) -> tuple[Ints, Ints]:
    """As `np.unique` with the inverse, for numbers from 0 on; quick where they are small."""
    top = int(key.max(initial=-1)) + 1
    if top > 1 << 22:
        found, inverse = np.unique(key, return_inverse=True)
        return found, inverse.reshape(-1)
    there = np.zeros(top, np.int64)
    there[key] = 1
    return np.flatnonzero(there), (np.cumsum(there) - 1)[key]
