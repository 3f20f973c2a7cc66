"""How soon a process that goes on has its first change, whatever is in its checkpoint.

    .venv/bin/python -m benchmarks.restart [DOCUMENTS]

A meeting with a ticket and a user is loaded and committed; then DOCUMENTS - 1 users that nobody asks for are put beside that
user as rows of the same bytes, in ingest and in match, so that the file is as large as one of that many documents, and the
log is filled with what it would say of them until it is full, as a kill would leave it. What is timed is a new process's
work: to open the directory, take a change of the user, and commit it with the view change.
"""

from __future__ import annotations

import sys
import tempfile
import time
from itertools import cycle, islice
from pathlib import Path

from benchmarks.checkpoint import PLAN, Durable
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.values import Reference
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.layout import Layout
from onto_flow.engines.local.log import MOST, Log
from onto_flow.engines.local.said import ROW_BYTES, Rows

ADA = {"firstName": "Ada", "lastName": "King", "organization": "O", "hearingAidRequested": True}
ROOM = {
    "users/u0": ADA,
    "tickets/t0": {"role": "guest", "attendance": True, "user": Reference("users/u0")},
    "meetings/m0": {"title": "t", "status": "in-session", "tickets": [Reference("tickets/t0")]},
}
_ROW = "SELECT s.operator, s.data FROM state s JOIN operators o ON o.id = s.operator WHERE o.name = ? AND s.key = ?"


def fill(directory: Path, count: int) -> int:
    """Makes a checkpoint of so many users; returns its bytes."""
    made = Durable(directory)
    made.flow.process([seed(Change(p, None, f, BELOW_EVENTS), made.kept.snapshot) for p, f in ROOM.items()])
    made.commit()
    store = made.kept.store
    for name in ("ingest", "MeetingSession.match.users"):
        [(number, data)] = store.read(_ROW, name, "users/u0")
        with store.transaction():
            rows = [(number, f"users/u{n}", b"", data) for n in range(1, count)]
            store.write("INSERT OR REPLACE INTO state VALUES (?, ?, ?, ?)", rows)
    with store.transaction():
        fill_log(made, count)
    size = store.bytes()
    made.kept.close()
    return size


def fill_log(made: Durable, count: int) -> None:
    """Says of users what a change of each would say, which is ingest's, until the log is full."""
    state, store, log = made.flow.state, made.kept.store, Log(made.kept.store)
    [number] = [n for [n] in store.read("SELECT id FROM operators WHERE name = 'ingest'")]
    form = (Layout(PLAN.operators[0]).whole(state.states["ingest"]["users/u0"]), ())
    users = cycle(range(1, count))
    while log.bytes < MOST - ROW_BYTES:
        rows = Rows(number)
        for user in islice(users, 5000):
            rows.say(f"users/u{user}", form)
        rows.end()
        log.add(rows.full)


def main(count: int = 1_000_000) -> None:
    with tempfile.TemporaryDirectory(prefix="onto-flow-restart-") as folder:
        directory = Path(folder) / "state"
        size = fill(directory, count)
        began, used = time.monotonic(), time.process_time()
        again = Durable(directory)
        renamed = event(Change("users/u0", None, {**ADA, "lastName": "Byron"}, (2 * 10**15, 0), None))
        [_] = again.flow.process([renamed])
        again.commit()
        seconds, used = time.monotonic() - began, time.process_time() - used
        again.kept.close()
    after = f"after {seconds:.3f} s ({used:.3f} of CPU)"
    print(f"{count:,} documents, {size / 1e6:,.0f} MB: the first change was committed {after}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
