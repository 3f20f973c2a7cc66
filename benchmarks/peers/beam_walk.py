"""A runner for measuring: it walks a pipeline in this thread, so that what is measured is the steps and not a local runner.

What any runner must do is done: at every keyed boundary an element becomes bytes by its collection's coder and is made
of them again, and a state is bytes by its coder. Timers that `wanted` names fire when all is quiet: `at_once` after each
element, else when they are told to; others never.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import apache_beam as beam
from apache_beam.pipeline import PipelineVisitor
from apache_beam.pvalue import TaggedOutput
from apache_beam.runners.common import MethodWrapper
from apache_beam.transforms.core import _StateDoFnParam, _TimerDoFnParam
from apache_beam.transforms.userstate import BagStateSpec, get_dofn_specs


class Root(beam.PTransform):
    """A collection whose elements are given by hand."""

    def expand(self, pbegin: Any) -> Any:
        return beam.pvalue.PCollection(pbegin.pipeline, is_bounded=False)

    def get_windowing(self, inputs: Any) -> Any:
        return beam.transforms.core.Windowing(beam.transforms.window.GlobalWindows())


class State:
    """One value of one key."""

    __slots__ = ("held", "name", "of")

    def __init__(self, held: dict[str, Any], name: str, of: Any) -> None:
        self.held, self.name, self.of = held, name, of

    def read(self) -> Any:
        raw = self.held.get(self.name)
        return None if raw is None else self.of.decode(raw)

    def write(self, value: Any) -> None:
        self.held[self.name] = self.of.encode(value)

    def clear(self) -> None:
        self.held.pop(self.name, None)


class Bag:
    """A bag of one key."""

    __slots__ = ("held", "name", "of")

    def __init__(self, held: dict[str, Any], name: str, of: Any) -> None:
        self.held, self.name, self.of = held, name, of

    def read(self) -> Any:
        return [self.of.decode(raw) for raw in self.held.get(self.name, ())]

    def add(self, value: Any) -> None:
        self.held.setdefault(self.name, []).append(self.of.encode(value))

    def clear(self) -> None:
        self.held.pop(self.name, None)


class Timer:
    """One timer of one key."""

    __slots__ = ("place", "timers")

    def __init__(self, timers: dict[Any, Any], place: Any) -> None:
        self.timers, self.place = timers, place

    def set(self, at: Any) -> None:
        self.timers[self.place] = at

    def clear(self) -> None:
        self.timers.pop(self.place, None)


class Stage:
    """A ParDo."""

    def __init__(self, label: str, fn: Any, outputs: dict[Any, Any], coder: Any, wanted: Callable[[str], bool]) -> None:
        self.label, self.fn, self.outputs, self.coder = label, fn, outputs, coder.get_impl()
        self.wanted, self.others = wanted, dict[Any, Any]()
        states, timers = get_dofn_specs(fn)
        self.keyed = bool(states or timers)
        self.callbacks = {t.name: t._attached_callback for t in timers}
        self.held: dict[Any, dict[str, Any]] = {}
        self.params: dict[str, list[tuple[Any, str, Any]]] = {}
        self.routes: dict[Any, list[Any]] = {}
        fn.setup()

    def given(self, method: str, key: Any, timers: dict[Any, Any]) -> list[Any]:
        """What Beam gives to a method beside the element."""
        held = self.held.get(key)
        if held is None:
            held = self.held[key] = {}
        label = self.label
        return [
            key
            if kind is None
            else Timer(timers if of is None else of, (label, key, name))
            if kind is Timer
            else kind(held, name, of)
            for kind, name, of in self.params.get(method) or self.learn(method)
        ]

    def learn(self, method: str) -> list[tuple[Any, str, Any]]:
        """What a method asks for: its kind and name, and its coder, or where timers are kept that never fire."""
        asked = [_asked(default) for default in MethodWrapper(self.fn, method).defaults]
        self.params[method] = [
            (kind, name, self.others if kind is Timer and not self.wanted(name) else coder)
            for kind, name, coder in asked
        ]
        return self.params[method]


def _asked(default: Any) -> tuple[Any, str, Any]:
    if isinstance(default, _StateDoFnParam):
        spec = default.state_spec
        return Bag if isinstance(spec, BagStateSpec) else State, spec.name, spec.coder.get_impl()
    return (Timer, default.timer_spec.name, None) if isinstance(default, _TimerDoFnParam) else (None, "", None)


class Walk(PipelineVisitor):
    """Runs a pipeline on what is given, element by element, first come first served."""

    def __init__(
        self,
        pipeline: beam.Pipeline,
        output: Any,
        wanted: Callable[[str], bool] = lambda name: False,
        *,
        at_once: bool = False,
    ) -> None:
        self.stages: dict[str, Stage] = {}
        self.consumers: dict[Any, list[Any]] = {}
        self.outputs: list[Any] = []
        self.wanted, self.at_once = wanted, at_once
        self.timers: dict[Any, Any] = {}
        self.waiting: deque[tuple[Stage, Any]] = deque()
        self.steps = 0
        self.spent: dict[str, float] | None = None
        """Stage -> seconds in its own steps, where somebody wants to know; asking the clock takes time too."""
        pipeline.visit(self)
        self.consumers.setdefault(output, []).append(self.outputs)

    def visit_transform(self, applied_ptransform: Any) -> None:
        """Learns of a transform."""
        transform, label = applied_ptransform.transform, applied_ptransform.full_label
        outputs = {None if tag == "None" else tag: c for tag, c in applied_ptransform.outputs.items()}
        if isinstance(transform, beam.Flatten):
            for each in applied_ptransform.inputs:
                self.consumers.setdefault(each, []).append(outputs[None])
        elif isinstance(transform, beam.ParDo):
            given = applied_ptransform.inputs[0]
            coder = beam.coders.registry.get_coder(given.element_type)
            self.stages[label] = Stage(label, transform.fn, outputs, coder, self.wanted)
            self.consumers.setdefault(given, []).append(self.stages[label])

    def give(self, collection: Any, elements: Iterable[Any]) -> None:
        """Elements come, each with all that it causes before the next."""
        takers, timers = self.takers(collection), self.timers if self.at_once else ()
        for element in elements:
            self.hand_on(takers, element)
            while self.waiting:
                self.step(*self.waiting.popleft())
            if timers:
                self.fire()

    def fire(self) -> None:
        """Wanted timers come."""
        while self.timers:
            for label, key, name in list(self.timers):
                self.timers.pop((label, key, name))
                stage = self.stages[label]
                callback = stage.callbacks[name]
                asked = stage.given(callback.__name__, key, self.timers)
                given = dict(zip(MethodWrapper(stage.fn, callback.__name__).args[-len(asked) :], asked))
                self.take(stage, callback(stage.fn, **given))
                while self.waiting:
                    self.step(*self.waiting.popleft())

    def state_bytes(self) -> dict[str, int]:
        """Stage -> the bytes of all keys' states, their keys beside them."""
        return {
            label: sum(len(key) + sum(map(len, held.values())) for key, held in stage.held.items())
            for label, stage in self.stages.items()
            if stage.keyed
        }

    def takers(self, collection: Any) -> list[Any]:
        """The stages and lists that take a collection, as it is or flattened."""
        found: list[Any] = []
        for consumer in self.consumers.get(collection, ()):
            found += [consumer] if isinstance(consumer, (list, Stage)) else self.takers(consumer)
        return found

    def hand_on(self, takers: Iterable[Any], element: Any) -> None:
        """An element goes to whoever takes its collection."""
        for taker in takers:
            if taker.__class__ is list:
                taker.append(element)
            else:
                self.waiting.append((taker, taker.coder.encode(element) if taker.keyed else element))

    def step(self, stage: Stage, element: Any) -> None:
        """One element of one stage."""
        given: Sequence[Any] = ()
        if stage.keyed:
            self.steps += 1
            element = stage.coder.decode(element)
            given = stage.given("process", element[0], self.timers)
        if self.spent is None:
            self.take(stage, stage.fn.process(element, *given))
            return
        began = time.process_time()
        found = list(stage.fn.process(element, *given) or ())
        self.spent[stage.label] = self.spent.get(stage.label, 0.0) + time.process_time() - began
        self.take(stage, found)

    def take(self, stage: Stage, found: Any) -> None:
        """What a step gave."""
        routes = stage.routes
        if not routes:
            routes.update({tag: self.takers(collection) for tag, collection in stage.outputs.items()})
        for output in found or ():
            tag, value = (output.tag, output.value) if output.__class__ is TaggedOutput else (None, output)
            if tag in routes:
                self.hand_on(routes[tag], value)
