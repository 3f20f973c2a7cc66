"""Rows a second of a publication in PostgreSQL, beside an upsert with `executemany` that a team writes by hand.

Both write the same documents into a table with a primary key, in one transaction, on a private server that both use in
turn: first into an empty table, then all rows again with a newer version, then 1,000 of them.

- *sink*: `write` and `publish`: types are checked, versions compared, misfits told, deletions remembered.
- *by hand*: `INSERT ... ON CONFLICT DO UPDATE ... WHERE` the version is newer, by psycopg's `executemany`, which batches
  in pipeline mode. Values travel as they are: nothing is checked, and structures are passed to `Jsonb`.

    .venv/bin/python benchmarks/postgresql.py [ROWS] [RUNS]
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import psycopg
from psycopg.types.json import Jsonb

from onto_flow.core.change import ViewChange
from onto_flow.core.types import Type
from onto_flow.sinks.base import Table
from onto_flow.sinks.postgresql import PostgresSink
from onto_flow.testing.postgresql_server import postgresql_server

ATTENDEE = Type("struct", fields=(("name", Type("str")), ("hearingAid", Type("bool"))))
TABLE = Table(
    "Room",
    "rooms",
    (
        ("status", Type("str")),
        ("seats", Type("int")),
        ("ratio", Type("float")),
        ("open", Type("bool")),
        ("at", Type("timestamp")),
        ("tags", Type("list", items=(Type("str"),))),
        ("attending", Type("list", items=(ATTENDEE,))),
    ),
)
BEGIN = datetime(2024, 5, 1, tzinfo=timezone.utc)
CREATE = (
    "CREATE TABLE by_hand.rooms (path text PRIMARY KEY, version bigint, status text, seats bigint, ratio double precision, "
    "open boolean, at timestamptz, tags text[], attending jsonb)"
)
UPSERT = (
    "INSERT INTO by_hand.rooms AS held VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (path) DO UPDATE SET "
    "version = excluded.version, status = excluded.status, seats = excluded.seats, ratio = excluded.ratio, "
    "open = excluded.open, at = excluded.at, tags = excluded.tags, attending = excluded.attending "
    "WHERE excluded.version > held.version"
)


def changes(rows: int, seq: int) -> list[ViewChange]:
    return [
        ViewChange(
            "Room",
            f"rooms/{n * 7919 % rows:07d}",
            None,
            {
                "status": "in-session" if n % 3 else "closed",
                "seats": n,
                "ratio": n / 7,
                "open": n % 2 == 0,
                "at": BEGIN + timedelta(seconds=n),
                "tags": ["quiet", f"floor {n % 9}"],
                "attending": [{"name": f"F{n + i} L{n}", "hearingAid": i == 1} for i in range(3)],
            },
            (1, 0, seq),
        )
        for n in range(rows)
    ]


class ByHand:
    """What a team writes itself."""

    def __init__(self, uri: str) -> None:
        self.connection = psycopg.connect(uri)
        self.connection.execute("DROP SCHEMA IF EXISTS by_hand CASCADE")
        self.connection.execute("CREATE SCHEMA by_hand")
        self.connection.execute(CREATE)
        self.connection.commit()

    def __call__(self, written: list[ViewChange]) -> None:
        rows = []
        for change in written:
            document = change.new
            assert document is not None
            *plain, attending = document.values()
            rows.append((change.path, change.version[2], *plain, Jsonb(attending)))
        self.connection.cursor().executemany(UPSERT, rows)
        self.connection.commit()


class BySink:
    """The same by the sink."""

    def __init__(self, uri: str) -> None:
        with psycopg.connect(uri) as connection:
            connection.execute("DROP SCHEMA IF EXISTS sink CASCADE")
        self.sink = PostgresSink(f"{uri}&schema=sink")
        self.sink.open([TABLE], 1)
        assert self.sink._database._connection is not None
        self.connection = self.sink._database._connection

    def __call__(self, written: list[ViewChange]) -> None:
        self.sink.write(written)
        assert not self.sink.publish()


def cpu_seconds(writer: ByHand | BySink) -> float:
    """What this process and the writer's own process of the server have used."""
    used = Path(f"/proc/{writer.connection.info.backend_pid}/stat").read_text().rpartition(")")[2].split()
    return time.process_time() + (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")


def main(rows: int, runs: int) -> None:
    loads = {"new": (1, rows), "again": (2, rows), "1,000": (3, 1000)}
    taken: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with postgresql_server() as uri:
        for run in range(runs):
            writers = {"sink": BySink(uri), "by hand": ByHand(uri)}
            for load, (seq, count) in loads.items():
                written = changes(rows, seq)[:count]
                for name in sorted(writers, reverse=run % 2 == 0):
                    begun, cpu = time.perf_counter(), cpu_seconds(writers[name])
                    writers[name](written)
                    spent = time.perf_counter() - begun, cpu_seconds(writers[name]) - cpu
                    taken.setdefault((load, name), []).append((spent[0] / count, spent[1] / count))
            for writer in writers.values():
                writer.connection.close()
    for load in loads:
        pairs = list(zip(taken[load, "sink"], taken[load, "by hand"]))
        for at, unit in enumerate(("rows/s by the clock", "rows per CPU-second (client and server)")):
            rates = [f"{1 / statistics.median(pair[side][at] for pair in pairs):8,.0f}" for side in (0, 1)]
            ratio = statistics.median(hand[at] / sink[at] for sink, hand in pairs)
            print(f"{load:>6}: sink {rates[0]}, by hand {rates[1]} {unit}; median of ratios {ratio:.1f}")


if __name__ == "__main__":
    arguments = [int(a) for a in sys.argv[1:]]
    main(*(arguments + [100_000, 3][len(arguments) :]))
