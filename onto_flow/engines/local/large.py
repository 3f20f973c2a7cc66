"""The large maps of an operator's keys, whose entries are kept one by one."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ...core.compact import Cells
from ...operators.base import Key
from .entries import Entries, Large, Partly
from .layout import Layout
from .rest import TableRest, as_read
from .sizes import Sizes
from .table import Table

NOTHING: Mapping[str, Large] = {}


class LargeMaps:
    """Which keys have large maps, as they were written or read last.

    Args:
        layout: Of the operator.

    Attributes:
        held: Key -> cell -> its entries.
        anew: Keys of which the table has rows that do not belong to them.
    """

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self.held: dict[Key, dict[str, Large]] = {}
        self.anew: set[Key] = set()
        self._partly: set[Key] = set()

    def found(self, key: Key, cells: Cells, table: Table, sizes: Sizes) -> None:
        """A key was read, but the entries that the table has: they are read now where they are few."""
        large: dict[str, Large] = {name: held for name, held in cells.items() if type(held) is Entries}
        if not large:
            return
        self.held[key] = large
        for name, known in large.items() if key not in self.anew else ():  # else all of it is in the log
            assert isinstance(known, Entries)
            held = as_read(known, TableRest(table, key, name, lambda size: sizes.saw(size, 0)))
            cells[name] = large[name] = held
            if held is not known:
                self._partly.add(key)

    def settle(self, keys: Collection[Key], states: Mapping[Key, Cells]) -> None:
        """Maps of these keys that have been read to the end are plain ones from now on."""
        for key in [k for k in self._partly if k in keys] if self._partly else ():
            large = self.held.get(key, {}) if key in states else {}
            for name, held in large.items():
                if type(held) is Partly and not held.unread:
                    states[key][name] = large[name] = held.known
            if not any(type(held) is Partly for held in large.values()):
                self._partly.discard(key)

    def look(self, key: Key, cells: Cells | None) -> bool:
        """Looks for those of a key that is to be written.

        Returns:
            Whether one that has rows is gone, or is another one: then all rows of the key are made anew.
        """
        before = self.held.pop(key, NOTHING)
        found = self._layout.large(cells) if cells else {}
        if found:
            self.held[key] = found
        anew = any(found.get(name) is not entries for name, entries in before.items())
        for entries in found.values() if anew else ():
            entries.changed.update(entries)
        return anew
