"""A pipeline of Beam's led by hand, as `tests.laws.hand` leads the shuffling engine: the scenarios of the protocol run on both.

The DoFns are those that `Maintain` puts into the graph, with states of bytes and timers by name; one message after the
other goes where and when a scenario says. Processing time is the scenario's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any
from unittest import mock

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import Outcome, quick

from onto_flow.core.change import Change
from onto_flow.core.values import Document
from onto_flow.engines.beam import clock, maintain
from onto_flow.engines.beam.keys import decode_key, encode_key
from onto_flow.engines.coding import decode_message, decode_state
from onto_flow.engines.credit import unwrap
from onto_flow.operators.base import Key, Profile
from onto_flow.plan.nodes import Plan
from onto_flow.testing.shapes import Shape, plan_of
from onto_flow.testing.shuffling import LOOSE

_TIMERS = {"garbage": "garbage", "coalesce": "pages"}
"""The kinds of timers of operators, and what they are called on Beam."""

Queue = list[Any]


class LedRunner(ShufflingRunner):
    """Messages of operators wait until they are told to go; all else goes on at once."""

    queues: dict[str, dict[Key, Queue]]

    def start(self, operators: Iterable[str]) -> None:
        self.queues = {name: {} for name in operators}
        self.now, self.states, self.timers = 0, {}, {}
        self.watch = lambda run: None
        for kept in self.kept.values():
            kept.clear()

    def _hand_on(self, collection: Any, element: Any) -> None:
        for consumer in self.consumers.get(collection, ()):
            operator = label_of(consumer)
            if isinstance(consumer, list):
                consumer.append(element)
            elif operator in self.queues:
                self.queues[operator].setdefault(decode_key(element[0]), []).append(element)
            elif hasattr(consumer, "fn"):
                self.take(consumer, element)
            else:
                self._hand_on(consumer, element)

    def take(self, stage: Any, element: Any) -> None:
        """One element is one step."""
        given = stage.arguments("process", element[0], self).values() if stage.keyed else ()
        self._take(stage, stage.fn.process(element, *given))

    def step(self, operator: str, key: Key) -> None:
        """All that waits for a key, each message as a step; what needs all states has them at once."""
        stage = self.stages[f"maintain/{operator}/ParDo(step)"]
        for element in self.queues[operator].pop(key):
            self.take(stage, element)
            together = (stage.label, element[0], f"ts-{operator}.together")
            if together in self.timers:
                self.fire(together)


def label_of(consumer: Any) -> str:
    """The operator of a stage; nothing for other consumers."""
    return str(getattr(consumer, "label", "")).removeprefix("maintain/").removesuffix("/ParDo(step)")


@lru_cache(maxsize=16)
def built(shape: Shape, profile: Profile) -> tuple[LedRunner, Any]:
    """The pipeline of a view whose operators keep to other bounds than a day."""
    with (
        quick(),
        mock.patch.object(
            maintain, "Profile", lambda **given: replace(profile, born=given["born"], remembers=given["remembers"])
        ),
    ):
        pipeline = beam.Pipeline()
        root = pipeline | "changes" >> Root().with_output_types(Change)
        maintained = root | "maintain" >> maintain.MaintainPlan(plan_of(shape), generation=1, page=profile.page)
        return LedRunner(pipeline, maintained._asdict()), root


class BeamHand:
    """A plan of one view, and its documents; see `tests.laws.hand.Hand`."""

    def __init__(self, shape: Shape, profile: Profile = LOOSE, *, page: int = 0) -> None:
        self.plan: Plan = plan_of(shape)
        self.runner, self.root = built(shape, replace(profile, page=page))
        self.runner.start([node.id for node in self.plan.operators])
        self.name = shape.name
        self.versions = 0
        self.kept: list[tuple[str, Key, Any]] = []
        self.known: dict[str, Document] = {}
        store = SimpleNamespace(open=self._cells)
        self.engine = SimpleNamespace(plan=self.plan, queues=self.runner.queues, store=store)

    def _cells(self, operator: str, key: Key) -> dict[str, Any]:
        mine = (f"maintain/{operator}/ParDo(step)", encode_key(key))
        return {name: decode_state(v) for (*place, name), v in self.runner.states.items() if tuple(place) == mine}

    @contextmanager
    def _at_its_time(self) -> Iterator[None]:
        with mock.patch.object(clock, "micros", lambda: self.runner.now):
            yield

    def write(self, path: str, fields: Document | None, *, version: int = 0) -> None:
        """A document changes, and leaves ingest."""
        self.versions = version or self.versions + 1
        self.known.pop(path, None)
        if fields is not None:
            self.known[path] = fields
        with self._at_its_time():
            self.runner.give(self.root, [Change(path, None, fields, (self.versions, 0))])
            self.runner.step("ingest", path)

    def load(self, **documents: Document) -> None:
        """Documents (`a1` is `a/1`) that are there from the beginning, and all that follows from them."""
        for name, fields in documents.items():
            self.write(f"{name[0]}/{name[1:]}", fields)
        self.drain()

    def keep(self, operator: str, key: Key) -> None:
        """Keeps back what waits for a key now."""
        name = f"{self.name}.{operator}"
        self.kept.extend((name, key, element) for element in self.runner.queues[name].pop(key))

    def give(self) -> None:
        """Delivers what was kept back, in its order; what came meanwhile waits."""
        kept, self.kept = self.kept, []
        with self._at_its_time():
            for operator, key, element in kept:
                waiting = self.runner.queues[operator].pop(key, [])
                self.runner.queues[operator][key] = [element]
                self.runner.step(operator, key)
                if waiting:
                    self.runner.queues[operator].setdefault(key, [])[:0] = waiting

    def step(self, operator: str, key: Key) -> None:
        """All that waits for a key."""
        with self._at_its_time():
            self.runner.step(f"{self.name}.{operator}", key)

    def drain(self) -> None:
        """Everything that waits, stage by stage."""
        with self._at_its_time():
            for operator in self.runner.queues:
                for key in list(self.runner.queues[operator]):
                    self.runner.step(operator, key)

    def wait(self, until: int, *, fire: Callable[[str, str], bool] = lambda operator, kind: True) -> None:
        """Time passes; due timers that `fire` wants come."""
        self.runner.now = until
        self._fire(lambda operator, kind, at: at <= until and operator != "ingest" and fire(operator, kind))

    def _fire(self, wanted: Callable[[str, str, int], bool]) -> bool:
        due = [place for place, at in self.runner.timers.items() if wanted(*_named(place), at)]
        with self._at_its_time():
            for place in due:
                self.runner.fire(place)
        return bool(due)

    def page(self, operator: str) -> None:
        """One page of a round."""
        name = f"{self.name}.{operator}"
        assert self._fire(lambda found, kind, at: (found, kind) == (name, "coalesce"))

    def rest(self) -> None:
        """Everything, and all timers but those of ingest's tombstones."""
        while True:
            self.drain()
            if any(self.runner.queues.values()):
                continue
            due = [at for place, at in self.runner.timers.items() if _named(place)[0] != "ingest"]
            if not due:
                return
            self.wait(max(self.runner.now, min(due)))

    def waiting(self) -> list[Any]:
        """All messages under way."""
        queues = [queue for keys in self.runner.queues.values() for queue in keys.values()]
        return [decode_message(unwrap(data)[1]) for queue in queues for _, data in queue]

    def table(self) -> dict[str, Any]:
        """What the sink holds."""
        return Outcome(self.runner.kept["views"]).tables(self.plan)[self.name]

    def slot(self, root: str, slot: str) -> Iterable[str]:
        """The paths that a root's document shows for a slot; the shape shows `all`."""
        document = self.table()[f"out{self.name}/{root.replace('/', '~')}"]
        return [member["p"] for member in document[slot]]


def _named(place: Any) -> tuple[str, str]:
    """The operator and the kind of a timer."""
    operator, _, name = place[2].removeprefix("ts-").rpartition(".")
    return operator, next(kind for kind, called in _TIMERS.items() if called == name)
