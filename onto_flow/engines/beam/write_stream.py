"""Writes the view changes of a stream to a sink that takes several writers.

Whatever comes out of the gate is durable, and all that a document's shard lets out goes one after the other; so each bundle
is written and published by itself, by any worker, and a runner that tries a bundle again writes the same again. A sink is
opened once per worker thread, and lent to bundles: runners make and drop DoFns as they like.

Once as many view changes are written as the gate let out at the fence, the table is that of this generation: one step then
completes it, and what older generations left goes.
"""

from __future__ import annotations

import pickle
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from ...core.change import DeadLetter, ViewChange
from ...core.codec import decode, decode_state, encode, encode_state
from ...sinks.base import Sink, Table
from ..carried import decode_carried
from .gate import CAUSED
from .keys import ONLY, KeyedMessage
from .parts import KEYED, flatten, pardo

OpenSink = Callable[[], Sink]
"""Opens the sink on a worker; it travels there by its import path and its arguments."""

AT_ONCE = 1000
"""View changes that are written at once."""

WRITTEN = "written"
"""The output of how many view changes of the fence were written."""

_WROTE, _OPENED = 0, 1
_HELD = beam.DoFn.StateParam(ReadModifyWriteStateSpec("held", BytesCoder()))


class Writers:
    """The sinks that are open in this process and that nobody uses just now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: dict[tuple[bytes, int], list[Sink]] = {}

    @contextmanager
    def borrowed(self, target: Target, generation: int) -> Iterator[Sink]:
        """An open sink that nobody else uses; one that fails is closed, for nobody knows what it holds."""
        sink = self._idle_one(target, generation) or target.opened(generation)
        try:
            yield sink
        except BaseException:
            sink.close()
            raise
        with self._lock:
            self._idle.setdefault((target.name, generation), []).append(sink)

    def _idle_one(self, target: Target, generation: int) -> Sink | None:
        with self._lock:
            idle = self._idle.get((target.name, generation))
            return idle.pop() if idle else None

    def close(self) -> None:
        """Closes those that nobody uses: the job is over."""
        with self._lock:
            idle, self._idle = self._idle, {}
        for sinks in idle.values():
            for sink in sinks:
                sink.close()


WRITERS = Writers()


class Target:
    """What is written, and how it is opened; equal in all workers.

    Attributes:
        name: Tells it from others of a process.
    """

    def __init__(self, open: OpenSink, tables: Sequence[Table]) -> None:
        self._open, self._tables = open, tuple(tables)
        self.name = pickle.dumps((self._open, self._tables))

    def opened(self, generation: int) -> Sink:
        """Its sink, opened for a generation."""
        sink = self._open()
        try:
            sink.open(self._tables, generation)
        except BaseException:
            sink.close()
            raise
        return sink


class WriteChanges(beam.PTransform):
    """View changes of a stream -> a sink; gives dead letters. See `onto_flow.beam.WriteViewTable`.

    Args:
        open: Opens the sink on a worker, as one of several writers.
        tables: The tables that are written.
    """

    def __init__(self, open: OpenSink, tables: Sequence[Table]) -> None:
        super().__init__()
        self._open, self._tables = open, tuple(tables)

    def expand(self, given: Any) -> Any:
        """Writes `ViewChange`s, or what the gate of `Maintain` gives."""
        changes, *let_out = given if isinstance(given, tuple) else (given,)
        kind = bytes if changes.element_type is bytes else ViewChange
        write = WriteBundle(self._open, self._tables)
        written = changes | "write" >> pardo(write, kind, {None: DeadLetter, WRITTEN: KEYED})
        if not let_out:
            return written[None]
        told = flatten("told", [written[WRITTEN], *let_out])
        completing = told | "completing" >> pardo(Completing(), KEYED, {None: bytes})
        completed = completing | "complete" >> pardo(Complete(self._open, self._tables), bytes, {None: DeadLetter})
        return flatten("letters", [written[None], completed])


def opened_shard(let_out: int, shards: int, generation: int) -> KeyedMessage:
    """What `Completing` is told of a shard that is open.

    Args:
        let_out: How many view changes it let out at the fence.
        shards: How many shards there are.
        generation: Of the views.
    """
    return ONLY, encode((_OPENED, let_out, shards, generation))


class _ToSink(beam.DoFn):
    """What works on a sink that workers open themselves."""

    def __init__(self, open: OpenSink, tables: tuple[Table, ...]) -> None:
        super().__init__()
        self._open, self._tables = open, tables

    def setup(self) -> None:
        """Knows what it writes."""
        self._target = Target(self._open, self._tables)


class WriteBundle(_ToSink):
    """View changes -> the sink, bundle by bundle; how many of them were let out at the fence."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "sink"

    def start_bundle(self) -> None:
        """Nothing waits."""
        self._waiting: dict[int, list[ViewChange]] = {}
        self._count = 0
        self._let_out = 0

    def process(self, element: Any) -> Iterator[Any]:
        """Takes a view change."""
        change: Any = element
        if isinstance(element, bytes):
            change = decode_carried(element[1:])
            self._let_out += element[:1] == CAUSED
        self._waiting.setdefault(change.version[0], []).append(change)
        self._count += 1
        if self._count >= AT_ONCE:
            yield from self._write()

    def finish_bundle(self) -> Iterator[Any]:
        """Writes the rest: what a bundle has taken is written when it ends."""
        for letter in self._write():
            yield _in_window(letter)
        if self._let_out:
            message = (ONLY, encode((_WROTE, self._let_out)))
            yield beam.pvalue.TaggedOutput(WRITTEN, _in_window(message))

    def _write(self) -> list[DeadLetter]:
        waiting, self._waiting, self._count = self._waiting, {}, 0
        letters: list[DeadLetter] = []
        for generation, changes in sorted(waiting.items()):
            with WRITERS.borrowed(self._target, generation) as sink:
                sink.write(changes)
                letters += sink.publish()
        return letters


def _in_window(value: Any) -> Any:
    return WindowedValue(value, GlobalWindow().start, [GlobalWindow()])


class Completing(beam.DoFn):
    """What was written, and what was let out -> the generation, once as much is written as all shards have let out."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "completing"

    def process(self, element: KeyedMessage, held: Any = _HELD) -> Iterator[bytes]:
        """Some were written, or a shard is open."""
        raw = held.read()
        written, let_out, opened, shards, generation = (0, 0, 0, 1, 0) if raw is None else decode_state(raw)
        kind, count, *terms = decode(element[1])
        if kind == _WROTE:
            written += count
        else:
            let_out, opened = let_out + count, opened + 1
            shards, generation = terms
        held.write(encode_state((written, let_out, opened, shards, generation)))
        if opened == shards and written == let_out:
            yield encode(generation)


class Complete(_ToSink):
    """The generation -> the sink's tables are complete: what older generations left goes. Again, it changes nothing."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "table"

    def process(self, element: bytes) -> Iterator[DeadLetter]:
        """Completes the tables."""
        with WRITERS.borrowed(self._target, decode(element)) as sink:
            sink.complete()
            letters = list(sink.publish())
        yield from letters
