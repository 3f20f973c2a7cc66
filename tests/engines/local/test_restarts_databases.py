"""Kills at every durable-write boundary with sinks that are databases of their own."""

from __future__ import annotations

import psycopg
import pytest
from test_postgresql import TestPostgres as Postgres
from test_pubsub import decoded
from test_restarts import TestVersionedSink as Versioned
from test_sqlite import documents

from onto_flow.core.collection import Collection
from onto_flow.core.fence import without_fence
from onto_flow.core.types import Type
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.sinks.bigquery import BigQuerySink
from onto_flow.sinks.bigquery.service import REST, STORAGE, Service
from onto_flow.sinks.firestore import FirestoreSink
from onto_flow.sinks.firestore.sink import Limits
from onto_flow.sinks.pubsub import PubSubSink
from onto_flow.sinks.sqlite import SqliteSink
from onto_flow.testing.bigquery_double import bigquery_double
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.pubsub import Settings, pubsub_server


class TestSqlite(Versioned):
    every = 9

    def create_sink(self, folder):
        return SqliteSink(folder.with_suffix(".sqlite"), synchronous="off")

    def read_back(self, sink, table):
        return documents(sink._database.file.path, table.collection)


class TestFirestore(Versioned):
    """Killed before and after each commit of the database that view documents are fenced in."""

    every = 9

    def create_sink(self, folder):
        self.file = folder.with_suffix(".firestore.sqlite")
        return FirestoreSink(EmbeddedDatabase(self.file, synchronous="off"), Limits(gently=False))

    def read_back(self, sink, table):
        with EmbeddedDatabase(self.file, synchronous="off") as place:
            found = place.query(Query.of(Collection(table.collection)))
            return {s.path: without_fence(s.fields) for s in found}


class TestPubSub(Versioned):
    """A topic for each folder; a consumer keeps the highest version of each path."""

    every = 23

    @pytest.fixture(autouse=True)
    def _served(self, monkeypatch):
        with pubsub_server() as self.server:
            monkeypatch.setenv("PUBSUB_EMULATOR_HOST", self.server.address)
            yield

    def create_sink(self, folder):
        self.topic = f"projects/p/topics/{folder.parent.name}-{folder.name}"
        if self.topic not in self.server.broker.topics:
            self.server.broker.topics[self.topic] = []
            self.server.broker.subscribe(self.topic, Settings(self.topic))
        return PubSubSink(self.topic)

    def read_back(self, sink, table):
        found = self.server.broker.subscriptions[self.topic].unacknowledged
        return applied([decoded(m.data) for m in found]).get(table.view, {})


class Loads(list):
    """Load jobs, and how many appends there were before each."""

    def __init__(self, appends):
        super().__init__()
        self.appends, self.marks = appends, []

    def append(self, load):
        self.marks.append(len(self.appends))
        super().append(load)


@pytest.mark.long
class TestEveryBoundaryOfBigQuery(Versioned):
    """A double of BigQuery for each folder: its rows are those of the last load, and of the appends after it."""

    every = 1

    @pytest.fixture(autouse=True)
    def _served(self, monkeypatch):
        with bigquery_double() as self.double:
            monkeypatch.setenv(REST, self.double.rest)
            monkeypatch.setenv(STORAGE, self.double.storage)
            self.folder = None
            yield

    def create_sink(self, folder):
        if folder != self.folder:
            self.folder, self.double.tables, self.double.appends = folder, {}, []
            self.double.loads = Loads(self.double.appends)
        return BigQuerySink(Service("//p/shop"))

    def read_back(self, sink, table):
        loads = [
            (n, x) for n, x in enumerate(self.double.loads) if x[0]["destinationTable"]["tableId"] == table.collection
        ]
        number, (_, lines) = loads[-1] if loads else (None, ({}, []))
        found = {row["__path__"]: row for row in lines}
        newest = {}
        for stream, rows in self.double.appends[0 if number is None else self.double.loads.marks[number] :]:
            for row in rows if f"/tables/{table.collection}/" in stream else ():
                place = [int(part, 16) for part in row["_CHANGE_SEQUENCE_NUMBER"].split("/")]
                if place >= newest.get(row["__path__"], []):
                    newest[row["__path__"]] = place
                    found[row["__path__"]] = row if row["_CHANGE_TYPE"] == "UPSERT" else None
        struct = Type("struct", fields=table.schema)
        return {path: as_declared(row, struct) for path, row in found.items() if row is not None}


def as_declared(value, type_):
    """What JSON has in place of a value."""
    if type_.kind == "list":
        return [as_declared(item, type_.items[0]) for item in value or ()]
    if type_.kind == "struct":
        return {name: as_declared((value or {}).get(name), declared) for name, declared in type_.fields}
    return int(value) if type_.kind == "int" and value is not None else value


class TestPostgresql(Versioned):
    every = 23
    create_sink, read_back = Postgres.create_sink, Postgres.read_back

    @pytest.fixture(autouse=True)
    def _connected(self, postgresql):
        self.server = postgresql
        with psycopg.connect(postgresql, autocommit=True, options="-c TimeZone=UTC") as self.reader:
            yield


@pytest.mark.long
class TestEveryBoundaryOfSqlite(TestSqlite):
    every = 1


@pytest.mark.long
class TestEveryBoundaryOfFirestore(TestFirestore):
    every = 1


@pytest.mark.long
class TestEveryBoundaryOfPubSub(TestPubSub):
    every = 1


@pytest.mark.long
class TestEveryBoundaryOfPostgresql(TestPostgresql):
    every = 1
