"""Tables in PostgreSQL beside what follows from the documents: every logical type comes back as it would be written."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone

import psycopg
import pytest

from onto_flow.audit.tables import open_tables
from onto_flow.cli import main
from onto_flow.core.change import ViewChange
from onto_flow.core.errors import DataError
from onto_flow.core.types import Type
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.demo import data
from onto_flow.formats.export_writer import write_export
from onto_flow.sinks.base import Table
from onto_flow.sinks.postgresql import PostgresSink
from onto_flow.sinks.postgresql import reading as pages
from tests.sinks.postgresql_place import place_on

MOMENT = datetime(2026, 5, 1, 12, 0, 0, 120000, tzinfo=timezone(timedelta(hours=2)))
VALUES = {
    "flag": (Type("bool"), True),
    "count": (Type("int"), 2**62),
    "share": (Type("float"), -0.0),
    "nothing": (Type("float"), float("nan")),
    "text": (Type("str"), 'a\tb\\n "c" %s {d}\n'),
    "raw": (Type("bytes"), b"\x00\xff\\"),
    "at": (Type("timestamp"), MOMENT),
    "place": (Type("geopoint"), GeoPoint(52.5, 13.25)),
    "of": (Type("reference"), Reference("users/ada")),
    "near": (Type("vector"), Vector((1.5, 1e300))),
    "tags": (Type("list", items=(Type("str"),)), ["NULL", "a,b", None, "{}"]),
    "parts": (Type("struct", fields=(("b", Type("float")), ("a", Type("str")))), {"a": "x", "b": 0.1}),
    "any": (Type("map"), {"b": 1, "a": [MOMENT, 1e-7]}),
    "wrong": (Type("int"), "no number"),
}
TABLE = Table("Room", "rooms", tuple((name, type_) for name, (type_, _) in VALUES.items()))
DOCUMENT = {name: value for name, (_, value) in VALUES.items()}


@pytest.fixture
def place(postgresql, request):
    with place_on(postgresql, request.node.nodeid) as place:
        yield place


def written(place, *changes, table=TABLE):
    sink = PostgresSink(place.uri)
    place.sinks.append(sink)
    sink.open([table], 1)
    sink.write(changes)
    sink.complete()
    sink.publish()


def room(path, document, seq=1, **more):
    return ViewChange("Room", path, None, document, (1, 0, seq), **more)


def test_documents_come_back_as_they_would_be_written(place):
    documents = {"rooms/a": DOCUMENT, "rooms/ä": {}, "rooms/%s": {"count": 1}}
    written(place, *(room(path, document) for path, document in documents.items()), room("rooms/gone", None))
    tables = open_tables(place.uri)
    rows = {row.path: row.document for row in tables.rows(TABLE)}
    shown = dict(tables.shown(TABLE, [*documents.items(), ("rooms/" + "x" * 3000, {})]))
    assert rows == shown
    assert rows["rooms/a"]["wrong"] is None and rows["rooms/a"]["share"] == "-0"
    for name in VALUES.keys() - {"wrong"}:
        other = dict(tables.shown(TABLE, [("rooms/a", {**DOCUMENT, name: None})]))
        assert other["rooms/a"] != rows["rooms/a"], name


def test_pages_hold_every_row_once_and_flags(place, monkeypatch):
    monkeypatch.setattr(pages, "PAGE", 2)
    paths = [f"rooms/{name}" for name in ("B", "a", "é", "z", "10", "9")]
    written(place, *(room(path, {"count": n}, failed=n == 3) for n, path in enumerate(paths)))
    rows = list(open_tables(place.uri).rows(TABLE))
    assert [row.path for row in rows] == sorted(paths)
    assert [row.path for row in rows if row.failed] == ["rooms/z"]
    shown = dict(open_tables(place.uri).shown(TABLE, [(path, {"count": n}) for n, path in enumerate(paths)]))
    assert shown == {row.path: row.document for row in rows}


def test_a_user_who_may_only_read_is_enough_and_nothing_is_left(place, postgresql):
    written(place, room("rooms/a", DOCUMENT))
    with psycopg.connect(postgresql, autocommit=True) as admin:
        admin.execute(f"CREATE ROLE reader_{place.schema} LOGIN PASSWORD 'p'")
        admin.execute(f"GRANT USAGE ON SCHEMA {place.schema} TO reader_{place.schema}")
        admin.execute(f"GRANT SELECT ON {place.schema}.rooms TO reader_{place.schema}")
    uri = place.uri.replace("onto_flow@", f"reader_{place.schema}:p@")
    tables = open_tables(uri)
    (row,) = tables.rows(TABLE)
    assert dict(tables.shown(TABLE, [("rooms/a", DOCUMENT)])) == {row.path: row.document}
    assert place.run("SELECT count(*) FROM pg_class WHERE relname = 'onto_flow_shown'") == [(0,)]


def test_a_table_that_is_not_there_is_said(place):
    with pytest.raises(DataError, match="there is no table 'rooms'"):
        list(open_tables(place.uri).rows(TABLE))


def test_the_tool_names_what_is_wrong_in_a_table(place, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    view, documents = "onto_flow.demo.meeting_room:MeetingSession", data.documents()
    write_export("export", sorted(documents.items()), snapshot_time=data.EXPORTED_AT)
    assert main(["backfill", view, "--source", "export", "--sink", place.uri, "--quiet"]) == 0
    audit = ["audit", view, "--source", "export", "--table", place.uri, "--format", "json"]
    assert main(audit) == 0
    place.run("UPDATE {s}.\"meetingSessions\" SET address = 'Moon' WHERE __path__ = 'meetingSessions/standup'")
    place.run("DELETE FROM {s}.\"meetingSessions\" WHERE __path__ = 'meetingSessions/retro'")
    capsys.readouterr()
    assert main(audit) == 3
    said = json.loads(capsys.readouterr().out)
    found = {(f["path"], f["kind"]) for f in said["view_findings"]}
    assert found == {("meetingSessions/standup", "wrong-view"), ("meetingSessions/retro", "missing-view")}
