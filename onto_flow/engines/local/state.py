"""Where the keyed state of the embedded engine is: dictionaries, and timers beside them.

Law: between two batches `states[operator][key]` is the state of every key that was needed since the last checkpoint; a
key that is not there has none, or is kept elsewhere and comes back by `need` before its next step.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from ...core.compact import Cells
from ...operators.base import Key
from ...plan.nodes import Plan
from .timers import Timers


class State(Protocol):
    """What a flow asks of its state."""

    @property
    def states(self) -> dict[str, dict[Key, Cells]]:
        """Operator -> key -> cells, as far as they are in memory."""

    @property
    def timers(self) -> Timers:
        """What waits for a time."""

    def need(self, operator: str, keys: Collection[Key]) -> None:
        """Says that steps at these keys are next: their state must be in memory, and may change."""

    def changed(self, operator: str) -> set[Key] | None:
        """Takes the keys that change, of those in memory, where `need` was not told; `None`: nobody wants to know."""

    def told(self, operator: str) -> set[Key] | None:
        """As `changed`, of keys of which a document that is there gets a newer version, and nothing else changes."""


class InMemory:
    """State that is gone with the process."""

    def __init__(self, plan: Plan) -> None:
        self.states: dict[str, dict[Key, Cells]] = {node.id: {} for node in plan.operators}
        self.timers = Timers()

    def need(self, operator: str, keys: Collection[Key]) -> None:
        """See `State`: it is all there."""

    def changed(self, operator: str) -> set[Key] | None:
        """See `State`: nobody wants to know."""
        return None

    told = changed
