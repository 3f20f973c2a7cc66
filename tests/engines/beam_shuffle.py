"""A runner for tests that promises what Beam promises and no more: any order, one step at a time per key.

It runs the real DoFns of a real pipeline, with states of bytes, on bounded time; any waiting message of any key of any
stage is next. Prism shuffles too; this one needs no binary, is reproducible from a seed, and does a case in
milliseconds. It knows ParDo, Flatten and `Root`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from random import Random
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.runners.common import MethodWrapper
from apache_beam.transforms.core import _StateDoFnParam, _TimerDoFnParam
from apache_beam.transforms.userstate import get_dofn_specs

from onto_flow.engines.beam import clock

STEP = 1_000_000

Watch = Callable[["ShufflingRunner"], None]


class Root(beam.PTransform):
    """A collection whose elements a test gives."""

    def expand(self, pbegin: Any) -> Any:
        return beam.pvalue.PCollection(pbegin.pipeline, is_bounded=False)

    def get_windowing(self, inputs: Any) -> Any:
        return beam.transforms.core.Windowing(beam.transforms.window.GlobalWindows())


class _State:
    """A state of one key: one value, or a bag."""

    def __init__(self, held: dict[Any, Any], place: Any) -> None:
        self._held, self._place = held, place

    def read(self) -> Any:
        return self._held.get(self._place)

    def add(self, value: bytes) -> None:
        assert type(value) is bytes
        self._held.setdefault(self._place, []).append(value)

    def write(self, value: bytes) -> None:
        assert type(value) is bytes
        self._held[self._place] = value

    def clear(self) -> None:
        self._held.pop(self._place, None)


class _Timer:
    """A timer of one key."""

    def __init__(self, timers: dict[Any, int], place: Any) -> None:
        self._timers, self._place = timers, place

    def set(self, at: Any) -> None:
        self._timers[self._place] = at.micros

    def clear(self) -> None:
        self._timers.pop(self._place, None)


class _Stage:
    """A ParDo."""

    def __init__(self, label: str, fn: Any, outputs: dict[str | None, Any]) -> None:
        self.label, self.fn, self.outputs = label, fn, outputs
        states, timers = get_dofn_specs(fn)
        self.keyed = bool(states or timers)
        self.timers = {t.name: t for t in timers}
        self._wrapped: dict[str, MethodWrapper] = {}
        fn.setup()

    def arguments(self, method: str, key: bytes, run: ShufflingRunner) -> dict[str, Any]:
        """What Beam gives to a method beside the element, by name."""
        if method not in self._wrapped:
            self._wrapped[method] = MethodWrapper(self.fn, method)
        wrapped = self._wrapped[method]
        names = wrapped.args[len(wrapped.args) - len(wrapped.defaults) :]
        return {name: self._given(default, key, run) for name, default in zip(names, wrapped.defaults)}

    def _given(self, default: Any, key: bytes, run: ShufflingRunner) -> Any:
        if isinstance(default, _StateDoFnParam):
            return _State(run.states, (self.label, key, default.state_spec.name))
        if isinstance(default, _TimerDoFnParam):
            return _Timer(run.timers, (self.label, key, default.timer_spec.name))
        return key


class ShufflingRunner(PipelineVisitor):
    """Runs a pipeline, as often as one likes.

    Args:
        pipeline: It.
        outputs: What is kept of it, by name.
    """

    def __init__(self, pipeline: beam.Pipeline, outputs: Mapping[str, Any]) -> None:
        self.stages: dict[str, _Stage] = {}
        self.consumers: dict[Any, list[Any]] = {}
        self.kept: dict[str, list[Any]] = {name: [] for name in outputs}
        pipeline.visit(self)
        for name, collection in outputs.items():
            self.consumers.setdefault(collection, []).append(self.kept[name])
        self.begin(Random(0))

    def begin(self, random: Random, watch: Watch = lambda run: None) -> None:
        """Nothing has come yet.

        Args:
            random: Decides everything.
            watch: Looks at this runner after each step.
        """
        self.random, self.watch = random, watch
        self.now = STEP
        self.states: dict[Any, Any] = {}
        self.timers: dict[Any, int] = {}
        self.haste: dict[str, float] = {}
        self.punctual = random.choice((0.001, 0.3))
        self.waiting: dict[tuple[str, Any], list[Any]] = {}
        for kept in self.kept.values():
            kept.clear()

    def run(self, moves: Iterable[tuple[Any, Sequence[Any]]], later: int = 0) -> None:
        """Elements come; what else happens between them is random.

        Args:
            moves: (root collection, elements) in order.
            later: Microseconds that pass when all is over, before garbage timers come.
        """
        with mock.patch.object(clock, "micros", lambda: self.now):
            for root, elements in moves:
                self.give(root, elements)
                while self.waiting and self.random.random() < 0.9:
                    self.move()
            self.rest()
            self.drain()
            if later:
                self.later(later)

    def visit_transform(self, applied_ptransform: Any) -> None:
        """Learns of a transform."""
        transform, label = applied_ptransform.transform, applied_ptransform.full_label
        outputs = {None if tag == "None" else tag: c for tag, c in applied_ptransform.outputs.items()}
        if isinstance(transform, beam.Flatten):
            for each in applied_ptransform.inputs:
                self.consumers.setdefault(each, []).append(outputs[None])
        elif isinstance(transform, beam.ParDo):
            self.stages[label] = _Stage(label, transform.fn, outputs)
            self.consumers.setdefault(applied_ptransform.inputs[0], []).append(self.stages[label])

    def give(self, collection: Any, elements: Iterable[Any]) -> None:
        """Elements of a root come."""
        for element in elements:
            self._hand_on(collection, element)

    def _hand_on(self, collection: Any, element: Any) -> None:
        for consumer in self.consumers.get(collection, ()):
            if isinstance(consumer, list):
                consumer.append(element)
            elif isinstance(consumer, _Stage):
                place = (consumer.label, element[0] if consumer.keyed else None)
                self.waiting.setdefault(place, []).append(element)
            else:
                self._hand_on(consumer, element)

    def rest(self) -> None:
        """Runs until nothing waits but garbage; time goes on for the timers that something waits for."""
        while self.waiting or self._soon():
            self.move()

    def move(self) -> None:
        """One random thing happens."""
        self.now += self.random.choice((0, 1, STEP))
        soon = self._soon()
        due = [place for place in soon if self.timers[place] <= self.now]
        if due and (not self.waiting or self.random.random() < self.punctual):
            self.fire(self.random.choice(due))
        elif self.waiting:
            self._step(self._next())
        elif soon:
            self.now = int(min(self.timers[place] for place in soon))

    def _next(self) -> tuple[str, Any]:
        """What waits at some stages, in some runs, waits nearly for ever."""
        places = list(self.waiting)
        for label, _ in places:
            if label not in self.haste:
                self.haste[label] = self.random.choice((0.001, 1, 1))
        return self.random.choices(places, [self.haste[label] for label, _ in places])[0]

    def _soon(self) -> list[Any]:
        return [place for place in self.timers if not place[2].endswith(".garbage")]

    def later(self, micros: int) -> None:
        """Long after: garbage timers come that are due by then, and some that are not, as at the end of an input."""
        self.now += micros
        while due := [p for p, at in self.timers.items() if at <= self.now]:
            self.fire(self.random.choice(due))
            self.rest()

    def drain(self) -> None:
        """Timers come long before they are due, as runners fire them at the end of an input; nothing may follow."""
        self.later(0)
        before, timers = dict(self.states), dict(self.timers)
        for place in timers:
            self.fire(place)
        assert not self.waiting
        assert (self.states, self.timers) == (before, timers)

    def fire(self, place: Any) -> None:
        """A timer comes."""
        label, key, name = place
        self.timers.pop(place)
        stage = self.stages[label]
        callback = stage.timers[name]._attached_callback
        found = callback(stage.fn, **stage.arguments(callback.__name__, key, self))
        self._take(stage, found)

    def _step(self, place: tuple[str, Any]) -> None:
        label, key = place
        stage, queue = self.stages[label], self.waiting[place]
        bundle = 1 if stage.keyed else self.random.choice((1, 3))
        stage.fn.start_bundle()
        for _ in range(min(bundle, len(queue))):
            element = queue.pop(self.random.randrange(len(queue)))
            given = stage.arguments("process", key, self).values() if stage.keyed else ()
            self._take(stage, stage.fn.process(element, *given))
        self._take(stage, stage.fn.finish_bundle())
        if not queue:
            del self.waiting[place]

    def _take(self, stage: _Stage, found: Iterable[Any] | None) -> None:
        for output in found or ():
            tag, value = (output.tag, output.value) if isinstance(output, beam.pvalue.TaggedOutput) else (None, output)
            value = value.value if isinstance(value, beam.utils.windowed_value.WindowedValue) else value
            if tag in stage.outputs:
                self._hand_on(stage.outputs[tag], value)
        self.watch(self)
