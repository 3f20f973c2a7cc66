"""Declared views on a local flow, batch by batch; after each, every table is the recomputed one."""

from __future__ import annotations

from typing import Any

from onto_flow import plan_views
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute


class Played:
    """Takes changes by path; `None` deletes."""

    def __init__(self, *views: Any) -> None:
        self.plan = plan_views(*views)
        self.name = self.plan.views[-1].name
        self.flow = LocalFlow(self.plan)
        self.version = 0
        self.documents: dict[str, Any] = {}
        self.changes: list[ViewChange] = []
        self.letters: list[DeadLetter] = []

    def __call__(self, changes: dict[str, Any]) -> dict[str, Any]:
        """One batch; the table of the last view after it."""
        self.version += 1
        outputs = self.flow.process([(p, Event((self.version, 0), f)) for p, f in changes.items()])
        self.last = [o for o in outputs if isinstance(o, ViewChange)]
        self.changes += self.last
        self.letters += [o for o in outputs if isinstance(o, DeadLetter)]
        self.documents.update(changes)
        now = {p: f for p, f in self.documents.items() if f is not None}
        tables = applied(self.changes)
        for view, expected in recompute(self.plan, now).items():
            assert tables.get(view, {}) == expected
        return tables.get(self.name, {})
