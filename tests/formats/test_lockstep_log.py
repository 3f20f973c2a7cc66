"""Many blocks at once give what `read_records` gives."""

import io
import random

import pytest
from damage import damaged
from test_leveldb_log import log_of, mixed

from onto_flow.core.errors import DataError
from onto_flow.formats import leveldb_log, lockstep_log
from onto_flow.formats.leveldb_log import BLOCK, read_records
from onto_flow.formats.lockstep_log import read_spans


def outcome(read):
    """The records, and the error behind them."""
    found = []
    try:
        found.extend(read)
    except DataError as error:
        found.append(str(error))
    return found


def flat(spans):
    for part in spans:
        yield from part.records()


@pytest.fixture(autouse=True, params=["compiled", "arrays", "headers"])
def _reader(request, monkeypatch):
    """All ways to find the fragments."""
    if request.param == "compiled":
        request.getfixturevalue("compiled")
    else:
        monkeypatch.setattr(lockstep_log, "extension", lambda: None)
        monkeypatch.setattr(lockstep_log, "FEW", 0 if request.param == "arrays" else 1 << 20)


def check(data, chunks=(BLOCK, 3 * BLOCK, 128 * BLOCK), **options):
    expected = outcome(read_records(io.BytesIO(data), **options))
    for chunk in chunks:
        assert outcome(flat(read_spans(io.BytesIO(data), chunk=chunk, **options))) == expected
    return expected


@pytest.mark.parametrize("pad", [False, True])
@pytest.mark.parametrize("verify", [False, True])
def test_records_of_any_size(pad, verify):
    data = log_of(*mixed(), *[bytes([n % 256]) * (n % 90) for n in range(9000)], b"x" * (9 * BLOCK), pad=pad)
    assert len(check(data, verify=verify)) == 9301


@pytest.mark.parametrize("pad", [False, True])
def test_what_is_whole_is_not_read_record_by_record(pad, monkeypatch):
    data = log_of(*mixed(), b"x" * (2 * BLOCK), b"last", pad=pad)
    expected = outcome(read_records(io.BytesIO(data)))
    monkeypatch.setattr(lockstep_log, "read_records", None)
    assert outcome(flat(read_spans(io.BytesIO(data)))) == expected


@pytest.mark.parametrize("left", [0, 1, 6, 7, 8, 20])
def test_a_block_that_is_nearly_full(left):
    check(log_of(b"a" * (BLOCK - 7 - left), b"second", b"third" * BLOCK))


def test_ranges_give_every_record_once():
    records = mixed()
    data = log_of(*records, b"x" * (5 * BLOCK), pad=True)
    for step in (BLOCK, 2 * BLOCK, 7 * BLOCK):
        found = []
        for at in range(0, len(data), step):
            found += check(data, chunks=(BLOCK, 4 * BLOCK), start=at, end=min(at + step, len(data)))
        assert [record for _, _, record in found] == [*records, b"x" * (5 * BLOCK)]


def test_reading_goes_on_behind_any_record():
    data = log_of(*mixed(60), pad=True)
    for _, behind, _ in list(read_records(io.BytesIO(data))):
        check(data, chunks=(2 * BLOCK,), start=behind)


@pytest.mark.parametrize("data", [b"", bytes(BLOCK), bytes(3 * BLOCK), bytes(5), bytes(BLOCK + 3)])
def test_nothing_and_zeros(data):
    check(data)


def test_a_record_beyond_the_limit_is_an_error_behind_those_before_it():
    data = log_of(b"one", b"x" * 90_000, b"two")
    assert "more than 1000 bytes" in check(data, limit=1000)[-1]
    assert "more than 70000 bytes" in check(data, limit=70_000)[-1]


def test_a_changed_byte_is_found_by_the_checksum():
    data = bytearray(log_of(*[b"record"] * 20_000))
    data[-4] ^= 1
    assert "checksum" in check(bytes(data), name="output-3")[-1]


def fuzz(numbers):
    clean = [log_of(*mixed(n), pad=pad) for n, pad in ((20, False), (40, True), (6, False))]
    errors = 0
    for number in numbers:
        rng = random.Random(number)
        data = damaged(rng, rng.choice(clean), rng.choice(clean))
        start = rng.choice([0, 0, BLOCK, 2 * BLOCK])
        found = check(data, chunks=(rng.choice([1, 2, 5]) * BLOCK,), start=start, verify=rng.random() < 0.5)
        errors += any(isinstance(item, str) for item in found)
    return errors


def test_damaged_files_give_the_same_records_and_the_same_error():
    assert fuzz(range(400)) > 100


@pytest.mark.long
@pytest.mark.parametrize("part", range(5))
def test_many_damaged_files(part):
    assert fuzz(range(1000 + part * 10_000, 1000 + (part + 1) * 10_000)) > 2000


def test_without_the_package_for_checksums(monkeypatch):
    monkeypatch.setattr(leveldb_log, "crc32c", leveldb_log.portable_crc32c)
    check(log_of(b"one", b"x" * 40_000))
