"""The demo: writes an export, backfills it, streams changes, shows what each does, and checks the tables.

Everything is real: the export has Firestore's format, the feed is a file of CloudEvents, the tables are Parquet, and the
check recomputes the views from scratch with an oracle that shares no code with the operators.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from datetime import datetime
from pathlib import Path
from typing import Any

from ..connect import open_sink
from ..core.change import Change, DeadLetter, ViewChange
from ..core.collection import Projection
from ..core.equality import same
from ..core.errors import EngineError
from ..formats import encode_change
from ..formats.export_writer import write_export
from ..run import start
from ..sinks.base import Sink, SinkCapabilities, Table
from ..sinks.memory import MemorySink
from ..sources.base import Partition, Reader, SourceInfo
from ..sources.jsonl import JsonLinesFeed
from ..testing.oracle import recompute
from . import data
from .meeting_room import MeetingSession, OrganizationLoad

VIEWS = (MeetingSession, OrganizationLoad)


def tour(folder: Path | None = None) -> bool:
    """Runs the demo in a folder, or in one that goes away; returns whether every table was right."""
    with nullcontext(str(folder)) if folder else tempfile.TemporaryDirectory() as place:
        return _Tour(Path(place), kept=folder is not None).run()


class _Tour:
    def __init__(self, place: Path, kept: bool) -> None:
        place.mkdir(parents=True, exist_ok=True)
        self.kept = kept
        self.export, self.feed, self.tables = place / "export", place / "changes.jsonl", place / "tables"

    def run(self) -> bool:
        steps = list(data.script())
        documents = data.documents()
        _say("1. An export", f"{len(documents)} documents, as Firestore writes them")
        write_export(self.export, sorted(documents.items()), snapshot_time=data.EXPORTED_AT)
        self.feed.write_text("".join(json.dumps(encode_change(s.change)) + "\n" for s in steps))
        shown = _ShownSink(_parquet_or_memory(self.tables))
        _say("2. The views, computed from it", "and then the change feed: what each change does")
        run = start(
            VIEWS, source=str(self.export), feed=_OneByOne(self.feed, [s.says for s in steps], shown), sink=shown
        )
        _say("3. The check", "both tables recomputed from scratch, from the documents as they are now")
        return self._check(steps, shown) and not run.letters

    def _check(self, steps: Sequence[data.Step], shown: _ShownSink) -> bool:
        documents: dict[str, Any] = data.documents()
        for change in (s.change for s in steps[:-1]):
            if change.after is None:
                documents.pop(change.path)
            else:
                documents[change.path] = change.after
        expected = recompute(MeetingSession.plan(), documents) | recompute(OrganizationLoad.plan(), documents)
        right = all(same(dict(shown.memory.documents(view)), dict(table)) for view, table in expected.items())
        count = sum(map(len, expected.values()))
        print(f"   {count} view documents: {'every one is right' if right else 'NOT EQUAL'}")
        if self.kept:
            print(f"\nThe files are in {self.tables.parent}. The same again, by hand:")
            print("   onto-flow run onto_flow.demo.meeting_room \\")
            print(f"       --source {self.export} --feed {self.feed} --sink parquet:{self.tables}")
        return right


def _parquet_or_memory(folder: Path) -> Sink:
    """The Parquet sink, or memory where pyarrow is not installed."""
    try:
        return open_sink(f"parquet:{folder}")
    except EngineError as error:
        if error.code != "missing-extra":
            raise
        print(f"   (tables stay in memory: {error.what})", file=sys.stderr)
        return MemorySink()


def _say(title: str, text: str) -> None:
    print(f"\n{title}: {text}")


class _ShownSink:
    """Passes everything on, and prints it."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self.memory = MemorySink()
        self.written = 0

    @property
    def capabilities(self) -> SinkCapabilities:
        return self._sink.capabilities

    def open(self, tables: Sequence[Table], generation: int) -> None:
        self._sink.open(tables, generation)
        self.memory.open(tables, generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        for change in changes:
            print(f"   {_arrow(change)} {change.path}  {_difference(change)}")
        self.written += len(changes)
        self._sink.write(changes)
        self.memory.write(changes)

    def complete(self) -> None:
        self._sink.complete()
        self.memory.complete()

    def publish(self) -> Sequence[DeadLetter]:
        self.memory.publish()
        return self._sink.publish()

    def close(self) -> None:
        self._sink.close()
        self.memory.close()


def _arrow(change: ViewChange) -> str:
    return "+" if change.old is None else "-" if change.new is None else "~"


def _difference(change: ViewChange) -> str:
    old, new = change.old or {}, change.new or {}
    if change.new is None:
        return "(gone)"
    changed = {n: v for n, v in new.items() if n not in old or not same(old[n], v)}
    return json.dumps(changed, ensure_ascii=False, default=str)


class _OneByOne:
    """A feed that gives one change at a time and says what it is."""

    def __init__(self, file: Path, says: Sequence[str], shown: _ShownSink) -> None:
        self._feed = JsonLinesFeed(str(file))
        self._says = says
        self._shown = shown

    def info(self) -> SourceInfo:
        return self._feed.info()

    def partitions(self) -> Sequence[Partition]:
        return self._feed.partitions()

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> Reader:
        return _OneByOneReader(
            self._feed.open(partition, resume=resume, projection=projection), self._says, self._shown
        )

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        self._feed.acknowledge(partition, resume)


class _OneByOneReader:
    def __init__(self, reader: Reader, says: Sequence[str], shown: _ShownSink) -> None:
        self._reader = reader
        self._says = iter(says)
        self._waiting: list[Change | DeadLetter] = []
        self._shown = shown
        self._written: int | None = None
        self.documents_read = 0

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        if self._written == self._shown.written:
            print("   (no view changes)")
        while not self._waiting:
            batch = self._reader.next_batch()
            if batch is None:
                self._written = None
                return None
            self._waiting.extend(batch)
        self._written = self._shown.written
        self.documents_read += 1
        print(f"\n   {next(self._says)}")
        return [self._waiting.pop(0)]

    def next_wake(self) -> datetime | None:
        return self._reader.next_wake()

    def snapshot(self) -> bytes:
        return self._reader.snapshot()

    def close(self) -> None:
        self._reader.close()
