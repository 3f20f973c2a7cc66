"""The embedded database beside SQLite by hand: a table of JSON text by collection and id, and a table of changes.

By hand there are no types but JSON's, no versions, preconditions, limits, consistent long reads or transforms. CPU time of
the process, both with `synchronous=normal`; the median of some rounds, the peers in turn.

    .venv/bin/python -m benchmarks.database [documents] [rounds]
"""

from __future__ import annotations

import json
import random
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase

BATCH = 500
SINGLE = 500
READ = 2000


def document(number: int, version: int = 0) -> dict[str, Any]:
    return {
        "firstName": f"First {number}",
        "lastName": f"Last {number % 977}",
        "organization": f"Organization {number % 50}",
        "age": number % 90,
        "rating": number / 7,
        "tags": [f"t{number % 5}", f"t{number % 3}"],
        "address": {"city": f"City {number % 100}", "zip": f"{number:05}"},
        "version": version,
    }


class ByHand:
    """What a team writes with the standard library."""

    name = "by hand"

    def __init__(self, folder: Path) -> None:
        self.connection = sqlite3.connect(folder / "hand.sqlite", isolation_level=None)
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.execute("PRAGMA synchronous = normal")
        self.connection.execute(
            "CREATE TABLE documents (collection TEXT, id TEXT, data TEXT, updated INTEGER, PRIMARY KEY (collection, id))"
        )
        self.connection.execute(
            "CREATE TABLE changes (seq INTEGER PRIMARY KEY, collection TEXT, id TEXT, data TEXT, updated INTEGER)"
        )

        for field in ("organization", "age"):
            self.connection.execute(
                f"CREATE INDEX by_{field} ON documents (collection, json_extract(data, '$.{field}'))"
            )

    def write(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        now = time.time_ns() // 1000
        rows = [("users", id, json.dumps(fields), now) for id, fields in documents]
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", rows)
        self.connection.executemany("INSERT INTO changes (collection, id, data, updated) VALUES (?, ?, ?, ?)", rows)
        self.connection.execute("COMMIT")

    def get(self, id: str) -> dict[str, Any]:
        text = "SELECT data FROM documents WHERE collection = ? AND id = ?"
        found: dict[str, Any] = json.loads(self.connection.execute(text, ("users", id)).fetchone()[0])
        return found

    def count(self, id: str) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        fields = self.get(id)
        fields["version"] += 1
        row = ("users", id, json.dumps(fields), time.time_ns() // 1000)
        self.connection.execute("INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?)", row)
        self.connection.execute("INSERT INTO changes (collection, id, data, updated) VALUES (?, ?, ?, ?)", row)
        self.connection.execute("COMMIT")

    def all(self) -> int:
        rows = self.connection.execute("SELECT id, data FROM documents WHERE collection = 'users' ORDER BY id")
        return len([json.loads(data) for _, data in rows])

    def oldest(self) -> int:
        text = """SELECT id, data FROM documents WHERE collection = 'users' AND json_extract(data, '$.age') > 60
            ORDER BY json_extract(data, '$.lastName') LIMIT 20"""
        return len([json.loads(data) for _, data in self.connection.execute(text)])

    def of_organization(self, number: int) -> int:
        text = """SELECT id, data FROM documents
            WHERE collection = 'users' AND json_extract(data, '$.organization') = ? ORDER BY id"""
        return len([json.loads(d) for _, d in self.connection.execute(text, (f"Organization {number}",))])

    def youngest(self) -> int:
        text = """SELECT id, data FROM documents WHERE collection = 'users' AND json_extract(data, '$.age') IS NOT NULL
            ORDER BY json_extract(data, '$.age'), id LIMIT 20"""
        return len([json.loads(data) for _, data in self.connection.execute(text)])

    def not_of_age(self, age: int) -> int:
        text = """SELECT id, data FROM documents WHERE collection = 'users' AND json_extract(data, '$.age') != ?
            ORDER BY json_extract(data, '$.age'), id LIMIT 20"""
        return len([json.loads(data) for _, data in self.connection.execute(text, (age,))])

    def of_two_organizations(self, number: int) -> int:
        text = """SELECT id, data FROM documents WHERE collection = 'users'
            AND json_extract(data, '$.organization') IN (?, ?) AND json_extract(data, '$.age') = ? ORDER BY id"""
        values = (f"Organization {number}", f"Organization {number + 1}", number)
        return len([json.loads(data) for _, data in self.connection.execute(text, values)])

    def feed(self) -> int:
        return len([json.loads(d) for (d,) in self.connection.execute("SELECT data FROM changes ORDER BY seq")])


class Ours:
    """The embedded database, as it is when queries have made indexes of `organization` and `age`."""

    name = "onto_flow"
    index_from = 0

    def __init__(self, folder: Path) -> None:
        file = folder / f"{self.name}.sqlite"
        self.database = EmbeddedDatabase(file, synchronous="normal", index_from=self.index_from)
        self.database.commit([Write("users/first", {}), Write("users/second", {})])
        for field in ("organization", "age"):
            assert not list(self.database.query(Query.of("users").matching(field, "==", "nobody")))
        self.database.commit([Write.delete("users/first"), Write.delete("users/second")])

    def write(self, documents: list[tuple[str, dict[str, Any]]]) -> None:
        self.database.commit([Write(f"users/{id}", fields) for id, fields in documents])

    def get(self, id: str) -> dict[str, Any]:
        found = self.database.get(f"users/{id}").fields
        assert found is not None
        return dict(found)

    def count(self, id: str) -> None:
        path = f"users/{id}"
        self.database.transact(
            lambda t: t.write(Write.update(path, {"version": (t.get(path).fields or {})["version"] + 1}))
        )

    def all(self) -> int:
        return sum(1 for _ in self.database.query(Query.of("users")))

    def oldest(self) -> int:
        query = Query.of("users").matching("age", ">", 60).ordered("lastName").ordered("age").first(20)
        return sum(1 for _ in self.database.query(query))

    def of_organization(self, number: int) -> int:
        query = Query.of("users").matching("organization", "==", f"Organization {number}")
        return sum(1 for _ in self.database.query(query))

    def youngest(self) -> int:
        return sum(1 for _ in self.database.query(Query.of("users").ordered("age").first(20)))

    def not_of_age(self, age: int) -> int:
        return sum(1 for _ in self.database.query(Query.of("users").matching("age", "!=", age).first(20)))

    def of_two_organizations(self, number: int) -> int:
        names = [f"Organization {number}", f"Organization {number + 1}"]
        query = Query.of("users").matching("organization", "in", names).matching("age", "==", number)
        return sum(1 for _ in self.database.query(query))

    def feed(self) -> int:
        changes, count = self.database.changes(), 0
        while batch := changes.next_batch():
            count += len(batch)
        return count


class Scanned(Ours):
    """The embedded database without indexes: each query reads its collection."""

    name = "scanned"
    index_from = 1 << 62


def tasks(count: int) -> Iterator[tuple[str, int, Callable[[Any], object]]]:
    """(what, how many, work)."""
    documents = [(f"u{n}", document(n)) for n in range(count)]
    chance = random.Random(7)
    some = [f"u{chance.randrange(count)}" for _ in range(READ)]
    yield (
        f"write, {BATCH} a commit",
        count,
        lambda peer: [peer.write(documents[at : at + BATCH]) for at in range(0, count, BATCH)],
    )
    yield (
        "write, one a commit",
        SINGLE,
        lambda peer: [peer.write([(id, document(n, 1))]) for n, id in enumerate(some[:SINGLE])],
    )
    yield "get", READ, lambda peer: [peer.get(id) for id in some]
    yield "count in a transaction", SINGLE, lambda peer: [peer.count(id) for id in some[:SINGLE]]
    yield "read the collection", count, lambda peer: peer.all()
    yield "a condition, an order, 20 documents", count, lambda peer: peer.oldest()
    yield "10 queries: one field, equal", 10 * count, lambda peer: [peer.of_organization(n) for n in range(10)]
    yield "5 queries: an order, 20 documents", 5 * count, lambda peer: [peer.youngest() for _ in range(5)]
    yield "5 queries: one field not equal, 20", 5 * count, lambda peer: [peer.not_of_age(n) for n in range(5)]
    both = "10 queries: in two, another field equal"
    yield both, 10 * count, lambda peer: [peer.of_two_organizations(n) for n in range(10)]
    yield "the feed of all changes", count, lambda peer: peer.feed()


def main(count: int = 20_000, rounds: int = 3) -> None:
    rates: dict[tuple[str, str], list[float]] = {}
    for _ in range(rounds):
        with TemporaryDirectory() as name:
            peers = (ByHand(Path(name)), Ours(Path(name)), Scanned(Path(name)))
            for what, many, work in tasks(count):
                for peer in peers:
                    start = time.process_time()
                    work(peer)
                    rates.setdefault((what, peer.name), []).append(many / (time.process_time() - start))
    print(f"{count:,} documents; per CPU-second (of queries: documents of the collection)")
    for what, _, _ in tasks(count):
        hand, ours, scanned = (median(rates[what, name]) for name in ("by hand", "onto_flow", "scanned"))
        print(
            f"{what:36} by hand {hand:10,.0f}  onto_flow {ours:10,.0f}  {ours / hand:5.2f} times  scanned {scanned:10,.0f}"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
