"""Files of seeds: what is written is read, damage is found, and the bytes stay what they are."""

from __future__ import annotations

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.errors import DataError
from onto_flow.formats.seed_files import SeedManifest, Shard, read_records, write_records

GOLDEN = bytes.fromhex(
    "6f6e746f5f666c6f772e7365656473310a"  # onto_flow.seeds1
    "03000000" "c2412435" "616263"  # a record: size, CRC-32, bytes
    "00000000" "01000000"  # the end: one record
)  # fmt: skip


def written(records: list[bytes]) -> bytes:
    file = io.BytesIO()
    assert write_records(file, records) == len(file.getvalue())
    return file.getvalue()


def test_golden_bytes() -> None:
    assert written([b"abc"]) == GOLDEN
    assert list(read_records(io.BytesIO(GOLDEN), "golden")) == [b"abc"]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_what_is_written_is_read(records: list[bytes]) -> None:
    assert list(read_records(io.BytesIO(written(records)), "x")) == records


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4), st.data())
def test_damage_is_found(records: list[bytes], data: st.DataObject) -> None:
    whole = bytearray(written(records))
    if data.draw(st.booleans()):
        whole = whole[: data.draw(st.integers(0, len(whole) - 1))]
    else:
        whole[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DataError) as told:
        list(read_records(io.BytesIO(whole), "x"))
    assert told.value.code == "bad-seeds"


MANIFEST = SeedManifest(7, None, "ab", {"V": {"title": "c"}}, (Shard("seeds-1", 2, 30),), {"ingest": 2})


def test_a_manifest_is_read_as_it_was_written() -> None:
    assert SeedManifest.of(MANIFEST.to_json(), "x") == MANIFEST


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"format": "onto_flow.seeds/2"}, "state-version"),
        ({"shards": [{"name": "../other", "seeds": 1, "size": 1}]}, "bad-seeds"),
        ({"shards": None}, "bad-seeds"),
        ({"generation": "late"}, "bad-seeds"),
        ({"fingerprints": []}, "bad-seeds"),
    ],
)
def test_what_is_no_manifest_is_refused(change: dict[str, object], code: str) -> None:
    with pytest.raises(DataError) as told:
        SeedManifest.of(json.dumps({**json.loads(MANIFEST.to_json()), **change}), "x")
    assert told.value.code == code


@pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000])
def test_nor_is_other_text(text: str) -> None:
    with pytest.raises(DataError) as told:
        SeedManifest.of(text, "x")
    assert told.value.code == "bad-seeds"
