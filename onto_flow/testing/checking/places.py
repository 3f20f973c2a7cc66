"""Where sinks keep their tables while a story is run as a job, and how tables are read from outside."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.change import ViewChange
from ...core.registry import Entry, load
from ...core.values import Document
from ...formats.typed_json import decode_fields
from ...sinks.base import Sink, Table
from .subject import Tables, newest


class Place:
    """Where a sink keeps its tables: made again by every process, and read from outside.

    Args:
        folder: Empty, for this place alone.
        tables: What the plan writes.
    """

    def __init__(self, folder: Path, tables: Sequence[Table]) -> None:
        self.folder, self.tables_ = folder, tables

    def sink(self) -> Sink:
        """A sink on this place."""
        raise NotImplementedError

    def tables(self) -> Tables:
        """What it holds."""
        raise NotImplementedError

    def lose(self) -> None:
        """The process is gone, and with it what it held in memory."""

    def shown(self, tables: Tables) -> dict[str, Mapping[str, Document]]:
        """Tables as they look when they come back from here."""
        return dict(tables)


class InMemory(Place):
    """`MemorySink`: one for all jobs of a process."""

    def __init__(self, folder: Path, tables: Sequence[Table]) -> None:
        super().__init__(folder, tables)
        self.lose()

    def lose(self) -> None:
        self._sink: Any = load("sink", "memory", {"memory": Entry("onto_flow.sinks.memory:MemorySink")})()

    def sink(self) -> Sink:
        sink: Sink = self._sink
        return sink

    def tables(self) -> Tables:
        return {t.view: self._sink.documents(t.view) for t in self.tables_}


class InLines(Place):
    """`jsonl:`; a reader keeps the newest versions of the newest generation."""

    def sink(self) -> Sink:
        sink: Sink = load("sink", "jsonl", {"jsonl": Entry("onto_flow.sinks.jsonl:JsonLinesSink")})(str(self._file))
        return sink

    @property
    def _file(self) -> Path:
        return self.folder / "changes.jsonl"

    def tables(self) -> Tables:
        changes = [_change(line) for line in self._file.read_bytes().splitlines() if line]
        last = max((c.version[0] for c in changes), default=0)
        return newest([c for c in changes if c.version[0] == last])


def _change(line: bytes) -> ViewChange:
    content = json.loads(line)
    generation, epoch, seq = content["version"]
    new = None if content["new"] is None else decode_fields(content["new"])
    return ViewChange(content["view"], content["path"], None, new, (generation, epoch, seq))


class InParquet(Place):
    """`parquet:`; what columns cannot hold is null in both, so published rows are compared."""

    def sink(self) -> Sink:
        entry = Entry("onto_flow.sinks.parquet:ParquetSink", "parquet")
        sink: Sink = load("sink", "parquet", {"parquet": entry})(str(self.folder))
        return sink

    def tables(self) -> Tables:
        from ...formats.published_table import read_table

        sink: Any = self.sink()
        return {t.view: _rows(read_table(str(sink.folder(t)))) for t in self.tables_}

    def shown(self, tables: Tables) -> dict[str, Mapping[str, Document]]:
        from ...sinks.arrow_table import to_arrow

        schemas = {t.view: t for t in self.tables_}
        return {v: _rows(to_arrow(sorted(table.items()), schemas[v])[0]) for v, table in tables.items()}


def _rows(table: Any) -> dict[str, Document]:
    return {row.pop("__path__"): row for row in table.to_pylist()}


PLACES: Mapping[str, Callable[[Path, Sequence[Table]], Place]] = {
    "memory": InMemory,
    "jsonl": InLines,
    "parquet": InParquet,
}
"""The sinks that a job may be checked with, by the scheme of their URI."""
