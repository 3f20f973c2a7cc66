"""Writes view tables to a sink: a bounded job's from one worker, once all view changes are known; a stream's as they come.

A bounded job's changes pass a `GroupByKey` first: what is written is what was made durable, so a retry writes the same
again, and a sink never sees half of a job that fails. All tables go through one writer, because a sink publishes and
completes them together; it takes its input in pieces, as the runner pages it in.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.windowed_value import WindowedValue

from ...core.change import DeadLetter, ViewChange
from ...core.errors import EngineError
from ...sinks.base import ColumnSink, Sharing, Sink, Table
from .elements import Built, pack_built, unpack_built
from .needs import check_pipeline
from .quiet import QuietFn
from .runners import runner_of
from .write_stream import AT_ONCE, OpenSink, WriteChanges


class Shared(NamedTuple):
    """How a stream writes to a sink.

    Attributes:
        open: Opens it on a worker, as one of several writers.
        check: Raises where it does not take them: it is told where they are.
    """

    open: OpenSink
    check: Callable[[Sharing], None]


_ALL = b"tables"
_GENERATION = struct.Struct(">Q")


class WriteTables(beam.PTransform):
    """View changes -> a sink; gives dead letters: what a typed table cannot hold. See `onto_flow.beam.WriteViewTable`.

    Args:
        open: Opens the sink on a worker.
        tables: The tables that are written; one without any document is published empty.
        shared: What opens the sink for a stream, as one of several writers; and what refuses one that does not take them.
        after: Of a bounded job: a collection that is over before anything is written (`judged`).
    """

    takes_built = takes_gated = True

    def __init__(
        self, open: OpenSink, tables: Sequence[Table], shared: Shared | None = None, *, after: Any = None
    ) -> None:
        super().__init__()
        self._open, self._tables, self._shared, self._after = open, tuple(tables), shared, after

    def expand(self, changes: Any) -> Any:
        """Packs, groups and writes; of a stream, writes as it comes.

        Raises:
            EngineError: `engine-refused` for a stream, where the sink does not take several writers; of a bounded job
                where its runner cannot run what leads here.
        """
        first = changes[0] if isinstance(changes, tuple) else changes
        if isinstance(changes, tuple) or not first.is_bounded:
            if self._shared is None:
                raise EngineError("engine-refused", "this sink does not take a stream")
            self._shared.check("here" if runner_of(first.pipeline).is_local else "anywhere")
            return changes | "stream" >> WriteChanges(self._shared.open, self._tables)
        keyed = tuple[bytes, bytes]
        if changes.element_type is Built:
            packed = changes | "pack" >> beam.FlatMap(_packed).with_output_types(keyed)
        else:
            packed = changes | "pack" >> beam.ParDo(_Pack()).with_output_types(keyed)
        empty = changes.pipeline | "tables" >> beam.Create([(_ALL, b"")]).with_output_types(keyed)
        grouped = (packed, empty) | "all" >> beam.Flatten() | "boundary" >> beam.GroupByKey()
        check_pipeline(changes.pipeline)
        waits = [] if self._after is None else [beam.pvalue.AsList(self._after)]
        write = beam.ParDo(_Write(self._open, self._tables), *waits)
        return grouped | "write" >> write.with_output_types(DeadLetter)


class _Pack(QuietFn):
    """View changes -> some hundreds as one value, behind their generation."""

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "some"

    def start_bundle(self) -> None:
        """Begins with nothing."""
        super().start_bundle()
        self._waiting: list[ViewChange] = []

    def process(self, element: ViewChange) -> Iterator[Any]:
        """Takes one."""
        self._waiting.append(element)
        return self._full()

    def _full(self) -> Iterator[Any]:
        if len(self._waiting) >= AT_ONCE:
            yield self._packed()

    def _packed(self) -> tuple[bytes, bytes]:
        taken, self._waiting = self._waiting, []
        ((key, data),) = _packed(Built.of(taken))
        return key, data

    def finish_bundle(self) -> Iterator[Any]:  # type: ignore[override]
        """The rest."""
        if self._waiting:
            yield WindowedValue(self._packed(), GlobalWindow().start, [GlobalWindow()])
        super().finish_bundle()


class _Write(QuietFn):
    """All view changes of a job -> the sink."""

    def __init__(self, open: OpenSink, tables: tuple[Table, ...]) -> None:
        super().__init__()
        self._open, self._tables = open, tables

    def default_label(self) -> str:
        """A name that does not follow the names of classes."""
        return "sink"

    def process(self, element: tuple[bytes, Iterable[bytes]], after: Sequence[bytes] = ()) -> Iterator[DeadLetter]:
        """Opens, writes, completes, publishes; `after` is waited for."""
        generations = [_GENERATION.unpack_from(data)[0] for data in element[1] if data]
        sink = self._open()
        sink.open(self._tables, max(generations, default=time.time_ns() // 1000))
        try:
            for data in element[1]:
                if data:
                    _write(sink, unpack_built(data[_GENERATION.size :]))
            sink.complete()
            yield from sink.publish()
        finally:
            sink.close()


def _packed(built: Built) -> list[tuple[bytes, bytes]]:
    """What was built as one value, behind its generation; nothing where it has no view documents."""
    if built.columns is not None:
        generation = built.columns.version[0]
    else:
        generations = [change.version[0] for change in built.changes()]
        if not generations:
            return []
        generation = max(generations)
    return [(_ALL, _GENERATION.pack(generation) + pack_built(built))]


def _write(sink: Sink, built: Built) -> None:
    columns = built.columns
    if columns is not None and isinstance(sink, ColumnSink):
        sink.write_columns(columns)
    elif changes := built.changes():
        sink.write(changes)
