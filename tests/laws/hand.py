"""The shuffling engine led by hand: one message after the other, where and when a scenario says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random
from typing import Any

from onto_flow.core.values import Document
from onto_flow.operators.base import Key, Profile
from onto_flow.operators.messages import Event, Message, decode_message
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.shapes import Shape, plan_of
from onto_flow.testing.shuffling import LATE, LOOSE, TIGHT, YOUNG, ShufflingEngine, Waiting

__all__ = ["LATE", "LOOSE", "TIGHT", "YOUNG", "Hand"]


class Hand:
    """A plan of one view, and its documents.

    Args:
        shape: The view.
        profile: The bounds.
        page: How many subscribers one step may tell.
    """

    def __init__(self, shape: Shape, profile: Profile = LOOSE, *, page: int = 0) -> None:
        self.engine = ShufflingEngine(plan_of(shape), Random(0), replace(profile, page=page))
        self.name = shape.name
        self.versions = 0
        self.kept: list[tuple[str, Key, Waiting]] = []
        self.known: dict[str, Document] = {}

    def write(self, path: str, fields: Document | None, *, version: int = 0) -> None:
        """A document changes, and leaves ingest."""
        self.versions = version or self.versions + 1
        self.known.pop(path, None)
        if fields is not None:
            self.known[path] = fields
        self.engine.feed(path, Event((self.versions, 0), fields))
        self.engine.step("ingest", path, everything=True)

    def load(self, **documents: Document) -> None:
        """Documents (`a1` is `a/1`) that are there from the beginning, and all that follows from them."""
        for name, fields in documents.items():
            self.write(f"{name[0]}/{name[1:]}", fields)
        self.drain()

    def keep(self, operator: str, key: Key) -> None:
        """Keeps back what waits for a key now."""
        queue = self.engine.queues[f"{self.name}.{operator}"].pop(key)
        self.kept.extend((f"{self.name}.{operator}", key, waiting) for waiting in queue)

    def give(self) -> None:
        """Delivers what was kept back, in its order, each message as one step."""
        kept, self.kept = self.kept, []
        for operator, key, waiting in kept:
            self.engine.queues[operator].setdefault(key, []).insert(0, waiting)
            rest = self.engine.queues[operator][key][1:]
            self.engine.queues[operator][key] = [waiting]
            self.engine.step(operator, key, everything=True)
            if rest:
                self.engine.queues[operator][key] = rest

    def step(self, operator: str, key: Key) -> None:
        """One step over all that waits for a key."""
        self.engine.step(f"{self.name}.{operator}", key, everything=True)

    def drain(self) -> None:
        """Everything that waits, stage by stage, all of a key as one step."""
        for operator in self.engine.names:
            for key in list(self.engine.queues[operator]):
                self.engine.step(operator, key, everything=True)

    def wait(self, until: int, *, fire: Callable[[str, str], bool] = lambda operator, kind: True) -> None:
        """Time passes; due timers that `fire` wants come."""
        self.engine.now = until
        for timer, waiting in list(self.engine.timers.items()):
            if waiting.message <= until and timer[0] != "ingest" and fire(timer[0], timer[2]):
                self.engine.fire(timer)

    def page(self, operator: str) -> None:
        """One page of a round."""
        self.engine.fire(
            next(t for t in self.engine.timers if t[0] == f"{self.name}.{operator}" and t[2] == "coalesce")
        )

    def rest(self) -> None:
        """Everything, and all timers."""
        self.drain()
        self.engine.rest()

    def waiting(self) -> list[Message]:
        """All messages under way."""
        queues = self.engine.queues.values()
        return [decode_message(w.message) for keys in queues for queue in keys.values() for w in queue]

    def table(self) -> dict[str, Any]:
        """What the sink holds."""
        return applied(e.change for e in self.engine.trace.emitted).get(self.name, {})

    def slot(self, root: str, slot: str) -> Iterable[str]:
        """The paths that a root's document shows for a slot; the shape shows `all`."""
        document = self.table()[f"out{self.name}/{root.replace('/', '~')}"]
        return [member["p"] for member in document[slot]]
