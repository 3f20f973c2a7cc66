"""Documents from Parquet: files, folders of them, published tables."""

from __future__ import annotations

import json
import pickle
import random
from contextlib import closing
from datetime import date

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from object_store import Store

from onto_flow.connect import open_source
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter, ViewChange
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError, UsageError
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.formats.arrow_rows import batch_of
from onto_flow.formats.arrow_shape import Shape
from onto_flow.formats.arrow_types import PATH, arrow_field, word_of
from onto_flow.formats.export_writer import write_export
from onto_flow.sinks.parquet import ParquetSink
from onto_flow.sources import parquet
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.base import Reader, Source
from onto_flow.sources.parquet import ParquetDocuments
from onto_flow.testing.sink_suite import EDGES, EVERY_TYPE, EVERY_VALUE
from onto_flow.testing.source_suite import SourceSuite


def table_of(documents):
    """Documents as a table that Parquet holds: it has no form for a map that never has a field."""
    shape = Shape()
    for fields in documents.values():
        shape.add(fields)
    schema = shape.schema()
    plain = [arrow_field(f.name, "json") if word_of(f) == "map" and not f.type.num_fields else f for f in schema]
    return pa.Table.from_batches([batch_of(list(documents.items()), pa.schema(plain))])


class TestFile(SourceSuite):
    @pytest.fixture(autouse=True)
    def place(self, tmp_path):
        self.place = tmp_path / "documents.parquet"

    def create_source(self, documents):
        pq.write_table(table_of(documents), self.place)
        return ParquetDocuments(self.place)


class TestManyRowGroupsAndFiles(TestFile):
    many = 300

    @pytest.fixture(autouse=True)
    def small(self, place, tmp_path, monkeypatch):
        monkeypatch.setattr(parquet, "PARTITION_BYTES", 2000)
        self.place = tmp_path / "folder"

    def create_source(self, documents):
        rows = table_of(documents)
        (self.place / "inner").mkdir(parents=True, exist_ok=True)
        half = len(rows) // 2
        pq.write_table(rows.slice(0, half), self.place / "a.parquet", row_group_size=13)
        pq.write_table(rows.slice(half), self.place / "inner" / "b.parquet", row_group_size=7)
        (self.place / "_SUCCESS").write_text("")
        (self.place / "notes.txt").write_text("")
        return ParquetDocuments(str(self.place), batch_documents="5")


class TestStore(TestFile):
    many = 300

    def create_source(self, documents):
        Store.reset()
        pq.write_table(table_of(documents), self.place, row_group_size=40)
        Store.put_folder(self.place.parent, "bucket/tables")
        return ParquetDocuments("double://bucket/tables", batch_documents=16)


def read(source, projection=None, resume=None):
    out = []
    for partition in source.partitions():
        with closing(source.open(partition, projection=projection, resume=resume)) as reader:
            while (batch := reader.next_batch()) is not None:
                out += batch
    return out


def source_of(folder, table, **options):
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(table), folder / "t.parquet")
    return ParquetDocuments(folder / "t.parquet", **options)


def test_it_is_a_source_that_ranks_below_events(tmp_path):
    source = source_of(tmp_path, {PATH: ["a/b"], "n": [1]})
    assert isinstance(source, Source) and source.info().ranks_below_events and source.info().bounded
    with closing(source.open(source.partitions()[0])) as reader:
        assert isinstance(reader, Reader) and reader.next_wake() is None
    assert read(source) == [Change("a/b", None, {"n": 1}, BELOW_EVENTS)]


@pytest.mark.parametrize("form", ["file", "parts", "store"])
def test_a_published_table_comes_back_as_its_documents(tmp_path, monkeypatch, form):
    Store.reset()
    if form == "parts":
        monkeypatch.setattr("onto_flow.sinks.table_publisher.MAX_FILE_BYTES", 0)
    place = "double://bucket/out" if form == "store" else str(tmp_path)
    sink = ParquetSink(place)
    sink.open([EVERY_TYPE], 1)
    documents = {f"a/1/every/{n}": document for n, document in enumerate((EVERY_VALUE, *EDGES))}
    for seq in (1, 2):  # what older publications left is no part of it
        sink.write([ViewChange("Every", path, None, new, (1, 0, seq)) for path, new in documents.items()])
        sink.complete()
        assert list(sink.publish()) == []
    found = {change.path: change.after for change in read(open_source(f"parquet:{place}"))}
    assert found.keys() == documents.keys()
    for path, document in documents.items():
        assert same(found[path], without_nulls(document)), path


def without_nulls(document):
    """In a column, and in a member of a struct, null and missing are the same."""
    shown = {name: value for name, value in document.items() if value is not None}
    if "list" in shown:
        shown["list"] = [item and {k: v for k, v in item.items() if v is not None} for item in shown["list"]]
    return shown


@pytest.mark.parametrize(
    ("ids", "paths"), [(["A", "b c"], ["stocks/A", "stocks/b c"]), ([7, 2**40], ["stocks/7", f"stocks/{2**40}"])]
)
def test_ids_of_a_collection_are_paths(tmp_path, ids, paths):
    pq.write_table(pa.table({"symbol": ids, "close": [1.5, 2.5]}), tmp_path / "t.parquet")
    source = open_source(f"parquet:{tmp_path}/t.parquet?id=symbol&collection=stocks")
    assert read(source) == [
        Change(path, None, {"symbol": id_, "close": close}, BELOW_EVENTS)
        for path, id_, close in zip(paths, ids, [1.5, 2.5])
    ]
    projection = Projection(((Collection("stocks"), ("close",)),))
    assert [change.after for change in read(source, projection)] == [{"close": 1.5}, {"close": 2.5}]


@pytest.mark.parametrize("bad", [None, "", "a/b", "x" * 2000, "."])
def test_an_id_that_names_no_document_is_a_dead_letter(tmp_path, bad):
    source = source_of(tmp_path, {"id": ["a", bad, "c"]}, id="id", collection="things")
    first, letter, last = read(source)
    assert (first.path, last.path) == ("things/a", "things/c")
    assert isinstance(letter, DeadLetter) and letter.reason.startswith("bad-document: id is ")
    assert "row 1 of" in letter.reason and letter.stack and json.loads(letter.payload) == {"id": bad}


def test_a_row_that_firestore_has_no_value_for_is_a_dead_letter(tmp_path):
    both = [{"integer": 1, "string": None}, {"integer": 1, "string": "x"}]
    mixed = arrow_field("v", "mixed", [arrow_field("integer", "integer"), arrow_field("string", "string")])
    rows = pa.table(
        [pa.array(["a/1", "a/2"]), pa.array(both, mixed.type)], schema=pa.schema([(PATH, pa.string()), mixed])
    )
    first, letter = read(source_of(tmp_path, rows))
    assert first.after == {"v": 1}
    assert letter.key == "document:a/2" and "has 2 types at once" in letter.reason


def test_a_time_finer_than_firestore_has_is_a_dead_letter(tmp_path):
    times = pa.array([1_000, 1_001], pa.timestamp("ns", tz="UTC"))
    first, letter = read(source_of(tmp_path, {PATH: ["a/1", "a/2"], "t": times}))
    assert first.after["t"].microsecond == 1
    assert letter.key == "document:a/2"


def test_text_that_is_no_unicode_is_a_dead_letter(tmp_path):
    text = pa.array([b"good", b"\xff\xfe"]).view(pa.string())
    first, letter = read(source_of(tmp_path, {PATH: ["a/1", "a/2"], "t": text}))
    assert first.after == {"t": "good"} and letter.key == "document:a/2" and b"null" in letter.payload
    paths = pa.array([b"a/1", b"a/\xff"]).view(pa.string())
    first, letter = read(source_of(tmp_path, {PATH: paths, "n": [1, 2]}))
    assert first.path == "a/1" and letter.key.startswith("document:row 1 of")


def test_paths_may_be_full_names(tmp_path):
    source = source_of(tmp_path, {PATH: ["projects/p/databases/(default)/documents/a/b", "a/c", "a"], "n": [1, 2, 3]})
    *found, letter = read(source)
    assert [change.path for change in found] == ["a/b", "a/c"] and letter.key == "document:a"


def test_tables_of_pandas_are_read(tmp_path):
    frame = pd.DataFrame(
        {
            "id": ["x", "y"],
            "kind": pd.Categorical(["k", "l"]),
            "at": pd.to_datetime(["2024-01-01", "2024-01-02"], utc=True),
        }
    )
    frame.to_parquet(tmp_path / "t.parquet")
    found = read(ParquetDocuments(tmp_path / "t.parquet", id="id", collection="c"))
    assert [(c.path, c.after["kind"], c.after["at"].day) for c in found] == [("c/x", "k", 1), ("c/y", "l", 2)]


def test_a_source_travels_to_a_worker(tmp_path):
    source = source_of(tmp_path, {PATH: ["a/b"], "n": [1]})
    again = pickle.loads(pickle.dumps(source))
    assert again.partitions() == source.partitions() and read(again) == read(source)
    assert read(pickle.loads(pickle.dumps(source))) == read(source)


def test_a_table_without_paths_says_how_to_name_them(tmp_path):
    source = source_of(tmp_path, {"n": [1]})
    with pytest.raises(DataError, match=r"(?s)no column '__path__'.*\?id=COLUMN&collection=COLLECTION"):
        source.open(source.partitions()[0])


def test_a_column_of_a_type_that_firestore_has_not_is_told_unless_it_is_not_read(tmp_path):
    source = source_of(tmp_path, {PATH: ["a/b"], "day": [date(2024, 1, 1)], "n": [1]})
    with pytest.raises(DataError, match="Column 'day' is date32"):
        source.open(source.partitions()[0])
    assert read(source, Projection(((Collection("a"), ("n",)),)))[0].after == {"n": 1}


def test_only_the_columns_that_are_wanted_are_read(tmp_path):
    source = source_of(tmp_path, {PATH: ["a/b", "c/d"], "n": [1, 2], "m": [3, 4], "o": [5, 6]})
    projection = Projection(((Collection("a"), ("n",)), (Collection("c"), ("m",))))
    with closing(source.open(source.partitions()[0], projection=projection)) as reader:
        assert reader._columns == [PATH, "n", "m"]
        assert [change.after for change in reader.next_batch()] == [{"n": 1}, {"m": 4}]


def test_a_reader_goes_on_within_what_would_be_a_batch(tmp_path):
    paths = [f"a/{i}" for i in range(20)]
    source = source_of(tmp_path, {PATH: paths}, batch_documents=3)
    larger = ParquetDocuments(tmp_path / "t.parquet", batch_documents=7)
    (partition,) = source.partitions()
    with closing(source.open(partition)) as reader:
        for done in range(3, 20, 3):
            reader.next_batch()
            assert [change.path for change in read(larger, resume=reader.snapshot())] == paths[done:]


def test_id_and_collection_belong_together(tmp_path):
    with pytest.raises(UsageError, match="belong together"):
        ParquetDocuments(tmp_path, id="symbol")
    with pytest.raises(DataError, match="not the path of a collection"):
        ParquetDocuments(tmp_path, id="symbol", collection="a/b")
    with pytest.raises(UsageError, match="a pattern of several"):
        ParquetDocuments(tmp_path, id="symbol", collection="a/{x}/b")


def test_a_file_that_is_replaced_is_an_error(tmp_path):
    source = source_of(tmp_path, {PATH: ["a/b"], "n": [1]})
    (partition,) = source.partitions()
    source_of(tmp_path, {PATH: ["a/b", "a/c"], "n": [1, 2]})
    with pytest.raises(DataError, match="another one than when it was found"):
        source.open(partition)
    (tmp_path / "t.parquet").unlink()
    with pytest.raises(DataError, match="bad-table"):
        source.open(partition)


@pytest.mark.parametrize("place", ["", "gone", "gone.parquet"])
def test_a_place_without_files_is_an_error(tmp_path, place):
    with pytest.raises(DataError, match="not-found"):
        ParquetDocuments(tmp_path / place).partitions()


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_file_that_is_no_parquet_is_an_error(tmp_path, data):
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(DataError, match="no Parquet, or damaged"):
        ParquetDocuments(tmp_path).info()


def test_a_byte_that_changed_is_found(tmp_path):
    options = {"write_page_checksum": True, "compression": "none", "use_dictionary": False}
    pq.write_table(
        pa.table({PATH: [f"a/{i}" for i in range(1000)], "n": list(range(1000))}), tmp_path / "t.parquet", **options
    )
    data = bytearray((tmp_path / "t.parquet").read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "t.parquet").write_bytes(data)
    with pytest.raises(DataError, match="bad-table"):
        read(ParquetDocuments(tmp_path))


def damaged(data, chance):
    """Bytes with bits flipped, cut off, or with a piece replaced."""
    data = bytearray(data)
    kind = chance.choice(("flip", "flip", "flip", "cut", "splice"))
    if kind == "flip":
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == "cut":
        del data[chance.randrange(len(data)) :]
    else:
        at = chance.randrange(len(data))
        data[at : at + chance.randrange(1, 50)] = chance.randbytes(chance.randrange(60))
    return bytes(data)


@pytest.mark.parametrize("checked", [True, False])
@pytest.mark.parametrize("cases", [150, pytest.param(5000, marks=pytest.mark.long)])
def test_a_damaged_file_gives_documents_dead_letters_or_one_clear_error(tmp_path, cases, checked):
    file = tmp_path / "t.parquet"
    rows = table_of({f"a/{n}": document for n, document in enumerate((EVERY_VALUE, *EDGES))})
    pq.write_table(rows, file, write_page_checksum=checked, compression="snappy" if checked else "none")
    good, chance, ends = file.read_bytes(), random.Random(cases + checked), set()
    for _ in range(cases):
        file.write_bytes(damaged(good, chance))
        try:
            assert all(isinstance(item, (Change, DeadLetter)) for item in read(ParquetDocuments(file)))
            ends.add("read")
        except DataError as error:
            assert str(file) in str(error) or error.code == "bad-value", error
            ends.add(error.code)
    assert {"read", "bad-table"} <= ends


def test_views_are_the_same_from_parquet_as_from_the_export(tmp_path):
    write_export(tmp_path / "export", data.documents().items(), snapshot_time=data.EXPORTED_AT)
    pq.write_table(ArrowExport(tmp_path / "export").read_table(), tmp_path / "documents.parquet")
    expected = MeetingSession.backfill(source=str(tmp_path / "export")).documents()
    assert expected and MeetingSession.backfill(source=f"parquet:{tmp_path}/documents.parquet").documents() == expected
