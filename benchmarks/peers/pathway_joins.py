"""The peer with Pathway: tables, joins, and a reduction; batch from rows in memory, or following changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pathway as pw

from benchmarks.peers.files import Fields, read_export, write_table
from benchmarks.peers.measured import Phases, run_backfill


class User(pw.Schema):
    path: str = pw.column_definition(primary_key=True)
    firstName: str  # noqa: N815
    lastName: str  # noqa: N815
    organization: str
    hearingAidRequested: bool  # noqa: N815


class Ticket(pw.Schema):
    path: str = pw.column_definition(primary_key=True)
    attendance: bool
    user: str


class Meeting(pw.Schema):
    path: str = pw.column_definition(primary_key=True)
    title: str
    status: str
    location: str
    tickets: tuple[str, ...]


class Location(pw.Schema):
    path: str = pw.column_definition(primary_key=True)
    name: str


SCHEMAS: dict[str, Any] = {"users": User, "tickets": Ticket, "meetings": Meeting, "locations": Location}


def row_of(path: str, fields: Fields) -> tuple[Any, ...]:
    """A document as a row of its table."""
    names = SCHEMAS[path.partition("/")[0]].column_names()
    row = (path, *(fields[n] for n in names if n != "path"))
    return tuple(tuple(v) if isinstance(v, list) else v for v in row)


def sessions(tables: dict[str, Any]) -> Any:
    """The view table: a row per meeting that has started."""
    users, tickets, meetings, locations = (tables[n] for n in ("users", "tickets", "meetings", "locations"))
    started = meetings.filter(pw.this.status != "not-started")
    listed = started.select(meeting=pw.this.path, ticket=pw.this.tickets).flatten(pw.this.ticket)
    attending = tickets.filter(pw.this.attendance)
    held = listed.join(attending, pw.left.ticket == pw.right.path).select(
        pw.left.meeting, pw.left.ticket, pw.right.user
    )
    people = held.join(users, pw.left.user == pw.right.path).select(
        pw.left.meeting,
        attendee=pw.make_tuple(
            pw.left.ticket,
            pw.right.firstName + " " + pw.right.lastName,
            pw.right.organization,
            pw.right.hearingAidRequested,
        ),
    )
    grouped = people.groupby(pw.this.meeting).reduce(
        pw.this.meeting, attending=pw.reducers.sorted_tuple(pw.this.attendee)
    )
    placed = started.join_left(locations, pw.left.location == pw.right.path).select(
        pw.left.path, pw.left.title, pw.left.status, address=pw.right.name
    )
    return placed.join_left(grouped, pw.left.path == pw.right.meeting).select(
        pw.left.path, pw.left.title, pw.left.status, pw.left.address, pw.right.attending
    )


def document_of(row: dict[str, Any]) -> tuple[str, Fields]:
    """A row as path and view document."""
    attending = [
        {"name": name, "organization": organization, "hearingAidRequested": aid}
        for _, name, organization, aid in row["attending"] or ()
    ]
    return f"meetingSessions/{row['path'].partition('/')[2]}", {
        "title": row["title"],
        "inSession": row["status"] == "in-session",
        "address": row["address"],
        "attending": attending,
        "numHearingAidRequested": sum(a["hearingAidRequested"] for a in attending),
    }


def backfill(place: Path, target: Path, phases: Phases) -> None:
    rows: dict[str, list[Any]] = {name: [] for name in SCHEMAS}
    with phases("read"):
        for path, fields in read_export(place):
            rows[path.partition("/")[0]].append(row_of(path, fields))
    found: list[tuple[str, Fields]] = []

    def take(key: Any, row: dict[str, Any], time: int, is_addition: bool) -> None:
        found.append(document_of(row))

    with phases("compute"):
        tables = {name: pw.debug.table_from_rows(schema, rows[name]) for name, schema in SCHEMAS.items()}
        pw.io.subscribe(sessions(tables), on_change=take)
        pw.run(monitoring_level=pw.MonitoringLevel.NONE)
    with phases("write"):
        write_table(found, target)


if __name__ == "__main__":
    run_backfill(backfill)
