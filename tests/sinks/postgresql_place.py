"""A schema of its own on a PostgreSQL server, the sinks that write there, and what a reader finds."""

from __future__ import annotations

import hashlib
from contextlib import contextmanager

import psycopg
from psycopg import sql

from onto_flow.core.change import ViewChange
from onto_flow.core.types import Type
from onto_flow.sinks.base import Table
from onto_flow.sinks.postgresql import PostgresSink

TABLE = Table("Room", "rooms", (("n", Type("int")), ("name", Type("str", optional=True))))
ROWS = 50


def schema_of(name):
    return f"s{hashlib.sha256(str(name).encode()).hexdigest()[:20]}"


class Place:
    """A schema of its own on the server.

    Attributes:
        uri: What a sink is given.
    """

    def __init__(self, server, reader, name):
        self.schema = schema_of(name)
        self.uri = f"{server}&schema={self.schema}"
        self.sinks = []
        self.reader = reader

    def sink(self, generation=1, table=TABLE):
        sink = PostgresSink(self.uri)
        self.sinks.append(sink)
        sink.open([table], generation)
        return sink

    def run(self, statement, *values):
        composed = sql.SQL(statement).format(s=sql.Identifier(self.schema))
        done = self.reader.execute(composed, values or None)
        return done.fetchall() if done.description else []

    def rooms(self):
        return self.run("SELECT __path__, n, name FROM {s}.rooms ORDER BY __path__")


@contextmanager
def place_on(server, name):
    with psycopg.connect(server, autocommit=True) as reader:
        place = Place(server, reader, name)
        try:
            yield place
        finally:
            for sink in place.sinks:
                sink.close()


def change(path, n, seq=1, generation=1, **more):
    return ViewChange("Room", path, None, {"n": n, **more}, (generation, 0, seq))


def gone(path, seq, generation=1):
    return ViewChange("Room", path, None, None, (generation, 0, seq))


def write(sink, n, rows=ROWS, generation=1):
    sink.write([change(f"rooms/{i}", n, n, generation, name=str(n)) for i in range(rows)])
