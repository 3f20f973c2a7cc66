"""The context of one step of the embedded engine: cells are plain objects and dicts."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import TYPE_CHECKING, Any

from ...core.compact import Cells
from ...operators.base import Key, Output
from ...operators.messages import Message
from ...plan.nodes import TimerKind
from .entries import Entries, Partly

if TYPE_CHECKING:
    from .flow import LocalFlow


def keep(states: dict[Key, Cells], key: Key, cells: Cells) -> None:
    """Keeps what a step has left in its cells; a key that has nothing goes."""
    for name in [n for n, held in cells.items() if not held and held.__class__ not in (Entries, Partly)]:
        del cells[name]
    if any(cells.values()):
        states[key] = cells
    else:
        states.pop(key, None)


class Step:
    """One step at one key. See `operators.base.Context`."""

    __slots__ = ("_flow", "_key", "_operator", "cells")

    epoch = 0

    def __init__(self, flow: LocalFlow, operator: str, key: Key, cells: Cells | None) -> None:
        self._flow, self._operator, self._key = flow, operator, key
        self.cells = flow.new_cells(operator) if cells is None else cells

    @property
    def now(self) -> int:
        """See `Context`."""
        return self._flow.now

    @property
    def moment(self) -> int:
        """See `Context`."""
        return self._flow.moment

    @property
    def silent(self) -> bool:
        """See `Context`."""
        return self._flow.silent

    @property
    def generation(self) -> int:
        """See `Context`."""
        return self._flow.generation

    def get(self, cell: str) -> Any:
        """See `Context`."""
        return self.cells.get(cell)

    def put(self, cell: str, value: Any) -> None:
        """See `Context`."""
        self.cells[cell] = value

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        """See `Context`."""
        found: MutableMapping[Any, Any] | None = self.cells.get(cell)
        if found is None:
            found = self.cells[cell] = self._flow.new_map(self._operator)
        return found

    def send(self, operator: str, key: Key, message: Message) -> None:
        """See `Context`."""
        self._flow.send(operator, key, message)

    def emit(self, output: Output) -> None:
        """See `Context`."""
        self._flow.emit(output)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """See `Context`."""
        self._flow.set_timer(at, self._operator, self._key, kind)
