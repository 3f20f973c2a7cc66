import json
from datetime import datetime, timezone

import pytest

from onto_flow.core.change import AS_READ, BELOW_EVENTS, NEVER, Change
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference, to_micros
from onto_flow.formats import decode, encode_change
from onto_flow.formats.cloudevents_writer import encode_binary
from onto_flow.formats.events import MAX_EVENT_BYTES

DATABASE = "projects/shop/databases/(default)"
NAME = f"{DATABASE}/documents/users/u1"
NOW = datetime(2024, 5, 1, 12, 0, 0, 250_000, tzinfo=timezone.utc)
EARLIER = datetime(2024, 5, 1, 11, 0, 0, 5, tzinfo=timezone.utc)


def document(name="Ada", update_time="2024-05-01T12:00:00.250000Z", **more):
    typed = {"name": {"stringValue": name}, "boss": {"referenceValue": f"{DATABASE}/documents/users/u2"}}
    return {"name": NAME, "fields": typed, "createTime": "2024-04-01T00:00:00Z", "updateTime": update_time, **more}


OLD = document("Bob", "2024-05-01T11:00:00.000005Z")


def event(kind="written", value=None, old=None, **more):
    return {
        "specversion": "1.0",
        "id": "e1",
        "source": f"//firestore.googleapis.com/{DATABASE}",
        "type": f"google.cloud.firestore.document.v1.{kind}",
        "subject": "documents/users/u1",
        "time": "2024-05-01T12:00:00.3Z",
        "datacontenttype": "application/json",
        "data": {"value": value or {}, "oldValue": old or {}, "updateMask": {"fieldPaths": ["name"]}},
        **more,
    }


def read(content, **attributes):
    return decode(json.dumps(content).encode(), attributes)


FIELDS = {"name": "Ada", "boss": Reference("users/u2")}


@pytest.mark.parametrize("suffix", ["", ".withAuthContext"])
def test_each_type_becomes_a_change(suffix):
    created = read(event(f"created{suffix}", document()))
    assert created == Change("users/u1", None, FIELDS, (to_micros(NOW), 0), NOW.replace(microsecond=300_000), NEVER)
    updated = read(event(f"updated{suffix}", document(), OLD))
    assert updated.before == FIELDS | {"name": "Bob"}
    assert updated.version == (to_micros(NOW), 0)
    deleted = read(event(f"deleted{suffix}", None, OLD))
    assert (deleted.after, deleted.version) == (None, (to_micros(EARLIER), 1))
    assert deleted.time == NOW.replace(microsecond=300_000)
    assert read(event(f"written{suffix}", None, OLD)) == deleted
    assert read(event(f"written{suffix}", document(), OLD)) == updated
    assert [change.previous for change in (created, updated, deleted)] == [
        NEVER,
        (to_micros(EARLIER), 0),
        (to_micros(EARLIER), 0),
    ]


def test_a_side_before_without_a_time_replaces_no_version_that_is_known():
    old = {k: v for k, v in OLD.items() if k != "updateTime"}
    change = read(event("updated", document(), old))
    assert (change.before, change.previous) == (FIELDS | {"name": "Bob"}, None)


def test_an_update_that_lost_its_side_before_does_not_say_that_there_was_none():
    assert read(event("updated", document(), {})).previous is None
    assert read(event("written", document(), {})).previous == NEVER


def test_a_document_without_fields_is_empty_and_not_deleted():
    bare = {"name": NAME, "createTime": "2024-05-01T12:00:00Z", "updateTime": "2024-05-01T12:00:00Z"}
    assert read(event("created", bare)).after == {}


def test_absent_sides_may_be_missing_or_null():
    content = event("created", document())
    content["data"] = {"value": document(), "oldValue": None}
    assert read(content).before is None


def test_the_path_comes_from_the_name_the_document_or_the_subject():
    value = {k: v for k, v in document().items() if k != "name"}
    assert read(event(value=value)).path == "users/u1"
    assert read(event(value=value, document="users/u3/notes/n1", subject=None)).path == "users/u3/notes/n1"
    with_database = read(event(value=value, project="shop", database="(default)"))
    assert with_database.after["boss"] == Reference("users/u2")


def test_binary_form_carries_its_attributes_beside_the_body():
    whole = event("updated", document(), OLD)
    attributes = {f"ce-{k}": v for k, v in whole.items() if k not in ("data", "datacontenttype")}
    body = json.dumps(whole["data"]).encode()
    assert decode(body, attributes | {"content-type": "application/json"}) == read(whole)


def without(key, side="value"):
    content = event("written", document(), OLD)
    del content["data"][side][key]
    return content


REFUSED = {
    "another type": event() | {"type": "google.cloud.storage.object.v1.finalized"},
    "no type": {"specversion": "1.0"},
    "protobuf": {k: v for k, v in event("created").items() if k != "data"} | {"data_base64": "CgA="},
    "text as data": event() | {"data": "CgA="},
    "deleted with document": event("deleted", document(), OLD),
    "no update time": without("updateTime"),
    "a broken update time": event(value=document(update_time="yesterday")),
    "an update time of a number": event(value=document(update_time=5)),
    "a broken update time before": event("updated", document(), document(update_time="yesterday")),
    "an update time before 1970": event(value=document(update_time="1969-01-01T00:00:00Z")),
    "a delete without update time": event("deleted", None, {"name": NAME, "fields": {}}),
    "a broken time": event("created", document(), time="noon"),
    "a broken value": event("created", document(fields={"a": {"floatValue": 1}})),
    "a broken name": event("created", document() | {"name": "users"}),
    "a document that is a list": event() | {"data": {"value": [1]}},
    "a list": [1],
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_change_is_refused(what):
    with pytest.raises(DataError) as error:
        read(REFUSED[what])
    assert error.value.code == "bad-change"


THIN = {
    "no data": event() | {"data": None},
    "neither side": event("written"),
    "created without a document": event("created", None, OLD),
    "deleted without a document": event("deleted"),
    "only a name": event("updated", {"name": NAME}),
    "only a name and a time": event("updated", {"name": NAME, "updateTime": "2024-05-01T12:00:00Z"}),
}


@pytest.mark.parametrize("what", THIN)
def test_an_event_that_carries_no_document_is_thin(what):
    with pytest.raises(DataError, match="users/u1") as error:
        read(THIN[what])
    assert error.value.code == "thin-event"


@pytest.mark.parametrize(
    "data",
    [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b" " * (MAX_EVENT_BYTES + 1), b'{"a": 1' + b"0" * 5000 + b"}"],
    ids=["empty", "cut", "not text", "NaN", "deep", "large", "long number"],
)
def test_what_is_no_json_of_bounded_size_is_refused(data):
    with pytest.raises(DataError) as error:
        decode(data)
    assert error.value.code == "bad-change"


def test_a_broken_value_says_where_it_is():
    with pytest.raises(DataError) as error:
        read(event("created", document(fields={"a": {"arrayValue": {"values": [{"integerValue": "x"}]}}})))
    assert error.value.where == "$.data.value.fields.a[0]"


def test_an_event_of_two_documents_of_a_megabyte_is_read():
    big = document(fields={"b": {"stringValue": "\x01" * 600_000}})
    assert len(read(event("updated", big, big)).after["b"]) == 600_000


def test_the_same_change_is_the_same_event():
    change = Change("users/u1", None, {"a": 1}, (5, 0))
    assert encode_change(change) == encode_change(change)
    assert encode_change(change)["id"] != encode_change(change._replace(version=(6, 0)))["id"]
    assert encode_change(change, event_id="mine")["id"] == "mine"


@pytest.mark.parametrize("change", [Change("a/b", None, {}, BELOW_EVENTS), Change("a/b", {}, None, (5, 0))])
def test_a_version_that_no_event_has_is_refused(change):
    with pytest.raises(DataError, match="bad-change"):
        encode_change(change)


@pytest.mark.parametrize("fields", [{"name": "Ada", "boss": Reference("users/u2")}, {}])
def test_a_document_that_was_read_at_a_time_comes_back_as_such(fields):
    reading = Change("users/u1", None, fields, (to_micros(NOW), AS_READ), NOW)
    event = encode_change(reading)
    assert "updateTime" not in event["data"]["value"] and event["readtime"] == "2024-05-01T12:00:00.250Z"
    assert decode(json.dumps(event).encode()) == reading
    body, attributes = encode_binary(reading)
    assert decode(body, attributes) == reading


def test_a_time_of_reading_that_is_none_is_refused_with_its_place():
    with pytest.raises(DataError) as refused:
        read(event("written", document(), readtime="yesterday"))
    assert (refused.value.code, refused.value.where) == ("bad-change", "$.readtime")
