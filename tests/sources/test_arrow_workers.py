"""Several processes read what one reads: the same rows, dead letters and errors, in the same order."""

import io
import sys

import pytest

from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.leveldb_log import LogWriter
from onto_flow.sources import arrow_workers
from onto_flow.sources.arrow_export import ArrowExport
from onto_flow.sources.firestore_export import FirestoreExport


def rooms(place, count=9000):
    """Rooms and users; what the last one has widens the columns."""
    kinds = ("rooms", "users")
    documents = [(f"{kinds[n % 2]}/{n:05d}", {"n": n, "name": f"Zoë {n}", "sizes": [n][: n % 2]}) for n in range(count)]
    documents[-1][1].update(n="last", late={"deep": [{"x": None}]})
    write_export(place, documents)


def write_log(place, records):
    place.parent.mkdir(parents=True, exist_ok=True)
    with place.open("wb") as file:
        writer = LogWriter(file)
        for record in records:
            writer.write(record)


@pytest.fixture(autouse=True)
def _small_tasks(monkeypatch):
    monkeypatch.setattr(arrow_workers, "TASK_BYTES", (1 << 15, 1 << 15))


@pytest.fixture()
def _others_do_all(monkeypatch):
    """This process takes no task."""
    monkeypatch.setattr(arrow_workers, "_taken", lambda folder, count: iter(()))


@pytest.fixture()
def _here(monkeypatch):
    """The worker is a function call: quick, and seen by what watches this process."""

    class Input(io.BytesIO):
        def close(self):
            order = io.BytesIO(self.getvalue())
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(order))
            arrow_workers.main()
            super().close()

    class Here:
        returncode = 0

        def __init__(self, command, **_):
            self.stdin = Input()

        def wait(self):
            return 0

        poll = wait

    monkeypatch.setattr(arrow_workers.subprocess, "Popen", Here)


def both(place, **options):
    alone = ArrowExport(FirestoreExport(place), **options).read_table()
    export = FirestoreExport(place, split_bytes=4 << 15)
    together = ArrowExport(export, **options).read_table(workers=2)
    assert together.schema.equals(alone.schema, check_metadata=True)
    assert together.equals(alone)
    return together


@pytest.mark.usefixtures("_others_do_all")
def test_a_worker_process_reads_all(tmp_path):
    rooms(tmp_path / "export")
    assert both(tmp_path / "export").num_rows == 9000


@pytest.mark.usefixtures("_here")
def test_options_go_to_workers(tmp_path):
    rooms(tmp_path / "export")
    schema = ArrowExport(tmp_path / "export", collection="users").schema
    for options in ({"collection": "users"}, {"fields": ["late", "n"]}, {"collection": "users", "schema": schema}):
        assert both(tmp_path / "export", **options).num_rows > 3000


def damaged_export(place, count=6000):
    records = [encode_entity(f"v/{n}", {"v": n, "w": "x" * 100}) for n in range(count)]
    for n in (10, count // 2, count - 10):
        records[n] = records[n][:-3]
    write_log(place / "output-0", records)


@pytest.mark.usefixtures("_here")
def test_dead_letters_and_errors_come_in_the_order_of_the_documents(tmp_path):
    damaged_export(tmp_path / "export")
    letters, others = [], []
    alone = ArrowExport(tmp_path / "export", dead_letters=letters.append).read_table()
    assert ArrowExport(tmp_path / "export", dead_letters=others.append).read_table(workers=2).equals(alone)
    assert others == letters
    assert [letter.key for letter in letters] == ["document:v/10", "document:v/3000", "document:v/5990"]
    with pytest.raises(DataError) as first:
        ArrowExport(tmp_path / "export").read_table()
    with pytest.raises(DataError) as second:
        ArrowExport(tmp_path / "export").read_table(workers=2)
    assert str(second.value) == str(first.value)


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.usefixtures("_here")
def test_the_metadata_is_compared_with_what_was_read(tmp_path, workers):
    records = [(f"v/{n}", {"v": n}) for n in range(2000)]
    write_export(tmp_path / "export", records, layout="production")
    write_log(next((tmp_path / "export").rglob("output-0")), [encode_entity(*record) for record in records[1:]])
    with pytest.raises(DataError, match="promises 2000 documents, the files hold 1999"):
        ArrowExport(tmp_path / "export").read_table(workers=workers)
    accepted = FirestoreExport(tmp_path / "export", accept_mismatch=True)
    assert ArrowExport(accepted).read_table(workers=workers).num_rows == 1999


@pytest.mark.usefixtures("_others_do_all")
def test_a_worker_that_dies_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(arrow_workers, "_WORKER", "import sys; sys.exit(3)")
    rooms(tmp_path / "export")
    with pytest.raises(EngineError, match="ended with 3"):
        ArrowExport(tmp_path / "export").read_table(workers=2)


def test_storage_options_that_cannot_travel_are_refused(tmp_path):
    rooms(tmp_path / "export", 10)
    export = FirestoreExport(tmp_path / "export", storage={"session": object()})
    with pytest.raises(UsageError, match="storage options"):
        ArrowExport(export).read_table(workers=2)
