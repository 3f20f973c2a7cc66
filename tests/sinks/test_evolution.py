"""What may change about the columns of a table that is there."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.types import ANY, Type
from onto_flow.formats.published_table import read_table
from onto_flow.sinks.arrow_table import schema_of
from onto_flow.sinks.base import Table
from onto_flow.sinks.evolution import refuse_breaking
from onto_flow.sinks.parquet import ParquetSink
from onto_flow.testing.sink_suite import EVERY_TYPE

ROOM = {"seats": Type("int"), "name": Type("str")}
STRUCT = Type("struct", fields=(("n", Type("int")),))
WIDER = Type("struct", fields=(("s", Type("str")), ("n", Type("int"))))


def table(columns):
    return Table("Room", "rooms", tuple(columns.items()))


def through_a_file(table, folder):
    pq.write_table(schema_of(table).empty_table(), folder / "t.parquet")
    return pq.read_schema(folder / "t.parquet")


ADDED = [
    (ROOM, ROOM | {"more": Type("bool")}),
    (ROOM, dict(reversed(ROOM.items()))),
    ({"s": STRUCT}, {"s": WIDER}),
    ({"l": Type("list", items=(STRUCT,))}, {"l": Type("list", items=(WIDER,))}),
    ({"s": Type("str")}, {"s": Type("str", optional=True)}),
]
BROKEN = [
    (ROOM, {"seats": Type("int")}, "name goes"),
    (ROOM, ROOM | {"seats": Type("float")}, "seats was integer and becomes double"),
    (ROOM, ROOM | {"name": ANY}, "name was string and becomes json"),
    (ROOM, ROOM | {"name": Type("reference")}, "name was string and becomes reference"),
    ({"s": WIDER}, {"s": STRUCT}, "s.s goes"),
    ({"s": Type("vector")}, {"s": Type("list", items=(Type("float"),))}, "s was vector and becomes array"),
    ({"l": Type("list", items=(WIDER,))}, {"l": Type("list", items=(STRUCT,))}, r"l\[\].s goes"),
    (
        {"l": Type("list", items=(Type("int"),))},
        {"l": Type("list", items=(ANY,))},
        r"l\[\] was integer and becomes json",
    ),
    ({"p": Type("geopoint")}, {"p": STRUCT}, "p was geopoint and becomes map"),
]


@pytest.mark.parametrize(("before", "after"), ADDED)
def test_columns_may_be_added(before, after, tmp_path):
    refuse_breaking(through_a_file(table(before), tmp_path), schema_of(table(after)), "Room", "")


@pytest.mark.parametrize(("before", "after", "what"), BROKEN)
def test_columns_may_not_go_or_change(before, after, what, tmp_path):
    with pytest.raises(EngineError, match=f"(?s)has other columns: {what}, which breaks.*evolve=replace"):
        refuse_breaking(through_a_file(table(before), tmp_path), schema_of(table(after)), "Room", "rooms")


def test_a_table_of_every_type_is_the_same_after_it_was_written(tmp_path):
    stored = through_a_file(EVERY_TYPE, tmp_path)
    refuse_breaking(stored, schema_of(EVERY_TYPE), "Every", "")
    assert stored.equals(schema_of(EVERY_TYPE))


def published(folder, columns, generation, document, **options):
    sink = ParquetSink(str(folder), **options)
    sink.open([table(columns)], generation)
    sink.write([ViewChange("Room", "rooms/a", None, document, (generation, 0, 1))])
    sink.complete()
    sink.publish()
    return read_table(folder / "rooms").to_pylist()


def test_a_new_job_with_more_columns_writes_over_the_table(tmp_path):
    published(tmp_path, {"seats": Type("int")}, 1, {"seats": 3})
    found = published(tmp_path, ROOM, 2, {"seats": 3, "name": "A"})
    assert found == [{"__path__": "rooms/a", "seats": 3, "name": "A"}]


def test_a_table_stays_as_it_is_when_its_columns_would_break(tmp_path):
    published(tmp_path, ROOM, 1, {"seats": 3, "name": "A"})
    with pytest.raises(EngineError, match="name goes"):
        published(tmp_path, {"seats": Type("int")}, 2, {"seats": 4})
    assert read_table(tmp_path / "rooms").to_pylist() == [{"__path__": "rooms/a", "seats": 3, "name": "A"}]


def test_another_table_replaces_it_when_that_is_asked_for(tmp_path):
    published(tmp_path, ROOM, 1, {"seats": 3, "name": "A"})
    found = published(tmp_path, {"seats": Type("str")}, 2, {"seats": "many"}, evolve="replace")
    assert found == [{"__path__": "rooms/a", "seats": "many"}]


def test_another_way_to_evolve_is_refused():
    with pytest.raises(UsageError, match="evolve=replce is none\n  Did you mean replace"):
        ParquetSink("tables", evolve="replce")
