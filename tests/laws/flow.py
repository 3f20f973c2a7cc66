"""A local flow, change by change, for named cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.values import Document
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.shapes import Shape, plan_of


class Flow:
    """A local flow, change by change."""

    def __init__(self, *shapes: Shape, snapshot: int | None = None, plan: Any = None, clock: Any = lambda: 0) -> None:
        self.plan = plan or plan_of(*shapes)
        self.flow = LocalFlow(self.plan, snapshot=snapshot, clock=clock)
        self.outputs: list[ViewChange | DeadLetter] = []
        self.version = 100

    def write(self, *writes: tuple[str, Document | None], version: int = 0) -> list[tuple[str, Any, Any]]:
        """One batch; (path, old, new) of what it shows."""
        events = []
        for path, fields in writes:
            self.version += 1
            events.append((path, Event((version or self.version, 0), fields)))
        return self.take(self.flow.process(events))

    def take(self, outputs: Sequence[ViewChange | DeadLetter]) -> list[tuple[str, Any, Any]]:
        self.outputs += outputs
        return [(o.path, o.old, o.new) for o in outputs if isinstance(o, ViewChange)]

    def letters(self) -> list[DeadLetter]:
        return [o for o in self.outputs if isinstance(o, DeadLetter)]

    @property
    def table(self) -> dict[str, Any]:
        return applied(o for o in self.outputs if isinstance(o, ViewChange)).get("V", {})
