"""A table from columns is the table from their documents, and a sink that takes columns ends where one of rows does."""

from __future__ import annotations

from datetime import datetime, timezone

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.change import ViewChange
from onto_flow.core.columns import Lists, Maps, Plain, ViewColumns
from onto_flow.core.types import ANY, Type
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.sinks import arrow_columns, parquet
from onto_flow.sinks.arrow_columns import arrow_of, documents_in
from onto_flow.sinks.arrow_table import to_arrow
from onto_flow.sinks.base import Table
from onto_flow.sinks.parquet import ParquetSink

TIME = datetime(2026, 5, 4, 9, 0, 0, 7, tzinfo=timezone.utc)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
LEAVES = {
    "str": TEXT,
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "bytes": st.binary(max_size=3),
    "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
    "reference": st.sampled_from([Reference("a/b"), Reference("a/b", "projects/p/databases/d")]),
    "vector": st.builds(Vector, st.tuples(st.floats(), st.floats())),
    "geopoint": st.builds(GeoPoint, st.floats(-90, 90), st.floats(-90, 90)),
    "any": st.one_of(st.integers(0, 9), TEXT, st.lists(st.booleans(), max_size=2)),
}


@st.composite
def columns_of(draw, count, depth=2, in_list=False):
    """A type and a column of so many values."""
    kind = draw(st.sampled_from([*LEAVES, *(["map"] if depth else []), *([] if in_list or not depth else ["list"])]))
    missing = [draw(st.booleans()) for _ in range(count)] if draw(st.booleans()) else [False] * count
    if kind == "list":
        lengths = [None if m else draw(st.integers(0, 2)) for m in missing]
        type_, items = draw(columns_of(sum(n or 0 for n in lengths), depth - 1, True))
        return Type("list", items=(type_,)), Lists(lengths, items)
    if kind == "map":
        parts = {n: draw(columns_of(count, depth - 1)) for n in draw(st.sampled_from(["a", "ab"]))}
        there = None if not any(missing) else [not m for m in missing]
        return Type("struct", fields=tuple((n, t) for n, (t, _) in parts.items())), Maps(
            there, {n: c for n, (_, c) in parts.items()}
        )
    told = kind if draw(st.booleans()) and kind not in ("reference", "vector", "geopoint") else "any"
    return Type(kind), Plain([None if m else draw(LEAVES[kind]) for m in missing], told)


@st.composite
def tables(draw):
    count = draw(st.integers(0, 4))
    made = {n: draw(columns_of(count)) for n in draw(st.sampled_from(["", "x", "xy"]))}
    columns = ViewColumns("V", [f"vs/{n}" for n in range(count)], {n: c for n, (_, c) in made.items()}, (1, 0, 1))
    return Table("V", "vs", tuple((n, t) for n, (t, _) in made.items())), columns


def rows_of(columns):
    return [(change.path, change.new) for change in columns.changes()]


@given(tables())
def test_the_table_of_columns_is_that_of_their_documents_and_gives_them_back(made):
    table, columns = made
    data = arrow_of(columns, table)
    expected, misfits = to_arrow(rows_of(columns), table)
    assert misfits == {} and data is not None
    assert data.schema.equals(expected.schema, check_metadata=True)
    assert repr(data.to_pylist()) == repr(expected.to_pylist())
    data.validate(full=True)
    if not any(isinstance(c, Maps) and c.there is not None for c in columns.columns.values()):
        assert repr(list(documents_in(data, table))) == repr(rows_of(columns))


@pytest.mark.parametrize(
    ("type_", "column"),
    [
        (Type("int"), Plain(["3"])),
        (Type("float"), Plain([3])),
        (Type("vector"), Plain([Vector((1,))])),
        (Type("geopoint"), Plain([GeoPoint(1, 2.0)])),
        (Type("list", items=(ANY,)), Plain([[1]])),
        (Type("struct", fields=(("n", Type("int")),)), Plain([{}])),
        (Type("struct", fields=(("n", Type("int")),)), Maps(None, {"m": Plain([1], "int")})),
        (Type("timestamp"), Plain([7])),
    ],
)
def test_there_is_no_table_where_a_value_does_not_fit_or_would_not_come_back(type_, column):
    assert arrow_of(ViewColumns("V", ["vs/0"], {"x": column}, (1, 0, 1)), Table("V", "vs", (("x", type_),))) is None


def test_there_is_no_table_for_other_attributes():
    assert arrow_of(ViewColumns("V", ["vs/0"], {"y": Plain([1])}, (1, 0, 1)), Table("V", "vs", ())) is None


TABLE = Table("V", "vs", (("n", Type("int")),))


IDS = ("a", "b", "c", "d", "e", "__id9__", "__id10__")


def some(ids, version=(5, 0, 1)):
    """Documents whose content follows from path and version, as one version is one document."""
    numbers = [10 * (version[0] + version[2]) + IDS.index(id) for id in ids]
    return ViewColumns("V", [f"vs/{id}" for id in ids], {"n": Plain(numbers, "int")}, version)


PARTS = st.lists(
    st.tuples(
        st.booleans(),
        st.lists(st.sampled_from(["a", "b", "c", "__id9__", "__id10__"]), min_size=1, unique=True),
        st.sampled_from([(4, 0, 9), (5, 0, 1), (5, 0, 2)]),
    ),
    max_size=4,
)


def published(folder, parts, take):
    sink = ParquetSink(str(folder))
    sink.open([TABLE], 5)
    for as_columns, ids, version in parts:
        given = some(ids, version)
        if as_columns and take:
            sink.write_columns(given)
        else:
            sink.write([*given.changes()])
    sink.complete()
    assert sink.publish() == []
    first = pq.read_table(folder / "vs").to_pylist()
    sink.write([ViewChange("V", "vs/a", None, None, (5, 0, 3)), ViewChange("V", "vs/b", None, {"n": -1}, (5, 0, 0))])
    sink.publish()
    return first, pq.read_table(folder / "vs").to_pylist()


@given(PARTS)
def test_columns_end_in_the_table_of_their_changes_whatever_is_written_beside(tmp_path_factory, parts):
    one, other = tmp_path_factory.mktemp("rows"), tmp_path_factory.mktemp("columns")
    assert published(other, parts, True) == published(one, parts, False)


def test_columns_of_an_older_generation_are_not_taken(tmp_path):
    sink = ParquetSink(str(tmp_path))
    sink.open([TABLE], 5)
    sink.complete()
    sink.write_columns(some("a", (4, 0, 1)))
    sink.publish()
    assert pq.read_table(tmp_path / "vs").num_rows == 0


def test_what_does_not_fit_is_told_by_path(tmp_path):
    sink = ParquetSink(str(tmp_path))
    sink.open([TABLE], 5)
    sink.write_columns(ViewColumns("V", ["vs/a", "vs/b"], {"n": Plain([1, "x"])}, (5, 0, 1)))
    sink.complete()
    assert [letter.key for letter in sink.publish()] == ["table:V:vs/b"]
    assert [row["n"] for row in pq.read_table(tmp_path / "vs").to_pylist()] == [1, None]


def test_columns_in_order_are_never_converted_to_documents(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_columns, "documents_in", None)
    monkeypatch.setattr(parquet.Tables, "write", None)
    sink = ParquetSink(str(tmp_path))
    sink.open([TABLE], 5)
    sink.write_columns(some("bd"))
    sink.write_columns(some("ac"))
    sink.complete()
    sink.publish()
    assert [row["__path__"] for row in pq.read_table(tmp_path / "vs").to_pylist()] == ["vs/a", "vs/b", "vs/c", "vs/d"]


def test_a_large_table_is_written_in_several_row_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_columns, "ROW_GROUP_ROWS", 2)
    sink = ParquetSink(str(tmp_path))
    sink.open([TABLE], 5)
    sink.write_columns(some("abcde"))
    sink.complete()
    sink.publish()
    [file] = (tmp_path / "vs").glob("*.parquet")
    assert pq.ParquetFile(file).metadata.num_row_groups == 3
