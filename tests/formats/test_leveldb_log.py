import io
import random

import pytest

from onto_flow.core.errors import DataError
from onto_flow.formats import leveldb_log
from onto_flow.formats.leveldb_log import BLOCK, HEADER, LogWriter, crc32c, portable_crc32c, read_records


def log_of(*records, pad=False):
    file = io.BytesIO()
    writer = LogWriter(file)
    for record in records:
        writer.write(record)
    if pad:
        writer.pad()
    return file.getvalue()


def read(data, **options):
    return [record for _, _, record in read_records(io.BytesIO(data), **options)]


def mixed(count=300):
    rng = random.Random(7)
    sizes = [rng.choice((0, 1, 50, 700, 40_000)) for _ in range(count)]
    return [bytes([i % 256]) * size for i, size in enumerate(sizes)]


@pytest.mark.parametrize("pad", [False, True])
def test_records_come_back(pad):
    assert read(log_of(*mixed(), pad=pad)) == mixed()


@pytest.mark.parametrize("left", [0, 1, 6, 7, 8, 20])
def test_a_block_that_is_nearly_full_is_filled_as_leveldb_does(left):
    first = b"a" * (BLOCK - HEADER - left)
    data = log_of(first, b"second")
    assert read(data) == [first, b"second"]
    if left == HEADER:
        assert data[BLOCK - HEADER + 4 : BLOCK] == b"\x00\x00\x02", "a FIRST of length 0"
    if 0 < left < HEADER:
        assert not any(data[BLOCK - left : BLOCK])


@pytest.mark.parametrize("blocks", [1, 2, 3, 7])
def test_ranges_of_blocks_give_every_record_once(blocks):
    records = mixed()
    data = log_of(*records, pad=True)
    step = blocks * BLOCK
    parts = [read(data, start=at, end=min(at + step, len(data))) for at in range(0, len(data), step)]
    assert [record for part in parts for record in part] == records


def test_reading_goes_on_behind_any_record():
    records = mixed(120)
    data = log_of(*records, pad=True)
    for done, (_, behind, _) in enumerate(list(read_records(io.BytesIO(data))), start=1):
        assert read(data, start=behind) == records[done:]


def test_an_empty_file_and_one_of_zeros_hold_nothing():
    assert read(b"") == read(bytes(BLOCK)) == read(bytes(3 * BLOCK)) == []


def test_a_changed_byte_is_found_by_the_checksum():
    data = bytearray(log_of(b"one", b"two", b"three"))
    data[18] ^= 1
    with pytest.raises(DataError) as error:
        read(bytes(data), name="output-3")
    assert error.value.code == "bad-export"
    assert "output-3, byte 10" in error.value.where
    assert read(bytes(data), verify=False) != [b"one", b"two", b"three"]


@pytest.mark.parametrize("keep", [3, 9, 12, 40_000, 70_000])
def test_a_cut_file_is_an_error(keep):
    data = log_of(b"one", b"x" * 90_000)
    with pytest.raises(DataError, match="bad-export"):
        read(data[:keep])


def test_a_file_that_ends_between_fragments_is_an_error():
    with pytest.raises(DataError, match="inside a record"):
        read(log_of(b"x" * 90_000)[: 2 * BLOCK])


@pytest.mark.parametrize(
    ("kinds", "what"),
    [
        ((3,), "continuation"),
        ((4,), "continuation"),
        ((2, 1), "inside another"),
        ((2, 2), "inside another"),
        ((9,), "unknown"),
    ],
)
def test_fragments_in_a_wrong_order_are_errors(kinds, what):
    data = bytearray()
    for kind in kinds:
        content = bytes([kind]) + b"abc"
        data += leveldb_log.HEADER_FORMAT.pack(leveldb_log.masked(crc32c(content)), 3, kind) + b"abc"
    with pytest.raises(DataError, match=what):
        read(bytes(data))


def test_a_header_of_zeros_before_records_is_damage_and_no_padding():
    data = bytearray(log_of(b"one", b"two"))
    data[:7] = bytes(7)
    with pytest.raises(DataError, match="zeros"):
        read(bytes(data))


def test_a_record_beyond_the_limit_is_an_error():
    with pytest.raises(DataError, match="more than 1000 bytes"):
        read(log_of(b"x" * 90_000), limit=1000)


def test_both_checksums_are_the_same_function():
    for data in (b"", b"a", bytes(range(256)) * 5, b"123456789"):
        assert crc32c(data) == portable_crc32c(data)


def test_an_export_can_be_read_without_the_package(monkeypatch):
    monkeypatch.setattr(leveldb_log, "crc32c", portable_crc32c)
    assert read(log_of(b"one", b"x" * 40_000)) == [b"one", b"x" * 40_000]
