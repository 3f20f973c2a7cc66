"""Lines that are made of many records at once are those that are made of the documents, byte for byte."""

import json
import math
from datetime import timedelta

import numpy as np
import pytest
from damage import damaged_batches
from hypothesis import given
from hypothesis import strategies as st
from test_batch_documents import ALLTYPES, DATABASE, originals, records_of
from test_round_trips import fields, names, paths

from onto_flow.core.errors import DataError
from onto_flow.core.field_mask import FieldMask
from onto_flow.core.values import EPOCH, GeoPoint, Reference, Vector
from onto_flow.formats import lockstep
from onto_flow.formats.batch_json import JsonEncoder
from onto_flow.formats.batch_numbers import double_texts
from onto_flow.formats.batch_times import time_texts
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.json_lines import line_of
from onto_flow.formats.spans import Spans
from onto_flow.formats.times import format_time
from onto_flow.formats.typed_json import _double_json
from onto_flow.testing.source_suite import VALUES


def check(records, wanted=None, encoder=None):
    """Compares; gives the numbers of the odd records."""
    alone = EntityDecoder(warn=lambda text: None)
    lines, rows, odd = (encoder or JsonEncoder(wanted)).lines(Spans.of(records))
    for line, row in zip(lines, rows, strict=True):
        entity = alone.decode(records[row])
        names = wanted(entity.path.rpartition("/")[0])[1] if wanted else None
        assert line == line_of(entity.path, {k: v for k, v in entity.fields.items() if names is None or k in names})
    assert not set(rows) & set(odd)
    if wanted is None:
        assert sorted([*rows, *odd]) == list(range(len(records)))
    return odd


def without_empty_vectors(value):
    """Their maps have the type behind the values in an export."""
    if isinstance(value, dict):
        return {k: without_empty_vectors(v) for k, v in value.items()}
    if isinstance(value, list):
        return [without_empty_vectors(v) for v in value]
    return Vector((1.0,)) if value == Vector(()) else value


documents = fields.map(without_empty_vectors)


@given(st.lists(st.tuples(paths, documents), max_size=8), st.sampled_from([1, 24]))
def test_any_documents(rows, few):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lockstep, "FEW", few)
        assert check([encode_entity(path, document, DATABASE) for path, document in rows]) == []


@given(st.lists(st.tuples(paths, documents), max_size=8), st.sets(names))
def test_a_projection(rows, wanted):
    wanted = wanted | {name for _, document in rows for name in list(document)[:2]}
    assert check([encode_entity(*row, DATABASE) for row in rows], lambda parent: (True, wanted)) == []


inner = st.dictionaries(st.sampled_from("abc"), st.integers(0, 9) | st.just({}) | st.just([{"a": 1}]), max_size=3)
maps = st.dictionaries(
    st.sampled_from("abc"), st.integers(0, 9) | inner | st.dictionaries(st.sampled_from("abc"), inner)
)
masks = st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3).map(tuple), min_size=1, max_size=4).map(
    FieldMask
)


@given(st.lists(maps, max_size=6), masks)
def test_a_mask_shows_what_it_shows_of_documents(documents, mask):
    documents = [{"deep": d, **d} for d in documents]
    lines, _, odd = JsonEncoder(lambda parent: (True, mask.names), mask).lines(
        Spans.of([encode_entity("a/b", d) for d in documents])
    )
    assert odd == []
    assert lines == [line_of("a/b", mask.apply(d)) for d in documents]


def test_a_mask_does_not_look_into_vectors():
    as_map = {"__type__": "__vector__", "value": [1.0]}
    records = [encode_entity("a/b", {"v": v, "m": {"v": v}}) for v in (as_map, Vector((1.0, 2.0)))]
    for path in (("v",), ("v", "value"), ("m",), ("m", "v", "value")):
        mask = FieldMask([path])
        lines, rows, odd = JsonEncoder(lambda parent, mask=mask: (True, mask.names), mask).lines(Spans.of(records))
        assert odd == [0] * ("value" in path)
        assert lines == [line_of("a/b", mask.apply(EntityDecoder().decode(records[row]).fields)) for row in rows]


def test_collections_and_fields_are_left_out():
    records = [encode_entity(f"{name}/{n}", {"a": n, "b": {"a": 3}}) for name in ("users", "rooms") for n in range(3)]
    asked = {"users": (True, {"b"}), "rooms": (False, None)}
    lines, rows, odd = JsonEncoder(asked.__getitem__).lines(Spans.of(records))
    assert (rows, odd) == ([0, 1, 2], [])
    assert lines[1] == line_of("users/1", {"b": {"a": 3}})


def test_every_type_that_the_emulator_writes():
    assert check(list(records_of(ALLTYPES))) == []


def test_every_value_in_maps_and_arrays():
    records = [
        encode_entity(f"v/{name}", {"v": value, "m": {"v": value, "a": [value, {"v": value}]}, "e": [{}], "z": {}})
        for name, value in VALUES.items()
        if not isinstance(value, list)
    ]
    assert check(records) == []


@pytest.mark.parametrize("name", ["swapi", "stocks", "movielens"])
def test_real_exports(name, real_exports):
    encoder, records = JsonEncoder(), list(records_of(real_exports / name))
    for begin in range(0, len(records), 3000):
        assert check(records[begin : begin + 3000], encoder=encoder) == []


TEXTS = ['"', "\\", "\n", "\r\n", "\x00\x1f\x7f", "é\u2028", 'a"b' * 50, "\U0001f600", "", "/"]


def test_texts_are_escaped_wherever_they_stand():
    texts = [text for text in TEXTS if text]
    documents = [
        {a: b, "m": {b: [a]}, "l": [a, b], "r": Reference("x/y" + b.replace("/", ""))} for a in texts for b in TEXTS
    ]
    ids = [text.replace("/", "-") for text in texts]
    records = [encode_entity(f"c{i}/{i}/d/{i}", d) for d in documents for i in ids]
    assert check(records) == []


def test_ids_of_numbers_and_references_into_other_databases():
    others = [None, "projects/q/databases/(default)", "projects/p/databases/named"]
    records = [
        encode_entity(
            f"a/__id{n}__", {"r": Reference("x/__id5__", other), "l": [Reference(f"x{n}/y", o) for o in others]}, home
        )
        for n in (0, 7, 2**40)
        for other in others
        for home in (DATABASE, others[1])
    ]
    assert check(records) == []


NUMBERS = [
    0.0,
    -0.0,
    1.0,
    1e15,
    1e16,
    1e17,
    1e22,
    1e-4,
    1e-5,
    5e-324,
    1.7976931348623157e308,
    0.1,
    123456.789,
    2**53 + 2.0,
]


@given(st.lists(st.floats() | st.sampled_from(NUMBERS) | st.decimals(-1000, 1000, places=3).map(float), max_size=5))
def test_doubles(numbers):
    assert (
        check(
            [encode_entity("a/b", {"l": numbers, "v": Vector((1.0, *numbers)), "p": [GeoPoint(n, n) for n in numbers]})]
        )
        == []
    )


fractions = st.builds(lambda n, power: n / 10**power, st.integers(-(10**16), 10**16), st.integers(0, 12))


@given(st.lists(fractions | st.floats() | st.sampled_from(NUMBERS), max_size=30))
def test_texts_of_doubles_are_those_of_repr(numbers):
    expected = [repr(n) if math.isfinite(n) else json.dumps(_double_json(n, "")) for n in numbers]
    assert double_texts(np.array(numbers, np.float64)) == [text.encode() for text in expected]


@pytest.mark.long
def test_texts_of_a_million_doubles_are_those_of_repr():
    rng = np.random.default_rng(5)
    for power in range(13):
        numbers = rng.integers(-(10**16), 10**16, 40_000) // 10 ** rng.integers(0, 16, 40_000) / 10.0**power
        assert double_texts(numbers) == [repr(n).encode() for n in numbers.tolist()]
        near = np.nextafter(numbers, rng.choice((-np.inf, np.inf), 40_000))
        assert double_texts(near) == [repr(n).encode() for n in near.tolist()]


@given(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=5))
def test_integers(numbers):
    assert check([encode_entity("a/b", {"l": numbers, **{str(n): n for n in numbers}})]) == []


@given(st.lists(st.datetimes() | st.datetimes().map(lambda t: t.replace(microsecond=t.microsecond // 1000 * 1000))))
def test_times(times):
    micros = [(t.replace(tzinfo=EPOCH.tzinfo) - EPOCH) // timedelta(microseconds=1) for t in times]
    assert time_texts(np.array(micros, np.int64)) == [format_time(t).encode() for t in times]


def nested(depth, value):
    for _ in range(depth):
        value = {"m": value}
    return value


def test_what_only_the_decoder_of_single_records_knows_is_left_to_it():
    plain = encode_entity("a/b", {"n": 1})
    array, text = encode_entity("a/b", {"t": [1, 2]}), encode_entity("a/b", {"t": "é", "u": "é"})
    odd = [
        b"",
        plain[:-1],
        text.replace("é".encode(), b"\xff\xff"),
        text.replace("é".encode(), b'\xff"'),
        encode_entity("a/é", {}).replace("é".encode(), b"\xff\xff"),
        encode_entity("a/x", {}).replace(b"\x22\x01x", b"\x22\x01/"),
        encode_entity("a/b", {"t": 1, "u": 2}).replace(b"\x1a\x01u", b"\x1a\x01t"),
        array.replace(b"\x20\x01\x2a\x02\x08\x02", b"\x20\x00\x2a\x02\x08\x02"),
        encode_entity("a/b", {"m": {"x": 1.0, "__type__": "__vector__"}}),
        encode_entity("a/b", {"v": Vector(())}),
        encode_entity("a/b", {"t": [None, 1]}).replace(b"\x7a\x07\x1a\x01t", b"\x7a\x09\x08\x18\x1a\x01t", 1),
        encode_entity("a/b", {"v": Vector((1.0, 2.0))}).replace(b"\x7a\x12\x08\x1f\x1a\x01v", b"\x7a\x10\x1a\x01v", 1),
        encode_entity("a/b", nested(20, {"v": Vector((1.0, 2.0))})),
    ]
    assert check([plain, *odd, plain]) == list(range(1, len(odd) + 1))
    assert check([encode_entity("a/b", nested(19, {"v": Vector((1.0, 2.0))}))]) == []


def fuzz(numbers, encoder=None):
    """What is not odd of damaged records must be written as it is alone; how many were not."""
    encoder = encoder or JsonEncoder()
    return sum(len(batch) - len(check(batch, encoder=encoder)) for batch in damaged_batches(numbers, originals()))


def test_damaged_records_are_odd_or_as_they_are_alone():
    assert fuzz(range(60)) > 60 * 12


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
def test_half_a_million_damaged_records(part):
    assert fuzz(range(1000 + part * 850, 1000 + (part + 1) * 850)) > 850 * 12


def test_a_line_of_something_that_firestore_has_not_is_an_error():
    with pytest.raises(DataError, match="bad-value"):
        line_of("a/b", {"s": {1, 2}})
