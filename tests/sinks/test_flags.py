"""How sinks show that a document is the last good one of failing code."""

from __future__ import annotations

import json

import pyarrow.parquet as pq
import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.core.types import Type
from onto_flow.sinks.base import FAILED, Table
from onto_flow.sinks.jsonl import JsonLinesSink
from onto_flow.sinks.memory import MemorySink
from onto_flow.sinks.parquet import ParquetSink

TABLE = Table("Room", "rooms", (("seats", Type("int")),))


def change(path, seats, seq, *, failed=False, generation=1):
    new = None if seats is None else {"seats": seats}
    return ViewChange("Room", path, None, new, (generation, 0, seq), failed)


def write(sink, *changes):
    sink.write(changes)
    return sink.publish()


def rows(directory):
    return pq.read_table(directory / "rooms").to_pylist()


def test_the_column_is_there_while_a_document_is_flagged(tmp_path):
    sink = ParquetSink(str(tmp_path), grace=0)
    sink.open([TABLE], 1)
    sink.complete()
    assert write(sink, change("rooms/a", 1, 1), change("rooms/b", 2, 1)) == []
    assert rows(tmp_path) == [{"__path__": "rooms/a", "seats": 1}, {"__path__": "rooms/b", "seats": 2}]
    assert write(sink, change("rooms/a", 1, 2, failed=True)) == []
    flagged = [{"__path__": "rooms/a", "seats": 1, FAILED: True}, {"__path__": "rooms/b", "seats": 2, FAILED: False}]
    assert rows(tmp_path) == flagged
    write(sink, change("rooms/a", 9, 1))
    assert rows(tmp_path) == flagged, "what is older does not take the flag away"
    write(sink, change("rooms/a", 1, 3))
    assert rows(tmp_path) == [{"__path__": "rooms/a", "seats": 1}, {"__path__": "rooms/b", "seats": 2}]


@pytest.mark.parametrize("seats", [None, 5])
def test_a_flag_goes_with_its_document_and_with_its_generation(tmp_path, seats):
    sink = ParquetSink(str(tmp_path), grace=0)
    sink.open([TABLE], 1)
    sink.complete()
    write(sink, change("rooms/a", 1, 1, failed=True))
    if seats is None:
        write(sink, change("rooms/a", None, 2))
        assert rows(tmp_path) == []
    sink.open([TABLE], 2)
    sink.write([change("rooms/a", 5, 1, generation=2)])
    sink.complete()
    sink.publish()
    assert rows(tmp_path) == [{"__path__": "rooms/a", "seats": 5}], "a column of flags may go: it breaks no reader"


def test_an_attribute_may_not_have_the_name_of_the_flag(tmp_path):
    sink = ParquetSink(str(tmp_path))
    table = Table("Room", "rooms", ((FAILED, Type("bool")), ("seats", Type("int"))))
    with pytest.raises(EngineError, match="Room.__failed__ has the name of a column of the table's own"):
        sink.open([table], 1)


def test_memory_tells_which_documents_are_flagged():
    sink = MemorySink()
    sink.open([TABLE], 1)
    write(sink, change("rooms/a", 1, 1, failed=True), change("rooms/b", 2, 1))
    assert sink.failed("Room") == {"rooms/a"}
    assert sink.to_arrow("Room").column(FAILED).to_pylist() == [True, False]
    write(sink, change("rooms/a", 1, 2))
    assert sink.failed("Room") == frozenset() and FAILED not in sink.to_arrow("Room").column_names


def test_a_line_says_so_and_no_other_line_does(tmp_path):
    sink = JsonLinesSink(str(tmp_path / "out"))
    sink.open([TABLE], 1)
    write(sink, change("rooms/a", 1, 1), change("rooms/a", 1, 2, failed=True))
    sink.close()
    lines = [json.loads(line) for line in (tmp_path / "out").read_text().splitlines()]
    assert [line.get("failed") for line in lines] == [None, True]
