"""Parquet tables as the data world reads them."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from datetime import datetime, timezone

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.core.types import Type
from onto_flow.core.values import to_micros
from onto_flow.formats.published_table import read_table
from onto_flow.formats.table_folder import TableFolder
from onto_flow.sinks.base import Table
from onto_flow.sinks.parquet import ParquetSink, folder_name
from onto_flow.testing.sink_suite import EVERY_TYPE, EVERY_VALUE

TABLE = Table("Room", "rooms", (("n", Type("int")), ("name", Type("str", optional=True))))
ROWS = 50


def TABLE_OF(collection):
    return Table(TABLE.view, collection, TABLE.schema)


def opened(folder, generation=1, table=TABLE):
    sink = ParquetSink(str(folder))
    sink.open([table], generation)
    return sink


def write(sink, n, rows=ROWS):
    sink.write([ViewChange("Room", f"rooms/{i}", None, {"n": n, "name": str(n)}, (1, 0, n)) for i in range(rows)])


def test_every_reader_reads_the_folder(tmp_path):
    sink = opened(tmp_path)
    write(sink, 3, rows=2)
    sink.publish()
    folder = str(tmp_path / "rooms")
    expected = [("rooms/0", 3, "3"), ("rooms/1", 3, "3")]
    assert [tuple(r.values()) for r in pq.read_table(folder).to_pylist()] == expected
    assert list(pd.read_parquet(folder).itertuples(index=False, name=None)) == expected
    assert pl.read_parquet(f"{folder}/").rows() == expected
    assert duckdb.sql(f"select * from '{folder}/*.parquet'").fetchall() == expected


def rows_of(read):
    """What a reader gives, by column, as plain Python; a time is counted in microseconds."""
    return {name: [_plain(value) for value in values] for name, values in read.items()}


def _plain(value):
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, (datetime, pd.Timestamp)):
        return to_micros(value.astimezone(timezone.utc))
    if value is pd.NaT or value is pd.NA or value is None:
        return None
    return bytes(value) if isinstance(value, bytearray) else value


def test_every_reader_reads_every_type(tmp_path):
    """All values are there: pandas shows a null as another value."""
    shown = EVERY_VALUE | {"nothing": ""}
    sink = ParquetSink(str(tmp_path))
    sink.open([EVERY_TYPE], 1)
    sink.write([ViewChange("Every", f"a/1/every/{n}", None, shown, (1, 0, 1)) for n in range(2)])
    sink.complete()
    assert list(sink.publish()) == []
    folder = str(sink.folder(EVERY_TYPE))
    expected = rows_of(pq.read_table(folder).to_pydict())
    assert expected["list"] == [[{"n": 1, "s": None}, {"n": 2, "s": "x"}]] * 2
    assert expected["where"] == [{"latitude": -1.5, "longitude": 180.0}] * 2
    assert expected["when"] == [to_micros(shown["when"])] * 2
    assert rows_of(pl.read_parquet(f"{folder}/").to_dict(as_series=False)) == expected
    assert rows_of({n: list(column) for n, column in pd.read_parquet(folder).items()}) == expected
    names = duckdb.sql(f"select * from '{folder}/*.parquet'")
    assert rows_of(dict(zip(names.columns, map(list, zip(*names.fetchall()))))) == expected


READER = """
import sys
from importlib import import_module
from pathlib import Path

def polars(read):
    return lambda place: read(import_module("polars"), place)["n"].to_list()

connections = []

def duckdb(place, kept=False):
    if not connections or not kept:
        connections[:] = [import_module("duckdb").connect()]
    return [row[0] for row in connections[0].execute(f"select n from '{place}'").fetchall()]

READS = {
    "pyarrow, folder": lambda f: import_module("pyarrow.parquet").read_table(f).column("n").to_pylist(),
    "pyarrow, file": lambda f: import_module("pyarrow.parquet").read_table(f"{f}/table.parquet").column("n").to_pylist(),
    "pandas": lambda f: import_module("pandas").read_parquet(f)["n"].tolist(),
    "polars, folder": lambda f: polars(lambda pl, f: pl.read_parquet(f"{f}/"))(f),
    "polars, pattern": lambda f: polars(lambda pl, f: pl.read_parquet(f"{f}/*.parquet"))(f),
    "polars, file": lambda f: polars(lambda pl, f: pl.read_parquet(f"{f}/table.parquet"))(f),
    "polars, lazy": lambda f: polars(lambda pl, f: pl.scan_parquet(f"{f}/").select("n").collect())(f),
    "duckdb, pattern": lambda f: duckdb(f"{f}/*.parquet"),
    "duckdb, file": lambda f: duckdb(f"{f}/table.parquet", kept=True),
    "onto_flow": lambda f: import_module("onto_flow").read_table(f).column("n").to_pylist(),
}
folder, stop, names = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
for name in names:
    READS[name](folder)
print("reading", flush=True)
newest = {name: 0 for name in names}
while not stop.exists():
    for name in names:
        found = READS[name](folder)
        assert len(set(found)) == 1 and len(found) == 10 + 7 * found[0], (name, len(found), sorted(set(found)))
        assert found[0] >= newest[name], (name, found[0], newest[name])
        newest[name] = found[0]
"""
READERS = (
    ("pyarrow, folder", "pyarrow, file", "pandas", "onto_flow"),
    ("polars, folder", "polars, pattern", "polars, file", "polars, lazy"),
    ("duckdb, pattern", "duckdb, file"),
)


@pytest.mark.parametrize("publishes", [40, pytest.param(200, marks=pytest.mark.long)])
def test_readers_in_other_processes_never_see_a_mix_or_an_error(tmp_path, publishes):
    sink = opened(tmp_path / "out")
    stop = tmp_path / "stop"

    def publish(n):
        write(sink, n, rows=10 + 7 * n)
        sink.publish()

    publish(1)
    folder = str(tmp_path / "out" / "rooms")
    readers = [
        subprocess.Popen(
            [sys.executable, "-c", READER, folder, str(stop), *names],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for names in READERS
    ]
    begun = [reader.stdout.readline() for reader in readers]
    for n in range(2, publishes + 2):
        publish(n)
    stop.touch()
    wrong = [reader.communicate()[1] for reader in readers]
    assert wrong == [""] * len(readers)
    assert begun == ["reading\n"] * len(readers)
    assert [reader.returncode for reader in readers] == [0] * len(readers)


def test_who_takes_the_folder_of_a_manifest_for_one_of_files_gets_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr("onto_flow.sinks.table_publisher.MAX_FILE_BYTES", 0)
    sink = opened(tmp_path)
    for n in (1, 2):
        write(sink, n)
        sink.publish()
    folder = str(tmp_path / "rooms")
    for read in (
        lambda: pq.read_table(folder),
        lambda: pd.read_parquet(folder),
        lambda: pl.read_parquet(f"{folder}/"),
        lambda: pl.read_parquet(f"{folder}/*.parquet"),
        lambda: duckdb.sql(f"select * from '{folder}/*.parquet'").fetchall(),
        lambda: duckdb.sql(f"select * from '{folder}/**/*.parquet'").fetchall(),
    ):
        with pytest.raises((OSError, pl.exceptions.ComputeError, duckdb.Error, pa.ArrowException)):
            read()
    assert read_table(folder).column("n").to_pylist() == [2] * ROWS


def test_an_unchanged_table_is_not_written_again(tmp_path):
    sink = opened(tmp_path)
    write(sink, 1)
    sink.publish()
    before = (tmp_path / "rooms" / "table.parquet").stat().st_ino
    write(sink, 1)
    sink.publish()
    assert (tmp_path / "rooms" / "table.parquet").stat().st_ino == before


def test_an_empty_view_is_an_empty_table_with_its_columns(tmp_path):
    sink = opened(tmp_path)
    sink.complete()
    sink.publish()
    assert pq.read_table(tmp_path / "rooms").column_names == ["__path__", "n", "name"]


@pytest.mark.parametrize(
    ("document", "says", "row"),
    [
        ({"n": 1.5}, "Room.n is declared as int and holds 1.5", (None, None)),
        ({"n": True}, "Room.n is declared as int and holds True", (None, None)),
        ({"n": 1, "name": 7}, "Room.name is declared as str? and holds 7", (1, None)),
        ({"n": 1, "other": 7}, "Room has no attribute 'other' in its schema", (1, None)),
    ],
)
def test_a_value_that_does_not_fit_is_null_and_a_dead_letter_until_it_fits(tmp_path, document, says, row):
    sink = opened(tmp_path)
    write(sink, 1, rows=2)
    assert list(sink.publish()) == []
    sink.write([ViewChange("Room", "rooms/0", None, document, (1, 0, 2))])
    assert sink.publish() == [DeadLetter("table:Room:rooms/0", f"sink-failed: {says}", payload=document)]
    assert [tuple(r.values())[1:] for r in pq.read_table(tmp_path / "rooms").to_pylist()] == [row, (1, "1")]
    sink.write([ViewChange("Room", "rooms/0", None, {"n": 9}, (1, 0, 3))])
    assert sink.publish() == [DeadLetter("table:Room:rooms/0", "", cleared=True)]


def test_left_overs_of_a_killed_writer_go(tmp_path):
    for name in (".rooms.table.parquet.123", ".roomsAndMore.table.parquet.123"):
        (tmp_path / name).write_bytes(b"half")
    opened(tmp_path)
    assert {f.name for f in tmp_path.iterdir()} == {"rooms", ".roomsAndMore.table.parquet.123"}


def test_nothing_but_the_table_is_ever_in_its_folder(tmp_path, monkeypatch):
    sink = opened(tmp_path)
    write(sink, 1)
    sink.publish()
    seen = []
    sync = os.fsync
    monkeypatch.setattr("os.fsync", lambda file: (seen.append(sorted((tmp_path / "rooms").iterdir())), sync(file)))
    write(sink, 2)
    sink.publish()
    assert seen == [[tmp_path / "rooms" / "table.parquet"]] * 2
    assert [f.name for f in tmp_path.iterdir()] == ["rooms"]


@pytest.mark.parametrize("collection", ["../../etc", "a/../b", ".", "..", "a\x00b", "C:\\x", "é"])
def test_hostile_names_stay_in_the_folder(tmp_path, collection):
    sink = opened(tmp_path / "tables", table=TABLE_OF(collection))
    write(sink, 1, rows=1)
    sink.publish()
    assert [f.name for f in tmp_path.iterdir()] == ["tables"]
    assert len(list((tmp_path / "tables").iterdir())) == 1
    name = folder_name(collection)
    assert (tmp_path / name).resolve().parent == tmp_path.resolve()
    assert "/" not in name and "\x00" not in name and not name.startswith(".")


def test_a_writer_of_an_older_generation_cannot_replace_a_newer_table(tmp_path):
    older, newer = opened(tmp_path, 1), opened(tmp_path, 2)
    newer.complete()
    newer.publish()
    write(older, 1)
    with pytest.raises(EngineError, match="newer than 1"):
        older.publish()
    assert pq.read_table(tmp_path / "rooms").num_rows == 0
    assert [f.name for f in (tmp_path / "rooms").iterdir()] == ["table.parquet"]


def test_the_table_before_stays_until_the_newer_one_is_complete(tmp_path):
    first = opened(tmp_path, 1)
    write(first, 1)
    first.publish()
    second = opened(tmp_path, 2)
    second.write([ViewChange("Room", "rooms/0", None, {"n": 2, "name": "2"}, (2, 0, 1))])
    assert list(second.publish()) == []
    assert pq.read_table(tmp_path / "rooms").num_rows == ROWS
    second.complete()
    second.publish()
    assert pq.read_table(tmp_path / "rooms").num_rows == 1


def test_two_sinks_of_one_process_do_not_share_what_they_are_writing(tmp_path):
    names = set()
    for sink in (left := opened(tmp_path), opened(tmp_path)):
        write(sink, 1)
        sink.publish()
        names.add((tmp_path / "rooms" / "table.parquet").stat().st_ino)
    assert len(names) == 2 and pq.read_table(left.folder(TABLE)).num_rows == ROWS


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(EngineError, match="sink-failed"):
        opened(tmp_path / "file")


@pytest.mark.long
def test_a_table_that_grows_over_the_limit_is_parts_and_one_row_group_is_held_at_a_time(tmp_path):
    sink = opened(tmp_path)
    chance = random.Random(1)

    def grow(start, stop):
        for i in range(start, stop):
            new = {"n": i, "name": chance.randbytes(350).hex()}
            sink.write([ViewChange("Room", f"rooms/{i:07d}", None, new, (1, 0, 1))])
        sink.publish()
        return read_table(tmp_path / "rooms", columns=["n"]).column("n").to_pylist() == list(range(stop))

    assert grow(0, 100_000)
    assert [f.name for f in (tmp_path / "rooms").iterdir()] == ["table.parquet"]
    before = pa.total_allocated_bytes()
    assert grow(100_000, 450_000)
    manifest = TableFolder(tmp_path / "rooms").manifest()
    assert sum(part.size for part in manifest.parts) > 256 << 20
    assert all(64 << 20 <= part.size < 110 << 20 for part in manifest.parts[:-1])
    assert pa.default_memory_pool().max_memory() - before < 300 << 20
