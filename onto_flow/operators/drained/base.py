"""What an operator asks of a drained engine that gives it a whole queue."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ...plan.nodes import TimerKind
from ..base import Context, Key, Operator, Output
from ..messages import Message

Queue = dict[Key, list[Message]]
Queues = dict[str, Queue]
"""Operator -> what waits for it."""

Left = list[tuple[Key, Sequence[Message]]]
"""What is left to the operator's own step."""

States = dict[Key, dict[str, Any]]
"""Key -> cells of one operator."""


class Outlet(Protocol):
    """The other side of a drained operator.

    Attributes:
        outputs: What leaves the flow in this batch.
        queues: What waits for the operators in this batch; for later ones it may be added to.
    """

    outputs: list[Output]
    queues: Queues

    @property
    def now(self) -> int:
        """Processing time in microseconds."""

    @property
    def generation(self) -> int:
        """The first part of view versions."""

    def set_timer(self, at: int, operator: str, key: Key, kind: TimerKind) -> None:
        """Asks for `on_timer` of an operator's key at a time."""

    def step(self, operator: Operator, key: Key, messages: Sequence[Message]) -> None:
        """Runs one step of an operator as any engine does."""


class Drains(Operator, Protocol):
    """An operator that takes a whole queue."""

    def drain(self, queue: Queue, states: States, outlet: Outlet) -> None:
        """Runs a step for each key.

        Args:
            queue: Key -> the messages that wait for it.
            states: The cells of this operator's keys.
            outlet: Where messages and outputs go.
        """


class Resumes(Operator, Protocol):
    """An operator whose pages go on after a restart."""

    def resume(self, key: Key, ctx: Context) -> None:
        """A page of a key waits, which another process asked for."""
