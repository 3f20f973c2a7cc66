"""The context of a key's only step: its cells are thrown away when it is done."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ..operators.base import Key, Output
from ..operators.messages import Message
from ..plan.nodes import TimerKind


class Throwaway:
    """See `operators.base.Context`.

    Attributes:
        outputs: What was emitted.
    """

    __slots__ = ("_cells", "generation", "outputs")

    now = 0
    epoch = moment = 0
    silent = False

    def __init__(self, generation: int) -> None:
        self.generation = generation
        self.outputs: list[Output] = []
        self._cells: dict[str, Any] = {}

    def get(self, cell: str) -> Any:
        """Nothing but what this step has put."""
        return self._cells.get(cell)

    def put(self, cell: str, value: Any) -> None:
        """Kept for this step."""
        self._cells[cell] = value

    def map(self, cell: str) -> MutableMapping[Any, Any]:
        """Kept for this step."""
        found: MutableMapping[Any, Any] = self._cells.setdefault(cell, {})
        return found

    def send(self, operator: str, key: Key, message: Message) -> None:
        """The last operators of a flow send nothing."""
        raise AssertionError(operator)

    def emit(self, output: Output) -> None:
        """Keeps an output."""
        self.outputs.append(output)

    def set_timer(self, kind: TimerKind, at: int) -> None:
        """No step comes after this one."""
