"""The large maps of an operator's keys, whose entries are kept one by one."""

from __future__ import annotations

from collections.abc import Mapping

from ...core.compact import Cells
from ...operators.base import Key
from .layout import Entries, Layout

NOTHING: Mapping[str, Entries] = {}


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
        self.held: dict[Key, Mapping[str, Entries]] = {}
        self.anew: set[Key] = set()

    def found(self, key: Key, cells: Cells) -> None:
        """A key was read."""
        large = {name: held for name, held in cells.items() if type(held) is Entries}
        if large:
            self.held[key] = large

    def look(self, key: Key, cells: Cells | None) -> bool:
        """Looks for those of a key that is to be written.

        Returns:
            Whether one that has rows is gone, or is another one: then all rows of the key are made anew.
        """
        before = self.held.pop(key, NOTHING)
        found = self._layout.large(cells) if cells else NOTHING
        if found:
            self.held[key] = found
        anew = any(found.get(name) is not entries for name, entries in before.items())
        for entries in found.values() if anew else ():
            entries.changed.update(entries)
        return anew
