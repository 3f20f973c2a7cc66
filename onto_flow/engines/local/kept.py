"""Keyed state over a store: what was needed lately is in memory, all of it is on the disk as of the last checkpoint.

Law: a key that changed since the table of state was written last is in memory, its absence included, or the log has it
and it was not needed since the process began; so what `need` reads is never older than what a step left. The cost of a
checkpoint follows the keys and entries that were needed since the one before: they go to the log, and to the table when
the log is full. What the log will say is made while the feed goes on, some thousand keys at a time, and of a key twice at
most between two checkpoints, however often it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import chain, islice
from typing import Any

from ...core.compact import Cells, new_map
from ...operators.base import Key
from ...plan.nodes import Plan
from .derived import DOCUMENTS, Derived, is_derived
from .kept_timers import KeptTimers
from .large import NOTHING, LargeMaps
from .layout import WHOLE, Item, Layout, changes_of
from .log import Log, Unread
from .said import Rows, nothing_met, rows_at_once, say_at_once
from .sizes import Sizes
from .store import Store
from .table import Row, Table

INGEST = "ingest"

SOON = 8_000
"""So many keys that changed are said before the checkpoint that needs them, between two batches: some 40 ms."""

_SAVED = 20_000
"""After so many rows they are handed to the store."""

_PAGE = 2000
"""How many keys are looked at together."""

_SLACK = 0.1
"""By how much more than it must memory shrinks when it is too much: the table is written before."""


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
            numbers = store.operators([node.id for node in plan.operators])
        self._derived = {node.id: Derived(node, plan) for node in plan.operators if is_derived(node, plan)}
        self._layouts = {n.id: Layout(n, (DOCUMENTS,) if n.id in self._derived else ()) for n in plan.operators}
        self.states: dict[str, dict[Key, Cells]] = {node.id: {} for node in plan.operators}
        self._tables = {name: Table(store, number) for name, number in numbers.items()}
        self.timers = KeptTimers(store, numbers)
        self._changed, self._behind, self._early = ({node.id: set[Key]() for node in plan.operators} for _ in range(3))
        self._said: list[bytes] = []
        self._waiting = 0  # how many of what changed were said already, and wait for the checkpoint
        self._large = {name: LargeMaps(layout) for name, layout in self._layouts.items()}
        self._whole = self._fresh = whole
        self._folds = 0
        self._sizes = {node.id: Sizes() for node in plan.operators}
        self._log = Log(store)
        self._unread = Unread(store, {number: name for name, number in numbers.items()})

    def need(self, operator: str, keys: Collection[Key]) -> None:
        """See `State`: reads what is not in memory."""
        changed = self._changed[operator]
        if not self._whole:
            states, behind, unread = self.states[operator], self._behind[operator], self._unread.places[operator]
            missing = [k for k in keys if k not in states and k not in changed and k not in behind]
            for key, cells in self._read(operator, missing):
                states[key] = cells
            if operator in self._derived:
                self._derive(operator, missing)
            behind.update(key for key in missing if key in unread)
            self._large[operator].settle(keys, states)
        changed.update(keys)

    def changed(self, operator: str) -> set[Key] | None:
        """See `State`."""
        return self._changed[operator]

    def told(self, operator: str) -> set[Key] | None:
        """See `State`."""
        return None if operator in self._derived else self._changed[operator]

    def _derive(self, operator: str, keys: Sequence[Key]) -> None:
        """The documents that keys hold which were read: ingest has not changed them since, or they would be in memory."""
        states, derived, layout = self.states[operator], self._derived[operator], self._layouts[operator]
        for key, cells in self._read(INGEST, keys):
            document = derived.of(key, cells.get("document"))
            if document is not None:
                if key not in states:
                    states[key] = layout.new()
                states[key][DOCUMENTS] = new_map({key: document})

    @property
    def dirty(self) -> bool:
        """Whether anything may have changed since the last checkpoint."""
        return any(self._changed.values()) or bool(self._said)

    def say_some(self) -> None:
        """Makes what the log will say of the keys that changed, where they are many; the next checkpoint has it."""
        if self._count_changed() - self._waiting < SOON or self._fresh or self._log.is_full:
            return
        met = nothing_met()
        for operator, changed in self._changed.items():
            early = self._early[operator]
            once = changed - early
            self._note(operator, once, met)
            changed -= once
            early |= once
        self._waiting = self._count_changed()

    def _count_changed(self) -> int:
        return sum(map(len, self._changed.values()))

    def save(self, check: Callable[[], None] = lambda: None) -> None:
        """Writes what changed, in the transaction that is open.

        Args:
            check: Is called from time to time, and raises to give up.
        """
        if self._fresh or self._log.is_full:
            self._fold(check)
        else:
            met = nothing_met()
            for operator, changed in self._changed.items():
                self._note(operator, changed, met)
            self._log.add(self._said)
        self._fresh = False
        self.timers.save()

    def fold(self) -> None:
        """Brings the table up to the log, just after a checkpoint, in a transaction of its own."""
        if self._log.bytes and not self.dirty:
            with self._store.transaction():
                self._fold(lambda: None)

    @property
    def is_folded(self) -> bool:
        """Whether the log is empty."""
        return not self._log.bytes

    def saved(self) -> None:
        """The transaction was committed."""
        for keys in chain(self._changed.values(), self._early.values()):
            keys.clear()
        self._said.clear()
        self._waiting = 0
        self.timers.saved()

    def keys(self, operator: str) -> Iterator[list[Key]]:
        """All keys of an operator as of the last checkpoint, some at a time; of later ones, those behind."""
        self.fold()
        yield from self._tables[operator].keys()

    def every(self, operator: str) -> Iterator[tuple[Key, Cells]]:
        """All keys with their cells as they are when given, while steps and checkpoints go on; new keys are given or not."""
        if self._whole:
            yield from list(self.states[operator].items())
            return
        table = self._tables[operator]
        logged = {*self._unread.places[operator], *self._behind[operator], *self._changed[operator]}
        last, folds = None, -1
        while folds != self._folds:
            folds = self._folds
            for key, rows in table.every(last):
                last = key
                logged.discard(key)
                cells = self._as_given(operator, key, rows)
                if cells is not None:
                    yield key, cells
                if folds != self._folds:  # what was read ahead may be older than the table is now
                    break
        for key in logged:
            cells = self._as_given(operator, key, next((rows for _, rows in table.rows([key])), ()))
            if cells is not None:
                yield key, cells

    def _as_given(self, operator: str, key: Key, rows: Sequence[Row]) -> Cells | None:
        cells = self.states[operator].get(key)
        if cells is None and key not in self._changed[operator] and key not in self._behind[operator]:
            cells = self._cells(operator, key, rows, self._unread.items(operator, key))
        return cells

    def bytes_in_memory(self) -> int:
        """An estimate of what the keys in memory take, from the bytes of those that were written or read; and an old log."""
        sizes = self._sizes
        held = sum(sizes[name].of(len(states)) for name, states in self.states.items())
        return self._unread.bytes + held + sum(sizes[INGEST].of(len(self.states[name])) for name in self._derived)

    def bound_log(self, most: int) -> None:
        """The log may have at most so many bytes: a restart holds it in memory."""
        self._log.bound = most

    def evict(self, most: int) -> int:
        """Forgets keys that did not change since the last checkpoint until the estimate is below `most` bytes.

        Those that have been in memory for longest go first.

        Returns:
            How many keys went.
        """
        if self.bytes_in_memory() <= most:
            return 0
        self.fold()
        held = max(1, self.bytes_in_memory())
        share = max(0.0, (held - most * (1 - _SLACK)) / held)
        self._whole = False
        gone = 0
        for operator, states in self.states.items():
            kept, large = self._changed[operator] | self._behind[operator], self._large[operator].held
            if operator in self._derived:
                kept |= self._changed[INGEST] | self._behind[INGEST]
            for key in [k for k in islice(states, int(len(states) * share) + 1) if k not in kept]:
                del states[key]
                large.pop(key, None)
                gone += 1
        return gone

    def _note(self, operator: str, changed: set[Key], met: Any) -> None:
        """Makes what the log will say of keys that changed; `met`: see `said.nothing_met`."""
        number, layout, states = self._tables[operator].number, self._layouts[operator], self.states[operator]
        large = self._large[operator]
        were_large = large.held.keys() & changed
        said, left = say_at_once(changed - were_large if were_large else changed, states, layout, number, met)
        self._said += said
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
        self._said += rows.full
        self._behind[operator] |= changed

    def _fold(self, check: Callable[[], None]) -> None:
        """Writes to the table what changed since it was written last."""
        for operator, changed in self._changed.items():
            unread = self._unread.places[operator]
            self._write(operator, sorted(changed.union(self._behind[operator], unread)), check)
            self._behind[operator].clear()
            self._large[operator].anew.clear()
        self._folds += 1
        self._unread.clear()
        self._log.clear()

    def _write(self, operator: str, keys: Sequence[Key], check: Callable[[], None]) -> None:
        table, layout, sizes = self._tables[operator], self._layouts[operator], self._sizes[operator]
        large, states = self._large[operator], self.states[operator]
        odd = large.anew | large.held.keys()
        for at in range(0, len(keys), _SAVED):
            part = list(keys[at : at + _SAVED])
            plain = [k for k in part if k in states and k not in odd]
            rows, left = rows_at_once(plain, states, layout, table.number)
            sizes.saw(sum(len(row[3]) for row in rows), len(rows))
            table.put_all(rows)
            others = part if left is plain else sorted([k for k in part if k not in states or k in odd] + list(left))
            self._write_each(operator, others, check)
            table.write()
            check()

    def _write_each(self, operator: str, keys: Sequence[Key], check: Callable[[], None]) -> None:
        table, layout, sizes = self._tables[operator], self._layouts[operator], self._sizes[operator]
        large, states = self._large[operator], self.states[operator]
        for key, cells in self._as_it_is(operator, keys):
            is_anew = layout.has_maps and large.look(key, cells)
            if cells is None or is_anew or key in large.anew:
                table.drop(key)
            if cells is None:
                continue
            for part, data in layout.rows(cells, large.held.get(key, NOTHING)):
                table.put(key, part, data)
                sizes.saw(len(data or b""), part == WHOLE)
            if key not in states:
                large.held.pop(key, None)
            if table.waiting >= _SAVED:
                table.write()
                check()

    def _as_it_is(self, operator: str, keys: Sequence[Key]) -> Iterator[tuple[Key, Cells | None]]:
        """Keys with their cells, those included that only the log has; nothing is kept in memory for it."""
        states, unread = self.states[operator], self._unread.places[operator]
        known = self._changed[operator] | self._behind[operator] if unread else ()
        for at in range(0, len(keys), _PAGE):
            part = keys[at : at + _PAGE]
            logged = dict(self._read(operator, [k for k in part if k in unread and k not in known and k not in states]))
            for key in part:
                yield key, states.get(key) or logged.get(key)

    def _read(self, operator: str, keys: Sequence[Key]) -> Iterator[tuple[Key, Cells]]:
        """The cells of keys, from the table and from what the log says of them."""
        unread = self._unread.places[operator]
        only_logged = dict.fromkeys(k for k in keys if k in unread) if unread else {}
        for key, rows in self._tables[operator].rows(keys, entries=False):
            only_logged.pop(key, None)
            yield from self._found(operator, key, rows, self._unread.items(operator, key))
        for key in only_logged:
            yield from self._found(operator, key, (), self._unread.items(operator, key))

    def _found(
        self, operator: str, key: Key, rows: Sequence[Row], items: Sequence[Item]
    ) -> Iterator[tuple[Key, Cells]]:
        cells = self._cells(operator, key, rows, items)
        if cells is None:
            return
        self._large[operator].found(key, cells, self._tables[operator], self._sizes[operator])
        yield key, cells

    def _cells(self, operator: str, key: Key, rows: Sequence[Row], items: Sequence[Item]) -> Cells | None:
        sizes = self._sizes[operator]
        for part, data in rows:
            sizes.saw(len(data), part == WHOLE)
        cells, stale = self._layouts[operator].cells(rows, items)
        if stale:
            self._large[operator].anew.add(key)
        return cells
