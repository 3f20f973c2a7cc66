"""The compiled decoder makes the lines that documents give one by one, byte for byte."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_batch_documents import ALLTYPES, DATABASE, records_of
from test_batch_json import check, documents, fuzz, nested
from test_round_trips import names, paths

from onto_flow.core.values import GeoPoint, Reference, Vector, from_micros
from onto_flow.formats.batch_json import JsonEncoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.native.lines import line_encoder
from onto_flow.formats.spans import Spans
from onto_flow.testing.source_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")


class Native:
    """As `JsonEncoder`."""

    def __init__(self, wanted=None):
        self.lines = line_encoder(wanted)


@given(st.lists(st.tuples(paths, documents), max_size=8))
def test_any_documents(rows):
    assert check([encode_entity(path, document, DATABASE) for path, document in rows], encoder=Native()) == []


@given(st.lists(st.tuples(paths, documents), max_size=8), st.sets(names))
def test_a_projection(rows, wanted):
    wanted = frozenset(wanted | {name for _, document in rows for name in list(document)[:2]})
    records = [encode_entity(path, document, DATABASE) for path, document in rows]
    asked = lambda parent: (True, wanted)  # noqa: E731
    assert check(records, asked, Native(asked)) == []


@given(
    st.lists(st.floats(), max_size=9),
    st.lists(st.integers(-(2**63), 2**63 - 1), max_size=9),
    st.lists(st.integers(-62_135_596_800_000_000, 253_402_300_799_999_999), max_size=9),
)
def test_numbers_and_times(doubles, integers, micros):
    values = {
        "d": doubles,
        "i": integers,
        "t": [from_micros(m) for m in micros],
        "s": [from_micros(m // 1000 * 1000) for m in micros],
    }
    assert check([encode_entity("a/b", values)], encoder=Native()) == []


@given(st.text(max_size=30), st.binary(max_size=30))
def test_texts_and_bytes(text, data):
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    fields = {"t": text, "b": data, text: 1, "all": "".join(map(chr, range(256))) + "\u2028\U0001f600"}
    assert check([encode_entity("a/b", fields), encode_entity('a/ "\\\n', {})], encoder=Native()) == []


def test_every_type_that_the_emulator_writes():
    records = list(records_of(ALLTYPES))
    assert check(records, encoder=Native()) == check(records)


def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}, "last": 1})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    assert check(records, encoder=Native()) == []


def test_references_into_other_databases_and_points():
    values = [
        Reference("x/y", other) for other in (None, "projects/q\x00r/databases/(default)", "projects/p/databases/named")
    ]
    values += [Reference("x/1/y/__id7__"), GeoPoint(-0.0, 180.0), GeoPoint(1e-7, 1e22)]
    assert check([encode_entity("a/b", {"l": values, "a": values[0]}, DATABASE)], encoder=Native()) == []


def test_names_that_stand_twice_are_told_apart_from_those_of_other_maps():
    sound = encode_entity("a/b", {"m": {"m": {"m": 1}, "n": 2}, "n": [{"m": 1, "n": 2}, {"m": 1, "n": [2]}]})
    twice = [
        encode_entity("a/b", {"t": 1, "x": {"t": 1}, "u": 2}).replace(b"\x1a\x01u", b"\x1a\x01t"),
        encode_entity("a/b", {"x": {"t": 1, "m": {"t": 3}, "u": 2}}).replace(b"\x1a\x01u", b"\x1a\x01t"),
        encode_entity("a/b", {"t": [1, 2], "x": 1, "u": [3]}).replace(b"\x1a\x01u", b"\x1a\x01t"),
    ]
    assert check([sound, *twice, sound], encoder=Native()) == [1, 2, 3]


def test_maps_as_deep_as_they_may_be():
    deep = [nested(19, {"v": Vector((1.0, 2.0))}), nested(20, {"v": Vector((1.0, 2.0))}), nested(20, {"v": 1.0})]
    assert check([encode_entity("a/b", fields) for fields in deep], encoder=Native()) == [1]


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    records = list(records_of(real_exports / name))
    assert check(records, encoder=Native()) == []
    assert Native().lines(Spans.of(records)).lines == JsonEncoder().lines(Spans.of(records)).lines


def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(100), Native()) > 100 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(4))
def test_many_damaged_records(part):
    assert fuzz(range(10_000 + part * 2000, 10_000 + (part + 1) * 2000), Native()) > 2000 * 12
