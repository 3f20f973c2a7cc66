"""One operator on a bench: what it sends, emits and asks timers for; its state is bytes between steps."""

from __future__ import annotations

from typing import Any

from onto_flow.operators.base import Profile
from onto_flow.operators.build import build_operator
from onto_flow.plan.nodes import Plan
from onto_flow.testing.cells import Step, Store


class Bench:
    """Runs steps of one operator.

    Args:
        plan: The plan.
        name: The operator's id.
        options: Fields of `Profile`; not drained unless said.
    """

    def __init__(self, plan: Plan, name: str, **options: Any) -> None:
        self.name, self.now, self.epoch = name, 0, 0
        self.silent = False
        node = next(n for n in plan.operators if n.id == name)
        self.operator = build_operator(node, plan, Profile(**{"drained": False, **options}))
        self.store = Store([name], packed=True)
        self.sent: list[tuple[str, Any, Any]] = []
        self.emitted: list[Any] = []
        self.timers: dict[tuple[Any, str], int] = {}

    def step(self, key: Any, *messages: Any) -> list[tuple[str, Any, Any]]:
        """One step; what it sent."""
        return self._act(key, lambda context: self.operator.step(key, list(messages), context))

    def timer(self, key: Any, kind: str, now: int) -> list[tuple[str, Any, Any]]:
        """A timer comes; what it sent."""
        self.now = now
        self.timers.pop((key, kind), None)
        return self._act(key, lambda context: self.operator.on_timer(key, kind, context))

    def _act(self, key: Any, act: Any) -> list[tuple[str, Any, Any]]:
        before, self._key = len(self.sent), key
        cells = self.store.open(self.name, key)
        act(Step(self, cells, self.silent))
        self.store.close(self.name, key, cells)
        return self.sent[before:]

    def send(self, operator: str, key: Any, message: Any) -> None:
        self.sent.append((operator, key, message))

    def emit(self, output: Any) -> None:
        self.emitted.append(output)

    def set_timer(self, kind: str, at: int) -> None:
        self.timers[self._key, kind] = min(at, self.timers.get((self._key, kind), at))

    def cells(self, key: Any) -> dict[str, Any]:
        """What it holds for a key."""
        return self.store.open(self.name, key)
