"""The entries of a large map that are in the table only: those after a restart, until they are read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...core.codec import encode
from ...formats.native.values import value_decoder, value_encoder
from ...operators.base import Key
from .entries import Entries, Large, Partly
from .table import Table

FEW = 1000
"""A map with no more entries is read at once."""

_BEHIND_ALL = b"\xff"
"""No form of `core.codec` begins with this."""

_decode, _encode = value_decoder(), value_encoder()
_NOTHING = encode(None)


class TableRest:
    """Of one map of one key. See `entries.Rest`.

    The rows of a map are behind each other, so what was given is what lies before the last part that was.

    Args:
        table: Has the rows.
        key: Of an operator.
        name: Of a map cell.
        saw: Is told how many bytes were read.
    """

    def __init__(self, table: Table, key: Key, name: str, saw: Callable[[int], None]) -> None:
        self._table, self._key, self._name, self._saw = table, key, name, saw
        begin = _encode((name, None))[: -len(_NOTHING)]
        self._last, self._end = begin, begin + _BEHIND_ALL

    def find(self, key: Any) -> tuple[Any, ...]:
        """See `Rest`."""
        part = _encode((self._name, key))
        data = self._table.part(self._key, part) if part > self._last else None
        if data is None:
            return ()
        self._saw(len(data))
        return (_decode(data),)

    def next(self, most: int) -> tuple[list[tuple[Any, Any]], bool]:
        """See `Rest`."""
        rows = self._table.parts(self._key, self._last, self._end, most)
        if rows:
            self._last = rows[-1][0]
        self._saw(sum(len(data) for _, data in rows))
        return [(_decode(part)[1], _decode(data)) for part, data in rows], len(rows) == most


def as_read(known: Entries, rest: TableRest) -> Large:
    """A large map of which some entries are known: as a whole where it has few, else all but those."""
    held = Partly(known, rest)
    held.read_on(FEW)
    return held if held.unread else known
