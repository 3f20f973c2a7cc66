"""The compiled decoders of events' fields give what those in Python give, and take what is usual themselves."""

import json
import random
from datetime import datetime, timezone

import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import fields, paths

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats import event_body, typed_json_decoder
from onto_flow.formats.event_body import BodyDecoder
from onto_flow.formats.event_body_writer import write_document
from onto_flow.formats.native import extension
from onto_flow.formats.native.fields import makers
from onto_flow.formats.typed_json import decode_fields, encode_fields
from onto_flow.formats.wire import chunk
from onto_flow.testing.source_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")
DATABASE = "projects/p/databases/(default)"
NAME = f"{DATABASE}/documents/a/b"
DOCUMENT = VALUES | {
    "near": Reference("a/b/c/d"),
    "far": Reference("a/b", "projects/q/databases/d"),
    "deep": {"m": {"l": [{"x": 1}, None, "ż"], "v": Vector((1.0,))}},
    "at": GeoPoint(1.5, -2.0),
    "times": [datetime(2024, 5, 1, tzinfo=timezone.utc), datetime(1, 1, 1, 0, 0, 0, 1000, timezone.utc)],
}


def without(module, call):
    native, module.extension = module.extension, lambda: None
    try:
        return outcome(call)
    finally:
        module.extension = native


def outcome(call):
    try:
        return call()
    except DataError as error:
        return str(error)


def alike(left, right):
    return left == right if isinstance(left, str) or isinstance(right, str) else same(left, right)


def body_of(document, name=NAME):
    return chunk(b"\x0a", write_document(name, document, 5, DATABASE))


def sides(body):
    side = BodyDecoder().sides(body)[0]
    return None if side is None else side.fields


def test_usual_documents_do_not_fall_back():
    native = extension()
    typed = json.loads(json.dumps(encode_fields(DOCUMENT, DATABASE)))
    assert same(native.typed_fields(typed, makers(DATABASE)), DOCUMENT)
    body = write_document(NAME, DOCUMENT, 5, DATABASE)
    start = 2 + len(NAME)
    found, end = native.event_fields(body, start, len(body), makers(DATABASE))
    assert same(found, DOCUMENT) and body[end] == 0x1A
    assert native.event_fields(body, start, len(body) + 1, makers(DATABASE)) is None


@given(paths, fields, st.sampled_from([DATABASE, None, "projects/a/b/databases/c", ""]))
def test_any_documents(path, document, database):
    typed = encode_fields(document, DATABASE)
    read = lambda: decode_fields(typed, database)  # noqa: E731
    assert alike(outcome(read), without(typed_json_decoder, read))
    body = body_of(document, f"{DATABASE}/documents/{path}")
    assert alike(sides(body), without(event_body, lambda: sides(body)))


@given(fields, st.integers())
def test_damaged_bodies(document, seed):
    rng = random.Random(seed)
    body = body_of(document)
    for _ in range(5):
        hurt = damaged(rng, body, body)
        assert alike(outcome(lambda: sides(hurt)), without(event_body, lambda: sides(hurt))), hurt


ODD = [
    {"integerValue": text} for text in ("", "-", "-0", "00", "01", "+1", " 1", "1 ", "1_0", "９", "9" * 18, "9" * 19, "-" + "9" * 18, "-9223372036854775808")
] + [
    {"integerValue": n} for n in (0, -1, 2**63 - 1, 2**63, -(2**63), -(2**63) - 1, 10**30, True, 1.0, None, [], {})
] + [
    {"doubleValue": n} for n in (0, -1, -1.0, -0.0, 10**400, float("inf"), float("nan"), "NaN", "-0.0", "1", True, None, 2**63, [])
] + [
    {"timestampValue": t} for t in ("2024-05-01T00:00:00Z", "2024-05-01T00:00:00.5Z", "2024-05-01T00:00:60Z", "2024-05-01T24:00:00Z", "0000-05-01T00:00:00Z",
     "2024-02-30T00:00:00Z", "2024-05-01T00:00:00.123Z", "2024-05-01T00:00:00.123456Z", "2024-05-01T00:00:00.12345aZ", "2024-05-01 00:00:00Z", "٢٠٢٤-05-01T00:00:00Z", 5, None)
] + [
    {"referenceValue": f"{DATABASE}/documents/{p}"} for p in ("", "a", "a/b", "a/b/c", "a//b", "a/.", "../b", "a/..b", f"a/{'x' * 1500}", f"a/{'x' * 1501}", "a/\ud800", "ü/ż")
] + [
    {"referenceValue": v} for v in ("a/b", "projects/q/databases/d/documents/a/b", NAME[:-4], None, 5)
] + [
    {"geoPointValue": v} for v in ({}, {"latitude": 1, "longitude": 2.5}, {"latitude": 1}, {"latitude": 1, "x": 1}, {"latitude": "NaN", "longitude": 1}, {"latitude": True, "longitude": 1}, None, [])
] + [
    {"mapValue": v} for v in ({}, {"fields": {}}, {"fields": None}, {"fields": []}, {"fields": {}, "x": 1}, {"x": 1}, None, [], {"fields": {"\ud800": {"nullValue": None}}})
] + [
    {"arrayValue": v} for v in ({}, {"values": []}, {"values": None}, {"values": {}}, {"values": [{"arrayValue": {}}]}, {"values": [1]}, {"values": [{"nullValue": None}] * 3}, {"x": []}, None)
] + [
    {"stringValue": v} for v in ("", "ż🐙", "\ud800", "\x00", None, 5, b"x")
] + [
    {"booleanValue": v} for v in (True, False, 1, 0, None, "true")
] + [{"nullValue": v} for v in (None, "NULL_VALUE", 0, False)] + [
    {"bytesValue": v} for v in ("", "AA==", "AA=A", "é", None)
] + [{}, {"a": 1}, {"integerValue": "1", "stringValue": "1"}, {"ż": 1}, {5: 1}, 5, None, [], ["stringValue"], "stringValue"]  # fmt: skip


@pytest.mark.parametrize("typed", ODD, ids=lambda typed: repr(typed)[:40].encode("ascii", "replace").decode())
def test_every_corner_of_typed_json(typed):
    for typed_fields in (
        {"f": typed},
        {"f": {"arrayValue": {"values": [typed, {"nullValue": None}]}}},
        {"f": {"mapValue": {"fields": {"x": typed}}}},
    ):
        read = lambda: decode_fields(typed_fields, DATABASE)  # noqa: E731
        assert alike(outcome(read), without(typed_json_decoder, read))


def test_maps_nest_twenty_levels_and_no_more():
    for depth in (19, 20, 21, 100, 2000):
        typed, wire = {"mapValue": {}}, b"\x32\x00"
        for _ in range(depth - 1):
            typed = {"mapValue": {"fields": {"m": typed}}}
            wire = chunk(b"\x32", chunk(b"\x0a", chunk(b"\x0a", b"m") + chunk(b"\x12", wire)))
        native = extension()
        assert (native.typed_fields({"f": typed}, makers(None)) is None) == (depth > 20)
        entry = chunk(b"\x12", chunk(b"\x0a", b"f") + chunk(b"\x12", wire))
        assert (native.event_fields(entry, 0, len(entry), makers(None)) is None) == (depth > 20)


def test_what_calls_back_gives_is_what_counts():
    def broken(*_):
        raise KeyboardInterrupt

    near, reference, point, vector, _ = makers(DATABASE)
    with pytest.raises(KeyboardInterrupt):
        extension().typed_fields({"f": {"bytesValue": "AA=="}}, (near, reference, point, vector, broken))
    with pytest.raises(TypeError):
        extension().typed_fields({})
    with pytest.raises(TypeError):
        extension().event_fields("text", 0, 0, makers(None))
