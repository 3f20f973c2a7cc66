"""The bytes of state in C against `core.codec`."""

from __future__ import annotations

import gc
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode, encode
from onto_flow.core.errors import DataError
from onto_flow.core.value_bytes import MAX_DEPTH
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats.native import extension
from onto_flow.formats.native.values import value_decoder, value_encoder
from onto_flow.operators.messages import Doc
from onto_flow.testing.sink_suite import VALUES
from onto_flow.testing.source_suite import VALUES as EVERY

pytestmark = pytest.mark.usefixtures("compiled")
NUMBERS = (0, 1, -1, 127, 128, -128, -129, 255, 256, 2**15, -(2**15) - 1, 2**47, 2**63 - 1, -(2**63), 2**63, -(10**30))
FORMS = st.recursive(
    VALUES,
    lambda inner: st.one_of(
        st.tuples(inner, inner), st.lists(inner), st.dictionaries(st.text(), inner), st.builds(Doc, inner, inner, inner)
    ),
    max_leaves=20,
)


def outcome(what, *arguments):
    try:
        found = what(*arguments)
    except DataError as error:
        return error.code, error.what
    except OverflowError as error:  # a time outside the years 1 to 9999
        return str(error)
    return found if isinstance(found, bytes) else repr(found)


@given(FORMS)
def test_any_form_has_the_bytes_of_the_codec(value):
    expected = encode(value)
    assert value_encoder()(value, b"12") == b"12" + expected
    assert repr(value_decoder()(b"12" + expected, 2)) == repr(decode(expected))


@given(FORMS, st.integers(0, 10_000), st.binary(max_size=4))
def test_bytes_that_are_no_form_are_told_as_by_the_codec(value, at, put):
    good = encode(value)
    at %= len(good) + 1
    for data in (good[:at], good[:at] + put + good[at + len(put) :], put + good):
        assert outcome(value_decoder(), data) == outcome(decode, data)


def deep(levels):
    value = 1
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value",
    [
        *NUMBERS,
        EVERY,
        deep(MAX_DEPTH),
        deep(MAX_DEPTH + 1),
        "\ud800",
        {"\ud800": 1},
        {1: 2},
        {1, 2},
        object,
        GeoPoint(1, 2),  # whole degrees: the codec packs what is no float, too
        Vector((1, 2.5)),
        Reference("a/b", "projects/p/databases/d"),
        datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=2))),
        datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone.utc),
        datetime(1, 1, 1, tzinfo=timezone.utc),
        {f"name{n}": n for n in range(40)},
    ],
    ids=lambda value: repr(value)[:30],
)
def test_corners_are_as_in_the_codec(value):
    assert outcome(value_encoder(), value) == outcome(encode, value)


def test_without_the_extension_the_codec_does_it(monkeypatch):
    monkeypatch.setattr("onto_flow.formats.native.values.extension", lambda: None)
    assert value_encoder()({"a": 1}, b">") == b">" + encode({"a": 1})
    assert value_decoder()(b">" + encode({"a": 1}), 1) == {"a": 1}


def test_what_holds_numbers_and_texts_alone_is_not_the_garbage_collectors():
    decoded = value_decoder()
    for flat in ((1, 2, 3), ("a", None, 1.5, True), Reference("a/b"), Reference("a/b", "projects/p/databases/d")):
        found = decoded(encode(flat))
        assert (found, type(found), gc.is_tracked(found)) == (flat, type(flat), False)
    for deep_one in ((1, [2]), ((1, 2), 3), (Reference("a/b"),)):
        assert decoded(encode(deep_one)) == deep_one
        assert gc.is_tracked(decoded(encode(deep_one)))


def test_references_may_be_of_another_class():
    class Named(NamedTuple):
        path: str
        database: str | None

    compiled = extension()
    for made in (Named, Reference, Named):
        decode_ = compiled.decode
        found = decode_(GeoPoint, made, Vector, None, encode(Reference("a/b")))
        assert type(found) is made
        assert (found.path, found.database) == ("a/b", None)
