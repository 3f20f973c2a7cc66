"""What changed lately, one behind the other: a table that is written at random costs a page per row, a log next to nothing.

Law: what the log says last of a key counts over the table of state. It is emptied by the transaction that has brought the
table up to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ...operators.base import Key
from .layout import Item
from .said import Places, find_places, items_at
from .store import Store

MOST = 256 << 20
"""Bytes of a log that is brought into the table: a restart reads that much, and finds what it says of a key when asked."""

LEAST = 1 << 20
"""A log smaller than that is left alone however small the table is."""

TIMES = 4
"""Beyond so many times the table a log holds most keys several times over."""


class Log:
    """The log in a store.

    Attributes:
        bytes: How many it has, those of the transaction that is open included.
        bound: How many it may have at most, whatever the table has.
    """

    bound = MOST

    def __init__(self, store: Store) -> None:
        self._store = store
        self.bytes: int = store.one("SELECT coalesce(sum(length(data)), 0) FROM log")
        self._measure()

    @property
    def is_full(self) -> bool:
        """Whether the table should be brought up to it."""
        return self.bytes > min(self._most, self.bound)

    def add(self, rows: Iterable[bytes]) -> None:
        """Says something of keys, in the transaction that is open."""
        made = [(data,) for data in rows]
        self._store.write("INSERT INTO log (data) VALUES (?)", made)
        self.bytes += sum(len(data) for (data,) in made)

    def clear(self) -> None:
        """The table is up to it, in the transaction that is open."""
        self._store.write("DELETE FROM log")
        self.bytes = 0
        self._measure()

    def _measure(self) -> None:
        self._most = min(MOST, max(LEAST, TIMES * (self._store.bytes() - self.bytes)))


class Unread:
    """What the log of an earlier process says of keys that were not needed yet.

    Args:
        store: Has the log.
        names: The number of an operator -> its name.

    Attributes:
        places: Operator -> key -> where it stands.
        bytes: Of the log, which is in memory until the table is up to it.
    """

    def __init__(self, store: Store, names: Mapping[int, str]) -> None:
        self.places: dict[str, Places] = {name: {} for name in names.values()}
        by_number = {number: self.places[name] for number, name in names.items()}
        self._rows: dict[int, bytes] = dict(store.read("SELECT number, data FROM log ORDER BY number"))
        for number, data in self._rows.items():
            find_places(data, number, by_number)
        self.bytes = sum(map(len, self._rows.values()))

    def items(self, operator: str, key: Key) -> list[Item]:
        """What is said of a key, in the order of the log."""
        places = self.places[operator].get(key)
        return [] if places is None else items_at(places, self._rows)

    def clear(self) -> None:
        """The table is up to it."""
        for places in self.places.values():
            places.clear()
        self._rows.clear()
        self.bytes = 0
