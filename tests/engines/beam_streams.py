"""Runs `Maintain` on a stream that a test writes down: `TestStream` on BundleBasedDirectRunner, in this process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest import mock

import apache_beam as beam
from apache_beam.internal import pickler
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.runners.direct import transform_evaluator
from apache_beam.runners.direct.clock import TestClock
from apache_beam.runners.direct.executor import _ExecutorServiceParallelExecutor
from apache_beam.testing.test_stream import TestStream
from apache_beam.transforms import core, userstate

from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.gaps import Gap
from onto_flow.core.values import Document
from onto_flow.engines.beam import clock
from onto_flow.engines.beam.coders import ChangeCoder
from onto_flow.engines.beam.maintain import Load, Maintained, MaintainPlan
from onto_flow.engines.carried import LOAD, End, Unreadable, encode_carried
from onto_flow.plan.nodes import Plan

FROM = 4_102_444_800_000_000
"""A generation so late that no event of a test is older than the horizon before it."""

RUNS = count()
"""Tells the outputs of runs apart."""

_GATHERED: dict[tuple[int, str], list[Any]] = {}


class Keep(beam.DoFn):
    """Keeps what comes in this process."""

    def __init__(self, run: int, name: str) -> None:
        super().__init__()
        self.place = (run, name)

    def process(self, element: Any) -> None:
        _GATHERED.setdefault(self.place, []).append(element)


@dataclass
class Outcome:
    """What a stream gave, in order."""

    changes: list[ViewChange] = field(default_factory=list)
    letters: list[DeadLetter] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    receipts: list[Any] = field(default_factory=list)

    def tables(self, plan: Plan) -> dict[str, dict[str, Document]]:
        """What a sink holds that keeps the highest version of each path, as all sinks do."""
        newest: dict[tuple[str, str], ViewChange] = {}
        for change in self.changes:
            held = newest.get((change.view, change.path))
            if held is None or change.version > held.version:
                newest[change.view, change.path] = change
        tables: dict[str, dict[str, Document]] = {v.name: {} for v in plan.views}
        for (view, path), change in newest.items():
            if change.new is not None:
                tables[view][path] = change.new
        return tables


class Stream:
    """A stream as it is written down: elements come in this order, each bundle to its end before the next."""

    def __init__(self) -> None:
        self._moves: list[tuple[str, Any]] = []
        self.loaded = 0

    def documents(self, documents: Iterable[Change]) -> Stream:
        """Documents of the load come."""
        documents = list(documents)
        self.loaded += len(documents)
        return self._add("documents", documents)

    def end(self, *markers: End | Unreadable) -> Stream:
        """The load says that it is over; without markers, with the one that is right."""
        given = markers or (End(LOAD, "all", self.loaded, self.loaded),)
        return self._add("ends", [encode_carried(m) for m in given])

    def changes(self, changes: Iterable[Change]) -> Stream:
        """Changes of the feed come."""
        return self._add("changes", list(changes))

    def force(self) -> Stream:
        """Somebody forces the fence."""
        return self._add("control", [b"open"])

    def seconds(self, seconds: float) -> Stream:
        """Processing time goes on."""
        self._moves.append(("time", seconds))
        return self

    def _add(self, tag: str, elements: Sequence[Any]) -> Stream:
        if elements:
            self._moves.append((tag, elements))
        return self

    def run(
        self,
        plan: Plan,
        *,
        load: bool = True,
        partitions: int = 1,
        expected: int | None = None,
        read: Callable[[beam.Pipeline], Load] | None = None,
        **options: Any,
    ) -> Outcome:
        """Runs it to the end of its input, where the watermark goes to infinity: as a drain does."""
        run = next(RUNS)
        options_ = PipelineOptions(["--streaming"])
        with (
            quick(),
            at_rest_between_moves(),
            in_test_time(),
            beam.Pipeline("BundleBasedDirectRunner", options_) as pipeline,
        ):
            given = self._given(pipeline)
            begins = Load(given["documents"], given["ends"], partitions, expected) if load else None
            begins = begins if read is None else read(pipeline)
            options = {"generation": FROM, "shards": 2, "control": given["control"] if load else None, **options}
            transform = MaintainPlan(plan, load=begins, **options)
            kept(given["changes"] | "maintain" >> transform, run)
        return gathered(run)

    def _given(self, pipeline: beam.Pipeline) -> Mapping[str, Any]:
        stream = TestStream(coder=Moves())
        tags = ("documents", "ends", "changes", "control")
        for tag, what in self._moves:
            if tag == "time":
                stream.advance_processing_time(what)
            else:
                stream.add_elements([(tag, e) for e in what], tag=tag, event_timestamp=0)
        for tag in tags:
            stream.advance_watermark_to_infinity(tag)
        given = pipeline | stream
        return {tag: given[tag] | f"of.{tag}" >> beam.Map(_second).with_output_types(_TYPES[tag]) for tag in tags}


_TYPES: dict[str, Any] = {"documents": Change, "changes": Change, "ends": bytes, "control": bytes}


def _second(element: tuple[str, Any]) -> Any:
    return element[1]


class Moves(beam.coders.Coder):
    """(tag, element) <-> bytes: a test stream has one coder for all its outputs."""

    def encode(self, value: tuple[str, Any]) -> bytes:
        tag, element = value
        raw = element if isinstance(element, bytes) else ChangeCoder().encode(element)
        return tag.encode() + b":" + raw

    def decode(self, encoded: bytes) -> tuple[str, Any]:
        tag, _, raw = encoded.partition(b":")
        name = tag.decode()
        return name, ChangeCoder().decode(raw) if _TYPES[name] is Change else raw

    def is_deterministic(self) -> bool:
        return True


def kept(outputs: Maintained, run: int) -> None:
    """Keeps all outputs in this process."""
    for name, collection in outputs._asdict().items():
        if isinstance(collection, beam.pvalue.PCollection):
            _ = collection | f"keep.{name}" >> beam.ParDo(Keep(run, name))


_SIGNATURES: dict[Any, Any] = {}


def gathered(run: int) -> Outcome:
    """What was kept of a run."""
    found = {name: _GATHERED.pop((run, name), []) for name in Maintained._fields}
    receipts = [json.loads(text) for text in found["receipts"]]
    return Outcome(found["views"], found["dead_letters"], found["gaps"], receipts)


@contextmanager
def read_once() -> Iterator[None]:
    """Beam reads the signature of each method of a DoFn some ten times per pipeline: here it reads it once."""
    read = core.get_function_args_defaults

    def signature_of(method: Any) -> Any:
        plain = getattr(method, "__func__", method)
        if plain not in _SIGNATURES:
            _SIGNATURES[plain] = read(method)
        names, defaults = _SIGNATURES[plain]
        return [*names], [*defaults]

    with mock.patch.object(core, "get_function_args_defaults", signature_of):
        yield


@contextmanager
def quick() -> Iterator[None]:
    """The runner does for each key and bundle what once is enough for: here it is done once, where DoFns run serially."""
    look, roundtrip = userstate.get_dofn_specs, pickler.roundtrip
    specs: dict[int, Any] = {}
    copies: dict[int, Any] = {}

    def specs_of(dofn: Any) -> Any:
        if id(dofn) not in specs:
            specs[id(dofn)] = (look(dofn), dofn)
        return specs[id(dofn)][0]

    def copy_of(dofn: Any) -> Any:
        if not any(specs_of(dofn)):
            return roundtrip(dofn)
        if id(dofn) not in copies:
            copies[id(dofn)] = (roundtrip(dofn), dofn)
        return copies[id(dofn)][0]

    with (
        mock.patch("gettext.find", return_value=None),
        read_once(),
        mock.patch.object(userstate, "get_dofn_specs", specs_of),
        mock.patch.object(transform_evaluator, "get_dofn_specs", specs_of),
        mock.patch.object(transform_evaluator.pickler, "roundtrip", copy_of),
    ):
        yield


@contextmanager
def at_rest_between_moves() -> Iterator[None]:
    """The runner's monitor looks for waiting bundles, then whether any runs: what ends between the two, it overlooks."""
    monitor: Any = _ExecutorServiceParallelExecutor._MonitorTask
    looks = monitor._is_executing

    def is_executing(self: Any) -> bool:
        return looks(self) or not self._executor.all_updates._queue.empty()

    with mock.patch.object(monitor, "_is_executing", is_executing):
        yield


@contextmanager
def in_test_time() -> Iterator[None]:
    """Processing time is what the test stream says, from the year 2100 on; not that of this machine."""
    now = [0.0]
    advance = TestClock.advance_time

    def advanced(self: TestClock, by: Any) -> None:
        advance(self, by)
        now[0] = float(self.time())

    with (
        mock.patch.object(TestClock, "advance_time", advanced),
        mock.patch.object(clock, "micros", lambda: int(now[0] * 1_000_000)),
    ):
        yield
