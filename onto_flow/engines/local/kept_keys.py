"""The keys of one operator over a store: those in memory, and the others as the table and an earlier log have them.

Law: a key that is `behind` is in memory, its absence included, or the log of this process has it; so is one that changed.
What is read of all others is what their last step left.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from ...core.compact import Cells
from ...operators.base import Key
from .large import NOTHING, LargeMaps
from .layout import WHOLE, Item, Layout, changes_of
from .log import Unread
from .said import Rows, rows_at_once, say_at_once
from .sizes import Sizes
from .table import Row, Table

_SAVED = 20_000
"""After so many rows they are handed to the store."""

_PAGE = 2000
"""How many keys are looked at together."""


class KeptKeys:
    """What `kept.KeptState` has of one operator.

    Args:
        name: Of the operator.
        layout: Of its cells.
        table: Its rows in the table of state.
        unread: What the log of an earlier process says.

    Attributes:
        states: Key -> cells, as far as they are in memory.
        changed: Keys that may have changed since the last checkpoint, and of which nothing was said since.
        early: Keys of which the next checkpoint's rows are made.
        behind: Keys of which the log says what the table does not have yet.
    """

    def __init__(self, name: str, layout: Layout, table: Table, unread: Unread) -> None:
        self.layout, self.states = layout, dict[Key, Cells]()
        self.changed, self.early, self.behind = set[Key](), set[Key](), set[Key]()
        self._name, self._table, self._unread = name, table, unread
        self._logged = unread.places[name]
        self._large, self._sizes = LargeMaps(layout), Sizes()
        self._folds = 0

    def bring(self, keys: Collection[Key]) -> list[Key]:
        """Reads what is not in memory; the keys that were not, also those that the disk has not."""
        states, changed, behind, logged = self.states, self.changed, self.behind, self._logged
        missing = [k for k in keys if k not in states and k not in changed and k not in behind]
        for key, cells in self.read(missing):
            states[key] = cells
        behind.update(key for key in missing if key in logged)
        self._large.settle(keys, states)
        return missing

    def read(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Cells]]:
        """The cells of keys, from the table and from what the log says of them."""
        logged = self._logged
        only_logged = dict.fromkeys(k for k in keys if k in logged) if logged else {}
        for key, rows in self._table.rows(keys, entries=False):
            only_logged.pop(key, None)
            yield from self._found(key, rows, self._unread.items(self._name, key))
        for key in only_logged:
            yield from self._found(key, (), self._unread.items(self._name, key))

    def keys(self) -> Iterator[list[Key]]:
        """Those that the table has, some at a time; of later ones, those behind."""
        return self._table.keys()

    def every(self) -> Iterator[tuple[Key, Cells]]:
        """All keys with their cells as they are when given, while steps and checkpoints go on."""
        table = self._table
        logged = {*self._logged, *self.behind, *self.changed}
        last, folds = None, -1
        while folds != self._folds:
            folds = self._folds
            for key, rows in table.every(last):
                last = key
                logged.discard(key)
                cells = self._as_given(key, rows)
                if cells is not None:
                    yield key, cells
                if folds != self._folds:  # what was read ahead may be older than the table is now
                    break
        for key in logged:
            cells = self._as_given(key, next((rows for _, rows in table.rows([key])), ()))
            if cells is not None:
                yield key, cells

    def say(self, keys: set[Key], met: Any) -> list[bytes]:
        """Makes what the log will say of keys that changed; `met`: see `said.nothing_met`."""
        number, layout, states, large = self._table.number, self.layout, self.states, self._large
        were_large = large.held.keys() & keys
        said, left = say_at_once(keys - were_large if were_large else keys, states, layout, number, met)
        rows = Rows(number)
        for key in chain(were_large, left):
            cells = states.get(key)
            is_anew = layout.has_maps and large.look(key, cells)
            if is_anew:
                large.anew.add(key)
            if cells is None or is_anew:
                rows.say(key, ())
            if cells is not None:
                rows.say(key, (layout.whole(cells, differs=True), changes_of(large.held.get(key, NOTHING))))
        rows.end()
        self.behind |= keys
        return said + rows.full

    def fold(self, check: Callable[[], None]) -> None:
        """Writes to the table what changed since it was written last; `check`: see `kept.KeptState.save`."""
        self._write(sorted(self.changed.union(self.behind, self._logged)), check)
        self.behind.clear()
        self._large.anew.clear()
        self._folds += 1

    def forget(self, most: int, kept: Collection[Key]) -> int:
        """Forgets keys, of the first so many those that need not be kept; how many went."""
        states, large = self.states, self._large.held
        gone = [k for k in islice(states, most) if k not in kept]
        for key in gone:
            del states[key]
            large.pop(key, None)
        return len(gone)

    def bytes_of(self, keys: int) -> int:
        """An estimate of what so many keys take in memory, from the bytes of those that were written or read."""
        return self._sizes.of(keys)

    def _as_given(self, key: Key, rows: Sequence[Row]) -> Cells | None:
        cells = self.states.get(key)
        if cells is None and key not in self.changed and key not in self.behind:
            cells = self._cells(key, rows, self._unread.items(self._name, key))
        return cells

    def _write(self, keys: Sequence[Key], check: Callable[[], None]) -> None:
        table, layout, states, large = self._table, self.layout, self.states, self._large
        odd = large.anew | large.held.keys()
        for at in range(0, len(keys), _SAVED):
            part = list(keys[at : at + _SAVED])
            plain = [k for k in part if k in states and k not in odd]
            rows, left = rows_at_once(plain, states, layout, table.number)
            self._sizes.saw(sum(len(row[3]) for row in rows), len(rows))
            table.put_all(rows)
            others = part if left is plain else sorted([k for k in part if k not in states or k in odd] + list(left))
            self._write_each(others, check)
            table.write()
            check()

    def _write_each(self, keys: Sequence[Key], check: Callable[[], None]) -> None:
        table, layout, states, large = self._table, self.layout, self.states, self._large
        for key, cells in self._as_it_is(keys):
            is_anew = layout.has_maps and large.look(key, cells)
            if cells is None or is_anew or key in large.anew:
                table.drop(key)
            if cells is None:
                continue
            for part, data in layout.rows(cells, large.held.get(key, NOTHING)):
                table.put(key, part, data)
                self._sizes.saw(len(data or b""), part == WHOLE)
            if key not in states:
                large.held.pop(key, None)
            if table.waiting >= _SAVED:
                table.write()
                check()

    def _as_it_is(self, keys: Sequence[Key]) -> Iterator[tuple[Key, Cells | None]]:
        """Keys with their cells, those included that only the log has; nothing is kept in memory for it."""
        states, in_log = self.states, self._logged
        known = self.changed | self.behind if in_log else ()
        for at in range(0, len(keys), _PAGE):
            part = keys[at : at + _PAGE]
            logged = dict(self.read([k for k in part if k in in_log and k not in known and k not in states]))
            for key in part:
                yield key, states.get(key) or logged.get(key)

    def _found(self, key: Key, rows: Sequence[Row], items: Sequence[Item]) -> Iterator[tuple[Key, Cells]]:
        cells = self._cells(key, rows, items)
        if cells is None:
            return
        self._large.found(key, cells, self._table, self._sizes)
        yield key, cells

    def _cells(self, key: Key, rows: Sequence[Row], items: Sequence[Item]) -> Cells | None:
        for part, data in rows:
            self._sizes.saw(len(data), part == WHOLE)
        cells, stale = self.layout.cells(rows, items)
        if stale:
            self._large.anew.add(key)
        return cells
