from __future__ import annotations

import grpc
import pytest
from firestore_place import Standing, change
from google.cloud.bigquery_storage_v1 import types
from google.rpc import status_pb2

from onto_flow.connect import open_sink
from onto_flow.core.change import ViewChange
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.types import Type
from onto_flow.core.values import to_micros
from onto_flow.sinks.base import Table
from onto_flow.sinks.bigquery import BigQuerySink
from onto_flow.sinks.bigquery.messages import sequence_of
from onto_flow.sinks.bigquery.service import REST, STORAGE, Service
from onto_flow.testing.bigquery_double import bigquery_double
from onto_flow.testing.sink_suite import EDGES, EVERY_TYPE, EVERY_VALUE, ROOMS

STREAM = "projects/p/datasets/shop/tables/rooms/streams/_default"


@pytest.fixture
def double(monkeypatch):
    with bigquery_double() as double:
        monkeypatch.setenv(REST, double.rest)
        monkeypatch.setenv(STORAGE, double.storage)
        yield double


@pytest.fixture
def time():
    return Standing()


@pytest.fixture
def opened(double, time):
    sinks = []

    def open_it(generation=1, tables=(ROOMS,)):
        sink = BigQuerySink(Service("//p/shop"), time.around)
        sinks.append(sink)
        sink.open(list(tables), generation)
        return sink

    yield open_it
    for sink in sinks:
        sink.close()


def publish(sink, *changes):
    sink.write(changes)
    return list(sink.publish())


def test_the_table_is_made_from_the_view(opened, double):
    opened()
    [made] = double.tables.values()
    assert made["schema"]["fields"] == [
        {"name": "__path__", "type": "STRING", "mode": "REQUIRED"},
        {"name": "name", "type": "STRING", "mode": "NULLABLE"},
        {"name": "seats", "type": "INT64", "mode": "NULLABLE"},
        {"name": "__generation__", "type": "INT64", "mode": "NULLABLE"},
        {"name": "__failed__", "type": "BOOL", "mode": "NULLABLE"},
    ]
    assert made["clustering"] == {"fields": ["__path__"]}
    assert made["tableConstraints"]["primaryKey"] == {"columns": ["__path__"]}


def test_changes_are_upserts_and_deletions_with_their_version(opened, double):
    publish(opened(), change("a", 1, {"name": "Attic", "seats": 4}), change("b", 26, None, epoch=10))
    [(stream, rows)] = double.appends
    assert stream == STREAM
    assert rows == [
        {
            "__path__": "rooms/a", "name": "Attic", "seats": "4", "__generation__": "1",
            "_CHANGE_TYPE": "UPSERT", "_CHANGE_SEQUENCE_NUMBER": "1/0/1",
        },
        {"__path__": "rooms/b", "_CHANGE_TYPE": "DELETE", "_CHANGE_SEQUENCE_NUMBER": "1/A/1A"},
    ]  # fmt: skip
    assert double.tables["rooms"]["labels"] == {"onto_flow_generation": "1"}


def test_sequence_numbers_are_in_the_order_of_versions():
    versions = [(1, 0, 9), (1, 0, 10), (1, 0, 16), (1, 2, 0), (2, 0, 0), (1 << 50, 0, 0)]
    places = [[int(part, 16) for part in sequence_of(version).split("/")] for version in versions]
    assert places == sorted(places)
    assert all(len(part) <= 16 for version in versions for part in sequence_of(version).split("/"))


def test_a_backfill_is_one_load(opened, double):
    sink = opened()
    sink.write([change(str(n), 1, {"name": "x", "seats": n}) for n in range(3)])
    sink.write([change("1", 2, None)])
    sink.complete()
    assert list(sink.publish()) == []
    [(config, lines)] = double.loads
    assert lines == [
        {"__path__": "rooms/0", "name": "x", "seats": 0, "__generation__": 1},
        {"__path__": "rooms/2", "name": "x", "seats": 2, "__generation__": 1},
    ]
    assert (config["writeDisposition"], config["sourceFormat"]) == ("WRITE_TRUNCATE", "NEWLINE_DELIMITED_JSON")
    assert config["destinationTable"] == {"projectId": "p", "datasetId": "shop", "tableId": "rooms"}
    assert config["clustering"] == {"fields": ["__path__"]}
    method, _, said = double.calls[-1]
    assert (method, said["tableConstraints"]["primaryKey"]["columns"]) == ("PATCH", ["__path__"])
    assert double.appends == []
    publish(sink, change("2", 2, {"seats": 5}))
    assert [row["seats"] for row in double.rows().values()] == ["5"]


def test_an_older_table_stays_until_a_newer_one_is_complete_and_older_jobs_are_refused(opened, double):
    first = opened()
    publish(first, change("a", 1, {"seats": 1}))
    sink = opened(2)
    assert (set(first.written_by().values()), set(sink.written_by().values())) == ({0}, {1})
    publish(sink, change("b", 1, {"seats": 2}, 2))
    assert len(double.appends) == 1
    sink.complete()
    sink.publish()
    assert [line["__path__"] for line in double.loads[0][1]] == ["rooms/b"]
    with pytest.raises(EngineError, match="newer than 1"):
        opened(1)


def test_every_type_of_value(opened, double):
    sink = opened(tables=(EVERY_TYPE,))
    documents = {f"a/1/every/{n}": document for n, document in enumerate((EVERY_VALUE, *EDGES))}
    sink.write([ViewChange("Every", path, None, document, (1, 0, 1)) for path, document in documents.items()])
    letters = sink.publish()
    assert [letter.key for letter in letters] == ["table:Every:a/1/every/4"], "an array has no null"
    row = double.rows()["a/1/every/0"]
    assert {name: row[name] for name in ("yes", "int", "double", "text", "raw", "when", "where", "who")} == {
        "yes": True, "int": str(-(2**63)), "double": -0.5, "text": "é\n\x00", "raw": "AP8=", "when": str(to_micros(EVERY_VALUE["when"])),
        "where": "POINT(180.0 -1.5)", "who": "users/u1",
    }  # fmt: skip
    assert row["list"] == [{"n": "1"}, {"n": "2", "s": "x"}]
    assert row["anything"] == (
        '{"arrayValue":{"values":[{"integerValue":"1"},{"stringValue":"one"},'
        '{"mapValue":{"fields":{"two":{"doubleValue":2.0}}}}]}}'
    )
    fields = {f["name"]: (f["type"], f["mode"]) for f in double.tables["a_x_every"]["schema"]["fields"]}
    assert (fields["list"], fields["vector"], fields["map"], fields["where"]) == (
        ("RECORD", "REPEATED"), ("FLOAT64", "REPEATED"), ("JSON", "NULLABLE"), ("GEOGRAPHY", "NULLABLE"),
    )  # fmt: skip


def test_every_type_of_value_in_a_load(opened, double):
    sink = opened(tables=(EVERY_TYPE,))
    sink.write(
        [ViewChange("Every", f"a/1/every/{n}", None, d, (1, 0, 1)) for n, d in enumerate((EVERY_VALUE, EDGES[0]))]
    )
    sink.complete()
    sink.publish()
    first, second = double.loads[0][1]
    assert (first["raw"], first["when"], first["where"]) == ("AP8=", "1842-05-01T12:00:00.123456Z", "POINT(180.0 -1.5)")
    assert first["map"]["mapValue"]["fields"]["keep_me"]["arrayValue"]["values"][0] == {"integerValue": "1"}
    assert second["double"] == "NaN"


def test_a_value_that_does_not_fit_is_null_and_a_dead_letter(opened, double):
    sink = opened()
    [letter] = publish(sink, change("a", 1, {"name": "x", "seats": "four"}))
    assert letter.reason == "sink-failed: seats is INT64 and holds 'four'"
    assert "seats" not in double.rows()["rooms/a"]
    [letter] = publish(sink, change("a", 2, {"name": "x", "seats": 4}))
    assert (letter.key, letter.cleared) == ("table:Room:rooms/a", True)


def test_rows_that_are_refused_go_and_the_others_stay(opened, double):
    error = types.RowError(index=1, code=1, message="the row is too large")
    code = status_pb2.Status(code=3, message="errors found")
    double.answers = [types.AppendRowsResponse(error=code, row_errors=[error])]
    sink = opened()
    [letter] = publish(sink, *(change(id, 1, {"name": id}) for id in "abc"))
    assert letter.key == "table:Room:rooms/b"
    assert "too large" in letter.reason
    assert [row["_CHANGE_TYPE"] for row in double.appends[0][1]] == ["UPSERT", "DELETE", "UPSERT"]
    assert sink.operations == {"append": 2, "upsert": 2, "delete": 1, "refused": 1}


def test_a_service_that_is_away_is_asked_again(opened, double, time):
    double.answers = [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED]
    publish(opened(), change("a", 1, {"name": "x"}))
    assert time.slept == [0.05, 0.1]
    assert len(double.appends) == 1


def test_an_error_of_the_service_ends_the_job_and_nothing_is_lost(opened, double):
    sink = opened()
    double.answers = [grpc.StatusCode.PERMISSION_DENIED]
    with pytest.raises(EngineError, match="PermissionDenied"):
        publish(sink, change("a", 1, {"name": "x"}))
    sink.publish()
    assert double.rows().keys() == {"rooms/a"}


def test_late_and_repeated_changes_leave_the_newest(opened, double):
    changes = [change("a", n, None if n % 3 == 0 else {"seats": n}) for n in range(1, 9)]
    sink = opened()
    for one in (*reversed(changes), *changes):
        publish(sink, one)
    assert double.rows()["rooms/a"]["seats"] == "8"


def test_many_rows_are_several_appends(opened, double):
    publish(opened(), *(change(str(n), 1, {"seats": n}) for n in range(5001)))
    assert [len(rows) for _, rows in double.appends] == [5000, 1]


def test_new_attributes_are_new_columns_and_other_types_are_refused(opened, double):
    opened()
    more = Table("Room", "rooms", (*ROOMS.schema, ("floor", Type("int"))))
    opened(2, (more,))
    assert [f["name"] for f in double.tables["rooms"]["schema"]["fields"]][-1] == "floor"
    other = Table("Room", "rooms", (("name", Type("int")),))
    with pytest.raises(EngineError, match="name is STRING and would become INT64"):
        opened(3, (other,))


@pytest.mark.parametrize("name", ["zip-code", "_CHANGE_TYPE", "NAME", "_partitiontime", "__Path__"])
def test_names_that_no_column_can_have(opened, name):
    with pytest.raises(EngineError, match="column of BigQuery"):
        opened(tables=(Table("Room", "rooms", (("name", Type("str")), (name, Type("str")))),))


def test_by_its_uri(double):
    sink = open_sink("bigquery://p/shop")
    sink.open([ROOMS], 1)
    sink.close()
    with pytest.raises(UsageError, match="names no dataset"):
        open_sink("bigquery://p")


def test_several_writers_take_an_older_table_over_row_by_row(double, time):
    alone = BigQuerySink(Service("//p/shop"), time.around)
    alone.open([ROOMS], 1)
    publish(alone, *(change(name, 1, {"name": name, "seats": 1}) for name in "abc"))
    writers = [BigQuerySink(Service("//p/shop"), time.around, shared=True) for _ in range(2)]
    for writer, name in zip(writers, "ab"):
        writer.open([ROOMS], 2)
        publish(writer, change(name, 1, {"name": name, "seats": 2}, generation=2))
    assert {row["name"]: row["seats"] for row in double.rows().values()} == {"a": "2", "b": "2", "c": "1"}
    writers[0].complete()
    assert list(writers[0].publish()) == []
    assert sorted(row["name"] for row in double.rows().values()) == ["a", "b"]
    assert double.loads == []
    for sink in (alone, *writers):
        sink.close()
