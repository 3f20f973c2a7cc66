"""Bodies in protobuf: against google-events (upb), byte by byte, and what a body may not be."""

import math
import random
import struct
from datetime import timedelta

import pytest
from damage import damaged
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import fields, names, paths

from onto_flow.core.change import Change
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import EPOCH, GeoPoint, Reference
from onto_flow.formats import decode, event_body
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.event_body import BodyDecoder
from onto_flow.formats.event_body_writer import write_document
from onto_flow.formats.names import DEFAULT_DATABASE, split_name
from onto_flow.formats.typed_json import vector_of_map
from onto_flow.formats.wire import chunk, varint

events = pytest.importorskip("google.events.cloud.firestore_v1")
DecodeError = pytest.importorskip("google.protobuf.message").DecodeError
UPB = events.DocumentEventData.pb()
NAME = f"{DEFAULT_DATABASE}/documents/users/u1"


def by_upb(body):
    """The sides as google-events reads them: (name, fields, update time in microseconds)."""
    message = UPB.FromString(body)
    return [_side(message, name) for name in ("value", "old_value")]


def _side(message, name):
    if not message.HasField(name):
        return None
    document = getattr(message, name)
    database, path = split_name(document.name) if document.name else (None, "")
    updated = _micros(document.update_time) if document.HasField("update_time") else None
    return path, {k: _value(v, database) for k, v in document.fields.items()}, updated


def _micros(time):
    return time.seconds * 1_000_000 + time.nanos // 1000


def _value(value, database):
    kind = value.WhichOneof("value_type")
    content = getattr(value, kind)
    if kind == "map_value":
        return vector_of_map({k: _value(v, database) for k, v in content.fields.items()})
    if kind == "array_value":
        return [_value(v, database) for v in content.values]
    if kind == "null_value":
        return None
    if kind == "timestamp_value":
        return EPOCH + timedelta(microseconds=_micros(content))
    if kind == "geo_point_value":
        return GeoPoint(content.latitude, content.longitude)
    if kind == "reference_value":
        named, path = split_name(content)
        return Reference(path, None if named == database else named)
    return content


@pytest.fixture(autouse=True, scope="module", params=["", "compiled"])
def way(request):
    """Once in Python alone, and once in C where that was built."""
    if request.param:
        yield request.getfixturevalue(request.param)
        return
    native, event_body.extension = event_body.extension, lambda: None
    yield
    event_body.extension = native


def ours(body):
    return [None if s is None else (s.path, s.fields, s.updated) for s in BodyDecoder().sides(body)]


def alike(left, right):
    return all(
        (a is None and b is None)
        or (a is not None and b is not None and (a[0], a[2]) == (b[0], b[2]) and same(a[1], b[1]))
        for a, b in zip(left, right)
    )


def body_of(value, old=None):
    return chunk(b"\x0a", value) + (b"" if old is None else chunk(b"\x12", old))


@given(paths, st.none() | fields, st.none() | fields, st.integers(1, 2**50))
def test_bodies_are_read_as_google_reads_them(path, before, after, micros):
    change = Change(path, before, after, (micros, int(after is None)), None, (micros, 0) if after is None else None)
    body, attributes = encode_binary(change)
    found = decode(body, attributes)
    assert found[3:] == change[3:] and same(found.after, after) and same(found.before, before)
    assert alike(ours(body), by_upb(body))
    again = UPB.FromString(body).SerializeToString()
    assert alike(ours(again), by_upb(body))


@given(st.dictionaries(names, fields, max_size=2), st.integers())
def test_what_is_read_of_damaged_bytes_is_what_google_reads(document, seed):
    rng = random.Random(seed)
    body = body_of(
        write_document(NAME, document, 10**15, DEFAULT_DATABASE), write_document(NAME, {"a": 1}, 5, DEFAULT_DATABASE)
    )
    for _ in range(5):
        hurt = damaged(rng, body, body)
        try:
            found, expected = ours(hurt), by_upb(hurt)
        except (DataError, DecodeError):  # google-events reads creation times and masks too
            continue
        assert alike(found, [None if s == ("", {}, None) else s for s in expected]), hurt


def test_entries_of_a_map_may_come_in_any_order_and_without_a_key():
    entry = chunk(b"\x12", b"\x08\x01") + chunk(b"\x0a", b"late")
    keyless = chunk(b"\x12", b"\x58\x00")
    body = body_of(chunk(b"\x12", entry) + chunk(b"\x12", keyless) + chunk(b"\x0a", NAME.encode()))
    assert ours(body)[0] == ("users/u1", {"late": True, "": None}, None)
    assert alike(ours(body), by_upb(body))


def test_unknown_fields_are_passed_over_around_documents():
    extra = b"\xa0\x06\x07" + chunk(b"\xaa\x06", b"x") + b"\xb1\x06" + bytes(8) + b"\xb5\x06" + bytes(4)
    document = write_document(NAME, {"a": 1}, 5, DEFAULT_DATABASE) + extra
    assert ours(extra + body_of(document) + chunk(b"\x1a", b"\x0a\x01a"))[0][1] == {"a": 1}


def entry(value):
    return chunk(b"\x12", chunk(b"\x0a", b"f") + chunk(b"\x12", value))


def nested(depth):
    value = b"\x32\x00"
    for _ in range(depth - 1):
        value = chunk(b"\x32", chunk(b"\x0a", chunk(b"\x0a", b"m") + chunk(b"\x12", value)))
    return value


REFUSED = {
    "no type": b"",
    "an unknown type": b"\x9a\x01\x00",
    "two types": b"\x08\x01\x58\x00",
    "a boolean of 2": b"\x08\x02",
    "a null of 1": b"\x58\x01",
    "a short double": b"\x19" + bytes(7),
    "an integer that goes on": b"\x10\x80",
    "an integer of 11 bytes": b"\x10" + b"\x80" * 10 + b"\x01",
    "text that is not UTF-8": chunk(b"\x8a\x01", b"\xff"),
    "text that is longer than the value": b"\x8a\x01\x05a",
    "another tag of two bytes": chunk(b"\x8a\x02", b"a"),
    "an array in an array": chunk(b"\x4a", chunk(b"\x0a", b"\x4a\x00")),
    "an array of another field": chunk(b"\x4a", chunk(b"\x12", b"\x58\x00")),
    "a map of another field": chunk(b"\x32", chunk(b"\x12", b"")),
    "a field without a value": chunk(b"\x32", chunk(b"\x0a", chunk(b"\x0a", b"k"))),
    "a group": chunk(b"\x32", chunk(b"\x0a", b"\x0b\x0c")),
    "a reference to no document": chunk(b"\x2a", b"users"),
    "a time after 9999": chunk(b"\x52", b"\x08" + varint(253_402_300_800)),
    "nanoseconds beyond a second": chunk(b"\x52", b"\x10" + varint(10**9)),
    "a time of another field": chunk(b"\x52", b"\x18\x01"),
    "a geo point of three": chunk(b"\x42", struct.pack("<cdcdcd", b"\x09", 1, b"\x11", 1, b"\x19", 1)),
}


@pytest.mark.parametrize("what", REFUSED)
def test_a_value_that_is_not_known_is_refused(what):
    with pytest.raises(DataError) as error:
        ours(body_of(entry(REFUSED[what])))
    assert error.value.code in ("bad-value", "bad-key", "bad-document")


def test_a_name_occurs_once_in_a_map():
    with pytest.raises(DataError, match="two fields"):
        ours(body_of(entry(b"\x58\x00") * 2))
    with pytest.raises(DataError, match="twice"):
        ours(body_of(entry(b"\x58\x00")) * 2)


def test_maps_nest_twenty_levels_and_no_more():
    assert ours(body_of(entry(nested(20))))[0][1]["f"]
    for depth in (21, 5000):
        with pytest.raises(DataError, match="too-deep"):
            ours(body_of(entry(nested(depth))))


def test_what_is_left_out_is_zero():
    body = body_of(entry(b"\x42\x00") + chunk(b"\x22", b""))
    assert ours(body)[0][1:] == ({"f": GeoPoint(0.0, 0.0)}, 0)
    assert ours(body_of(entry(b"\x52\x00")))[0][1] == {"f": EPOCH}


def test_values_are_kept_between_events_but_not_between_databases():
    decoder = BodyDecoder()
    reference = {"r": Reference("a/b", "projects/p/databases/d"), "t": True}
    for database in ("projects/p/databases/d", "projects/q/databases/d", "projects/p/databases/d"):
        name = f"{database}/documents/a/c"
        side = decoder.sides(body_of(write_document(name, reference, 5, database)))[0]
        assert side.fields["r"] == (Reference("a/b") if database[9] == "p" else reference["r"])
    assert math.isnan(decoder.sides(body_of(write_document(NAME, {"x": math.nan}, 5, "d")))[0].fields["x"])


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(event_body, "extension", lambda: None)
    monkeypatch.setattr("onto_flow.formats.event_body._MAX_KEPT", 10)
    decoder = BodyDecoder()
    for n in range(50):
        decoder.sides(body_of(write_document(NAME, {f"f{n}": n}, 5, DEFAULT_DATABASE)))
        assert len(decoder._tiny) <= 12 and len(decoder._names) <= 12


@pytest.mark.parametrize("value", [2**63, object(), [[1]]])
def test_what_firestore_does_not_have_is_not_written(value):
    with pytest.raises(DataError, match="bad-value"):
        write_document(NAME, {"f": value}, 5, DEFAULT_DATABASE)
