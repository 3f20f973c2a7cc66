"""The cells of a key <-> the rows that keep them: one row for all small cells, one for each entry of a large map.

Law: what is read from the rows, and from what the log says after them, is what was written, as plain forms of
`core.codec`; a change of one entry of a large map writes that entry, whatever the size of the map.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from ...core.codec import STATE_VERSION, decode_state
from ...core.compact import Cells, cells_of, compact
from ...core.unread import is_unread
from ...formats.native.values import value_decoder, value_encoder
from ...operators import written
from ...operators.record import Record
from ...plan.nodes import OperatorNode
from .entries import Entries, Large, Partly

LARGE = 64
"""A map with more entries is kept entry by entry, until it has fewer than half as many."""

WHOLE = b""
"""The part of the row that holds all but the entries of large maps."""

STATE = bytes((STATE_VERSION,))
"""What the bytes of cells begin with."""

_LARGE = (Entries, Partly)

NewRow = tuple[bytes, bytes | None]
"""(part, bytes of it; `None`: the row goes)."""

Whole = tuple[tuple[Any, ...], ...]
"""(cell, its form) of one key; `None` stands for a large map, whose entries are kept one by one. In the log also (cell,
`None`, what changed) for a record."""

Item = tuple["Whole | None", tuple[Any, ...]]
"""What the log says of a key: cells, and entries of large maps as (cell, key, form), or (cell, key) for one that went.
`None` for the cells: there are none, and what was said before counts no longer."""


class Layout:
    """How the cells of one operator are kept.

    Args:
        node: Says which of them are maps.
        derived: The cells that are not kept (`engines.local.derived`); what older releases wrote of them is not read.
    """

    def __init__(self, node: OperatorNode, derived: Collection[str] = ()) -> None:
        maps = frozenset(c.name for c in node.cells if c.kind == "map")
        self._small = maps if node.kind == "match" else frozenset()
        names = tuple(c.name for c in node.cells if c.kind != "bag")
        self._empty = cells_of(names)
        self.maps, self.names = maps.difference(derived), tuple(n for n in names if n not in derived)
        self._derived = derived
        self.has_maps = bool(self.maps)
        self._encode, self._decode = value_encoder(), value_decoder()

    def new(self) -> Cells:
        """The cells of a key of which nothing is kept."""
        return self._empty()

    def large(self, cells: Cells) -> dict[str, Large]:
        """The maps of a key that are kept entry by entry; those that have become large or small are made so."""
        found: dict[str, Large] = {}
        for name in self.maps:
            held = cells.get(name)
            if not held:
                continue
            if type(held) not in _LARGE:
                if len(held) <= LARGE:
                    continue
                held = cells[name] = Entries(held)
            elif not is_unread(held) and len(held) < LARGE // 2:
                cells[name] = dict(held)
                continue
            found[name] = held
        return found

    @property
    def bound(self) -> int:
        """How many entries a map may have that is not kept entry by entry."""
        return LARGE

    def whole(self, cells: Cells, *, differs: bool = False) -> Whole:
        """All but the entries of large maps; `differs`: of a record, what changed since it was written is enough."""
        found: list[tuple[Any, ...]] = []
        for name in self.names:
            value = cells.get(name)
            if name in self.maps:
                if value:
                    found.append((name, None if type(value) in _LARGE else tuple(value.items())))
            elif value is not None:
                found.append(_cell(name, value, differs))
        return tuple(found)

    def rows(self, cells: Cells, large: Mapping[str, Large]) -> Iterator[NewRow]:
        """The rows of the table to write for cells that may have changed since they were written there.

        Args:
            cells: Of one key.
            large: What `large` says of them.
        """
        for name, entries in large.items():
            for key in entries.changed | entries.behind:
                yield self._encode((name, key)), self._encode(_form(entries[key])) if key in entries else None
            entries.changed.clear()
            entries.behind.clear()
        yield WHOLE, self._encode(self.whole(cells), STATE)

    def cells(self, rows: Iterable[tuple[bytes, bytes]], items: Iterable[Item] = ()) -> tuple[Cells | None, bool]:
        """The cells of one key.

        Args:
            rows: Of the table.
            items: Of the log, in their order; they count over the rows.

        Returns:
            The cells, `None` where there are none; and whether the table has rows that do not belong to them.
        """
        whole: Whole | None = None
        entries: dict[str, dict[Any, Any]] = {}
        for part, data in rows:
            if part == WHOLE:
                whole = self._decode(data, 1) if data[:1] == STATE else decode_state(data)
            else:
                name, key = self._decode(part)
                entries.setdefault(name, {})[key] = self._decode(data)
        stale, behind = False, dict[str, set[Any]]()
        for said, changes in items:
            whole = None if said is None else _after(whole, said)
            if whole is None:
                entries, behind, stale = {}, {}, True
            for name, key, *form in changes:
                held = entries.setdefault(name, {})
                behind.setdefault(name, set()).add(key)
                if form:
                    held[key] = form[0]
                else:
                    held.pop(key, None)
        if whole is None:
            return None, stale
        cells: Cells = {}
        stale = stale or not entries.keys() <= {name for name, value in whole if value is None}
        for name, value in whole:
            if name in self._derived:
                continue
            if name in self.maps and value is None:
                kept = cells[name] = Entries(entries.pop(name, ()))
                kept.changed.clear()
                kept.behind = behind.get(name, set()) | (set(kept) if stale else set())
            else:
                cells[name] = dict(value) if name in self.maps else value
        return compact(cells, self._empty(), self._small), stale


def changes_of(large: Mapping[str, Large]) -> tuple[Any, ...]:
    """The entries of large maps that changed since they were last written anywhere; from now on they are behind."""
    if not large:
        return ()
    found = []
    for name, entries in large.items():
        found += [(name, k, _form(entries[k])) if k in entries else (name, k) for k in entries.changed]
        entries.behind |= entries.changed
        entries.changed.clear()
    return tuple(found)


def _cell(name: str, value: Any, differs: bool) -> tuple[Any, ...]:
    """A cell that is no map; what its record remembers is that it is written."""
    if type(value) is not Record:
        return name, _form(value)
    changed = written.difference(value) if differs else None
    written.mark(value)
    return (name, value.pack()) if changed is None else (name, None, changed)


def _after(before: Whole | None, said: Whole) -> Whole:
    """Cells after what the log says of them."""
    held: dict[str, Any] = {cell[0]: cell[1] for cell in before or ()}
    return tuple((name, written.patched(held[name], changed[0]) if changed else form) for name, form, *changed in said)


def _form(value: Any) -> Any:
    """The value as a form of `core.codec`."""
    pack = getattr(value, "pack", None)
    return value if pack is None else pack()
