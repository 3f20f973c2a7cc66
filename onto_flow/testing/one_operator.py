"""One operator alone: changes in -> changes out, for doctests and for whoever wants to see what an operator does."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ..core.change import ViewChange
from ..core.gaps import Gap
from ..operators.base import Key, Output, Profile
from ..operators.build import build_operator
from ..operators.messages import Message
from ..plan.nodes import Plan, TimerKind


class OneOperator:
    """Runs steps of one operator of a plan, and prints what comes out.

    Args:
        plan: The plan.
        operator: The operator's id.
        drained: Which form of the protocol; the local engine's by default.
        options: Further fields of `operators.base.Profile`.
    """

    epoch = generation = moment = 0
    silent = False

    def __init__(self, plan: Plan, operator: str, *, drained: bool = True, **options: Any) -> None:
        node = next(n for n in plan.operators if n.id == operator)
        self.now = 0
        self._operator = build_operator(node, plan, Profile(drained=drained, **options))
        self._cells: dict[Key, dict[str, Any]] = {}
        self._key: Key = ""

    def step(self, key: Key, *messages: Message) -> None:
        """Takes messages as one step of a key."""
        self._key = key
        self._operator.step(key, messages, self)

    def timer(self, key: Key, kind: TimerKind, now: int) -> None:
        """A timer comes."""
        self._key, self.now = key, now
        self._operator.on_timer(key, kind, self)

    def get(self, cell: str) -> Any:
        """See `Context`."""
        return self._cells.get(self._key, {}).get(cell)

    def put(self, cell: str, value: Any) -> None:
        """See `Context`."""
        self._cells.setdefault(self._key, {})[cell] = value

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        """See `Context`."""
        found: MutableMapping[Any, Any] = self._cells.setdefault(self._key, {}).setdefault(cell, {})
        return found

    def send(self, operator: str, key: Key, message: Message) -> None:
        """Prints a message to another operator."""
        print(f"{operator} {key!s}: {_shown(message)}")

    def emit(self, output: Output) -> None:
        """Prints an output."""
        if isinstance(output, ViewChange):
            print(f"{output.path}: {output.old} -> {output.new}, seq {output.version[2]}")
        elif isinstance(output, Gap):
            print(f"gap of {output.path}: {output.known} to {output.awaited}, {output.weight:+}")
        else:
            print(f"dead letter {output.key}: {'taken back' if output.cleared else output.reason}")

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """See `Context`; `timer` is called by hand."""


def _shown(message: Message) -> str:
    return f"{type(message).__name__}{tuple(_plain(part) for part in message)}"


def _plain(value: Any) -> Any:
    return tuple(_plain(v) for v in value) if isinstance(value, tuple) else value
