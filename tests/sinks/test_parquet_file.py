"""Files that show one table and hold the ones before, looked at with the footers of all of them."""

from __future__ import annotations

import errno
import os

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.types import Type
from onto_flow.formats.table_folder import TableFolder
from onto_flow.sinks import arrow_table, table_publisher
from onto_flow.sinks.base import Table
from onto_flow.sinks.kept_ranges import Range
from onto_flow.sinks.parquet_file import TooLarge, look_at, write_file
from onto_flow.sinks.table_publisher import TablePublisher

SCHEMA = (("n", Type("int")), ("text", Type("str")), ("list", Type("list", items=(Type("int"),))))
ROOMS = Table("Room", "rooms", SCHEMA)
GRACE = 10.0


@pytest.fixture(autouse=True)
def several_row_groups_and_no_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda _: None)
    monkeypatch.setattr(arrow_table, "CHUNK_ROWS", 60)
    monkeypatch.setattr(arrow_table, "ROW_GROUP_ROWS", 60)


def rows_of(n, count):
    return [(f"rooms/{i}", {"n": n, "text": f"{n} {i}" * (n % 5), "list": [n, i]}) for i in range(count)]


class Published:
    """A table that is published again and again, and what a reader of each version has in its hands."""

    def __init__(self, folder):
        self.now = 1000.0
        self.file = folder / "rooms" / "table.parquet"
        self.publisher = TablePublisher(TableFolder(folder / "rooms"), ROOMS, grace=GRACE, clock=lambda: self.now)
        self.publisher.prepare(1, "add")
        self.versions = []

    def publish(self, n, count):
        for version in self.versions[-1:]:
            version["replaced"] = self.now
        self.publisher.publish(lambda: iter(rows_of(n, count)), 1)
        with self.file.open("rb") as opened:
            footer = pq.ParquetFile(opened).metadata
        self.versions.append({"n": n, "count": count, "footer": footer})

    def read(self, version):
        with self.file.open("rb") as opened:
            return pq.ParquetFile(opened, metadata=version["footer"], page_checksum_verification=True).read()

    def check(self, version):
        found = self.read(version)
        assert found.column("n").to_pylist() == [version["n"]] * version["count"]
        assert found.column("text").to_pylist() == [d["text"] for _, d in rows_of(version["n"], version["count"])]


@given(
    st.lists(st.tuples(st.integers(0, 300), st.sampled_from([0.0, 0.5, 3.0, 9.9, 10.0, 30.0])), min_size=1, max_size=12)
)
def test_the_footer_of_every_kept_version_reads_its_table_from_the_newest_file(tmp_path_factory, history):
    table = Published(tmp_path_factory.mktemp("table"))
    for n, (count, seconds) in enumerate(history):
        table.publish(n, count)
        for version in table.versions:
            if (
                version is table.versions[-1]
                or version is table.versions[-2]
                or table.now - version["replaced"] < GRACE
            ):
                table.check(version)
        table.now += seconds


def test_a_table_of_one_size_goes_round_in_its_file(tmp_path):
    table = Published(tmp_path)
    sizes = []
    for n in range(12):
        table.publish(5 * n + 4, 500)
        sizes.append(table.file.stat().st_size)
        table.now += 2 * GRACE
    assert max(sizes) < 3.5 * sizes[0]


def test_a_file_gets_smaller_when_its_table_does(tmp_path):
    table = Published(tmp_path)
    table.publish(4, 3000)
    for n in range(3):
        table.now += 2 * GRACE
        table.publish(n, 10)
    assert table.file.stat().st_size < 10_000


def test_older_versions_beyond_the_budget_go_and_the_last_one_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(table_publisher, "KEPT_BYTES", 1)
    table = Published(tmp_path)
    for n in range(4):
        table.publish(4, 100 + n)
    table.check(table.versions[-1])
    table.check(table.versions[-2])
    with table.file.open("rb") as opened:
        assert len(look_at(opened).kept) == 1


def test_rows_that_do_not_fit_in_a_gap_go_behind_all(tmp_path):
    schema = pa.schema([("n", pa.int64())])
    first, second = tmp_path / "first", tmp_path / "second"
    groups = [pa.table({"n": list(range(at, at + 1000))}) for at in range(0, 5000, 1000)]
    write_file(first, None, [], schema, lambda: groups, guess=0, limit=10**9)
    with first.open("rb") as before:
        own = look_at(before).own
        kept = [Range(own.end - 10, own.end, 0.0)]  # a gap of 1 kB that the guess fits in, and the rows do not
        write_file(second, before, kept, schema, lambda: groups, guess=own.end - own.start - 10, limit=10**9)
        before.seek(own.end - 10)
        assert second.read_bytes()[own.end - 10 : own.end] == before.read(10)
    with second.open("rb") as opened:
        found = look_at(opened)
    assert found.own.start == own.end and found.kept == kept
    assert pq.read_table(second).column("n").to_pylist() == list(range(5000))


def test_a_table_that_is_too_large_is_told_before_it_is_written_whole(tmp_path):
    taken = []
    groups = (taken.append(n) or pa.table({"n": [os.urandom(1000) for _ in range(10)]}) for n in range(100))
    with pytest.raises(TooLarge):
        write_file(tmp_path / "f", None, [], pa.schema([("n", pa.binary())]), lambda: groups, guess=0, limit=50_000)
    assert len(taken) < 10 and (tmp_path / "f").stat().st_size <= 50_000


@pytest.mark.parametrize("why", [errno.ENOSYS, errno.EXDEV, errno.EOPNOTSUPP, None])
def test_bytes_are_copied_by_hand_where_the_file_system_does_not(tmp_path, monkeypatch, why):
    def refuse(*_):
        raise OSError(why, "no")

    if why is None:
        monkeypatch.delattr(os, "copy_file_range")
    else:
        monkeypatch.setattr(os, "copy_file_range", refuse)
    table = Published(tmp_path)
    table.publish(1, 200)
    table.publish(2, 100)
    table.check(table.versions[0])


def test_an_error_of_the_disk_while_copying_is_an_error(tmp_path, monkeypatch):
    table = Published(tmp_path)
    table.publish(1, 200)
    monkeypatch.setattr(os, "copy_file_range", lambda *_: (_ for _ in ()).throw(OSError(errno.EIO, "bad disk")))
    with pytest.raises(OSError, match="bad disk"):
        table.publish(2, 100)
    monkeypatch.setattr(os, "copy_file_range", lambda *_: 0)
    with pytest.raises(OSError, match="ends at byte"):
        table.publish(2, 100)
    table.check(table.versions[0])
    assert [f.name for f in tmp_path.iterdir()] == ["rooms"]


def test_a_full_disk_leaves_the_table_as_it_was(tmp_path, monkeypatch):
    table = Published(tmp_path)
    table.publish(1, 200)
    before, write = table.file.read_bytes(), os.pwrite
    for step in range(0, 60, 7):
        calls = iter(range(10**6))

        def full(*args, step=step, calls=calls):
            if next(calls) >= step:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(*args)

        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", full)
            with pytest.raises(OSError, match="No space left"):
                table.publish(2, 1000)
        assert table.file.read_bytes() == before
        assert [f.name for f in tmp_path.iterdir()] == ["rooms"]


def test_a_footer_that_lies_about_what_is_kept_keeps_the_last_version(tmp_path):
    table = Published(tmp_path)
    table.publish(1, 200)
    data = pq.read_table(table.file)
    lying = data.replace_schema_metadata({b"onto_flow.kept": b"[[4, 99999999, 0]]"})
    pq.write_table(lying, table.file)
    with table.file.open("rb") as opened:
        footer = pq.ParquetFile(opened).metadata
    table.publish(2, 100)
    table.check({"n": 1, "count": 200, "footer": footer})
