"""The state and the contexts of the shuffling engine: cells as bytes, or as objects where speed counts."""

from __future__ import annotations

import copy
from collections.abc import MutableMapping
from typing import Any, Protocol

from ..core.codec import decode_state, encode_state
from ..operators.base import Key, Output
from ..operators.messages import Message
from ..plan.nodes import TimerKind

Cells = dict[str, Any]


class Flow(Protocol):
    """What a step tells its engine."""

    now: int
    moment: int
    epoch: int

    def send(self, operator: str, key: Key, message: Message) -> None:
        """A message to a later operator."""

    def emit(self, output: Output) -> None:
        """An output."""

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """A timer of the step's key."""


class Store:
    """Keyed cells; `packed`: every cell, and every entry of a map cell, is bytes between steps."""

    def __init__(self, operators: list[str], packed: bool) -> None:
        self.packed = packed
        self.states: dict[str, dict[Key, Cells]] = {name: {} for name in operators}

    def copy(self) -> Store:
        """The store as it is now."""
        other = Store([], self.packed)
        if self.packed:
            other.states = {
                name: {
                    key: {c: dict(v) if isinstance(v, dict) else v for c, v in cells.items()}
                    for key, cells in keys.items()
                }
                for name, keys in self.states.items()
            }
        else:
            other.states = copy.deepcopy(self.states)
        return other

    def open(self, operator: str, key: Key) -> Cells:
        """The cells of a key as objects."""
        cells = self.states[operator].get(key, {})
        if not self.packed:
            return cells
        return {
            c: {k: decode_state(e) for k, e in v.items()} if isinstance(v, dict) else decode_state(v)
            for c, v in cells.items()
        }

    def close(self, operator: str, key: Key, cells: Cells) -> None:
        """Keeps the cells of a key; those that are empty go."""
        kept = {c: v for c, v in cells.items() if v is not None and v != {}}
        if self.packed:
            kept = {
                c: {k: _pack(e) for k, e in v.items()} if isinstance(v, dict) else _pack(v) for c, v in kept.items()
            }
        if kept:
            self.states[operator][key] = kept
        else:
            self.states[operator].pop(key, None)

    def opened(self) -> dict[str, dict[Key, Cells]]:
        """All cells as objects."""
        return {name: {key: self.open(name, key) for key in keys} for name, keys in self.states.items()}


def _pack(value: Any) -> bytes:
    return encode_state(value.pack() if hasattr(value, "pack") else value)


class Step:
    """The context of one step; see `operators.base.Context`."""

    generation = 1

    def __init__(self, flow: Flow, cells: Cells, silent: bool) -> None:
        self._flow, self.cells, self.silent = flow, cells, silent

    @property
    def now(self) -> int:
        return self._flow.now

    @property
    def moment(self) -> int:
        return self._flow.moment

    @property
    def epoch(self) -> int:
        return self._flow.epoch

    def get(self, cell: str) -> Any:
        return self.cells.get(cell)

    def put(self, cell: str, value: Any) -> None:
        self.cells[cell] = value

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        found: MutableMapping[Any, Any] = self.cells.setdefault(cell, {})
        return found

    def send(self, operator: str, key: Key, message: Message) -> None:
        self._flow.send(operator, key, message)

    def emit(self, output: Output) -> None:
        self._flow.emit(output)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        self._flow.set_timer(kind, at)
