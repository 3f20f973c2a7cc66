"""The cells of a key <-> the rows that keep them: one row for all small cells, one for each entry of a large map.

Law: what is read from the rows is what was written, as plain forms of `core.codec`; a change of one entry of a large map
writes one row, whatever the size of the map.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ...core.codec import STATE_VERSION, decode_state
from ...core.compact import Cells, cells_of, compact
from ...formats.native.values import value_decoder, value_encoder
from ...plan.nodes import OperatorNode

LARGE = 64
"""A map with more entries is kept entry by entry, until it has fewer than half as many."""

WHOLE = b""
"""The part of the row that holds all but the entries of large maps."""

_VERSION = bytes((STATE_VERSION,))

Row = tuple[bytes, bytes | None]
"""(part, bytes of it; `None`: the row goes)."""


class Entries(dict[Any, Any]):
    """The entries of a large map cell, which remember those that changed.

    Attributes:
        changed: The keys of entries that were set or taken away since they were written.

    Example:
        >>> entries = Entries({"a": 1, "b": 2})
        >>> entries.changed.clear()
        >>> entries["a"] = 3
        >>> entries.pop("b"), entries.pop("x", None), sorted(entries.changed)
        (2, None, ['a', 'b', 'x'])
    """

    __slots__ = ("changed",)

    def __init__(self, entries: Any = ()) -> None:
        super().__init__(entries)
        self.changed: set[Any] = set(self)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.changed.add(key)
        super().__setitem__(key, value)

    def __delitem__(self, key: Any) -> None:
        self.changed.add(key)
        super().__delitem__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        """See `dict`."""
        self.changed.add(key)
        return super().pop(key, *default)

    def popitem(self) -> tuple[Any, Any]:
        """See `dict`."""
        key, value = super().popitem()
        self.changed.add(key)
        return key, value

    def setdefault(self, key: Any, default: Any = None) -> Any:
        """See `dict`."""
        self.changed.add(key)
        return super().setdefault(key, default)

    def update(self, *others: Any, **named: Any) -> None:
        """See `dict`."""
        for key, value in dict(*others, **named).items():
            self[key] = value

    def clear(self) -> None:
        """See `dict`."""
        self.changed.update(self)
        super().clear()


class Layout:
    """How the cells of one operator are kept.

    Args:
        node: Says which of them are maps.
    """

    def __init__(self, node: OperatorNode) -> None:
        self._maps = frozenset(c.name for c in node.cells if c.kind == "map")
        self._small = self._maps if node.kind == "match" else frozenset()
        self._empty = cells_of(c.name for c in node.cells if c.kind != "bag")
        self._encode, self._decode = value_encoder(), value_decoder()

    def rows(self, cells: Cells) -> Iterator[Row]:
        """The rows to write for cells that may have changed; large maps become `Entries` in `cells`."""
        whole = []
        for name, value in cells.items():
            if name not in self._maps:
                if value is not None:
                    whole.append((name, _form(value)))
            elif value:
                yield from self._large(cells, name)
                kept = cells[name]
                entries = None if type(kept) is Entries else tuple((k, _form(v)) for k, v in kept.items())
                whole.append((name, entries))
            elif type(value) is Entries:
                yield from self._entries(name, value)
        yield WHOLE, self._encode(tuple(whole), _VERSION)

    def _large(self, cells: Cells, name: str) -> Iterator[Row]:
        """Rows of the entries, where they have rows of their own, or get or lose them now."""
        held = cells[name]
        if type(held) is Entries:
            if len(held) >= LARGE // 2:
                yield from self._entries(name, held)
            else:
                cells[name] = dict(held)
                yield from ((self._encode((name, key)), None) for key in held.keys() | held.changed)
        elif len(held) > LARGE:
            cells[name] = Entries(held)
            yield from self._entries(name, cells[name])

    def _entries(self, name: str, entries: Entries) -> Iterator[Row]:
        for key in entries.changed:
            yield self._encode((name, key)), self._encode(_form(entries[key])) if key in entries else None
        entries.changed.clear()

    def _whole(self, data: bytes) -> Any:
        return self._decode(data, 1) if data[:1] == _VERSION else decode_state(data)

    def cells(self, rows: Iterable[tuple[bytes, bytes]]) -> Cells:
        """The cells that rows of one key hold."""
        cells: Cells = {}
        entries: list[tuple[str, Any, Any]] = []
        for part, data in rows:
            if part == WHOLE:
                for name, value in self._whole(data):
                    cells[name] = dict(value or ()) if name in self._maps else value
            else:
                name, key = self._decode(part)
                entries.append((name, key, self._decode(data)))
        for name in {name for name, _, _ in entries}:
            cells[name] = Entries({key: value for n, key, value in entries if n == name})
            cells[name].changed.clear()
        return compact(cells, self._empty(), self._small)


def _form(value: Any) -> Any:
    """The value as a form of `core.codec`."""
    pack = getattr(value, "pack", None)
    return value if pack is None else pack()
