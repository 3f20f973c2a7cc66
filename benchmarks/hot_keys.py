"""One user is in every meeting and is renamed, while other users are: how long these wait, in one batch each.

Beside it, what the same rename costs when it is told to all in one step (`page` as large as the crowd), and the same renames
with nobody in a crowd. CPU time of the local flow per batch; every batch has one rename of another user, and the collector
leaves the loaded state alone, as in a run. `pages`, `step`, `none` behind the number: only these rows.

    .venv/bin/python -m benchmarks.hot_keys 100000
    .venv/bin/python -m benchmarks.hot_keys 1000000 pages
"""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator
from typing import Any

from onto_flow.core.change import BELOW_EVENTS, ViewChange
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.local.flow import PAGE, LocalFlow
from onto_flow.engines.steady import steady, uncollected
from onto_flow.operators.messages import Event

OTHERS = 1000
LIMIT = 0.25
"""Seconds that other keys may wait (p99)."""


def user(name: str) -> dict[str, Any]:
    return {"firstName": name, "lastName": "King", "organization": "Acme", "hearingAidRequested": False}


def documents(meetings: int) -> Iterator[tuple[str, Event]]:
    """Meetings that the same user attends, each with one of a thousand others."""
    yield "users/hot", Event(BELOW_EVENTS, user("Ada"))
    for number in range(OTHERS):
        yield f"users/{number}", Event(BELOW_EVENTS, user("Bob"))
    for number in range(meetings):
        tickets = [f"tickets/{number}a", f"tickets/{number}b"]
        fields = {"attendance": True, "role": "guest"}
        yield tickets[0], Event(BELOW_EVENTS, {**fields, "user": Reference("users/hot")})
        yield tickets[1], Event(BELOW_EVENTS, {**fields, "user": Reference(f"users/{number % OTHERS}")})
        yield f"meetings/{number}", Event(BELOW_EVENTS, {"status": "open", "tickets": [Reference(t) for t in tickets]})


class Measured:
    """A flow whose batches are timed."""

    def __init__(self, meetings: int, page: int) -> None:
        self.flow = LocalFlow(MeetingSession.plan(), page=page)
        start = time.process_time()
        with uncollected():
            self.flow.fill(documents(meetings))
            for _ in self.flow.filled():
                pass
        self.load = time.process_time() - start
        self.batches: list[float] = []
        self.largest = self.told = 0
        self._version = 0

    def batch(self, path: str, name: str) -> None:
        """One change, and whatever waits for its turn."""
        self._version += 1
        start = time.process_time()
        outputs = self.flow.process([(path, Event((self._version, 0), user(name)))])
        self.batches.append(time.process_time() - start)
        changes = sum(isinstance(o, ViewChange) for o in outputs)
        self.told += changes
        self.largest = max(self.largest, changes)

    def rename(self, hot: bool) -> None:
        """The crowd's user is renamed, then one other user in each batch until everybody has heard of it."""
        number = 0
        if hot:
            self.batch("users/hot", "Grace")
        while self.flow.timer_is_due or number < OTHERS:
            self.batch(f"users/{number % OTHERS}", f"Eve {number}")
            number += 1

    def row(self, name: str) -> str:
        waits = sorted(self.batches)
        p50, p99 = (waits[int(len(waits) * share)] * 1000 for share in (0.5, 0.99))
        return (
            f"{name:32}{self.load:8.1f}{len(waits):9}{self.largest:9}{p50:10.2f}{p99:10.2f}{waits[-1] * 1000:10.1f}"
            f"{sum(waits):8.1f}"
        )


ROWS = {
    "pages": (f"told in pages of {PAGE}", True, PAGE),
    "step": ("told in one step", True, 0),
    "none": ("no rename in the crowd", False, PAGE),
}


def main(meetings: int, rows: list[str]) -> None:
    print(f"{meetings} meetings of one user; batches of one other rename; milliseconds of CPU")
    print(f"{'':32}{'load, s':>8}{'batches':>9}{'largest':>9}{'p50':>10}{'p99':>10}{'worst':>10}{'all, s':>8}")
    for row in rows:
        name, hot, page = ROWS[row]
        measured = Measured(meetings, page or meetings + 1)
        with steady():
            measured.rename(hot)
        print(measured.row(name), flush=True)
        del measured
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak of memory: {peak:,.0f} MiB; the limit of p99 is {LIMIT * 1000:.0f} ms")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000, sys.argv[2:] or list(ROWS))
