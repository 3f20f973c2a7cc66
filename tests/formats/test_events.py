"""One message of any feed: how its format is known, and how it is wrapped."""

import base64
import json

import pytest

from onto_flow.core.change import Change
from onto_flow.core.errors import DataError, UsageError
from onto_flow.formats import decode, encode_change
from onto_flow.formats.cloudevents_writer import binary_line, encode_binary
from onto_flow.formats.events import EventReader
from onto_flow.formats.mapping import read_mapping
from onto_flow.testing.feeds import KINDS, lines
from onto_flow.testing.histories import history_of

CHANGE = Change("users/u1", {"n": 1}, {"n": 2}, (10**15, 0), None, (10**14, 0))
HISTORY = history_of(("users/u1", {"n": 1}), ("users/u1", {"n": 2}), ("users/u1", None))
EVENT = encode_change(CHANGE)


def data(content):
    return json.dumps(content).encode()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "mapping"])
def test_a_single_message_of_each_kind_is_known(kind):
    created, updated, deleted = map(decode, lines(HISTORY, kind))
    assert [c.path for c in (created, updated, deleted)] == ["users/u1"] * 3
    assert [c.after for c in (created, updated, deleted)] == [{"n": 1}, {"n": 2}, None]
    assert updated.before == {"n": 1} and created.version < updated.version < deleted.version
    assert (updated.previous is None) != kind.startswith("cloudevents")
    told = EventReader().read(lines(HISTORY, kind)[1])
    assert told.kind == kind.removesuffix("-binary")
    wrapped = data({"attributes": {"x": "y"}, "data_base64": base64.b64encode(lines(HISTORY, kind)[1]).decode()})
    if not kind.startswith("cloudevents-b"):
        assert decode(wrapped) == decode(lines(HISTORY, kind)[1], {"x": "y"}) == updated


def test_binary_mode_in_protobuf_and_json_as_a_message_and_as_a_line():
    body, attributes = encode_binary(CHANGE)
    assert decode(body, attributes) == decode(data(binary_line(CHANGE))) == CHANGE
    json_body = data(EVENT["data"])
    ce = {k: v for k, v in attributes.items() if k != "content-type"}
    for content_type in ("application/json", "application/json; charset=utf-8", "application/vnd.x+json"):
        assert decode(json_body, ce | {"Content-Type": content_type}) == CHANGE
    assert decode(data({"attributes": ce, "data": EVENT["data"]})) == CHANGE
    assert decode(json_body, ce) == decode(body, ce) == CHANGE, "without a content type the first byte tells"
    for spelled in (str.upper, str.title, lambda name: name.replace("ce-", "ce_")):
        assert decode(body, {spelled(k): v for k, v in ce.items()} | {"CONTENT-TYPE": "application/protobuf"}) == CHANGE


def test_structured_mode_with_data_and_with_bytes():
    attributes = {"content-type": "application/cloudevents+json; charset=UTF-8"}
    assert decode(data(EVENT), attributes) == decode(data(EVENT)) == CHANGE
    body, _ = encode_binary(CHANGE)
    bare = {k: v for k, v in EVENT.items() if k not in ("data", "datacontenttype")}
    in_bytes = bare | {"data_base64": base64.b64encode(body).decode()}
    assert decode(data(in_bytes | {"datacontenttype": "application/protobuf"})) == decode(data(in_bytes)) == CHANGE
    in_text = bare | {
        "data_base64": base64.b64encode(data(EVENT["data"])).decode(),
        "datacontenttype": "application/json",
    }
    assert decode(data(in_text)) == CHANGE
    no_version = {k: v for k, v in EVENT.items() if k != "specversion"}
    assert decode(data(no_version), attributes) == decode(data(no_version)) == CHANGE


@pytest.mark.parametrize(
    ("body", "attributes", "code", "says"),
    [
        (b"", {"content-type": "application/protobuf"}, "thin-event", "users/u1"),
        (encode_binary(CHANGE)[0][:-30], {"content-type": "application/protobuf"}, "bad-change", "longer"),
        (encode_binary(CHANGE)[0][:2], {"content-type": "application/protobuf"}, "bad-change", "longer"),
        (encode_binary(CHANGE)[0][:1], {"content-type": "application/protobuf"}, "thin-event", "users/u1"),
        (b"{}", {"content-type": "application/json"}, "thin-event", "users/u1"),
        (b'{"value": {"na', {"content-type": "application/json"}, "thin-event", "cut"),
        (b"{}", {"content-type": "text/plain"}, "bad-change", "application/protobuf"),
        (b"[]", {"content-type": "application/json"}, "bad-change", "no object"),
    ],
)
def test_what_came_thin_or_cut_says_which_document_it_was(body, attributes, code, says):
    _, known = encode_binary(CHANGE)
    with pytest.raises(DataError, match=says) as error:
        decode(body, known | attributes)
    assert error.value.code == code


def test_a_format_that_is_given_is_held_to():
    reader = EventReader("changelog")
    assert reader.read(lines(HISTORY, "changelog")[0]).kind == "changelog"
    for other in (data(EVENT), data(binary_line(CHANGE)), lines(HISTORY, "background")[0]):
        with pytest.raises(DataError, match="bad-change"):
            reader.read(other)
    with pytest.raises(UsageError, match="Did you mean debezium"):
        EventReader("debezum")
    mapping = read_mapping({"format": "debezium", "path": "orders/{id}"})
    assert EventReader(mapping=mapping).read(b"null") == ("debezium", None)
    with pytest.raises(UsageError, match="unknown-name"):
        EventReader("changelog", mapping)


def test_numbers_stay_what_they_are_in_a_message_with_attributes():
    row = json.loads(lines(HISTORY, "changelog")[0]) | {"data": {"n": 123456789012345678901}}
    for content in (row, {"attributes": {"a": "b"}, "data": row}):
        with pytest.raises(DataError, match="64 bits"):
            decode(data(content))


def test_a_tombstone_is_no_change():
    for tombstone in (None, {"key": {"id": 1}, "value": None}, {"schema": None, "payload": None}):
        assert EventReader().read(data(tombstone)).change is None
        with pytest.raises(DataError, match="tombstone"):
            decode(data(tombstone))


@pytest.mark.parametrize("content", [{}, {"id": 1}, [], 5, "text", {"type": "order.created", "data": {}}])
def test_what_is_not_known_says_what_is(content):
    with pytest.raises(DataError, match="bad-change"):
        decode(data(content))


@pytest.mark.parametrize(
    ("content", "event_id"),
    [
        (EVENT | {"id": "e1"}, "e1"),
        (binary_line(CHANGE), f"{10**15}-0-users/u1"),
        ({"document_name": "x", "operation": 1, "event_id": "e2"}, "e2"),
        ({"context": {"eventId": "e3", "eventType": "x"}}, "e3"),
        ({"topic": "t", "partition": 0, "offset": 7, "key": 1, "value": None}, "t-0-7"),
        ({"attributes": {"a": "b"}, "data": {"document_name": "x", "operation": 1, "event_id": "e4"}}, "e4"),
        ({}, ""),
        ([], ""),
        (EVENT | {"id": {}}, ""),
    ],
)
def test_an_event_is_named_also_where_it_cannot_be_read(content, event_id):
    assert EventReader().event_id(data(content)) == event_id


def test_readers_of_two_threads_do_not_meet():
    from threading import Thread

    found = []

    def work(database):
        change = CHANGE._replace(after={"r": None})
        body, attributes = encode_binary(change, database=database)
        found.append([decode(body, attributes) for _ in range(200)] == [change] * 200)

    threads = [Thread(target=work, args=(f"projects/p{n}/databases/d",)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert found == [True] * 4
