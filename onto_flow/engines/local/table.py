"""The table of state in a store: the rows of an operator's keys, in the order of the keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any

from ...operators.base import Key
from .layout import WHOLE
from .store import Store

Row = tuple[bytes, bytes]
"""(part, bytes)."""

_ASKED = 256
"""How many keys one query asks for."""

_PAGE = 2000
"""How many rows are read at a time where all are."""

_BEFORE_ALL = -(2**63)
"""SQLite sorts numbers before texts and bytes."""

_BEHIND_ALL = b"\xff"
"""No part begins with this: they are forms of `core.codec`."""

_SELECT = "SELECT key, part, data FROM state WHERE operator = ? AND key IN ({}) ORDER BY key, part"
_WHOLE = "SELECT key, part, data FROM state WHERE operator = ? AND key IN ({}) AND part = x'' ORDER BY key"
_PART = "SELECT data FROM state WHERE operator = ? AND key = ? AND part = ?"
_PARTS = (
    """SELECT part, data FROM state WHERE operator = ? AND key = ? AND part > ? AND part < ? ORDER BY part LIMIT ?"""
)
_EVERY = """SELECT key, part, data FROM state WHERE operator = ? AND (key, part) > (?, ?) ORDER BY key, part LIMIT ?"""
_KEYS = "SELECT key FROM state WHERE operator = ? AND key > ? AND part = ? ORDER BY key LIMIT ?"
_PUT = "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)"
_DROP_PART = "DELETE FROM state WHERE operator = ? AND key = ? AND part = ?"
_DROP = "DELETE FROM state WHERE operator = ? AND key = ?"


class Table:
    """The rows of one operator.

    Args:
        store: Has the table.
        number: The operator's in it.
    """

    def __init__(self, store: Store, number: int) -> None:
        self.number = number
        self._store = store
        self._dropped: list[tuple[int, Key]] = []
        self._put: list[tuple[int, Key, bytes, bytes]] = []
        self._parts: list[tuple[int, Key, bytes]] = []

    def put(self, key: Key, part: bytes, data: bytes | None) -> None:
        """Sets a row, or takes it away, with the next `write`."""
        if data is None:
            self._parts.append((self.number, key, part))
        else:
            self._put.append((self.number, key, part, data))

    def put_all(self, rows: Iterable[tuple[int, Key, bytes, bytes]]) -> None:
        """Sets rows of this operator, with the next `write`."""
        self._put += rows

    def drop(self, key: Key) -> None:
        """Takes away what the table has of a key, with the next `write`, before what is put there."""
        self._dropped.append((self.number, key))

    @property
    def waiting(self) -> int:
        """How many rows wait for `write`."""
        return len(self._put)

    def write(self) -> None:
        """Writes what waits, in the transaction that is open."""
        for statement, rows in ((_DROP, self._dropped), (_PUT, self._put), (_DROP_PART, self._parts)):
            self._store.write(statement, rows)
            rows.clear()

    def rows(self, keys: Sequence[Key], *, entries: bool = True) -> Iterator[tuple[Key, list[Row]]]:
        """What it has of some keys; without `entries` those of large maps are left out."""
        for at in range(0, len(keys), _ASKED):
            asked = list(keys[at : at + _ASKED])
            asked += asked[:1] * (_round(len(asked)) - len(asked))
            marks = ",".join("?" * len(asked))
            yield from _by_key(self._store.read((_SELECT if entries else _WHOLE).format(marks), self.number, *asked))

    def part(self, key: Key, part: bytes) -> bytes | None:
        """A row of a key."""
        rows = self._store.read(_PART, self.number, key, part)
        return rows[0][0] if rows else None

    def parts(self, key: Key, after: bytes, before: bytes, most: int) -> list[Row]:
        """Rows of a key between two parts, in their order, at most so many."""
        return self._store.read(_PARTS, self.number, key, after, before, most)

    def every(self, last: Key | None = None) -> Iterator[tuple[Key, list[Row]]]:
        """All of it behind a key, in pages: the rows of one key may lie on several."""
        rest: list[Any] = []
        after: tuple[Any, bytes] = (_BEFORE_ALL, b"") if last is None else (last, _BEHIND_ALL)
        while page := self._store.read(_EVERY, self.number, *after, _PAGE):
            after = page[-1][:2]
            rest += page
            end = next((at + 1 for at in range(len(rest) - 1, -1, -1) if rest[at][0] != after[0]), 0)
            yield from _by_key(rest[:end])
            rest = rest[end:]
        yield from _by_key(rest)

    def keys(self) -> Iterator[list[Key]]:
        """All keys, some at a time; of those that come meanwhile, the ones behind."""
        after: Any = _BEFORE_ALL
        while found := [key for (key,) in self._store.read(_KEYS, self.number, after, WHOLE, _PAGE)]:
            yield found
            after = found[-1]


def _by_key(rows: Iterable[tuple[Key, bytes, bytes]]) -> Iterator[tuple[Key, list[Row]]]:
    for key, group in groupby(rows, key=itemgetter(0)):
        yield key, [(part, data) for _, part, data in group]


def _round(count: int) -> int:
    """The next power of two: SQLite keeps few statements ready."""
    return 1 << (count - 1).bit_length()
