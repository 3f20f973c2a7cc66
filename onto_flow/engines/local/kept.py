"""Keyed state over a store: what was needed lately is in memory, all of it is on the disk as of the last checkpoint.

Law: a key that changed since the last checkpoint is in memory, its absence included; so what `need` reads is never older
than what a step left. The cost of a checkpoint follows the keys and entries that were needed since the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

from ...core.compact import Cells
from ...operators.base import Key
from ...plan.nodes import Plan
from .kept_timers import KeptTimers
from .layout import WHOLE, Layout
from .store import Store

_ASKED = 256
"""How many keys one query asks for."""

_SAVED = 20_000
"""After so many rows they are handed to the store."""

_PAGE = 2000
"""How many rows are read at a time where all are."""

BYTES_IN_MEMORY = 6
"""How many bytes of memory stand for one of a row, about."""

BYTES_OF_A_KEY = 600
"""What a key and its cells take in memory besides."""

_BEFORE_ALL = -(2**63)
"""SQLite sorts numbers before texts and bytes."""

_SELECT = "SELECT key, part, data FROM state WHERE operator = ? AND key IN ({}) ORDER BY key, part"
_EVERY = """SELECT key, part, data FROM state WHERE operator = ? AND (key, part) > (?, ?) ORDER BY key, part LIMIT ?"""
_KEYS = "SELECT key FROM state WHERE operator = ? AND key > ? AND part = ? ORDER BY key LIMIT ?"
_PUT = "INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)"
_DROP_PART = "DELETE FROM state WHERE operator = ? AND key = ? AND part = ?"
_DROP = "DELETE FROM state WHERE operator = ? AND key = ?"


class KeptState:
    """The state of a plan's operators over a store; see `state.State`.

    Args:
        plan: Names the operators.
        store: Keeps them.
        whole: Whether the store is empty, so that nothing need be looked for there.

    Attributes:
        states, timers: See `state.State`.
    """

    def __init__(self, plan: Plan, store: Store, *, whole: bool) -> None:
        self._store = store
        with store.transaction():
            self._numbers = store.operators([node.id for node in plan.operators])
        self._layouts = {node.id: Layout(node) for node in plan.operators}
        self.states: dict[str, dict[Key, Cells]] = {node.id: {} for node in plan.operators}
        self.timers = KeptTimers(store, self._numbers)
        self._changed: dict[str, set[Key]] = {node.id: set() for node in plan.operators}
        self._whole = whole
        self._sizes = {node.id: _Sizes() for node in plan.operators}

    def need(self, operator: str, keys: Collection[Key]) -> None:
        """See `State`: reads what is not in memory."""
        changed = self._changed[operator]
        if not self._whole:
            states = self.states[operator]
            missing = [k for k in keys if k not in states and k not in changed]
            for key, cells in self._read(operator, missing):
                states[key] = cells
        changed.update(keys)

    def changed(self, operator: str) -> set[Key] | None:
        """See `State`."""
        return self._changed[operator]

    @property
    def dirty(self) -> bool:
        """Whether anything may have changed since the last checkpoint."""
        return any(self._changed.values())

    def save(self, check: Callable[[], None] = lambda: None) -> None:
        """Writes what changed, in the transaction that is open.

        Args:
            check: Is called from time to time, and raises to give up.
        """
        for operator, changed in self._changed.items():
            self._save(operator, changed, check)
        self.timers.save()

    def saved(self) -> None:
        """The transaction was committed."""
        for changed in self._changed.values():
            changed.clear()
        self.timers.saved()

    def keys(self, operator: str) -> Iterator[list[Key]]:
        """All keys of an operator as of the last checkpoint, some at a time; of later ones, those behind."""
        number = self._numbers[operator]
        after: Any = _BEFORE_ALL
        while found := [key for (key,) in self._store.read(_KEYS, number, after, WHOLE, _PAGE)]:
            yield found
            after = found[-1]

    def every(self, operator: str) -> Iterator[tuple[Key, Cells]]:
        """All keys of an operator with their cells, just after a checkpoint; nothing is kept in memory for it."""
        states = self.states[operator]
        if self._whole:
            yield from states.items()
            return
        for key, cells in self._read_all(operator):
            yield key, states.get(key, cells)

    def bytes_in_memory(self) -> int:
        """An estimate of what the keys in memory take, from the bytes of those that were written or read."""
        return sum(self._sizes[name].of(len(states)) for name, states in self.states.items())

    def evict(self, most: int) -> int:
        """Forgets keys that did not change since the last checkpoint until the estimate is below `most` bytes.

        Those that have been in memory for longest go first.

        Returns:
            How many keys went.
        """
        over = self.bytes_in_memory() - most
        if over <= 0:
            return 0
        share = min(1.0, over / max(1, self.bytes_in_memory()))
        self._whole = False
        gone = 0
        for operator, states in self.states.items():
            changed = self._changed[operator]
            for key in [k for k in islice(states, int(len(states) * share) + 1) if k not in changed]:
                del states[key]
                gone += 1
        return gone

    def _save(self, operator: str, changed: Iterable[Key], check: Callable[[], None]) -> None:
        number, layout, states = self._numbers[operator], self._layouts[operator], self.states[operator]
        put: list[tuple[int, Key, bytes, bytes]] = []
        dropped: list[tuple[int, Key]] = []
        parts: list[tuple[int, Key, bytes]] = []
        sizes = self._sizes[operator]
        for key in sorted(changed):  # the keys of one operator are all of one type
            cells = states.get(key)
            if cells is None:
                dropped.append((number, key))
                continue
            for part, data in layout.rows(cells):
                if data is None:
                    parts.append((number, key, part))
                else:
                    put.append((number, key, part, data))
                    sizes.saw(len(data), part == WHOLE)
            if len(put) >= _SAVED:
                self._store.write(_PUT, put)
                put.clear()
                check()
        self._store.write(_PUT, put)
        self._store.write(_DROP_PART, parts)
        self._store.write(_DROP, dropped)

    def _read(self, operator: str, keys: list[Key]) -> Iterator[tuple[Key, Cells]]:
        number = self._numbers[operator]
        for at in range(0, len(keys), _ASKED):
            asked = keys[at : at + _ASKED]
            asked += asked[:1] * (_round(len(asked)) - len(asked))
            marks = ",".join("?" * len(asked))
            yield from self._cells(operator, self._store.read(_SELECT.format(marks), number, *asked))

    def _read_all(self, operator: str) -> Iterator[tuple[Key, Cells]]:
        """In pages: the rows of one key may lie on several."""
        number, rest = self._numbers[operator], []
        after: tuple[Any, bytes] = (_BEFORE_ALL, b"")
        while page := self._store.read(_EVERY, number, *after, _PAGE):
            after = page[-1][:2]
            rest += page
            end = next((at + 1 for at in range(len(rest) - 1, -1, -1) if rest[at][0] != after[0]), 0)
            yield from self._cells(operator, rest[:end])
            rest = rest[end:]
        yield from self._cells(operator, rest)

    def _cells(self, operator: str, rows: Iterable[tuple[Key, bytes, bytes]]) -> Iterator[tuple[Key, Cells]]:
        layout, sizes = self._layouts[operator], self._sizes[operator]
        for key, group in groupby(rows, key=itemgetter(0)):
            found = [(part, data) for _, part, data in group]
            for part, data in found:
                sizes.saw(len(data), part == WHOLE)
            yield key, layout.cells(found)


def _round(count: int) -> int:
    """The next power of two: SQLite keeps few statements ready."""
    return 1 << (count - 1).bit_length()


class _Sizes:
    """How large the keys of one operator are, from those that passed by."""

    __slots__ = ("_bytes", "_keys")

    def __init__(self) -> None:
        self._keys = self._bytes = 0

    def saw(self, size: int, whole: bool) -> None:
        self._keys += whole
        self._bytes += size
        if self._keys > 1_000_000:
            self._keys //= 2
            self._bytes //= 2

    def of(self, keys: int) -> int:
        return int(keys * (BYTES_OF_A_KEY + BYTES_IN_MEMORY * self._bytes / max(1, self._keys)))
