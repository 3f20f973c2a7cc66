"""An export as Arrow holds its documents, in their order."""

from pathlib import Path

import duckdb
import polars
import pyarrow as pa
import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.values import Vector
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import LogWriter
from onto_flow.sources import arrow_export
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.firestore_export import FirestoreExport

ALLTYPES = Path(__file__).parents[1] / "data/alltypes"


def by_documents(source):
    for partition in source.partitions():
        reader = source.open(partition)
        while (batch := reader.next_batch()) is not None:
            yield from ((change.path, change.after) for change in batch)
        reader.close()


def check(batches, expected):
    found = [one for batch in batches for one in documents_of(batch)]
    assert [path for path, _ in found] == [path for path, _ in expected]
    assert all(same(a, b) for (_, a), (_, b) in zip(found, expected))


def check_export(place):
    expected = list(by_documents(FirestoreExport(place)))
    export = ArrowExport(place)
    table = export.read_table()
    check(table.to_batches(), expected)
    batches = list(export.batches())
    check(batches, expected)
    assert all(batch.schema.equals(table.schema, check_metadata=True) for batch in batches)
    for batch in [*batches, *table.to_batches()]:
        batch.validate(full=True)


def test_every_type_that_the_emulator_writes():
    check_export(ALLTYPES)


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    check_export(real_exports / name)


def rooms(place, count=12_000):
    documents = [
        (
            f"rooms/r{n:05d}" if n % 3 else f"users/u{n:05d}",
            {"n": n, "name": f"Zoë {n}", "sizes": [n, n + 0.5][: n % 3]},
        )
        for n in range(count)
    ]
    documents[-1][1]["n"] = "last"
    documents[-1][1]["late"] = {"deep": [{"x": None}]}
    write_export(place, documents)
    return documents


def test_fields_and_types_that_come_late_widen_what_was_read_before(tmp_path):
    check_export_of(tmp_path, rooms(tmp_path / "export"))


def check_export_of(tmp_path, documents):
    check_export(tmp_path / "export")
    check(ArrowExport(tmp_path / "export").read_table().to_batches(), documents)


def test_a_collection_and_some_fields(tmp_path):
    documents = rooms(tmp_path / "export")
    export = ArrowExport(tmp_path / "export", collection="rooms", fields=["name", "sizes"])
    expected = [(p, {k: v for k, v in d.items() if k in ("name", "sizes")}) for p, d in documents if p[0] == "r"]
    check(export.batches(), expected)
    assert export.read_table().column_names == ["__path__", "name", "sizes"]


def test_a_given_schema_is_kept_or_refused(tmp_path):
    rooms(tmp_path / "export", 300)
    schema = pa.schema([("name", pa.large_string()), ("__path__", pa.string()), ("more", pa.int8())])
    table = ArrowExport(tmp_path / "export", schema=schema).read_table()
    assert (table.schema, table.num_rows, table.column("more").null_count) == (schema, 300, 300)
    assert table.column("name")[299].as_py() == "Zoë 299"
    with pytest.raises(DataError, match="string") as error:
        ArrowExport(tmp_path / "export", schema=pa.schema([("n", pa.int64())])).read_table()
    assert error.value.where == "rooms/r00299, n"
    with pytest.raises(DataError, match="fit the schema"):
        ArrowExport(tmp_path / "export", collection="users", schema=pa.schema([("n", pa.int8())])).read_table()


def write_log(place, records):
    with (place / "output-0").open("wb") as file:
        writer = LogWriter(file)
        for record in records:
            writer.write(record)


def test_unusual_documents_stand_in_their_places_and_damaged_ones_become_dead_letters(tmp_path):
    vectors = {"v": {"__type__": "__vector__", "value": [1.0, 2.0]}}
    records = [encode_entity(f"v/{n}", vectors if n % 4 == 0 else {"v": n, "w": "x"}) for n in range(150)]
    records[7] = records[7][:-3]
    write_log(tmp_path, records)
    letters = []
    table = ArrowExport(tmp_path, dead_letters=letters.append).read_table()
    expected = [(f"v/{n}", {"v": n, "w": "x"} if n % 4 else {"v": Vector((1.0, 2.0))}) for n in range(150) if n != 7]
    check(table.to_batches(), expected)
    assert [letter.key for letter in letters] == ["document:v/7"]
    with pytest.raises(DataError, match="bad-document"):
        ArrowExport(tmp_path).read_table()


def test_parts_of_a_file_give_every_document_once(tmp_path):
    documents = rooms(tmp_path / "export", 4000)
    export = ArrowExport(FirestoreExport(tmp_path / "export", split_bytes=2 << 15))
    parts = export.partitions()
    assert len(parts) > 4
    check([batch for part in parts for batch in export.batches(part)], documents)


def test_polars_and_duckdb_take_it_as_a_stream(tmp_path):
    rooms(tmp_path / "export", 300)
    export = ArrowExport(tmp_path / "export", collection="rooms", fields=["name"])
    assert polars.DataFrame(export)["name"].to_list()[:2] == ["Zoë 1", "Zoë 2"]
    stream = pa.RecordBatchReader.from_stream(export)
    assert duckdb.from_arrow(stream).count("*").fetchall() == [(200,)]


def test_keys_that_are_data_make_no_endless_schema(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_export, "MAX_COLUMNS", 100)
    write_log(tmp_path, [encode_entity(f"v/{n}", {"by": {f"k{n}": 1}}) for n in range(101)])
    with pytest.raises(DataError, match="more than 100 different"):
        ArrowExport(tmp_path).read_table()
    with pytest.raises(DataError, match="more than 100 different"):
        _ = ArrowExport(tmp_path).schema


@pytest.mark.parametrize("make", [lambda v: v, lambda v: [v], lambda v: {"m": [{"x": v}]}])
@pytest.mark.parametrize("narrow", [pa.float32(), pa.float16()])
def test_a_double_is_not_rounded_to_fit_a_schema(tmp_path, make, narrow):
    def schema(type_):
        kind = make(0.0)
        nested = pa.list_(type_) if isinstance(kind, list) else type_
        nested = pa.struct({"m": pa.list_(pa.struct({"x": type_}))}) if isinstance(kind, dict) else nested
        return pa.schema({"v": nested})

    write_export(tmp_path / "exact", [("a/b", {"v": make(0.5)}), ("a/c", {"v": make(float("nan"))}), ("a/d", {})])
    table = ArrowExport(tmp_path / "exact", schema=schema(narrow)).read_table()
    assert table.column("v").to_pylist()[0] == make(0.5)
    write_export(tmp_path / "rounded", [("a/b", {"v": make(0.1)})])
    for read in (ArrowExport.read_table, lambda export: list(export.batches())):
        with pytest.raises(DataError, match="A number of 'v' does not fit"):
            read(ArrowExport(tmp_path / "rounded", schema=schema(narrow)))


def test_a_path_fits_no_number(tmp_path):
    write_export(tmp_path / "e", [("a/b", {})])
    views = [pa.string_view()] if int(pa.__version__.partition(".")[0]) >= 20 else []
    for fit in (pa.large_string(), *views):
        assert ArrowExport(tmp_path / "e", schema=pa.schema({"__path__": fit})).read_table()[
            "__path__"
        ].to_pylist() == ["a/b"]
    with pytest.raises(DataError, match="does not fit the schema"):
        ArrowExport(tmp_path / "e", schema=pa.schema({"__path__": pa.int64()})).read_table()


def test_a_text_is_no_list_of_fields(tmp_path):
    with pytest.raises(UsageError, match=r"Use fields=\['name'\]"):
        ArrowExport(tmp_path, fields="name")
