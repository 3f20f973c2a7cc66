"""The documents of the meeting room, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from ..core.change import Change
from ..core.values import Reference, to_micros

EXPORTED_AT = datetime(2026, 5, 4, 9, 0, tzinfo=timezone.utc)
"""The snapshot time of the export: a whole minute, as Firestore's managed exports have it."""

_PEOPLE = (
    ("ada", "Ada", "Lovelace", "Analytical", False),
    ("alan", "Alan", "Turing", "Bletchley", True),
    ("grace", "Grace", "Hopper", "Navy", False),
    ("edsger", "Edsger", "Dijkstra", "THE", True),
    ("barbara", "Barbara", "Liskov", "CLU", False),
)
_TICKETS = (
    ("t1", "ada", "speaker", True),
    ("t2", "alan", "guest", True),
    ("t3", "grace", "guest", False),
    ("t4", "edsger", "speaker", True),
    ("t5", "barbara", "guest", True),
    ("t6", "ada", "guest", True),
)
_MEETINGS = (
    ("standup", "in-session", "attic", ("t1", "t2", "t3")),
    ("retro", "in-session", "cellar", ("t4", "t5")),
    ("planning", "not-started", "attic", ("t6",)),
)


def documents() -> dict[str, dict[str, Any]]:
    """Every document at the time of the export: path -> fields."""
    found: dict[str, dict[str, Any]] = {}
    for name in ("attic", "cellar"):
        found[f"locations/{name}"] = {"name": name.title(), "seats": 12}
    for user, first, last, organization, aid in _PEOPLE:
        found[f"users/{user}"] = {
            "firstName": first,
            "lastName": last,
            "organization": organization,
            "hearingAidRequested": aid,
        }
    for ticket, user, role, attendance in _TICKETS:
        found[f"tickets/{ticket}"] = {"role": role, "attendance": attendance, "user": Reference(f"users/{user}")}
    for meeting, status, location, tickets in _MEETINGS:
        found[f"meetings/{meeting}"] = {
            "status": status,
            "location": Reference(f"locations/{location}"),
            "tickets": [Reference(f"tickets/{t}") for t in tickets],
        }
    return found


class Step(NamedTuple):
    """Something that happens in the meeting room, and the change that tells of it."""

    says: str
    change: Change


_SCRIPT: tuple[tuple[str, str, dict[str, Any] | None], ...] = (
    ("Grace decides to attend after all", "tickets/t3", {"attendance": True}),
    ("Alan leaves the room", "tickets/t2", {"attendance": False}),
    ("Ada marries: a rename that two meetings show", "users/ada", {"lastName": "King"}),
    ("Barbara's ticket is deleted", "tickets/t5", None),
    ("Ticket t4 is passed on to Grace: a reference moves", "tickets/t4", {"user": Reference("users/grace")}),
    ("The planning meeting starts", "meetings/planning", {"status": "in-session"}),
    ("The attic is painted, which no view shows", "locations/attic", {"seats": 14}),
    ("The retro is called off", "meetings/retro", None),
)


def script() -> Iterator[Step]:
    """The changes in order, each a few seconds after the one before; an earlier one comes again at the end, late."""
    now = documents()
    written = dict.fromkeys(now, EXPORTED_AT - timedelta(hours=1))
    first: Change | None = None
    for number, (says, path, update) in enumerate(_SCRIPT, start=1):
        time = EXPORTED_AT + timedelta(seconds=10 * number)
        before = now[path]
        after = None if update is None else {**before, **update}
        previous = (to_micros(written[path]), 0)
        version = (to_micros(time), 0) if after is not None else (previous[0], 1)
        change = Change(path, before, after, version, time, previous)
        first = first or change
        if after is None:
            del now[path]
        else:
            now[path] = after
            written[path] = time
        yield Step(says, change)
    assert first is not None
    yield Step("The first event is delivered a second time: nothing happens", first)
