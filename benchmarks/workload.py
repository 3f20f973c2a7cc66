"""The workload of issue 5: meetings, users, tickets and locations as a Firestore export, and changes after it.

    .venv/bin/python -m benchmarks.workload [TIMES] [CHANGES]

20,000 meetings of 10 tickets each, 50,000 users, 100 locations, times TIMES; everything is seeded. The export is written
once, with the project's own writer, and kept in the temporary folder; so are the changes, as lines of JSON in the form
of `onto-flow cat` (`fields` is null for a deletion), of which 70 % flip an attendance, 20 % rename a user, 5 % insert or
delete a ticket, and 5 % change a title. A ticket is inserted or deleted by two changes: its own and its meeting's.
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.orders_export import cached, records_of, written
from onto_flow.core.change import Change
from onto_flow.core.values import Reference, to_micros
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import decode_fields, encode_fields

MEETINGS, USERS, LOCATIONS, TICKETS_EACH = 20_000, 50_000, 100, 10
CHANGES = 100_000
SNAPSHOT = datetime(2026, 5, 4, 9, 0, tzinfo=timezone.utc)
FORM = 1
"""Is raised when the documents or changes become others, so that no older export is taken for them."""
_TICKETS = 0.05 / 1.95
"""How many inserts and deletes there are per draw, for 5 % of the changes: each is two of them."""

_TITLES, _RENAMES = 0.05 * (1 + _TICKETS), 0.20 * (1 + _TICKETS)

Fields = dict[str, Any]


class Sizes(NamedTuple):
    """How many there are of each."""

    meetings: int
    users: int
    locations: int

    @classmethod
    def of(cls, times: float) -> Sizes:
        """The sizes at a scale."""
        return cls(max(int(MEETINGS * times), 1), max(int(USERS * times), 1), LOCATIONS)

    @property
    def documents(self) -> int:
        """All documents."""
        return self.meetings * (1 + TICKETS_EACH) + self.users + self.locations


def documents(times: float = 1) -> Iterator[tuple[str, Fields]]:
    """Paths and fields."""
    sizes, chance = Sizes.of(times), random.Random(1)
    for n in range(sizes.locations):
        yield f"locations/l{n:03}", {"name": f"Room {n}"}
    for n in range(sizes.users):
        yield user_path(n), _user(n, f"Last{n}")
    for n in range(sizes.meetings * TICKETS_EACH):
        yield ticket_path(n), _ticket(chance, sizes, n % 3 > 0)
    for n in range(sizes.meetings):
        yield meeting_path(n), _meeting(n, f"Meeting {n}", [n * TICKETS_EACH + i for i in range(TICKETS_EACH)])


def user_path(n: int) -> str:
    return f"users/u{n:08}"


def ticket_path(n: int) -> str:
    return f"tickets/t{n:08}"


def meeting_path(n: int) -> str:
    return f"meetings/m{n:08}"


def _user(n: int, last: str) -> Fields:
    return {
        "firstName": f"First{n % 997}",
        "lastName": last,
        "organization": f"Organization {n % 200}",
        "hearingAidRequested": n % 7 == 0,
    }


def _ticket(chance: random.Random, sizes: Sizes, attendance: bool) -> Fields:
    role = chance.choice(("guest", "guest", "guest", "speaker"))
    return {"role": role, "attendance": attendance, "user": Reference(user_path(chance.randrange(sizes.users)))}


def _meeting(n: int, title: str, tickets: list[int]) -> Fields:
    return {
        "title": title,
        "status": "not-started" if n % 10 == 0 else "in-session" if n % 3 else "closed",
        "location": Reference(f"locations/l{n % LOCATIONS:03}"),
        "tickets": [Reference(ticket_path(t)) for t in tickets],
    }


def export(times: float = 1) -> Path:
    """The export, written when it is not there yet."""
    place = cached(f"meetings-{times:g}-{FORM}")
    if times >= COPIED:
        return written(place, _copies(export(), int(times)))
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        write_export(place, documents(times), layout="production", snapshot_time=SNAPSHOT)
    return place


def _copies(place: Path, copies: int) -> Iterator[Iterator[bytes]]:
    """The records of an export so many times, a file for each, with other ids each time."""
    for copy in range(copies):
        yield (_ID.sub(partial(_moved, copy), record) for record in records_of(place))


def _moved(copy: int, found: re.Match[bytes]) -> bytes:
    letter = found[1]
    return b"%b%08d" % (letter, int(found[2]) + copy * _EACH[letter])


_ID = re.compile(rb"([utm])(\d{8})")
_EACH = {b"u": USERS, b"t": MEETINGS * TICKETS_EACH, b"m": MEETINGS}
COPIED = 20
"""From so many times on, the export is that of one, copied with other ids: it takes a tenth of the time to make."""


class _World:
    """The documents as the changes see them."""

    def __init__(self, times: float) -> None:
        self.sizes = Sizes.of(times)
        self.now = dict(documents(times))
        self.tickets = list(range(self.sizes.meetings * TICKETS_EACH))
        self.place = {t: at for at, t in enumerate(self.tickets)}
        self.meeting_of = {t: t // TICKETS_EACH for t in self.tickets}

    def replace(self, path: str, **fields: Any) -> tuple[str, Fields]:
        self.now[path] = {**self.now[path], **fields}
        return path, self.now[path]

    def insert(self, chance: random.Random) -> list[tuple[str, Fields | None]]:
        ticket, meeting = len(self.meeting_of), chance.randrange(self.sizes.meetings)
        self.place[ticket] = len(self.tickets)
        self.tickets.append(ticket)
        self.meeting_of[ticket] = meeting
        self.now[ticket_path(ticket)] = _ticket(chance, self.sizes, True)
        listed = [*self.now[meeting_path(meeting)]["tickets"], Reference(ticket_path(ticket))]
        return [(ticket_path(ticket), self.now[ticket_path(ticket)]), self._list(meeting, listed)]

    def delete(self, chance: random.Random) -> list[tuple[str, Fields | None]]:
        ticket = chance.choice(self.tickets)
        at, last = self.place.pop(ticket), self.tickets.pop()
        if last != ticket:
            self.tickets[at], self.place[last] = last, at
        path, meeting = ticket_path(ticket), self.meeting_of[ticket]
        del self.now[path]
        listed = [r for r in self.now[meeting_path(meeting)]["tickets"] if r.path != path]
        return [self._list(meeting, listed), (path, None)]

    def _list(self, meeting: int, tickets: list[Any]) -> tuple[str, Fields | None]:
        return self.replace(meeting_path(meeting), tickets=tickets)


def made_changes(times: float, count: int) -> Iterator[tuple[str, Fields | None]]:
    """Paths and fields after each change; `None` for a deletion."""
    chance, world, given = random.Random(2), _World(times), 0
    while given < count:
        draw = chance.random()
        steps: list[tuple[str, Fields | None]]
        if draw < _TICKETS:
            steps = world.insert(chance) if chance.random() < 0.5 or not world.tickets else world.delete(chance)
        elif draw < _TICKETS + _TITLES:
            path = meeting_path(chance.randrange(world.sizes.meetings))
            steps = [world.replace(path, title=f"Title {given}")]
        elif draw < _TICKETS + _TITLES + _RENAMES:
            steps = [world.replace(user_path(chance.randrange(world.sizes.users)), lastName=f"Renamed{given}")]
        else:
            path = ticket_path(chance.choice(world.tickets))
            steps = [world.replace(path, attendance=not world.now[path]["attendance"])]
        yield from steps[: count - given]
        given += len(steps)


def changes_file(times: float = 1, count: int = CHANGES) -> Path:
    """The changes as lines of JSON, written when they are not there yet."""
    place = cached(f"changes-{times:g}-{count}-{FORM}.jsonl")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        making = place.with_name(f"{place.name}.part")
        with making.open("w") as file:
            for path, fields in made_changes(times, count):
                typed = None if fields is None else encode_fields(fields)
                file.write(json.dumps({"path": path, "fields": typed}) + "\n")
        making.rename(place)
    return place


def changes(times: float = 1, count: int = CHANGES) -> Iterator[Change]:
    """The changes, one a millisecond after the snapshot."""
    began = to_micros(SNAPSHOT)
    with changes_file(times, count).open() as file:
        for number, line in enumerate(file, start=1):
            change = json.loads(line)
            fields = None if change["fields"] is None else decode_fields(change["fields"])
            yield Change(change["path"], None, fields, (began + 1000 * number, 0))


if __name__ == "__main__":
    given = sys.argv[1:]
    times_, count_ = float(given[0]) if given else 1.0, int(given[1]) if len(given) > 1 else CHANGES
    print(export(times_), f"{Sizes.of(times_).documents:,} documents")
    if count_:
        print(changes_file(times_, count_), f"{count_:,} changes")
