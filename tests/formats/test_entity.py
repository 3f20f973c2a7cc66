import json
import struct
from pathlib import Path

import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference, Vector
from onto_flow.formats.entity import EntityDecoder
from onto_flow.formats.entity_writer import encode_entity
from onto_flow.formats.leveldb_log import read_records
from onto_flow.formats.typed_json import decode_fields
from onto_flow.formats.wire import chunk, varint

ALLTYPES = Path(__file__).parents[1] / "data" / "alltypes"
DATABASE = "projects/demo-exp/databases/(default)"


def entity(*properties, app=b"dev~p", path=b"\x0b\x12\x05users\x22\x02u1\x0c", more=b""):
    return chunk(b"\x6a", chunk(b"\x6a", app) + chunk(b"\x72", path) + more) + b"".join(properties) + b"\x82\x01\x00"


def prop(value, *, name=b"v", meaning=0, multiple=0, tag=b"\x7a"):
    head = b"\x08" + varint(meaning) if meaning else b""
    return chunk(tag, head + chunk(b"\x1a", name) + bytes((0x20, multiple)) + chunk(b"\x2a", value))


def fields_of(*properties, **options):
    return EntityDecoder(**options).decode(entity(*properties)).fields


def records():
    file = ALLTYPES / "firestore_export" / "all_namespaces" / "all_kinds" / "output-0"
    with file.open("rb") as opened:
        return [record for _, _, record in read_records(opened)]


def truth():
    documents = json.loads((ALLTYPES / "documents.json").read_text(encoding="utf-8"))
    return {path[1:]: decode_fields(fields, DATABASE) for path, fields in documents.items()}


def test_every_document_of_the_emulator_is_read_as_it_says():
    decoder = EntityDecoder()
    documents = {e.path: e for e in map(decoder.decode, records())}
    assert documents.keys() == truth().keys()
    for path, fields in truth().items():
        assert same(documents[path].fields, fields), path
        assert documents[path].database == DATABASE


def test_what_is_written_is_what_the_emulator_writes():
    """Byte for byte, but for the order of fields, which has no meaning."""
    decoder = EntityDecoder()
    for record in records():
        document = decoder.decode(record)
        written = encode_entity(document.path, document.fields, DATABASE)
        assert len(written) == len(record)
        assert sorted(written) == sorted(record)


def test_empty_arrays_come_from_the_other_list():
    fields = fields_of(
        prop(b"", name=b"e", meaning=24, tag=b"\x72"), prop(b"\x08\x01"), prop(b"\x10\x01", name=b"i", tag=b"\x72")
    )
    assert fields == {"e": [], "v": 1, "i": True}


def test_a_value_of_an_unknown_meaning_is_kept_and_reported_once():
    warnings = []
    decoder = EntityDecoder(warnings.append)
    for _ in range(2):
        fields = decoder.decode(
            entity(prop(b"\x1a\x01a", meaning=77), prop(b"\x1a\x01\xff", name=b"b", meaning=77))
        ).fields
        assert fields == {"v": "a", "b": b"\xff"}
    assert len(warnings) == 1
    assert "77" in warnings[0]


def test_text_and_byte_strings_of_datastore_are_read():
    assert fields_of(prop(b"\x1a\x01a", meaning=15), prop(b"\x1a\x01a", name=b"b", meaning=16)) == {"v": "a", "b": b"a"}


def test_numeric_ids_are_shown_as_firestore_shows_them():
    path = b"\x0b\x12\x05users\x18" + varint(-7) + b"\x0c"
    assert EntityDecoder().key(entity(path=path)).path == "users/__id-7__"
    assert path in encode_entity("users/__id-7__", {})


@pytest.mark.parametrize(
    ("app", "more", "database"),
    [
        (b"s~shop", b"", "projects/shop/databases/(default)"),
        (b"b~google.com:sdk", b"", "projects/google.com:sdk/databases/(default)"),
        (b"dev~shop", chunk(b"\xba\x01", b"eu"), "projects/shop/databases/eu"),
        (b"dev~shop", chunk(b"\xa2\x01", b""), "projects/shop/databases/(default)"),
    ],
)
def test_the_database_is_the_project_and_the_id(app, more, database):
    key = EntityDecoder().key(entity(app=app, more=more))
    assert (key.database, key.emulator) == (database, app.startswith(b"dev"))


def test_a_reference_keeps_only_a_foreign_database():
    record = encode_entity(
        "a/b", {"near": Reference("c/d", DATABASE), "far": Reference("c/d", "projects/x/databases/y")}, DATABASE
    )
    fields = EntityDecoder().decode(record).fields
    assert fields == {"near": Reference("c/d"), "far": Reference("c/d", "projects/x/databases/y")}


def test_a_map_that_says_it_is_a_vector_is_one():
    assert EntityDecoder().decode(encode_entity("a/b", {"m": {"k": [Vector((1.0,))]}, "e": Vector(())})).fields == {
        "m": {"k": [Vector((1.0,))]},
        "e": Vector(()),
    }
    near = {"__type__": "__vector__", "value": ["x"]}
    assert EntityDecoder().decode(encode_entity("a/b", {"m": near})).fields == {"m": near}


def nested(levels):
    value = {}
    for _ in range(levels - 1):
        value = {"m": value}
    return {"m": value}


def test_maps_nest_twenty_levels_and_no_more():
    assert EntityDecoder().decode(encode_entity("a/b", nested(20))).fields == nested(20)
    with pytest.raises(DataError, match="too-deep"):
        encode_entity("a/b", nested(21))
    deep = b""
    for _ in range(21):
        deep = prop(chunk(b"\x1a", deep), meaning=19)
    with pytest.raises(DataError, match="too-deep"):
        fields_of(deep)


DAMAGED = {
    "no key": b"\x7a\x00",
    "empty": b"",
    "a namespace": entity(more=chunk(b"\xa2\x01", b"ns")),
    "an odd path": entity(path=b"\x0b\x12\x05users\x0c"),
    "no path": entity(path=b""),
    "a slash in an id": entity(path=b"\x0b\x12\x05users\x22\x03a/b\x0c"),
    "a field twice": entity(prop(b"\x08\x01"), prop(b"\x08\x01")),
    "an array and something else": entity(prop(b"\x08\x01"), prop(b"\x08\x01", multiple=1)),
    "a vector and something else": entity(
        prop(b"\x08\x01"), prop(b"\x21" + struct.pack("<d", 1), meaning=31, multiple=1)
    ),
    "a map that is longer than its field": entity(
        prop(b"\x1a\x04" + prop(b"\x08\x01")[:4], meaning=19), prop(b"", name=b"w")
    ),
    "a field that is longer than the record": entity()[:-3] + b"\x7a\x20\x1a\x01v\x20\x00\x2a\x1b\x1a\x02ab",
    "text that is not UTF-8": entity(prop(b"\x1a\x01\xff")),
    "a text that is too short": entity(prop(b"\x1a\x05ab")),
    "a boolean of 2": entity(prop(b"\x10\x02")),
    "a short double": entity(prop(b"\x21\x00")),
    "a point without longitude": entity(prop(b"\x2b\x31" + bytes(8) + b"\x2c")),
    "a time that is a text": entity(prop(b"\x1a\x01a", meaning=7)),
    "a time after the year 9999": entity(prop(b"\x08" + varint(2**62), meaning=7)),
    "a user value": entity(prop(b"\x43\x44")),
    "a property with other fields": entity(chunk(b"\x7a", chunk(b"\x12", b"uri") + chunk(b"\x1a", b"v"))),
    "another field of the entity": entity(b"\x92\x01\x00"),
    "a reference without end": entity(prop(b"\x63" + chunk(b"\x6a", b"dev~p"))),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_not_understood_is_an_error_and_never_dropped(what):
    with pytest.raises(DataError) as error:
        EntityDecoder().decode(DAMAGED[what])
    assert error.value.code == "bad-document"


def test_a_field_that_nobody_wants_must_end_with_the_record():
    with pytest.raises(DataError, match="longer than its message"):
        EntityDecoder().decode(DAMAGED["a field that is longer than the record"], {"other"})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"v": 2**63}, "bad-value"),
        ({"v": [[1]]}, "bad-value"),
        ({"v": object()}, "bad-value"),
        ({"v": "\ud800"}, "bad-value"),
        ({1: "v"}, "bad-value"),
        ({"v": Reference("users")}, "bad-key"),
    ],
)
def test_what_firestore_does_not_have_is_not_written(fields, code):
    with pytest.raises(DataError) as error:
        encode_entity("a/b", fields)
    assert error.value.code == code
