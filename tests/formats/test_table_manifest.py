"""Manifests: what comes back, and what is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.errors import DataError
from onto_flow.formats import table_manifest
from onto_flow.formats.table_manifest import (
    Manifest,
    Part,
    Replaced,
    decode_manifest,
    encode_manifest,
    made_at,
    part_name,
)

NAMES = st.builds(
    part_name, st.integers(0, 10**15), st.text("0123456789abcdef", min_size=1, max_size=32), st.integers(0, 99999)
)
PARTS = st.builds(Part, NAMES, st.integers(0, 10**9), st.integers(0, 10**12))
REPLACED = st.builds(Replaced, st.lists(NAMES, max_size=3).map(tuple), st.floats(0, 1e10))
MANIFESTS = st.builds(
    Manifest,
    st.integers(0, 2**63),
    st.integers(1, 10**9),
    st.lists(PARTS, min_size=1, max_size=4).map(tuple),
    st.lists(REPLACED, max_size=3).map(tuple),
)


@given(MANIFESTS)
def test_a_manifest_comes_back(manifest):
    assert decode_manifest(encode_manifest(manifest), "") == manifest
    assert all(made_at(name) is not None for name in manifest.names())


ONE = json.loads(encode_manifest(Manifest(1, 1, (Part(part_name(1, "a", 0), 1, 1),))))


@pytest.mark.parametrize(
    "changed",
    [
        {"format": "other"},
        {"format": None},
        {"parts": []},
        {"parts": None},
        {"parts": [{"name": "../../../etc/passwd", "rows": 1, "size": 1}]},
        {"parts": [{"name": "1-a-0.parquet/../x", "rows": 1, "size": 1}]},
        {"parts": [{"name": 5, "rows": 1, "size": 1}]},
        {"parts": [{"name": "1-a-0.parquet"}]},
        {"parts": [[]]},
        {"replaced": [{"names": ["/x"], "at": 0}]},
        {"replaced": [{"names": ["1-a-0.parquet"], "at": "then"}]},
        {"generation": "x"},
        {"publication": None},
    ],
)
def test_a_manifest_that_says_something_else_is_one_clear_error(changed):
    with pytest.raises(DataError, match=r"(?s)bad-table.*tables/rooms.*Publish the table again"):
        decode_manifest(json.dumps(ONE | changed).encode(), "tables/rooms")


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_manifest_is_one_clear_error(data):
    with pytest.raises(DataError, match="bad-table"):
        decode_manifest(data, "")


def test_a_manifest_has_a_largest_size(monkeypatch):
    monkeypatch.setattr(table_manifest, "MAX_MANIFEST_BYTES", 10)
    with pytest.raises(DataError, match="bytes"):
        decode_manifest(json.dumps(ONE).encode(), "")
