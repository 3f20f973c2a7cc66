"""Damaged messages of every kind of feed: bytes flipped, cut, spliced, lengths forged, wrong types everywhere in the JSON.

Each case is its number. Whatever a message is, reading it gives a change that the rest can hold, or one error that says
what is wrong; it ends soon, and it holds no more than the message. Both JSON parsers give the same.
"""

import base64
import json
import random
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timezone

import pytest
from damage import damaged, watched

from onto_flow.core.change import Change
from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.core.keys import check_path
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats import event_body, json_text, typed_json_decoder
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.events import EventReader
from onto_flow.formats.mapping import read_mapping
from onto_flow.testing.feeds import KINDS, MAPPING, happened, lines
from onto_flow.testing.feeds import _change as change_of
from onto_flow.testing.histories import history_of

SECONDS = 20
MEMORY = 24 << 20
RICH = {
    "n": 7,
    "x": 1.5,
    "s": "text",
    "u": "żółć 🐙",
    "b": b"\x00\xff",
    "t": datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc),
    "g": GeoPoint(52.5, 13.4),
    "r": Reference("users/u1"),
    "v": Vector((1.0, -0.0)),
    "l": [1, "a", None, {"k": True}],
    "m": {"a": {"b": {"c": [1.0]}}, "z": False},
    "e": {},
    "none": None,
}
HISTORY = history_of(
    ("things/a", RICH), ("things/a", RICH | {"n": 8, "s": "x" * 300}), ("things/a", None), ("a/b/c/d", {"n": 1})
)
LINES = {kind: lines(HISTORY, kind) for kind in KINDS}
READERS = {kind: EventReader(mapping=read_mapping(MAPPING) if kind == "mapping" else None) for kind in KINDS}
BODIES = [encode_binary(change_of(h)) for h in happened(HISTORY)]
JUNK = [
    None, True, False, 0, -1, 1, 2**53, 2**63, 2**64, -(2**63) - 1, 10**30, 10**400, 0.0, -0.0, 1.5, 1e308, "", "x", "\ud800", "a/b", "/", "..",
    "2024-05-01T00:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "99999999999999999999", "NaN", "AAAA", "\x00",
    [], {}, [[]], [{}], {"a": {}}, {"stringValue": 1}, {"mapValue": {"fields": []}}, {"arrayValue": {"values": [{"arrayValue": {}}]}},
    {"integerValue": "1e5"}, {"doubleValue": "inf"}, {"timestampValue": {}}, {"_seconds": 10**20, "_nanoseconds": 0}, {"_values": ["x"]},
    {"_seconds": 0.5, "_nanoseconds": 0}, {"type": "Buffer", "data": [256]}, {"_latitude": None, "_longitude": 0}, {"_firestore": 1, "_path": 1},
    "__debezium_unavailable_value",
]  # fmt: skip


def places(value, at=()):
    """Every position in a JSON value."""
    yield at
    if isinstance(value, dict):
        for key in value:
            yield from places(value[key], (*at, key))
    elif isinstance(value, list):
        for index in range(len(value)):
            yield from places(value[index], (*at, index))


def deep(rng, value):
    for _ in range(rng.choice([3, 25, 60, 199, 300, 3000])):
        value = rng.choice([lambda v: [v], lambda v: {"a": v}, lambda v: {"mapValue": {"fields": {"a": v}}}])(value)
    return value


def deepened(rng, content):
    at = rng.choice(list(places(content)))
    parent = content
    for step in at[:-1]:
        parent = parent[step]
    if at:
        parent[at[-1]] = deep(rng, parent[at[-1]])
    return content


def changed(rng, content):
    """The content with one position replaced, removed, renamed or wrapped; text that is JSON is opened."""
    spots = list(places(content))
    at = rng.choice(spots)
    if not at:
        return deepcopy(rng.choice([*JUNK, [content], {"data": content}]))
    parent = content
    for step in at[:-1]:
        parent = parent[step]
    last, old = at[-1], parent[at[-1]]
    if isinstance(old, str) and old[:1] == "{" and rng.random() < 0.8:
        parent[last] = json.dumps(changed(rng, json.loads(old)))
        return content
    what = rng.randrange(7)
    if what < 4:
        parent[last] = deepcopy(rng.choice(JUNK))
    elif what == 4:
        del parent[last]
    elif what == 5 and isinstance(parent, dict):
        parent[rng.choice([*parent, "data", "op", "specversion", "attributes", "payload", "x" * 2000])] = parent.pop(
            last
        )
    else:
        parent[last] = [deepcopy(old) for _ in range(rng.choice([2, 20]))]
    return content


def dumped(content):
    try:
        return json.dumps(content).encode()
    except RecursionError:
        return b"[" * 5000


def line_case(rng, kind):
    line = rng.choice(LINES[kind])
    if rng.random() < 0.35:
        return damaged(rng, line, rng.choice(LINES[rng.choice(list(KINDS))])), None
    content = json.loads(line)
    for _ in range(rng.choice([1, 1, 2, 3])):
        if isinstance(content, (dict, list)):
            content = changed(rng, content)
    if rng.random() < 0.03:
        content = deepened(rng, content)
    return dumped(content), None


def body_case(rng, _):
    body, attributes = rng.choice(BODIES)
    if rng.random() < 0.9:
        body = damaged(rng, body, rng.choice(BODIES)[0])
    if rng.random() < 0.2:
        attributes = changed(rng, dict(attributes))
        attributes = attributes if isinstance(attributes, dict) else {}
    if rng.random() < 0.3:
        return dumped({"attributes": attributes, "data_base64": base64.b64encode(body).decode()}), None
    return body, attributes


def outcome(reader, data, attributes):
    try:
        return reader.read(data, attributes)
    except DataError as error:
        assert error.code in ("bad-change", "thin-event"), error
        assert error.what and len(str(error)) < 2000
        return error.code


@contextmanager
def in_python_alone():
    modules = (typed_json_decoder, event_body)
    native = [module.extension for module in modules]
    for module in modules:
        module.extension = lambda: None
    try:
        yield
    finally:
        for module, extension in zip(modules, native):
            module.extension = extension


def check(kind, found):
    if isinstance(found, str) or found.change is None:
        return
    change = found.change
    assert type(change) is Change
    check_path(change.path).encode()
    encode((change.path, change.before, change.after, change.version, change.time, change.previous))
    assert change.version > (0, 1) and change.time is None or change.time.tzinfo is timezone.utc
    assert found.kind.startswith(kind.partition("-")[0]) or kind != "mapping"


def run(kind, number):
    rng = random.Random(f"{kind} {number}")
    data, attributes = (body_case if kind == "body" else line_case)(rng, kind)
    reader = READERS.get(kind) or READERS["cloudevents"]
    found = outcome(reader, data, attributes)
    check(kind, found)
    assert isinstance(reader.event_id(data, attributes), str)
    if number % 4 == 0:
        quick, json_text.orjson = json_text.orjson, None
        try:
            assert repr(outcome(reader, data, attributes)) == repr(found), "the two JSON parsers differ"
        finally:
            json_text.orjson = quick
    if number % 4 == 1:
        with in_python_alone():
            assert repr(outcome(reader, data, attributes)) == repr(found), "C and Python differ"


def fuzz(kind, numbers):
    watched(run, kind, numbers, seconds=SECONDS, memory=MEMORY, every=64)


@pytest.mark.parametrize("kind", [*KINDS, "body"])
def test_a_damaged_message_is_a_change_or_one_error(kind):
    fuzz(kind, range(600 if kind == "body" else 300))


@pytest.mark.long
@pytest.mark.parametrize("part", range(10))
@pytest.mark.parametrize("kind", [*KINDS, "body"])
def test_half_a_million_damaged_messages(kind, part):
    start = 10_000 + part * 5000
    fuzz(kind, range(start, start + 5000))
