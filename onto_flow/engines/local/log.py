"""What changed lately, one behind the other: a table that is written at random costs a page per row, a log next to nothing.

Law: what the log says last of a key counts over the table of state. It is emptied by the transaction that has brought the
table up to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ...core.codec import STATE_VERSION, decode_state
from ...formats.native.values import value_decoder, value_encoder
from .layout import Item
from .store import Store

MOST = 64 << 20
"""Bytes of a log that is brought into the table: a restart reads that much."""

LEAST = 1 << 20
"""A log smaller than that is left alone however small the table is."""

TIMES = 4
"""Beyond so many times the table a log holds most keys several times over."""

_VERSION = bytes((STATE_VERSION,))


class Log:
    """The log in a store.

    Attributes:
        bytes: How many it has, those of the transaction that is open included.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._encode, self._decode = value_encoder(), value_decoder()
        self.bytes: int = store.one("SELECT coalesce(sum(length(data)), 0) FROM log")
        self._measure()

    @property
    def is_full(self) -> bool:
        """Whether the table should be brought up to it."""
        return self.bytes > self._most

    def add(self, items: Sequence[Item]) -> None:
        """Says something of keys, in the transaction that is open."""
        if items:
            data = self._encode(tuple(items), _VERSION)
            self._store.write("INSERT INTO log (data) VALUES (?)", [(data,)])
            self.bytes += len(data)

    def read(self) -> Iterator[Item]:
        """All of it, in order."""
        for (data,) in self._store.read("SELECT data FROM log ORDER BY number"):
            yield from self._decode(data, 1) if data[:1] == _VERSION else decode_state(data)

    def clear(self) -> None:
        """The table is up to it, in the transaction that is open."""
        self._store.write("DELETE FROM log")
        self.bytes = 0
        self._measure()

    def _measure(self) -> None:
        self._most = min(MOST, max(LEAST, TIMES * (self._store.bytes() - self.bytes)))
