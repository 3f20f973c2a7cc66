"""What the log says of the keys of an operator: a row of it, and where in a row each key stands.

A row is a version, the operator's number, then item behind item: the key, the size of what is said, and that: () where the
key has no cells, and what was said before counts no longer; else (cells, entries of large maps that changed). A cell is
(name, form); (name, None) for a large map; (name, None, what changed) for a record, see `operators.written`.

Law: the compiled form (`formats/native/state.c`) writes the bytes that `Rows` writes.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from ...core.codec import decode_from, decode_state, encode
from ...core.compact import Cells
from ...core.errors import DataError
from ...core.fields import Fields
from ...core.value_bytes import get_size, put_size
from ...core.values import GeoPoint, Reference, Vector
from ...formats.native import extension
from ...formats.native.values import value_decoder, value_encoder
from ...operators.base import Key
from ...operators.record import Record
from .entries import Entries
from .layout import STATE, WHOLE, Item, Layout

ROW = 2
"""The version of a row. One of version 1 is one form of many (operator, key, cells or `None`, entries)."""

ROW_BYTES = 1 << 20
"""About how large a row is."""

Place = int
"""Where the size of what is said stands: the number of the row times 2 ** 32, and the byte in it."""

Places = dict[Key, Any]
"""Key -> a place, or a list of them, in the order of the log; items of an old row stand there themselves."""

_encode, _decode = value_encoder(), value_decoder()
_TYPES = (Entries, Record, GeoPoint, Reference, Vector, Fields)


class Rows:
    """Rows of one operator, filled item by item."""

    def __init__(self, number: int) -> None:
        self._head = bytes((ROW,)) + encode(number)
        self._row = bytearray(self._head)
        self.full: list[bytes] = []

    def say(self, key: Key, said: Sequence[Any]) -> None:
        """Adds an item."""
        body = _encode(tuple(said))
        self._row += _encode(key)
        put_size(self._row, len(body))
        self._row += body
        if len(self._row) >= ROW_BYTES:
            self.end()

    def end(self) -> None:
        """What is there is a row."""
        if len(self._row) > len(self._head):
            self.full.append(bytes(self._row))
        self._row = bytearray(self._head)


def nothing_met() -> Any:
    """What `say_at_once` keeps of the documents that it met, so that it writes each once; for as long as none changes."""
    compiled = getattr(extension(), "met", None)
    return None if compiled is None else compiled()


def say_at_once(
    keys: Iterable[Key], states: Mapping[Key, Cells], layout: Layout, number: int, met: Any = None
) -> tuple[list[bytes], Collection[Key]]:
    """Rows that say of keys what changed, and the keys that are left: those with large maps, or anything unusual.

    Args:
        met: See `nothing_met`; the same for several operators, which hold the same documents.
    """
    compiled = getattr(extension(), "said", None)
    if compiled is None:
        return [], list(keys)
    head = bytes((ROW,)) + encode(number)
    found: tuple[list[bytes], list[Key]] = compiled(
        keys, states, layout.names, layout.maps, layout.bound, _TYPES, head, ROW_BYTES, met
    )
    return found


def rows_at_once(
    keys: list[Key], states: Mapping[Key, Cells], layout: Layout, number: int
) -> tuple[list[tuple[int, Key, bytes, bytes]], Sequence[Key]]:
    """Rows of the table, and the keys that are left."""
    compiled = getattr(extension(), "wholes", None)
    if compiled is None:
        return [], keys
    cells = layout.names, layout.maps, layout.bound
    found: tuple[list[tuple[int, Key, bytes, bytes]], list[Key]] = compiled(
        keys, states, *cells, _TYPES, STATE, number, WHOLE
    )
    return found


def find_places(data: bytes, row: int, by_number: Mapping[int, Places]) -> None:
    """Puts where a row has each key into the places of its operator.

    Raises:
        DataError: `bad-value` for what is no row.
    """
    if data[:1] == STATE:
        for number, key, *said in decode_state(data):
            _add(by_number[number], key, tuple(said))
        return
    number, at = decode_from(data, 1)
    into = by_number[number]
    compiled = getattr(extension(), "places", None)
    if not (_places if compiled is None else compiled)(data, at, row, into):
        raise DataError("bad-value", f"row {row} of the log is damaged")


def _places(data: bytes, at: int, row: int, into: Places) -> bool:
    while at < len(data):
        key, at = decode_from(data, at)
        place = row << 32 | at
        try:
            size, at = get_size(data, at)
        except IndexError:
            return False
        _add(into, key, place)
        at += size
    return at == len(data)


def _add(into: Places, key: Key, place: Any) -> None:
    before = into.get(key)
    if before is None:
        into[key] = place
    elif type(before) is list:
        before.append(place)
    else:
        into[key] = [before, place]


def items_at(places: Any, rows: Mapping[int, bytes]) -> list[Item]:
    """What is said at some places, in their order."""
    found: list[Item] = []
    for place in places if type(places) is list else (places,):
        if type(place) is tuple:
            found.append(place)
            continue
        data = rows[place >> 32]
        size, at = get_size(data, place & 0xFFFFFFFF)
        found.append(_decode(data[at : at + size]) or (None, ()))
    return found
