"""View tables in a real PostgreSQL."""

from __future__ import annotations

import base64
import hashlib
import math
from datetime import timezone
from itertools import count

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from postgresql_place import ROWS, TABLE, change, gone, place_on, schema_of, write
from psycopg import sql

from onto_flow.connect import open_sink
from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.errors import EngineError
from onto_flow.core.types import ANY, Type
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats.times import parse_time
from onto_flow.formats.typed_json import decode_value
from onto_flow.sinks.base import Table
from onto_flow.sinks.postgresql import connection, literals, publication, rows, tables
from onto_flow.testing.sink_suite import SinkSuite


def value_of(value, type_):
    """A value of a column as the document's value."""
    item = type_.items[0] if type_.items else ANY
    if value is None or type_.kind == "str":
        return value
    if type_.kind == "list":
        return [value_of(v, item) for v in value]
    if type_.kind == "struct" and type_.fields:
        return {name: value_of(value[name], t) for name, t in type_.fields}
    if type_.kind in ("any", "map", "struct"):
        return decode_value(value)
    if type_.kind == "geopoint":
        if isinstance(value, dict):
            return GeoPoint(float(value["latitude"]), float(value["longitude"]))
        longitude, latitude = map(float, value.strip("()").split(","))
        return GeoPoint(latitude, longitude)
    if type_.kind == "bytes" and isinstance(value, str):
        return base64.b64decode(value)
    if type_.kind == "timestamp" and isinstance(value, str):
        return parse_time(value)
    if type_.kind == "float":
        return float(value)
    return {"reference": Reference, "vector": lambda v: Vector(tuple(map(float, v)))}.get(type_.kind, lambda v: v)(
        value
    )


def has_nul(value):
    if isinstance(value, dict):
        return any(has_nul(k) or has_nul(v) for k, v in value.items())
    return any(map(has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


@pytest.fixture
def place(postgresql, tmp_path):
    with place_on(postgresql, tmp_path) as made:
        yield made


class TestPostgres(SinkSuite):
    @pytest.fixture(autouse=True)
    def _connected(self, postgresql):
        self.server = postgresql
        with psycopg.connect(postgresql, autocommit=True, options="-c TimeZone=UTC") as self.reader:
            yield

    def create_sink(self, folder):
        return open_sink(f"{self.server}&schema={schema_of(folder)}")

    def read_back(self, sink, table):
        names = dict(table.schema)
        chosen = sql.SQL("SELECT __path__, {} FROM {}").format(
            sql.SQL(", ").join(map(sql.Identifier, names)),
            sql.Identifier(sink._database.schema, table.collection),
        )
        rows = self.reader.execute(chosen).fetchall()
        return {path: {n: value_of(v, names[n]) for n, v in zip(names, values)} for path, *values in rows}

    def holds(self, value):
        return not has_nul(value)


EVERY_SCALAR = {
    "bool": (True, "true"),
    "int": (-(2**63), "'-9223372036854775808'"),
    "float": (5e-324, "'5e-324'"),
    "str": ('a"\\,{}\t\n\r é NULL', "E'a\"\\\\,{{}}\\t\\n\\r é NULL'"),
    "bytes": (b"\\x00\x00\xff", "'\\x5c78303000ff'"),
    "timestamp": (parse_time("1842-05-01T12:00:00.123456Z"), "'1842-05-01 12:00:00.123456+00'"),
    "geopoint": (GeoPoint(-1.5, 180.0), "'(180,-1.5)'"),
    "reference": (Reference('users/"u,1'), "'users/\"u,1'"),
}


@pytest.mark.parametrize("kind", EVERY_SCALAR)
def test_scalars_and_arrays_of_them_are_native(place, kind):
    value, literal = EVERY_SCALAR[kind]
    schema = (("one", Type(kind)), ("many", Type("list", items=(Type(kind, optional=True),))))
    sink = place.sink(table=Table("Room", "rooms", schema))
    sink.write([ViewChange("Room", "rooms/a", None, {"one": value, "many": [value, None, value]}, (1, 0, 1))])
    sink.write([ViewChange("Room", "rooms/b", None, {"one": None, "many": []}, (1, 0, 1))])
    assert list(sink.publish()) == []
    type_ = sql.SQL(literals.sql_type(Type(kind))).as_string()
    equal = "~=" if kind == "geopoint" else "="
    same = f"one {equal} {literal}::{type_} AND many[1] {equal} one AND many[2] IS NULL AND many[3] {equal} one"
    assert place.run(f"SELECT {same}, cardinality(many) FROM {{s}}.rooms WHERE __path__ = 'rooms/a'") == [(True, 3)]
    assert place.run("SELECT one, cardinality(many) FROM {s}.rooms WHERE __path__ = 'rooms/b'") == [(None, 0)]


def test_structures_are_plain_json_where_the_schema_says_what_they_are(place):
    attendee = Type(
        "struct", fields=(("name", Type("str")), ("ratio", Type("float")), ("at", Type("geopoint")), ("more", ANY))
    )
    sink = place.sink(table=Table("Room", "rooms", (("attending", Type("list", items=(attendee,))),)))
    people = [{"name": "Ada", "ratio": -0.0, "at": GeoPoint(1.0, 2.0), "more": 7}, {"name": "Bo", "ratio": math.nan}]
    sink.write([ViewChange("Room", "rooms/a", None, {"attending": people}, (1, 0, 1))])
    sink.publish()
    [(shown,)] = place.run("SELECT attending FROM {s}.rooms")
    assert shown == [
        {"name": "Ada", "ratio": "-0.0", "at": {"latitude": 1.0, "longitude": 2.0}, "more": {"integerValue": "7"}},
        {"name": "Bo", "ratio": "NaN", "at": None, "more": None},
    ]
    rows = (
        "SELECT p.name, p.ratio FROM {s}.rooms, jsonb_to_recordset(attending) AS p(name text, ratio double precision)"
    )
    assert [(name, str(ratio)) for name, ratio in place.run(rows)] == [("Ada", "-0.0"), ("Bo", "nan")]


@given(st.data())
@settings(max_examples=30)
def test_whatever_a_structure_holds_comes_back(structures, data):
    sink, place, seqs = structures
    struct = {name: data.draw(st.none() | VALUES_OF[name]) for name in VALUES_OF}
    sink.write([ViewChange("Room", "rooms/a", None, {"many": [struct, None], "one": struct}, (1, 0, next(seqs)))])
    letters = sink.publish()
    [(many, one)] = place.run("SELECT many, one FROM {s}.rooms")
    if has_nul(struct):
        assert (many, one) == (None, None) and "NUL" in letters[0].reason
    else:
        assert same(value_of(many, Type("list", items=(STRUCT,))), [struct, None])
        assert same(value_of(one, STRUCT), struct)


VALUES_OF = {
    "bool": st.booleans(),
    "int": st.integers(-(2**63), 2**63 - 1),
    "float": st.floats(),
    "str": st.text(max_size=5),
    "bytes": st.binary(max_size=5),
    "timestamp": st.datetimes(timezones=st.just(timezone.utc)),
    "geopoint": st.builds(GeoPoint, st.floats(), st.floats()),
    "reference": st.text(alphabet="/\"'\\é", min_size=1).map(Reference),
    "vector": st.builds(Vector, st.lists(st.floats(), max_size=3).map(tuple)),
    "map": st.dictionaries(st.text(max_size=3), st.floats() | st.text(max_size=3), max_size=2),
}
STRUCT = Type("struct", fields=tuple((kind, Type(kind, optional=True)) for kind in VALUES_OF))


@pytest.fixture(scope="module")
def structures(postgresql):
    with place_on(postgresql, "structures") as place:
        schema = (("many", Type("list", items=(STRUCT,))), ("one", STRUCT))
        yield place.sink(table=Table("Room", "rooms", schema)), place, count(1)


def test_a_name_inside_a_structure_that_is_no_text_is_one_clear_error(place):
    with pytest.raises(EngineError, match="Room.'one' cannot be a column"):
        place.sink(table=Table("Room", "rooms", (("one", Type("struct", fields=(("a\0", ANY),))),)))


@pytest.mark.parametrize(
    ("document", "says", "row"),
    [
        ({"n": 1.5}, "Room.n is declared as int and holds 1.5", (None, None)),
        ({"n": True}, "Room.n is declared as int and holds True", (None, None)),
        ({"n": 2**63}, "Room.n is declared as int and holds 9223372036854775808", (None, None)),
        ({"n": 1, "name": 7}, "Room.name is declared as str? and holds 7", (1, None)),
        (
            {"n": 1, "name": "a\0"},
            "Room.name holds 'a\\x00': PostgreSQL has no place for a NUL character in text",
            (1, None),
        ),
        ({"n": 1, "name": "\ud800"}, "Room.name is declared as str? and holds '\\ud800'", (1, None)),
        ({"n": 1, "other": 7}, "Room has no attribute 'other' in its schema", (1, None)),
        (
            {"n": 1, "name": "x" * 101},
            f"Room.name holds {'x' * 101!r:.80}: it has 101 characters, and a value has at most 100",
            (1, None),
        ),
    ],
)
def test_a_value_that_does_not_fit_is_null_and_a_dead_letter_until_it_fits(place, monkeypatch, document, says, row):
    monkeypatch.setattr(literals, "MAX_VALUE", 100)
    sink = place.sink()
    write(sink, 1, rows=2)
    assert list(sink.publish()) == []
    sink.write([ViewChange("Room", "rooms/0", None, document, (1, 0, 2))])
    assert sink.publish() == [DeadLetter("table:Room:rooms/0", f"sink-failed: {says}", payload=document)]
    assert place.rooms() == [("rooms/0", *row), ("rooms/1", 1, "1")]
    sink.write([change("rooms/0", 9, 3)])
    assert sink.publish() == [DeadLetter("table:Room:rooms/0", "", cleared=True)]


@pytest.mark.parametrize(
    ("value", "held"), [("\\u0000", True), ("\\\0", False), ("\\\\u0000", True), ("é\0", False), ("-0.0", True)]
)
def test_a_nul_character_is_told_from_text_that_looks_like_its_escape(place, value, held):
    sink = place.sink(table=Table("Room", "rooms", (("any", ANY), ("map", Type("map")))))
    sink.write([ViewChange("Room", "rooms/a", None, {"any": [value, -0.0], "map": {value: 1}}, (1, 0, 1))])
    assert len(sink.publish()) == (not held)
    [(found, keys)] = place.run('SELECT "any", map FROM {s}.rooms')
    assert value_of(found, ANY) == ([value, -0.0] if held else None)
    assert value_of(keys, ANY) == ({value: 1} if held else None)


def test_the_newest_version_says_whether_there_is_a_letter(place):
    sink = place.sink()
    sink.write([change("rooms/a", "odd", 1), change("rooms/a", 2, 2)])
    sink.write([change("rooms/b", 3, 3), change("rooms/b", "odd", 2)])
    sink.write(
        [change("rooms/c", "odd", 1), gone("rooms/c", 2), change("rooms/d", "odder", 2), change("rooms/d", "odd", 1)]
    )
    assert [(x.key, x.payload) for x in sink.publish()] == [("table:Room:rooms/d", {"n": "odder"})]
    sink.write([gone("rooms/d", 3)])
    assert list(sink.publish()) == [DeadLetter("table:Room:rooms/d", "", cleared=True)]


def test_a_letter_is_taken_back_by_a_later_job_too(place):
    first = place.sink()
    first.write([change("rooms/a", "odd"), change("rooms/b", "odd"), change("rooms/c", "odd")])
    first.complete()
    assert len(first.publish()) == 3
    second = place.sink(generation=2)
    second.write([change("rooms/a", 1, generation=2), change("rooms/b", "odd", generation=2)])
    second.complete()
    letters = {letter.key: letter.cleared for letter in second.publish()}
    assert letters == {"table:Room:rooms/a": True, "table:Room:rooms/b": False, "table:Room:rooms/c": True}


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("rooms/\0", "its path has a NUL character"),
        ("rooms/\ud800", "its path is not Unicode text"),
        ("rooms/" + "é" * 1400, "its path has 2,806 bytes; a primary key holds 2,600"),
    ],
)
def test_a_document_whose_path_no_row_can_have_is_a_dead_letter_until_it_is_gone(place, path, says):
    sink = place.sink()
    sink.write([change(path, 1), change("rooms/a", 1)])
    [letter] = sink.publish()
    assert letter.key == f"table:Room:{path}" and says in letter.reason and letter.payload == {"n": 1}
    assert place.rooms() == [("rooms/a", 1, None)]
    assert list(sink.publish()) == []
    sink.write([change("rooms/a", 2, 2)])
    assert list(sink.publish()) == []
    sink.write([gone(path, 2)])
    assert list(sink.publish()) == [DeadLetter(f"table:Room:{path}", "", cleared=True)]


def test_the_longest_path_that_is_taken_fits_the_index(place):
    chance = "".join(hashlib.sha256(bytes([n])).hexdigest() for n in range(60))
    sink = place.sink()
    sink.write([change(f"rooms/{chance}"[: rows.MAX_PATH_BYTES], 1)])
    assert list(sink.publish()) == [] and len(place.rooms()) == 1


HOSTILE = [
    'a"b',
    "a'b",
    "a;--",
    "a%s{x}",
    "a.b",
    "select",
    "é" * 40,
    "x" * 80,
    "a\0b",
    "__onto_flow_tables__",
    "A",
    "\ud800",
]


@pytest.mark.parametrize("collection", HOSTILE)
def test_hostile_names_of_collections_are_names(place, collection):
    sink = place.sink(table=Table("Room", collection, (("a%(n)s\"'{}", Type("int")),)))
    sink.write([ViewChange("Room", "rooms/a", None, {"a%(n)s\"'{}": 5}, (1, 0, 1))])
    sink.publish()
    name = tables.table_name(collection)
    chosen = sql.SQL('SELECT "a%(n)s""\'{{}}" FROM {}').format(sql.Identifier(place.schema, name))
    assert place.reader.execute(chosen).fetchall() == [(5,)]
    place.sink(2, Table("Room", collection, (("a%(n)s\"'{}", Type("int")),)))


def test_names_of_tables_differ_where_collections_do():
    names = [tables.table_name(c) for c in [*HOSTILE, "x" * 81, "é" * 41, "a\0c", "\udfff"]]
    assert len(set(names)) == len(names) and all(len(n.encode()) <= 63 for n in names)


@pytest.mark.parametrize("name", ["__path__", "__version__", "__x__", "ctid", "", "a\0", "x" * 64, "\ud800"])
def test_an_attribute_that_cannot_be_a_column_is_one_clear_error(place, name):
    with pytest.raises(EngineError, match="cannot be a column"):
        place.sink(table=Table("Room", "rooms", ((name, Type("int")),)))


def test_a_table_that_is_not_ours_is_left_alone(place):
    place.run("CREATE SCHEMA {s}")
    place.run("CREATE TABLE {s}.rooms (a int)")
    with pytest.raises(EngineError, match="a table 'rooms' is there, and it is not the table of collection 'rooms'"):
        place.sink()
    assert place.run("SELECT * FROM {s}.rooms") == []


def test_two_collections_do_not_share_a_table(place, monkeypatch):
    monkeypatch.setattr("onto_flow.sinks.postgresql.sink.table_name", lambda collection: "same")
    place.sink()
    with pytest.raises(EngineError, match="it is not the table of collection 'others'"):
        place.sink(table=Table("Room", "others", TABLE.schema))


def test_a_view_may_gain_attributes(place):
    first = place.sink()
    write(first, 1, rows=1)
    first.publish()
    second = place.sink(2, Table("Room", "rooms", (("added", Type("list", items=(Type("str"),))), *TABLE.schema)))
    assert place.run("SELECT added, n FROM {s}.rooms") == [(None, 1)]
    write(first, 2, rows=1)
    first.publish()
    second.write([ViewChange("Room", "rooms/0", None, {"added": ["x"], "n": 3}, (2, 0, 1))])
    second.complete()
    second.publish()
    assert place.run("SELECT added, n, name FROM {s}.rooms") == [(["x"], 3, None)]


def test_a_changed_type_is_one_clear_error_that_says_what_to_do(place):
    place.sink()
    with pytest.raises(EngineError) as caught:
        place.sink(2, Table("Room", "rooms", (("n", Type("str")), TABLE.schema[1])))
    assert caught.value.what == f'Room.n is now str (text), and its column in "{place.schema}"."rooms" is bigint'
    place.run(caught.value.fix.split(";")[0])
    place.sink(2, Table("Room", "rooms", (("n", Type("str")), TABLE.schema[1])))


def test_an_attribute_that_went_is_one_clear_error_that_says_what_to_do(place):
    place.sink()
    with pytest.raises(EngineError, match="Room no longer has the attribute 'name'") as caught:
        place.sink(2, Table("Room", "rooms", TABLE.schema[:1]))
    place.run(caught.value.fix.split(";")[0])
    place.sink(2, Table("Room", "rooms", TABLE.schema[:1]))


def test_what_others_add_to_a_table_stays(place):
    first = place.sink()
    place.run("ALTER TABLE {s}.rooms ADD COLUMN twice bigint GENERATED ALWAYS AS (n * 2) STORED")
    place.run("CREATE INDEX by_n ON {s}.rooms (n)")
    place.run("CREATE VIEW {s}.large AS SELECT * FROM {s}.rooms WHERE n > 1")
    write(first, 1)
    first.publish()
    second = place.sink(2)
    second.write([change("rooms/a", 7, generation=2)])
    second.complete()
    second.publish()
    assert place.run("SELECT n, twice FROM {s}.large") == [(7, 14)]


def test_nothing_is_asked_where_nothing_was_written(place, monkeypatch):
    sink = place.sink()
    write(sink, 1)
    sink.publish()
    monkeypatch.setattr(connection.Database, "transact", lambda *_: pytest.fail("asked"))
    assert list(sink.publish()) == []


def test_much_that_waits_lies_on_disk(place, monkeypatch):
    monkeypatch.setattr(publication, "HELD_BYTES", 100)
    sink = place.sink()
    write(sink, 1)
    assert sink._stagings["Room"]._lines._rolled
    sink.publish()
    assert len(place.rooms()) == ROWS


def test_a_disk_that_is_full_is_one_clear_error(place, monkeypatch):
    sink = place.sink()

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(sink._stagings["Room"]._lines, "write", full)
    with pytest.raises(EngineError, match="No space left"):
        write(sink, 1)


def test_tombstones_go_after_the_horizon(place):
    sink = place.sink()
    sink.write([change("rooms/a", 1), gone("rooms/a", 2), gone("rooms/b", 2)])
    sink.publish()
    assert place.rooms() == []
    place.run("UPDATE {s}.__onto_flow_tombstones__ SET deleted_at = now() - interval '9 days' WHERE path = 'rooms/b'")
    place.sink()
    assert place.run("SELECT path, version FROM {s}.__onto_flow_tombstones__") == [("rooms/a", [1, 0, 2])]
