"""Changes per CPU-second of the local flow on the meeting room, beside a peer written by hand for this one view.

The peer is what a team writes itself: dictionaries of documents, an index from user to tickets and from ticket to
meetings, and the view function called for the meetings that a change touches. It has no versions, no tombstones, no
retraction through groups, and no second view: a floor, not an equal. Both run the same load and the same feed in one
process, in turn, with the collector of garbage set as a job sets it, and must end in the same table.

    .venv/bin/python benchmarks/meeting_feed.py [MEETINGS] [CHANGES] [RUNS]
"""

from __future__ import annotations

import random
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from onto_flow.core.change import BELOW_EVENTS, Change, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.steady import steady, uncollected

TICKETS_EACH = 10


def documents(meetings: int) -> dict[str, dict[str, Any]]:
    chance = random.Random(1)
    users = meetings * TICKETS_EACH // 4
    found: dict[str, dict[str, Any]] = {}
    for n in range(users):
        found[f"users/u{n}"] = {
            "firstName": f"F{n}",
            "lastName": f"L{n}",
            "organization": f"O{n % 50}",
            "hearingAidRequested": n % 7 == 0,
        }
    for n in range(meetings * TICKETS_EACH):
        user = Reference(f"users/u{chance.randrange(users)}")
        found[f"tickets/t{n}"] = {"role": "guest", "attendance": n % 3 > 0, "user": user}
    for n in range(meetings):
        tickets = [Reference(f"tickets/t{n * TICKETS_EACH + i}") for i in range(TICKETS_EACH)]
        found[f"meetings/m{n}"] = {"status": "in-session", "tickets": tickets}
    return found


def feed(now: dict[str, dict[str, Any]], count: int) -> list[Change]:
    """60 % attendance, 30 % names, 5 % moved references, 5 % states of meetings."""
    chance = random.Random(2)
    now = dict(now)
    paths = {kind: [p for p in now if p.startswith(kind)] for kind in ("users", "tickets", "meetings")}
    changes = []
    for n in range(count):
        draw = chance.random()
        kind = "tickets" if draw < 0.6 or draw >= 0.95 else "users" if draw < 0.9 else "meetings"
        path = chance.choice(paths[kind])
        after = dict(now[path])
        if draw >= 0.95:
            after["user"] = Reference(chance.choice(paths["users"]))
        elif kind == "tickets":
            after["attendance"] = not after["attendance"]
        elif kind == "users":
            after["lastName"] = f"N{n}"
        else:
            after["status"] = "closed" if after["status"] == "in-session" else "in-session"
        changes.append(Change(path, now[path], after, (1_000_000 + n, 0)))
        now[path] = after
    return changes


class ByHand:
    """The peer."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.tickets_of: dict[str, set[str]] = defaultdict(set)
        self.meetings_of: dict[str, set[str]] = defaultdict(set)
        self.table: dict[str, Any] = {}

    def apply(self, path: str, fields: dict[str, Any]) -> None:
        kind = path.partition("/")[0]
        before = self.documents.get(path)
        self.documents[path] = fields
        if kind == "tickets":
            if before:
                self.tickets_of[before["user"].path].discard(path)
            self.tickets_of[fields["user"].path].add(path)
        if kind == "meetings":
            for ticket in before["tickets"] if before else ():
                self.meetings_of[ticket.path].discard(path)
            for ticket in fields["tickets"]:
                self.meetings_of[ticket.path].add(path)
            self.show(path)
        tickets = self.tickets_of[path] if kind == "users" else [path]
        for ticket in tickets:
            for meeting in self.meetings_of[ticket]:
                self.show(meeting)

    def show(self, path: str) -> None:
        meeting = self.documents[path]
        attending = []
        for reference in meeting["tickets"]:
            ticket = self.documents.get(reference.path)
            user = self.documents.get(ticket["user"].path) if ticket and ticket["attendance"] else None
            if user:
                name = f"{user['firstName']} {user['lastName']}"
                hearing = user["hearingAidRequested"]
                attending.append({"name": name, "organization": user["organization"], "hearingAidRequested": hearing})
        shown = {
            "inSession": meeting["status"] == "in-session",
            "address": None,
            "attending": sorted(attending, key=lambda a: a["name"]),
            "numHearingAidRequested": sum(a["hearingAidRequested"] for a in attending),
        }
        output = f"meetingSessions/{path.partition('/')[2]}"
        if self.table.get(output) != shown:
            self.table[output] = shown


def ours(load: dict[str, Any], changes: list[Change], batch: int) -> tuple[float, float, dict[str, Any]]:
    flow = LocalFlow(MeetingSession.plan())
    table: dict[str, Any] = {}
    began = time.process_time()
    with uncollected():
        flow.fill(seed(Change(p, None, f, BELOW_EVENTS), None) for p, f in load.items())
        for outputs in flow.filled():
            _keep(table, outputs)
    loaded = time.process_time()
    with steady():
        began_changes = time.process_time()
        for at in range(0, len(changes), batch):
            _keep(table, flow.process(event(c) for c in changes[at : at + batch]))
        return loaded - began, time.process_time() - began_changes, table


def _keep(table: dict[str, Any], outputs: Iterable[Any]) -> None:
    for output in outputs:
        assert isinstance(output, ViewChange), output
        table[output.path] = output.new


def by_hand(load: dict[str, Any], changes: list[Change]) -> tuple[float, float, dict[str, Any]]:
    peer = ByHand()
    began = time.process_time()
    with uncollected():
        for path, fields in load.items():
            peer.apply(path, fields)
    loaded = time.process_time()
    with steady():
        began_changes = time.process_time()
        for change in changes:
            peer.apply(change.path, change.after)  # type: ignore[arg-type]
        return loaded - began, time.process_time() - began_changes, peer.table


def _sorted(table: dict[str, Any]) -> dict[str, Any]:
    return {p: {**d, "attending": sorted(d["attending"], key=lambda a: a["name"])} for p, d in table.items()}


def main(meetings: int, count: int, runs: int) -> None:
    load = documents(meetings)
    changes = feed(load, count)
    rates: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for _ in range(runs):
        tables = []
        for name, run in (
            ("by hand", lambda: by_hand(load, changes)),
            ("onto_flow, one change a batch", lambda: ours(load, changes, 1)),
            ("onto_flow, 1,000 a batch", lambda: ours(load, changes, 1000)),
        ):
            loading, following, table = run()
            rates[name].append((len(load) / loading, len(changes) / following))
            tables.append(_sorted(table))
        assert all(same(table, tables[0]) for table in tables)
    print(f"{len(load):,} documents, {count:,} changes, medians of {runs} runs, per CPU-second")
    for name, measured in rates.items():
        loads, follows = (statistics.median(column) for column in zip(*measured))
        print(f"{name:<30} {loads:10,.0f} documents loaded {follows:10,.0f} changes")


if __name__ == "__main__":
    given = [int(a) for a in sys.argv[1:]]
    main(*(given + [2000, 10_000, 3][len(given) :]))
