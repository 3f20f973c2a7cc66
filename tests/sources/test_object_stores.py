import io
import pickle
import shutil
import sys
from contextlib import closing
from pathlib import Path

import fsspec
import pytest
from object_store import Store

from onto_flow.cli import main
from onto_flow.connect import open_source
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.formats import object_path, ranged_file
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import BLOCK
from onto_flow.formats.object_path import ObjectPath
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.document_lines import DocumentLines
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.source_suite import SourceSuite

ALLTYPES = Path(__file__).parents[1] / "data" / "alltypes"
OUTPUT = "bucket/e/firestore_export/all_namespaces/all_kinds/output-0"


@pytest.fixture(autouse=True)
def _store(monkeypatch):
    waits = []
    monkeypatch.setattr(object_path.time, "sleep", waits.append)
    Store.reset()
    yield waits
    Store.reset()


class TestExportInAStore(SourceSuite):
    many = 300

    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.target = tmp_path / "export"

    def create_source(self, documents):
        write_export(self.target, documents.items(), project="shop")
        Store.put_folder(self.target, "bucket/e")
        shutil.rmtree(self.target)
        return FirestoreExport("double://bucket/e", split_bytes=BLOCK, batch_documents=40)


class TestExportInMemory(SourceSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self.target = tmp_path / "export"
        self.store = fsspec.filesystem("memory")
        yield
        self.store.rm("/exports", recursive=True)

    def create_source(self, documents):
        write_export(self.target, documents.items(), project="shop")
        self.store.put(str(self.target), "/exports/e", recursive=True)
        return FirestoreExport("memory://exports/e")


def found(source):
    documents = {}
    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                documents |= {change.path: change.after for change in batch}
    return documents


@pytest.fixture
def stored():
    Store.put_folder(ALLTYPES, "bucket/e")
    return FirestoreExport("double://bucket/e")


@pytest.mark.parametrize(
    "place", ["", "/", "/firestore_export", "/firestore_export/firestore_export.overall_export_metadata"]
)
def test_every_document_is_read_as_from_a_folder(stored, place):
    for mark in ("bucket/e/", "bucket/e/firestore_export/all_namespaces/"):
        Store.put_bytes(mark, b"")
    source = open_source(f"double://bucket/e{place}?batch_documents=50")
    assert same(found(source), found(FirestoreExport(ALLTYPES)))
    assert (source.info().documents, source.info().kind) == (199, "emulator-export")


def test_it_is_read_once_by_ranges_of_a_bounded_size(stored, monkeypatch):
    monkeypatch.setattr(ranged_file, "FIRST_READ", 1 << 14)
    monkeypatch.setattr(ranged_file, "READAHEAD", 1 << 17)
    assert len(found(stored)) == 199
    ranges = [(start, end) for name, start, end in Store.reads if name == OUTPUT]
    size = len(Store.objects[OUTPUT][0])
    assert [start for start, _ in ranges[1:]] == [end for _, end in ranges[:-1]], "nothing twice, nothing left out"
    assert (ranges[0][0], ranges[-1][1]) == (0, size)
    assert max(end - start for start, end in ranges) == 1 << 17
    assert Store.calls < 40


def test_an_export_of_many_files_is_listed_and_not_asked_for_file_by_file(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.formats.export_writer.DOCUMENTS_PER_FILE", 1)
    write_export(tmp_path / "e", [(f"users/u{i}", {"i": i}) for i in range(300)])
    Store.put_folder(tmp_path / "e", "bucket/e")
    assert len(FirestoreExport("double://bucket/e").partitions()) == 300
    assert Store.calls < 25


def test_what_passes_is_tried_again(stored, _store):
    Store.failures = [TimeoutError("slow"), OSError("reset"), RuntimeError("503")]
    assert len(found(stored)) == 199
    assert _store == [*object_path.RETRY_SECONDS]


@pytest.mark.parametrize("error", [OSError("HTTP 503 at https://me:secret@host/x"), PermissionError("denied")])
def test_what_goes_on_failing_is_one_error(stored, error, _store):
    partition = stored.partitions()[0]
    reader = stored.open(partition)
    Store.failures = [error] * 4
    with closing(reader), pytest.raises(DataError) as caught:
        reader.next_batch()
    assert caught.value.code == "bad-export"
    assert "output-0" in caught.value.where
    assert "secret" not in str(caught.value)
    assert len(_store) == (0 if isinstance(error, PermissionError) else 3)


def test_a_range_that_comes_short_is_tried_again_and_is_never_the_end(stored, monkeypatch):
    whole, cut = Store.cat_file, iter([5, 1])
    monkeypatch.setattr(Store, "cat_file", lambda *a, **k: whole(*a, **k)[: -next(cut, 0) or None])
    assert len(found(stored)) == 199


@pytest.mark.parametrize("when", ["before it is opened", "before the first range", "after the last range"])
def test_an_object_that_changes_while_it_is_read_is_noticed(stored, when):
    stored.batch_documents = 50
    [partition] = stored.partitions()
    data = Store.objects[OUTPUT][0]
    if when == "before it is opened":
        Store.put_bytes(OUTPUT, data)
        with pytest.raises(DataError, match="another one"):
            stored.open(partition)
        return
    with closing(stored.open(partition)) as reader:
        if when == "after the last range":
            assert len(reader.next_batch()) > 0
        Store.put_bytes(OUTPUT, data if when == "after the last range" else data[:-BLOCK])
        with pytest.raises(DataError, match="another one") as error:
            while reader.next_batch() is not None:
                pass
    assert error.value.code == "bad-export"
    assert "output-0" in error.value.where


def test_an_object_that_goes_while_it_is_read_is_noticed(stored):
    with closing(stored.open(stored.partitions()[0])) as reader:
        Store.objects.pop(OUTPUT)
        with pytest.raises(DataError, match="gone"):
            reader.next_batch()


def test_it_travels_to_other_processes(stored):
    [partition] = stored.partitions()
    with closing(pickle.loads(pickle.dumps(stored)).open(partition)) as reader:
        assert len(reader.next_batch()) == 199


def test_a_place_without_an_export_says_so(stored):
    for place in ("double://bucket/gone", "double://bucket/e/firestore_export/all_namespaces/none"):
        with pytest.raises(DataError) as error:
            FirestoreExport(place).info()
        assert (error.value.code, place in str(error.value)) == ("not-found", True)
    Store.objects.pop(OUTPUT)
    with pytest.raises(DataError, match="output-0 is missing"):
        FirestoreExport("double://bucket/e").info()


def test_a_missing_package_or_an_unknown_scheme_is_one_clear_error(monkeypatch):
    with pytest.raises(UsageError, match="nobody"):
        FirestoreExport("nobody://me:secret@bucket/e")
    for scheme, package, extra in [("s3", "s3fs", "s3"), ("memory", "fsspec.core", "fsspec")]:
        monkeypatch.setitem(sys.modules, package, None)
        with pytest.raises(EngineError) as error:
            FirestoreExport(f"{scheme}://bucket/e")
        assert (error.value.code, f"onto-flow[{extra}]" in error.value.fix) == ("missing-extra", True)


def test_secrets_of_a_place_are_not_shown():
    assert str(ObjectPath("double://me:secret@bucket/e") / "x") == "double://bucket/e/x"


def test_arrow_and_lines_are_made_from_a_store_too(stored):
    from_folder = ArrowExport(ALLTYPES).read_table()
    table = ArrowExport("double://bucket/e").read_table()
    assert table.schema.equals(from_folder.schema, check_metadata=True)
    assert same(
        [list(one) for batch in table.to_batches() for one in documents_of(batch)],
        [list(one) for batch in from_folder.to_batches() for one in documents_of(batch)],
    )
    assert list(DocumentLines(stored)) == list(DocumentLines(FirestoreExport(ALLTYPES)))
    Store.objects[OUTPUT] = (Store.objects[OUTPUT][0][:-5], *Store.objects[OUTPUT][1:])
    for read in (
        ArrowExport("double://bucket/e").read_table,
        lambda: list(DocumentLines(FirestoreExport("double://bucket/e"))),
    ):
        with pytest.raises(DataError, match="bad-export"):
            read()


def test_documents_are_written_to_a_store_whole_or_not_at_all(monkeypatch, capsys):
    lines = list(DocumentLines(FirestoreExport(ALLTYPES)))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines))))
    assert main(["write", "double://bucket/f", "--quiet", "--project", "demo-exp"]) == 0
    assert same(found(FirestoreExport("double://bucket/f")), found(FirestoreExport(ALLTYPES)))
    before = dict(Store.objects)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"".join(lines) + b"{")))
    assert main(["write", "double://bucket/g", "--quiet"]) == 1
    assert "line 200 of standard input" in capsys.readouterr().err
    assert Store.objects == before
