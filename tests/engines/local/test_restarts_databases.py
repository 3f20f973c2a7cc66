"""Kills at every durable-write boundary with sinks that are databases of their own."""

from __future__ import annotations

import psycopg
import pytest
from test_postgresql import TestPostgres as Postgres
from test_restarts import TestVersionedSink as Versioned
from test_sqlite import documents

from onto_flow.sinks.sqlite import SqliteSink


class TestSqlite(Versioned):
    every = 9

    def create_sink(self, folder):
        return SqliteSink(folder.with_suffix(".sqlite"), synchronous="off")

    def read_back(self, sink, table):
        return documents(sink._database.file.path, table.collection)


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
class TestEveryBoundaryOfPostgresql(TestPostgresql):
    every = 1
