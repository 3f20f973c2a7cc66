"""Both forms of a table: grown, shrunk, killed at every step, on a disk and in an object store."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from itertools import count
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from object_store import Store

from onto_flow.core.change import ViewChange
from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.core.types import Type
from onto_flow.formats import object_path, table_folder
from onto_flow.formats.published_table import read_table
from onto_flow.formats.table_folder import TableFolder
from onto_flow.sinks import arrow_table, table_parts, table_publisher
from onto_flow.sinks.base import Table
from onto_flow.sinks.parquet import ParquetSink

ROOMS = Table("Room", "rooms", (("n", Type("int")), ("text", Type("str"))))
SMALL, LARGE = 20, 1200
GRACE = 10.0


class Clock:
    now = 1e9

    def __call__(self):
        return self.now


@pytest.fixture(autouse=True)
def small_limits_and_no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(table_publisher, "MAX_FILE_BYTES", 40_000)
    monkeypatch.setattr(table_parts, "PART_BYTES", 30_000)
    monkeypatch.setattr(arrow_table, "CHUNK_ROWS", 200)
    monkeypatch.setattr(arrow_table, "ROW_GROUP_ROWS", 400)
    monkeypatch.setattr(object_path, "RETRY_SECONDS", ())
    Store.reset()


@pytest.fixture
def clock():
    return Clock()


def opened(place, clock, generation=1):
    sink = ParquetSink(str(place), grace=GRACE, clock=clock)
    sink.open([ROOMS], generation)
    return sink


def publish(sink, n, rows, generation=1):
    """Replaces all rows."""
    for i in range(LARGE):
        text = sha256(f"{n} {i}".encode()).hexdigest()
        new = {"n": n, "text": text} if i < rows else None
        sink.write([ViewChange("Room", f"rooms/{i:05d}", None, new, (generation, 0, n))])
    sink.complete()
    assert list(sink.publish()) == []


def whole(place):
    """The one `n` of a table and how many rows have it."""
    table = read_table(f"{place}/rooms")
    assert len(set(table.column("n").to_pylist())) == 1
    return table.column("n")[0].as_py(), len(table)


def files(folder):
    return sorted(f.relative_to(folder).as_posix() for f in folder.rglob("*") if f.is_file())


def test_a_table_that_grows_becomes_parts_and_one_that_shrinks_a_file(tmp_path, clock):
    sink = opened(tmp_path, clock)
    publish(sink, 1, SMALL)
    assert files(tmp_path) == ["rooms/table.parquet"] and whole(tmp_path) == (1, SMALL)
    publish(sink, 2, LARGE)
    assert whole(tmp_path) == (2, LARGE)
    parts = TableFolder(tmp_path / "rooms").manifest().parts
    assert len(parts) > 1 and all(30_000 <= p.size < 70_000 for p in parts[:-1])
    assert files(tmp_path) == sorted(["rooms/manifest.json", *(f".rooms.parts/{p.name}" for p in parts)])
    publish(sink, 3, SMALL)
    assert whole(tmp_path) == (3, SMALL)
    publish(sink, 4, SMALL)
    assert files(tmp_path) == ["rooms/table.parquet"] and whole(tmp_path) == (4, SMALL)


def test_the_rows_of_parts_are_in_the_order_of_paths(tmp_path, clock):
    publish(opened(tmp_path, clock), 1, LARGE)
    assert read_table(tmp_path / "rooms").column("__path__").to_pylist() == [f"rooms/{i:05d}" for i in range(LARGE)]
    assert read_table(tmp_path / "rooms", columns=["n"]).column_names == ["n"]


def test_row_groups_are_bounded(tmp_path, clock):
    publish(opened(tmp_path, clock), 1, 500)
    with (tmp_path / "rooms" / "table.parquet").open("rb") as file:
        footer = pq.ParquetFile(file).metadata
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [400, 100]


def test_older_parts_stay_for_the_grace(tmp_path, clock):
    sink = opened(tmp_path, clock)
    folder = TableFolder(tmp_path / "rooms")
    publish(sink, 1, LARGE)
    first = folder.manifest().names()
    clock.now += 1
    publish(sink, 2, LARGE)
    assert first <= set(folder.parts())
    clock.now += GRACE - 0.5
    publish(sink, 3, LARGE)
    assert first <= set(folder.parts())
    clock.now += 1
    publish(sink, 4, LARGE)
    assert not first & set(folder.parts()) and set(folder.parts()) == folder.manifest().names()


def test_a_manifest_that_a_reader_holds_reads_its_table(tmp_path, clock, monkeypatch):
    sink = opened(tmp_path, clock)
    publish(sink, 1, LARGE)
    folder = TableFolder(tmp_path / "rooms")
    old = folder.manifest()
    publish(sink, 2, LARGE)
    with monkeypatch.context() as patch:
        patch.setattr(table_folder.TableFolder, "manifest", lambda self: old)
        assert whole(tmp_path) == (1, LARGE)
    clock.now += 2 * GRACE
    publish(sink, 3, LARGE)  # the parts of the first are gone: a reader that still has its manifest begins again
    manifests = iter([old])
    real = table_folder.TableFolder.manifest
    monkeypatch.setattr(table_folder.TableFolder, "manifest", lambda self: next(manifests, None) or real(self))
    assert whole(tmp_path) == (3, LARGE)


def test_a_reader_that_saw_the_file_before_it_went_reads_the_parts(tmp_path, clock, monkeypatch):
    sink = opened(tmp_path, clock)
    publish(sink, 1, SMALL)
    real, told = table_folder.TableFolder.manifest, []

    def manifest(self):
        if not told:
            told.append(real(self))
            with monkeypatch.context() as patch:
                patch.setattr(table_folder.TableFolder, "manifest", real)
                publish(sink, 2, LARGE)
            return told[0]
        return real(self)

    monkeypatch.setattr(table_folder.TableFolder, "manifest", manifest)
    assert whole(tmp_path) == (2, LARGE)


def test_a_publication_that_fails_takes_its_parts_away(tmp_path, clock, monkeypatch):
    sink = opened(tmp_path, clock)
    publish(sink, 1, LARGE)
    before = files(tmp_path)
    monkeypatch.setattr(TableFolder, "sync_parts", lambda self: (_ for _ in ()).throw(OSError("bad disk")))
    with pytest.raises(EngineError, match="(?s)sink-failed.*bad disk"):
        publish(sink, 2, LARGE)
    assert files(tmp_path) == before and whole(tmp_path) == (1, LARGE)


@pytest.mark.parametrize("rows", [(LARGE, LARGE - 5), (SMALL, LARGE)], ids=["parts", "both forms"])
def test_a_reader_in_a_loop_always_finds_a_whole_table(tmp_path, rows):
    """With no grace at all: it begins again when what it reads is taken away."""
    sink = ParquetSink(str(tmp_path), grace=0, clock=Clock())
    sink.open([ROOMS], 1)
    publish(sink, 1, rows[1])
    done, found = threading.Event(), []

    def read():
        while not done.is_set():
            found.append(whole(tmp_path))

    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(read)
        for n in range(2, 22):
            publish(sink, n, rows[n % 2])
        done.set()
        reading.result()
    assert found == sorted(found) and all(count == rows[n % 2] for n, count in found)


class Killed(BaseException):
    pass


class Disk:
    """Counts what is done to the disk, and from the step on at which it is told to, does nothing more."""

    CALLS = (
        (os, "fsync"),
        (os, "replace"),
        (os, "pwrite"),
        (os, "copy_file_range"),
        (Path, "unlink"),
        (Path, "write_bytes"),
        (Path, "mkdir"),
    )

    def __init__(self, monkeypatch, kill_at):
        self.steps, self._kill_at = 0, kill_at
        for owner, name in self.CALLS:
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, call):
        def counted(*args, **options):
            self.steps += 1
            if self.steps > self._kill_at:
                raise Killed
            return call(*args, **options)

        return counted


KILLED = {
    "a file by a file": ([SMALL], SMALL + 5),
    "a file by parts": ([SMALL], LARGE),
    "parts by parts": ([LARGE], LARGE - 5),
    "parts by a file": ([LARGE, SMALL], SMALL + 5),
}


@pytest.mark.parametrize(("before", "after"), KILLED.values(), ids=KILLED)
def test_a_kill_at_any_step_leaves_a_whole_table_and_the_next_run_nothing_else(tmp_path, clock, before, after):
    seen = set()
    for step in count():
        place = tmp_path / str(step)
        sink = opened(place, clock)
        for n, rows in enumerate(before, 2 - len(before)):
            publish(sink, n, rows)
        killed = False
        with pytest.MonkeyPatch.context() as patch:
            Disk(patch, step)
            try:
                publish(sink, 2, after)
            except Killed:
                killed = True
        seen.add(whole(place))
        assert seen <= {(1, before[-1]), (2, after)}
        file = place / "rooms" / "table.parquet"
        newest = max(whole(place)[0], pq.read_table(file).column("n")[0].as_py() if file.exists() else 0)
        clock.now += 2 * table_parts.GARBAGE_SECONDS
        again = opened(place, clock, 2)
        assert whole(place) == ((2, after) if newest == 2 else (1, before[-1]))
        publish(again, 3, after, generation=2)
        assert whole(place) == (3, after)
        manifest = TableFolder(place / "rooms").manifest()
        parts = sorted(f".rooms.parts/{name}" for name in manifest.names()) if manifest else []
        assert [f for f in files(place) if ".parts" not in f] == (
            ["rooms/manifest.json"] if manifest else ["rooms/table.parquet"]
        )
        assert [f for f in files(place) if ".parts" in f] == parts
        if not killed:
            break
    assert step > 5 and seen == {(1, before[-1]), (2, after)}


class TestStore:
    """The same in an object store, where every table has parts."""

    PLACE = "double://bucket/tables"

    def names(self):
        return sorted(name.removeprefix("bucket/tables/") for name in Store.objects)

    def test_a_table_is_published_and_read(self, clock):
        sink = opened(self.PLACE, clock)
        for n, rows in ((1, SMALL), (2, LARGE), (3, SMALL)):
            publish(sink, n, rows)
            assert whole(self.PLACE) == (n, rows)
        assert whole(f"parquet:{self.PLACE}") == (3, SMALL)

    def test_an_empty_table_has_its_columns(self, clock):
        sink = opened(self.PLACE, clock)
        sink.complete()
        sink.publish()
        assert read_table(f"{self.PLACE}/rooms").column_names == ["__path__", "n", "text"]

    def test_a_manifest_is_replaced_by_one_call_behind_its_parts(self, clock):
        sink = opened(self.PLACE, clock)
        publish(sink, 1, LARGE)
        publish(sink, 2, LARGE)
        made = sorted(Store.objects, key=lambda name: Store.objects[name][1])
        assert made[-1] == "bucket/tables/rooms/manifest.json"

    @pytest.mark.parametrize(("before", "after"), [(SMALL, SMALL + 5), (LARGE, LARGE - 5)])
    def test_a_kill_at_any_call_leaves_a_whole_table_and_garbage_that_goes(self, clock, monkeypatch, before, after):
        seen = set()
        for step in count():
            Store.reset()
            sink = opened(self.PLACE, clock)
            publish(sink, 1, before)
            called, killed = Store.calls, False

            class Stopped(list):
                def __bool__(self):
                    return Store.calls > called + step

                def pop(self, _):
                    raise PermissionError("killed")

            monkeypatch.setattr(Store, "failures", Stopped())
            try:
                publish(sink, 2, after)
            except EngineError as error:
                assert error.code == "sink-failed" and "killed" in str(error)
                killed = True
            monkeypatch.setattr(Store, "failures", [])
            seen.add(whole(self.PLACE))
            assert seen <= {(1, before), (2, after)}
            clock.now += 2 * table_parts.GARBAGE_SECONDS
            again = opened(self.PLACE, clock, 2)
            publish(again, 3, after, generation=2)
            manifest = TableFolder(f"{self.PLACE}/rooms").manifest()
            assert self.names() == sorted(
                ["rooms/manifest.json", *(f".rooms.parts/{name}" for name in manifest.names())]
            )
            if not killed:
                break
        assert step > 3 and seen == {(1, before), (2, after)}

    def test_a_young_file_without_a_place_may_be_somebodys_who_still_writes(self, clock):
        publish(opened(self.PLACE, clock), 1, LARGE)
        young = f"{int(clock.now * 1000)}-abc-00000.parquet"
        Store.put_bytes(f"bucket/tables/.rooms.parts/{young}", b"half")
        Store.put_bytes("bucket/tables/.rooms.parts/notes.txt", b"not ours")
        opened(self.PLACE, clock)
        assert f".rooms.parts/{young}" in self.names()
        clock.now += table_parts.GARBAGE_SECONDS + 1
        opened(self.PLACE, clock)
        assert f".rooms.parts/{young}" not in self.names() and ".rooms.parts/notes.txt" in self.names()

    def test_an_older_generation_is_refused_when_it_publishes_too(self, clock):
        older, newer = opened(self.PLACE, clock, 1), opened(self.PLACE, clock, 2)
        publish(newer, 1, SMALL, generation=2)
        with pytest.raises(EngineError, match="newer than 1"):
            publish(older, 2, LARGE)
        assert whole(self.PLACE) == (1, SMALL)


def test_a_table_is_found_by_the_clock_of_its_writer_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(time, "time", lambda: 1 / 0)
    publish(opened(tmp_path, Clock()), 1, LARGE)
    assert whole(tmp_path) == (1, LARGE)


@pytest.mark.parametrize("grace", ["soon", "-1", "nan", "inf"])
def test_a_grace_is_a_number_of_seconds(grace):
    with pytest.raises(UsageError, match="is no number of seconds"):
        ParquetSink("tables", grace=grace)


@pytest.mark.parametrize("rows", [SMALL, LARGE])
def test_a_bit_that_changed_in_what_was_published_is_found(tmp_path, clock, rows):
    publish(opened(tmp_path, clock), 1, rows)
    file = min(tmp_path.rglob("*.parquet"))
    good = file.read_bytes()
    text = good.index(sha256(b"1 0").hexdigest()[:24].encode())
    for at in range(text, text + 24, 5):
        file.write_bytes(good[:at] + bytes([good[at] ^ 2]) + good[at + 1 :])
        with pytest.raises(DataError, match="bad-table"):
            whole(tmp_path)


def test_a_footer_with_another_number_is_one_clear_error(tmp_path, clock):
    sink = opened(tmp_path, clock)
    publish(sink, 1, SMALL)
    file = tmp_path / "rooms" / "table.parquet"
    pq.write_table(pq.read_table(file).replace_schema_metadata({b"onto_flow.generation": b"new"}), file)
    with pytest.raises(EngineError, match="onto_flow.generation is b'new', which is no number"):
        opened(tmp_path, clock)


def test_a_place_without_a_table_is_said(tmp_path):
    for place in (tmp_path / "none", "double://bucket/none"):
        with pytest.raises(DataError, match="There is no published table"):
            read_table(place)
