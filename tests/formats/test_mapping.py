import json
import sys

import pytest

from onto_flow.core.change import Change
from onto_flow.core.errors import DataError, UsageError
from onto_flow.core.values import Reference, from_micros
from onto_flow.formats.events import EventReader
from onto_flow.formats.feed_versions import POSITIONS
from onto_flow.formats.mapping import MAX_FILE_BYTES, MappedMessages, load_mapping, read_mapping

MANIFOLD = {
    "path": "{path}",
    "op": "writeKind",
    "after": "data",
    "version": "ts",
    "version_unit": "ms",
    "id": "eventId",
}
WRITE = {
    "tableId": "users", "docId": "u1", "parentId": None, "path": "users/u1", "writeKind": "update", "eventId": "e1", "data": {"name": "Ada"}, "ts": 1714564800250,
}  # fmt: skip
SIDES = {
    "path": "shops/{shop.id}/orders/{order}",
    "op": "type",
    "after": "data",
    "before": "dataBefore",
    "version": "at",
    "values": "typed",
}
SIDES |= {"database": "projects/p/databases/d"}


def read(mapping, content):
    return EventReader(mapping=read_mapping(mapping)).read(json.dumps(content).encode())


def test_messages_like_those_of_manifold():
    kind, change = read(MANIFOLD, WRITE)
    micros = 1714564800250999
    assert kind == "mapping-time"
    assert change == Change("users/u1", None, {"name": "Ada"}, (micros, 1), from_micros(micros))
    created, deleted = (read(MANIFOLD, WRITE | {"writeKind": op}).change for op in ("create", "delete"))
    assert created.version < change.version < deleted.version and deleted.after is None
    assert EventReader(mapping=read_mapping(MANIFOLD)).event_id(json.dumps(WRITE).encode()) == "e1"


def test_messages_with_both_sides():
    content = {
        "type": "update",
        "shop": {"id": 5},
        "order": "o1",
        "data": {"r": {"referenceValue": "projects/p/databases/d/documents/a/b"}},
        "dataBefore": {"n": {"integerValue": "1"}},
        "at": "2024-05-01T12:00:00.250001Z",
    }
    change = read(SIDES, content).change
    assert (change.path, change.after, change.before) == ("shops/5/orders/o1", {"r": Reference("a/b")}, {"n": 1})
    assert change.version == (1714564800250001, 1) and change.time == from_micros(1714564800250001)
    assert read(SIDES, content | {"type": "delete", "data": None}).change.after is None
    plain = {k: v for k, v in SIDES.items() if k != "op"}
    assert read(plain, content | {"data": None}).change.after is None, "null after it: a deletion"
    with pytest.raises(DataError, match="thin-event"):
        read(plain, {k: v for k, v in content.items() if k != "data"})


def test_words_of_your_own_and_other_units():
    mapping = {"path": "a/{id}", "op": "o", "ops": {"update": ["put"], "delete": "gone"}, "after": "d", "version": "v"}
    message = {"id": "x", "o": "put", "d": {}, "v": 5}
    for unit, micros in (("s", 5_999_999), ("ms", 5999), ("us", 5)):
        assert read(mapping | {"version_unit": unit}, message).change.version == (micros, 1)
    assert read(mapping | {"version_unit": "ns"}, message | {"v": 5999}).change.version == (5, 1)
    assert read(mapping | {"version_unit": "ns"}, message | {"v": "5999"}).change.version == (5, 1)
    assert read(mapping | {"version_unit": "s"}, message | {"v": 5.25}).change.version == (5_250_000, 1)
    kind, change = read(mapping | {"version_unit": "position", "time": "t", "time_unit": "us"}, message | {"t": 7})
    assert (kind, change.version, change.time) == ("mapping-position", (POSITIONS + 5, 1), from_micros(7))
    assert read(mapping | {"version_unit": "position"}, message).change.time is None
    assert read(mapping | {"version_unit": "us"}, message | {"o": "gone"}).change.after is None


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"data": None}, "thin-event"),
        ({"writeKind": "replace"}, "bad-change"),
        ({"writeKind": None}, "bad-change"),
        ({"path": "users"}, "bad-change"),
        ({"path": None}, "bad-change"),
        ({"path": ["users", "u1"]}, "bad-change"),
        ({"ts": None}, "bad-change"),
        ({"ts": "noon"}, "bad-change"),
        ({"ts": 0.0}, "bad-change"),
        ({"ts": -5}, "bad-change"),
        ({"ts": 10**20}, "bad-change"),
        ({"data": [1]}, "bad-change"),
        ({"data": {"n": 10**30}}, "bad-change"),
    ],
)
def test_what_is_no_change_is_refused(change, code):
    with pytest.raises(DataError) as error:
        read(MANIFOLD, WRITE | change)
    assert error.value.code == code


def warned(unit, versions):
    said = []
    mapping = {k: v for k, v in MANIFOLD.items() if k != "version_unit"} | ({"version_unit": unit} if unit else {})
    messages = MappedMessages(read_mapping(mapping), said.append)
    for version in versions:
        messages.change(WRITE | {"ts": version})
    return len(said)


def test_milliseconds_are_warned_of_once():
    assert warned("ms", [5, 6, 7]) == 1
    assert warned("", ["2024-05-01T12:00:00.250Z"] * 60) == 1
    assert warned("us", range(1000, 60_000, 1000)) == 1
    assert warned("", ["2024-05-01T12:00:00.250Z"] * 19) == 0
    assert (
        warned(
            "", ["2024-05-01T12:00:00.250Z"] * 5 + ["2024-05-01T12:00:00.250001Z"] + ["2024-05-01T12:00:00.250Z"] * 60
        )
        == 0
    )
    assert warned("us", [1001, *range(1000, 60_000, 1000)]) == 0


@pytest.mark.parametrize(
    ("mapping", "says"),
    [
        ([], "table"),
        ({}, "path"),
        ({"path": "a/{b}", "op": "x"}, "after"),
        ({"path": "a/{b}", "after": "x"}, "version"),
        (MANIFOLD | {"afer": "x"}, "Did you mean after"),
        (MANIFOLD | {"after": 5}, "not a text"),
        (MANIFOLD | {"after": "a..b"}, "no path"),
        (MANIFOLD | {"values": "json"}, "Known: admin, plain, typed"),
        (MANIFOLD | {"version_unit": "min"}, "version_unit"),
        (MANIFOLD | {"time_unit": "position"}, "time_unit"),
        (MANIFOLD | {"format": "xml"}, "format"),
        ({"path": "a/{b}", "format": "xml"}, "'xml' is no format"),
        (MANIFOLD | {"ops": {"upsert": "x"}}, "create, update and delete"),
        (MANIFOLD | {"ops": {"update": [5]}}, "not a word"),
        (MANIFOLD | {"ops": "x"}, "create, update and delete"),
    ],
)
def test_a_mapping_that_says_something_else_is_refused(mapping, says):
    with pytest.raises(UsageError, match=says):
        read_mapping(mapping)


def test_a_mapping_is_a_file(tmp_path):
    (tmp_path / "m.json").write_text(json.dumps(MANIFOLD))
    assert load_mapping(tmp_path / "m.json").after == ("data",)
    (tmp_path / "m.toml").write_text("".join(f"{k} = {json.dumps(v)}\n" for k, v in MANIFOLD.items()))
    if sys.version_info >= (3, 11):
        assert load_mapping(tmp_path / "m.toml").version_unit == "ms"
    else:
        with pytest.raises(UsageError, match="Python 3.11"):
            load_mapping(tmp_path / "m.toml")
    for name, content in {
        "broken.json": b"{",
        "deep.json": b"[" * 100_000,
        "large.json": b" " * (MAX_FILE_BYTES + 1),
        "words.toml": b"\xff",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UsageError, match="wrong-usage"):
            load_mapping(tmp_path / name)
    with pytest.raises(UsageError, match="not-found"):
        load_mapping(tmp_path / "gone.json")
    (tmp_path / "wrong.json").write_text("{}")
    with pytest.raises(UsageError, match="wrong.json"):
        load_mapping(tmp_path / "wrong.json")
