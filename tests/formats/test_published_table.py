"""Reading published tables that are damaged or cannot be caught."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from onto_flow import read_table
from onto_flow.core.errors import DataError
from onto_flow.formats import published_table
from onto_flow.formats.table_folder import TableFolder
from onto_flow.formats.table_manifest import Manifest, Part, part_name

ROWS = pa.table({"n": list(range(1000))})


@pytest.fixture
def parts(tmp_path):
    folder = TableFolder(tmp_path / "rooms")
    folder.place.mkdir()
    names = [part_name(1, "a", n) for n in range(2)]
    for name in names:
        file, _ = folder.create_part(name)
        with file:
            pq.write_table(ROWS, file, write_page_checksum=True, compression="none", use_dictionary=False)
    folder.put_manifest(Manifest(1, 1, tuple(Part(name, 1000, 1) for name in names)))
    return folder, names


def test_parts_are_one_table(parts):
    assert read_table(parts[0].place) == pa.concat_tables([ROWS, ROWS])


def test_a_part_that_is_gone_is_an_error(parts):
    folder, names = parts
    folder.remove_part(names[1])
    with pytest.raises(DataError, match="(?s)bad-table.*cannot be read"):
        read_table(folder.place)


def test_a_part_with_other_rows_is_an_error(parts):
    folder, names = parts
    folder.put_manifest(Manifest(1, 1, (Part(names[0], 999, 1),)))
    with pytest.raises(DataError, match="has 1000 rows and shall have 999"):
        read_table(folder.place)


@pytest.mark.parametrize("form", ["file", "parts"])
def test_a_byte_that_changed_is_found(parts, tmp_path, form):
    folder, names = parts
    if form == "file":
        folder.remove_manifest()
        pq.write_table(ROWS, folder.file, write_page_checksum=True, compression="none", use_dictionary=False)
    file = folder.file if form == "file" else folder.part(names[0])
    data = bytearray(file.read_bytes())
    data[4000] ^= 1
    file.write_bytes(data)
    with pytest.raises(DataError, match="bad-table"):
        read_table(folder.place)


def test_a_file_that_is_no_parquet_is_an_error(tmp_path):
    (tmp_path / "table.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match="bad-table"):
        read_table(tmp_path)


def test_a_table_that_cannot_be_caught_is_an_error_in_the_end(parts, monkeypatch):
    folder, _ = parts
    counter = iter(range(10**6))
    gone = lambda self: Manifest(1, next(counter), (Part(part_name(5, "b", 0), 1, 1),))  # noqa: E731
    monkeypatch.setattr(published_table.TableFolder, "manifest", gone)
    with pytest.raises(DataError, match="replaced faster than it can be read"):
        read_table(folder.place)


@pytest.mark.parametrize("place", ["rooms", "rooms/file"])
def test_a_place_that_is_no_folder_holds_no_table(tmp_path, place):
    (tmp_path / "rooms").write_text("")
    with pytest.raises(DataError, match="not-found"):
        read_table(tmp_path / place)
