import json

import pytest

from onto_flow.core.change import Change
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference
from onto_flow.formats import decode
from onto_flow.formats.times import parse_time

DATABASE = "projects/shop/databases/(default)"
NAME = f"{DATABASE}/documents/users/u1"
STAMP, OLD_STAMP = "2024-05-01T12:00:00.250001Z", "2024-05-01T11:00:00Z"
NOW = parse_time(STAMP)
MICROS = 1714564800250001


def document(name="Ada", stamp=STAMP):
    fields = {"name": {"stringValue": name}, "boss": {"referenceValue": f"{DATABASE}/documents/users/u2"}}
    return {"name": NAME, "fields": fields, "createTime": OLD_STAMP, "updateTime": stamp}


def event(word="write", value=None, old=None, nested=False, **more):
    context = {
        "eventId": "e1",
        "eventType": f"providers/cloud.firestore/eventTypes/document.{word}",
        "resource": NAME,
        "timestamp": STAMP,
    } | more
    data = {"value": value or {}, "oldValue": old or {}, "updateMask": {"fieldPaths": ["name"]}}
    if nested:
        resource = {"service": "firestore.googleapis.com", "name": NAME}
        return {"data": data, "context": context | {"resource": resource}}
    return {"data": data, "params": {"user": "u1"}, "notSupported": {}} | context


def read(content):
    return decode(json.dumps(content).encode())


FIELDS = {"name": "Ada", "boss": Reference("users/u2")}


@pytest.mark.parametrize("nested", [False, True])
def test_both_shapes_of_each_type_become_changes(nested):
    created = read(event("create", document(), nested=nested))
    assert created == Change("users/u1", None, FIELDS, (MICROS, 0), NOW)
    updated = read(event("update", document(), document("Bob", OLD_STAMP), nested=nested))
    assert (updated.before["name"], updated.version) == ("Bob", (MICROS, 0))
    deleted = read(event("delete", None, document(stamp=OLD_STAMP), nested=nested))
    assert deleted == Change("users/u1", FIELDS, None, (1714561200000000, 1), NOW)
    assert read(event("write", None, document(stamp=OLD_STAMP), nested=nested)) == deleted
    newer = event("update", document(), document("Bob"), nested=nested)
    assert read(json.loads(json.dumps(newer).replace("providers/cloud.firestore/eventTypes/", "google.firestore.")))


def test_the_time_of_the_side_before_is_never_the_version_that_was_replaced():
    for stamp in (STAMP, OLD_STAMP):
        assert read(event("update", document(), document("Bob", stamp))).previous is None


def test_a_deletion_without_the_time_of_what_it_removed_counts_by_its_own():
    old = {k: v for k, v in document().items() if k != "updateTime"}
    assert read(event("delete", None, old)).version == (MICROS, 1)


def test_a_document_is_named_by_the_resource_where_it_does_not_say():
    value = {k: v for k, v in document().items() if k != "name"}
    assert read(event("create", value)) == read(event("create", document()))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (event("write"), "thin-event"),
        (event("create"), "thin-event"),
        (event("update", {"name": NAME}), "thin-event"),
        (event("delete"), "thin-event"),
        ({k: v for k, v in event().items() if k != "data"}, "thin-event"),
        (event("write", document()) | {"data": []}, "bad-change"),
        (event("remove", document()), "bad-change"),
        (event("delete", document()), "bad-change"),
        (event("write", document(), resource=5), "bad-change"),
        (event("write", document(), timestamp="noon"), "bad-change"),
        (event("write", document(stamp=None)), "bad-change"),
        (event("write", document() | {"fields": {"a": 1}}), "bad-change"),
        (event("write", document() | {"name": "users"}), "bad-change"),
    ],
)
def test_what_is_no_change_is_refused(content, code):
    with pytest.raises(DataError) as error:
        read(content)
    assert error.value.code == code
