"""Keyed state over a store: what was needed lately is in memory, all of it is on the disk as of the last checkpoint.

Law: a key that changed since the table of state was written last is in memory, its absence included, or the log has it
and it was not needed since the process began; so what `need` reads is never older than what a step left. The cost of a
checkpoint follows the keys and entries that were needed since the one before: they go to the log, and to the table when
the log is full. What the log will say is made while the feed goes on, some thousand keys at a time, and of a key twice at
most between two checkpoints, however often it changed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

from ...core.compact import Cells, new_map
from ...operators.base import Key
from ...plan.nodes import Plan
from .derived import DOCUMENTS, Derived, is_derived
from .kept_keys import KeptKeys
from .kept_timers import KeptTimers
from .layout import Layout
from .log import Log, Unread
from .said import nothing_met
from .store import Store
from .table import Table

INGEST = "ingest"

SOON = 8_000
"""So many keys that changed are said before the checkpoint that needs them, between two batches: some 40 ms."""

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
        self._log = Log(store)
        self._unread = Unread(store, {number: name for name, number in numbers.items()})
        self._kept: dict[str, KeptKeys] = {}
        for node in plan.operators:
            layout = Layout(node, (DOCUMENTS,) if node.id in self._derived else ())
            self._kept[node.id] = KeptKeys(node.id, layout, Table(store, numbers[node.id]), self._unread)
        self.states: dict[str, dict[Key, Cells]] = {name: kept.states for name, kept in self._kept.items()}
        self.timers = KeptTimers(store, numbers)
        self._said: list[bytes] = []
        self._waiting = 0  # how many of what changed were said already, and wait for the checkpoint
        self._whole = self._fresh = whole

    def need(self, operator: str, keys: Collection[Key]) -> None:
        """See `State`: reads what is not in memory."""
        kept = self._kept[operator]
        if not self._whole:
            missing = kept.bring(keys)
            if operator in self._derived:
                self._derive(operator, missing)
        kept.changed.update(keys)

    def changed(self, operator: str) -> set[Key] | None:
        """See `State`."""
        return self._kept[operator].changed

    def told(self, operator: str) -> set[Key] | None:
        """See `State`."""
        return None if operator in self._derived else self._kept[operator].changed

    def _derive(self, operator: str, keys: Sequence[Key]) -> None:
        """The documents that keys hold which were read: ingest has not changed them since, or they would be in memory."""
        derived, kept = self._derived[operator], self._kept[operator]
        states = kept.states
        for key, cells in self._kept[INGEST].read(keys):
            document = derived.of(key, cells.get("document"))
            if document is not None:
                if key not in states:
                    states[key] = kept.layout.new()
                states[key][DOCUMENTS] = new_map({key: document})

    @property
    def dirty(self) -> bool:
        """Whether anything may have changed since the last checkpoint."""
        return any(kept.changed for kept in self._kept.values()) or bool(self._said)

    def say_some(self) -> None:
        """Makes what the log will say of the keys that changed, where they are many; the next checkpoint has it."""
        if self._count_changed() - self._waiting < SOON or self._fresh or self._log.is_full:
            return
        met = nothing_met()
        for kept in self._kept.values():
            once = kept.changed - kept.early
            self._said += kept.say(once, met)
            kept.changed -= once
            kept.early |= once
        self._waiting = self._count_changed()

    def _count_changed(self) -> int:
        return sum(len(kept.changed) for kept in self._kept.values())

    def save(self, check: Callable[[], None] = lambda: None) -> None:
        """Writes what changed, in the transaction that is open.

        Args:
            check: Is called from time to time, and raises to give up.
        """
        if self._fresh or self._log.is_full:
            self._fold(check)
        else:
            met = nothing_met()
            for kept in self._kept.values():
                self._said += kept.say(kept.changed, met)
            self._log.add(self._said)
        self._fresh = False
        self.timers.save()

    def fold(self) -> None:
        """Brings the table up to the log, just after a checkpoint, in a transaction of its own."""
        if self._log.bytes and not self.dirty:
            with self._store.transaction():
                self._fold(lambda: None)

    def _fold(self, check: Callable[[], None]) -> None:
        for kept in self._kept.values():
            kept.fold(check)
        self._unread.clear()
        self._log.clear()

    @property
    def is_folded(self) -> bool:
        """Whether the log is empty."""
        return not self._log.bytes

    def saved(self) -> None:
        """The transaction was committed."""
        for kept in self._kept.values():
            kept.changed.clear()
            kept.early.clear()
        self._said.clear()
        self._waiting = 0
        self.timers.saved()

    def keys(self, operator: str) -> Iterator[list[Key]]:
        """All keys of an operator as of the last checkpoint, some at a time; of later ones, those behind."""
        self.fold()
        yield from self._kept[operator].keys()

    def every(self, operator: str) -> Iterator[tuple[Key, Cells]]:
        """All keys with their cells as they are when given, while steps and checkpoints go on; new keys are given or not."""
        if self._whole:
            yield from list(self.states[operator].items())
        else:
            yield from self._kept[operator].every()

    def bytes_in_memory(self) -> int:
        """An estimate of what the keys in memory take, and an old log."""
        ingest = self._kept[INGEST]
        held = sum(kept.bytes_of(len(kept.states)) for kept in self._kept.values())
        return self._unread.bytes + held + sum(ingest.bytes_of(len(self.states[name])) for name in self._derived)

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
        in_memory = max(1, self.bytes_in_memory())
        share = max(0.0, (in_memory - most * (1 - _SLACK)) / in_memory)
        self._whole = False
        gone = 0
        for operator, kept in self._kept.items():
            needed = kept.changed | kept.behind
            if operator in self._derived:
                needed |= self._kept[INGEST].changed | self._kept[INGEST].behind
            gone += kept.forget(int(len(kept.states) * share) + 1, needed)
        return gone
