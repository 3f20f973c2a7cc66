"""The size of documents in C against `database.limits`."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint
from onto_flow.database import limits
from onto_flow.database.limits import MAX_FIELD_BYTES, checked_document, fits
from onto_flow.formats.native import extension
from onto_flow.testing.sink_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")
NAMES = st.one_of(st.text(), st.sampled_from(["", "_", "__", "__x__", "_onto", "é", "\ud800", "n" * 1500, "é" * 751]))
NUMBERS = st.sampled_from(
    [2**63 - 1, -(2**63), 2**63, True, None, 1.5, float("nan"), datetime(2024, 5, 1), "é\U0001f600"]
)
DOCUMENTS = st.dictionaries(
    NAMES,
    st.recursive(
        st.one_of(VALUES, NUMBERS),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(NAMES, inner)),
        max_leaves=12,
    ),
)
USUAL = {"a": "é", "b": [1, {"c": [None, True]}], "d": {"e": 0.5}, "t": datetime(2024, 5, 1, tzinfo=timezone.utc)}


def nested(levels):
    value = 1
    for _ in range(levels):
        value = {"a": value}
    return {"a": value}


@given(DOCUMENTS)
def test_what_fits_is_what_is_taken_as_it_is(fields):
    if not fits("v/1", fields):
        return
    check = limits._Check(False)
    assert repr(check.map(fields, 0)) == repr(fields)
    assert extension().document_size(fields) == check.size


@pytest.mark.parametrize("fields", [USUAL, {}, nested(20), {"a": "x" * (MAX_FIELD_BYTES - 60)}])
def test_usual_documents_fit(fields):
    assert fits("v/1", fields)
    assert checked_document("v/1", fields) == fields


@pytest.mark.parametrize(
    "fields",
    [
        nested(21),
        {"a": [[1]]},
        {"a": (1,)},
        {"a": 2**63},
        {"": 1},
        {"__x__": 1},
        {1: 1},
        {"n" * 1501: 1},
        {"é" * 751: 1},
        {"a": "\ud800"},
        {"a": datetime(2024, 5, 1)},
        {"a": GeoPoint(1, 2)},
        {"a": "x" * MAX_FIELD_BYTES},
        {"a": object()},
    ],
    ids=range(14),
)
def test_what_is_unusual_is_looked_at(fields):
    assert not fits("v/1", fields)


def test_room_for_more_fields_is_kept():
    fields = {"a": "x" * (MAX_FIELD_BYTES - 100)}
    assert fits("v/1", fields, 10)
    assert not fits("v/1", fields, 100)


def test_without_c_each_value_is_looked_at(monkeypatch):
    monkeypatch.setattr(limits, "extension", lambda: None)
    assert not fits("v/1", USUAL)
    with pytest.raises(DataError):
        checked_document("v/1", {"a": [[1]]})
