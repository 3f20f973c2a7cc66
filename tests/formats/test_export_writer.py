import json
import tracemalloc
from contextlib import closing
from datetime import datetime, timezone

import polars as pl
import pyarrow as pa
import pytest
from object_store import Store

from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.formats import export_writer
from onto_flow.formats.export_layout import find_export
from onto_flow.formats.export_writer import write_export
from onto_flow.sources.firestore_export import FirestoreExport

TIME = datetime(2024, 5, 1, tzinfo=timezone.utc)


def documents(count):
    return [(f"users/u{i}", {"i": i}) for i in range(count)]


def read(place):
    source = FirestoreExport(place)
    found = []
    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                found += [(change.path, change.after) for change in batch]
    assert source.info().documents == len(found)
    return found


def test_the_layout_is_that_of_the_emulator(tmp_path):
    assert write_export(tmp_path / "e", documents(3), project="shop", snapshot_time=TIME) == 3
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == [
        "e/firebase-export-metadata.json",
        "e/firestore_export/all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata",
        "e/firestore_export/all_namespaces/all_kinds/output-0",
        "e/firestore_export/firestore_export.overall_export_metadata",
        "e/onto_flow.json",
    ]
    layout = find_export(tmp_path / "e")
    assert (layout.documents, layout.emulator, layout.snapshot_time) == (3, True, TIME)
    assert layout.bytes == layout.files[0].size
    assert json.loads((tmp_path / "e" / "onto_flow.json").read_text()) == {"snapshot_time": "2024-05-01T00:00:00Z"}


@pytest.mark.parametrize(("count", "files"), [(0, 0), (1, 1), (5, 1), (6, 2), (11, 3)])
def test_a_file_has_so_many_documents(tmp_path, monkeypatch, count, files):
    monkeypatch.setattr(export_writer, "DOCUMENTS_PER_FILE", 5)
    write_export(tmp_path / "e", iter(documents(count)))
    layout = find_export(tmp_path / "e")
    assert (len(layout.files), layout.documents) == (files, count)


def test_a_target_that_holds_something_is_refused(tmp_path):
    (tmp_path / "note").write_text("mine")
    with pytest.raises(UsageError, match="not empty"):
        write_export(tmp_path, documents(1))
    with pytest.raises(UsageError):
        write_export(tmp_path / "note", documents(1))
    (tmp_path / "new" / "e").mkdir(parents=True)
    write_export(tmp_path / "new" / "e", documents(1))


def test_a_document_that_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(DataError, match="bad-value"):
        write_export(tmp_path / "e", [*documents(3), ("a/b", {"v": object()})])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("layout", ["emulator", "production"])
def test_what_is_written_is_read_in_both_layouts(tmp_path, monkeypatch, layout):
    monkeypatch.setattr(export_writer, "DOCUMENTS_PER_FILE", 4)
    for count in (0, 3, 9):
        target = tmp_path / f"{layout}-{count}"
        write_export(target, iter(documents(count)), layout=layout, project="projects/shop/databases/eu")
        assert read(target) == documents(count)
        kind = FirestoreExport(target).info().kind
        assert kind == ("emulator-export" if layout == "emulator" else "firestore-export") or count == 0


def test_the_layout_of_production_is_that_of_its_newer_generation(tmp_path):
    write_export(tmp_path / "2024-05-01", documents(3), layout="production", snapshot_time=TIME, clock=lambda: TIME)
    files = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert files == [
        "2024-05-01/2024-05-01.overall_export_metadata",
        "2024-05-01/all_namespaces/all_kinds/all_namespaces_all_kinds.export_metadata",
        "2024-05-01/all_namespaces/all_kinds/output-0",
        "2024-05-01/onto_flow.json",
    ]
    kind = (tmp_path / files[1]).read_bytes()
    assert kind.startswith(b"\x0a\x1e\x0a\x0a2024-05-01\x10")
    assert kind.endswith(b"\x12\x13\x0a\x07__all__\x12\x08output-0\x1a\x09\x0a\x07__all__")
    layout = find_export(tmp_path / "2024-05-01")
    assert (layout.documents, layout.emulator, layout.snapshot_time, layout.start) == (3, False, TIME, TIME)
    assert layout.bytes == layout.files[0].size - 3 * 7, "the bytes of production are those of records"
    assert b"s~demo" in (tmp_path / files[2]).read_bytes()


def test_tables_of_any_kind_are_written(tmp_path):
    columns = {"__path__": ["users/u0", "users/u1"], "i": [0, 1]}
    table = pa.table(columns)
    given = [table, table.to_batches()[0], table.to_batches(), table.to_reader(), pl.DataFrame(columns)]
    for number, tables in enumerate(given):
        assert write_export(tmp_path / str(number), tables) == 2
        assert read(tmp_path / str(number)) == documents(2)


def test_memory_is_that_of_some_documents(tmp_path):
    big = ((f"users/u{i}", {"text": "x" * 100_000}) for i in range(300))
    rows = pa.RecordBatchReader.from_batches(
        pa.schema([("__path__", pa.string()), ("text", pa.string())]),
        (pa.record_batch({"__path__": [f"users/u{i}"], "text": ["x" * 100_000]}) for i in range(300)),
    )
    for name, given in (("documents", big), ("rows", rows)):
        tracemalloc.start()
        write_export(tmp_path / name, given)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 3_000_000


def test_an_error_names_the_document(tmp_path):
    for fields, code in [({"v": object()}, "bad-value"), ({"v": "x" * (17 << 20)}, "too-deep")]:
        with pytest.raises(DataError) as error:
            write_export(tmp_path / "e", [("a/b", fields)])
        assert (error.value.code, error.value.where) == (code, "a/b")
    with pytest.raises(UsageError, match="Did you mean production"):
        write_export(tmp_path / "e", [], layout="productoin")


def test_somebody_who_writes_there_meanwhile_is_not_overwritten(tmp_path):
    def racing():
        yield from documents(2)
        (tmp_path / "e").mkdir()
        (tmp_path / "e" / "note").write_text("mine")

    with pytest.raises(EngineError, match=r"\[io-failed\] The export cannot be written"):
        write_export(tmp_path / "e", racing())
    assert [p.name for p in tmp_path.rglob("*")] == ["e", "note"]


@pytest.fixture
def _store():
    Store.reset()
    yield
    Store.reset()


@pytest.mark.usefixtures("_store")
@pytest.mark.parametrize("layout", ["emulator", "production"])
def test_an_export_goes_to_an_object_store_with_its_metadata_last(monkeypatch, layout):
    monkeypatch.setattr(export_writer, "DOCUMENTS_PER_FILE", 2)
    write_export("double://bucket/e", documents(5), layout=layout, snapshot_time=TIME)
    assert read("double://bucket/e") == documents(5)
    order = sorted(Store.objects, key=lambda name: Store.objects[name][1])
    last = "firebase-export-metadata.json" if layout == "emulator" else "e.overall_export_metadata"
    assert order[-1] == f"bucket/e/{last}"
    assert [name.rpartition("/")[2] for name in order[:3]] == ["output-0", "output-1", "output-2"]
    before = dict(Store.objects)
    with pytest.raises(UsageError, match="not empty"):
        write_export("double://bucket/e", documents(1))
    with pytest.raises(DataError):
        write_export("double://bucket/f", [*documents(5), ("a/b", {"v": object()})])
    assert Store.objects == before, "what failed took away what it wrote, and no more"


@pytest.mark.parametrize("given", [("a/b", None), (5, {}), "a/b", ("a/b",), ["a/b", {}, 1], None])
def test_what_is_no_document_is_told(tmp_path, given):
    with pytest.raises(DataError, match="Not a document: "):
        write_export(tmp_path / "e", [("a/a", {}), given])
    assert not list(tmp_path.iterdir())
