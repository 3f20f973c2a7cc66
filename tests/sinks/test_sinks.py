"""The sinks against their suite."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest
from object_store import Store

from onto_flow.core.change import ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats.published_table import read_table
from onto_flow.formats.typed_json import decode_fields, decode_value
from onto_flow.sinks.jsonl import JsonLinesSink
from onto_flow.sinks.memory import MemorySink
from onto_flow.sinks.parquet import ParquetSink
from onto_flow.testing.sink_suite import SinkSuite


def value_of(value, type_):
    """A value of a table's column as the document's value."""
    if value is None:
        return None
    if type_.kind in ("any", "map"):
        return decode_value(json.loads(value))
    if type_.kind == "geopoint":
        return GeoPoint(**value)
    if type_.kind == "reference":
        return Reference(value)
    if type_.kind == "vector":
        return Vector(tuple(value))
    return value


class TestMemory(SinkSuite):
    def create_sink(self, folder):
        return MemorySink()

    def read_back(self, sink, table):
        return sink.documents(table.view)


class TestParquet(SinkSuite):
    def create_sink(self, folder):
        return ParquetSink(str(folder / "tables"))

    def read_back(self, sink, table):
        rows = pq.read_table(sink.folder(table)).to_pylist()
        types = dict(table.schema)
        return {r.pop("__path__"): {n: value_of(v, types[n]) for n, v in r.items()} for r in rows}


class TestParquetParts(TestParquet):
    """Every table is too large for one file."""

    @pytest.fixture(autouse=True)
    def no_file(self, monkeypatch):
        monkeypatch.setattr("onto_flow.sinks.table_publisher.MAX_FILE_BYTES", 0)

    def read_back(self, sink, table):
        rows = read_table(str(sink.folder(table))).to_pylist()
        types = dict(table.schema)
        return {r.pop("__path__"): {n: value_of(v, types[n]) for n, v in r.items()} for r in rows}


class TestParquetInAStore(TestParquetParts):
    @pytest.fixture(autouse=True)
    def store(self):
        Store.reset()

    def create_sink(self, folder):
        return ParquetSink(f"double:/{folder}/tables")


class TestJsonLines(SinkSuite):
    def create_sink(self, folder):
        return JsonLinesSink(str(folder / "changes.jsonl"))

    def read_back(self, sink, table):
        """What a consumer that keeps the highest version per path has."""
        newest = {}
        with open(sink._name, encoding="utf-8") as file:
            lines = [json.loads(line) for line in file if json.loads(line)["view"] == table.view]
        for line in lines:
            if line["version"] > newest.get(line["path"], {"version": []})["version"]:
                newest[line["path"]] = line
        last = max((line["version"][0] for line in lines), default=0)
        return {
            p: decode_fields(x["new"]) for p, x in newest.items() if x["new"] is not None and x["version"][0] == last
        }


def test_a_cut_last_line_is_finished_before_the_next_run_appends(tmp_path):
    file = tmp_path / "changes.jsonl"
    file.write_bytes(b'{"view": "V", "pa')
    sink = JsonLinesSink(str(file))
    sink.open([], 1)
    sink.write([ViewChange("V", "v/1", None, {}, (1, 0, 1))])
    sink.publish()
    sink.close()
    assert json.loads(file.read_bytes().splitlines()[1])["path"] == "v/1"


def test_a_full_disk_is_one_clear_error():
    sink = JsonLinesSink("/dev/full")
    sink.open([], 1)
    sink.write([ViewChange("V", "v/1", None, {}, (1, 0, 1))])
    with pytest.raises(EngineError, match=r"\[sink-failed\] it cannot be written: .*\n  at /dev/full"):
        sink.publish()
    with pytest.raises(EngineError, match="sink-failed"):
        sink.close()
    sink.close()


def test_a_folder_that_is_not_there_is_one_clear_error(tmp_path):
    with pytest.raises(EngineError, match="sink-failed"):
        JsonLinesSink(str(tmp_path / "missing" / "changes.jsonl")).open([], 1)


def test_several_writers_append_to_one_file_of_lines_whole_publications(tmp_path):
    file = str(tmp_path / "changes.jsonl")
    writers = [JsonLinesSink(file, shared="true") for _ in range(2)]
    for writer in writers:
        writer.open([], 1)
    for seq in range(3):
        for name, writer in zip("ab", writers):
            writer.write([ViewChange("V", f"v/{name}", None, {"n": seq}, (1, 0, seq))])
    for writer in writers:
        writer.publish()
        writer.close()
    written = [json.loads(line)["path"] for line in (tmp_path / "changes.jsonl").read_text().splitlines()]
    assert written == ["v/a"] * 3 + ["v/b"] * 3
