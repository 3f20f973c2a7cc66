"""Documents written to Google's Firestore emulator: under an owner, by a mark or in transactions; or without one.

    .venv/bin/python -m benchmarks.batch_writes [DOCUMENTS] [TURNS]

250 documents a request, the same ones in each turn. The ways take turns; the first, in which all documents are new, is not
counted.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime
from functools import partial

from onto_flow.core.writes import Write
from onto_flow.database.base import Transaction
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.testing.firestore_emulator import firestore_emulator

A_REQUEST = 250
OWNER = "_onto_tables/sessions"
ATTENDEE = {"name": "Ada Lovelace", "organization": "acm", "hearing_aid": False}
DOCUMENT = {"title": "A title of some words", "inSession": True, "address": "Street 12", "attending": [ATTENDEE] * 8}


def in_transactions(database: FirestoreDatabase, writes: list[Write]) -> None:
    def body(transaction: Transaction) -> None:
        transaction.get(OWNER)
        transaction.write(*writes)

    database.transact(body)


def in_marked_commits(database: FirestoreDatabase, writes: list[Write]) -> None:
    [time, *_] = database.commit(
        [Write.update(OWNER, {"g": 1}, update_time=_marked.get(database)), *writes]
    ).update_times
    _marked[database] = time


def in_commits(database: FirestoreDatabase, writes: list[Write]) -> None:
    database.commit(writes)


def by_batch_write(database: FirestoreDatabase, writes: list[Write]) -> None:
    assert all(written.error is None for written in database.commit_each(writes))


_marked: dict[FirestoreDatabase, datetime | None] = {}
WAYS = {
    "transactions that read an owner": in_transactions,
    "commits with a mark of the owner": in_marked_commits,
    "commits": in_commits,
    "BatchWrite": by_batch_write,
}


def rate(way: Callable[[list[Write]], None], collection: str, count: int, turn: int) -> float:
    """Documents a second."""
    writes = [Write.set(f"{collection}/{n}", {**DOCUMENT, "turn": turn}) for n in range(count)]
    began = time.perf_counter()
    for at in range(0, count, A_REQUEST):
        way(writes[at : at + A_REQUEST])
    return count / (time.perf_counter() - began)


def main(count: int = 1000, turns: int = 5) -> None:
    with firestore_emulator() as address:
        os.environ["FIRESTORE_EMULATOR_HOST"] = address
        with FirestoreDatabase("//p") as database:
            database.commit([Write.set(OWNER, {"g": 1})])
            found: dict[str, list[float]] = {name: [] for name in WAYS}
            for turn in range(turns + 1):
                for number, (name, way) in enumerate(WAYS.items()):
                    one = rate(partial(way, database), f"c{number}", count, turn)
                    found[name] += [one] if turn else []
    for name, rates in found.items():
        print(f"{name:<34} {statistics.median(rates):7.0f} documents a second of {sorted(map(round, rates))}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
