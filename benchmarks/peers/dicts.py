"""The peer that a team writes first: dictionaries of documents, two indexes, and the view as a function.

It has no versions, no tombstones, no completeness, no second view, and nothing that could be restarted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.peers.files import Fields, read_export, write_table
from benchmarks.peers.measured import Phases, run_backfill


def view_of(meeting: Fields, tickets: dict[str, Fields], users: dict[str, Fields], locations: dict[str, Fields]) -> Any:
    """The view document of a meeting; `None` when it has not started."""
    if meeting["status"] == "not-started":
        return None
    attending = []
    for path in sorted(meeting["tickets"]):
        ticket = tickets.get(path)
        user = users.get(ticket["user"]) if ticket is not None and ticket["attendance"] else None
        if user is not None:
            name = f"{user['firstName']} {user['lastName']}"
            aid = user["hearingAidRequested"]
            attending.append({"name": name, "organization": user["organization"], "hearingAidRequested": aid})
    location = locations.get(meeting["location"])
    return {
        "title": meeting["title"],
        "inSession": meeting["status"] == "in-session",
        "address": None if location is None else location["name"],
        "attending": attending,
        "numHearingAidRequested": sum(a["hearingAidRequested"] for a in attending),
    }


def by_collection(documents: Iterable[tuple[str, Fields]]) -> dict[str, dict[str, Fields]]:
    """Collection -> path -> fields."""
    found: dict[str, dict[str, Fields]] = defaultdict(dict)
    for path, fields in documents:
        found[path.partition("/")[0]][path] = fields
    return found


def table_of(held: dict[str, dict[str, Fields]]) -> list[tuple[str, Fields]]:
    """The view table of all documents."""
    tickets, users, locations = held["tickets"], held["users"], held["locations"]
    rows = []
    for path, meeting in held["meetings"].items():
        document = view_of(meeting, tickets, users, locations)
        if document is not None:
            rows.append((f"meetingSessions/{path.partition('/')[2]}", document))
    return rows


class Follower:
    """Keeps the table right under changes: `apply` gives the view documents that a change wrote."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Fields]] = defaultdict(dict)
        self.table: dict[str, Fields] = {}
        self.tickets_of: dict[str, set[str]] = defaultdict(set)
        self.meetings_of: dict[str, set[str]] = defaultdict(set)
        self.meetings_at: dict[str, set[str]] = defaultdict(set)

    def load(self, documents: Iterable[tuple[str, Fields]]) -> None:
        """The first load, as one batch."""
        for path, fields in documents:
            self._index(path, None, fields)
        self.table = dict(table_of(self.held))

    def apply(self, path: str, fields: Fields | None) -> list[str]:
        """Takes a change; the paths of the view documents that it wrote or removed."""
        return self.show(self.take(path, fields))

    def take(self, path: str, fields: Fields | None) -> list[str]:
        """Takes a change; the meetings that it touches."""
        collection = path.partition("/")[0]
        before = self.held[collection].get(path)
        self._index(path, before, fields)
        if collection == "meetings":
            return [path]
        if collection == "tickets":
            return list(self.meetings_of[path])
        if collection == "locations":
            return list(self.meetings_at[path])
        return [m for t in self.tickets_of[path] for m in self.meetings_of[t]]

    def show(self, meetings: Iterable[str]) -> list[str]:
        """Evaluates meetings again; the paths of the view documents that are others now."""
        held, written = self.held, []
        tickets, users, locations, all_ = held["tickets"], held["users"], held["locations"], held["meetings"]
        for path in meetings:
            meeting = all_.get(path)
            document = None if meeting is None else view_of(meeting, tickets, users, locations)
            output = f"meetingSessions/{path.partition('/')[2]}"
            if self.table.get(output) != document:
                written.append(output)
                if document is None:
                    del self.table[output]
                else:
                    self.table[output] = document
        return written

    def _index(self, path: str, before: Fields | None, after: Fields | None) -> None:
        collection = path.partition("/")[0]
        documents = self.held[collection]
        if after is None:
            documents.pop(path, None)
        else:
            documents[path] = after
        if collection == "tickets":
            _moved(self.tickets_of, path, before and [before["user"]], after and [after["user"]])
        elif collection == "meetings":
            _moved(self.meetings_of, path, before and before["tickets"], after and after["tickets"])
            _moved(self.meetings_at, path, before and [before["location"]], after and [after["location"]])


def _moved(index: dict[str, set[str]], path: str, before: list[str] | None, after: list[str] | None) -> None:
    if before == after:
        return
    for key in before or ():
        index[key].discard(path)
    for key in after or ():
        index[key].add(path)


def backfill(place: Path, target: Path, phases: Phases) -> None:
    with phases("read"):
        held = by_collection(read_export(place))
    with phases("compute"):
        rows = table_of(held)
    with phases("write"):
        write_table(rows, target)


if __name__ == "__main__":
    run_backfill(backfill)
