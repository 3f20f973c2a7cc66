"""Kills at every durable-write boundary, with each sink: same tables, nothing lost, nothing moves back."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from meeting_job import meeting_room

from onto_flow.core.change import ViewChange
from onto_flow.engines.local import Engine
from onto_flow.formats.typed_json import decode_fields
from onto_flow.sinks.base import SinkCapabilities
from onto_flow.sinks.jsonl import JsonLinesSink
from onto_flow.sinks.parquet import ParquetSink
from onto_flow.sinks.view_table import Tables
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.restarts import RestartSuite


@pytest.fixture(autouse=True)
def what_changed_is_said_early(monkeypatch):
    monkeypatch.setattr("onto_flow.engines.local.kept.SOON", 3)


class Disk:
    """What is on a disk, for a sink of the test's own: published tables by folder."""

    published: dict = {}


class VersionedSink:
    """A sink that keeps versions, as a database does: what is written waits in the process until it is published."""

    capabilities = SinkCapabilities()

    def __init__(self, folder):
        self.held = Disk.published.setdefault(str(folder), Tables())
        self.waiting, self.completing = [], False

    def open(self, tables, generation):
        self.held.open([t.view for t in tables], generation)

    def write(self, changes):
        self.waiting += changes

    def complete(self):
        self.completing = True

    def publish(self):
        self.held.write(self.waiting)
        if self.completing:
            self.held.complete()
        self.waiting, self.completing = [], False
        return ()

    def close(self):
        """Nothing is open."""


class TestVersionedSink(RestartSuite):
    batch = 7
    every = 2

    def create_engine(self, connect):
        return Engine(connect)

    def create_case(self):
        return meeting_room()

    def create_sink(self, folder):
        return VersionedSink(folder)

    def read_back(self, sink, table):
        return dict(sink.held.table(table.view).documents())


class TestAfterTheFeed(TestVersionedSink):
    """Nothing may be shown before the feed has ended."""

    every = 5

    def create_case(self):
        return meeting_room(publish_after_feed=True)


class TestCommitsBehind(TestVersionedSink):
    """The disk takes a commit while the next batch is computed."""

    batch = 2
    every = 3

    def restarts(self, folder, **options):
        return super().restarts(folder, checkpoint_every="0.000001s", **options)


class TestJsonLines(TestVersionedSink):
    every = 5

    def create_sink(self, folder):
        return JsonLinesSink(str(folder))

    def read_back(self, sink, table):
        lines = []
        for text in Path(sink._name).read_bytes().split(b"\n"):
            if text.strip():
                line = json.loads(text)
                fields = None if line["new"] is None else decode_fields(line["new"])
                lines.append(ViewChange(line["view"], line["path"], None, fields, tuple(line["version"])))
        return applied(lines).get(table.view, {})


class TestParquet(TestVersionedSink):
    every = 11

    def create_sink(self, folder):
        return ParquetSink(str(folder), grace=0)

    def read_back(self, sink, table):
        rows = pq.read_table(sink.folder(table)).to_pylist() if sink.folder(table).exists() else []
        return {row.pop("__path__"): row for row in rows}


@pytest.mark.long
class TestEveryBoundary(TestVersionedSink):
    every = 1
    batch = 2


@pytest.mark.long
class TestEveryBoundaryOfCommitsBehind(TestCommitsBehind):
    every = 1


@pytest.mark.long
class TestEveryBoundaryAfterTheFeed(TestAfterTheFeed):
    every = 1
    batch = 2


@pytest.mark.long
class TestEveryBoundaryOfParquet(TestParquet):
    every = 1


@pytest.mark.long
class TestEveryBoundaryOfJsonLines(TestJsonLines):
    every = 1
