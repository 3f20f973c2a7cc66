"""The peer of keyed stages, by hand: documents with their subscribers, then a record per meeting with rows that are kept.

It has no versions, no tombstones, no completeness, and does not compare what it shows with what it showed.
"""

from __future__ import annotations

from typing import Any

from benchmarks.peers.files import Fields

Message = tuple[Any, ...]
"""`("doc", fields)`, or `("ask", meeting, weight)`."""

Sent = list[tuple[str, Message]]
"""To meetings' records: `("doc", path, fields)`; to other documents: `("ask", ...)`."""


class Held:
    """A document with the meetings that want it."""

    __slots__ = ("fields", "subscribers")

    def __init__(self) -> None:
        self.fields: Fields | None = None
        self.subscribers: dict[str, int] = {}

    def ask(self, meeting: str, weight: int) -> bool:
        """Takes a subscription; whether the meeting is new here, or leaves."""
        before = self.subscribers.get(meeting, 0)
        now = before + weight
        if now:
            self.subscribers[meeting] = now
        else:
            del self.subscribers[meeting]
        return (before > 0) != (now > 0)


def meeting_step(held: Held, path: str, message: Message) -> Sent:
    """A meeting asks for its tickets and its location."""
    old, held.fields = held.fields, message[1]
    before, after = _asked(old), _asked(held.fields)
    asks: Sent = [(p, ("ask", path, -1)) for p in before if p not in after]
    asks += [(p, ("ask", path, 1)) for p in after if p not in before]
    return [(path, ("doc", path, held.fields)), *asks]


def _asked(meeting: Fields | None) -> dict[str, None]:
    return {} if meeting is None else dict.fromkeys([*meeting["tickets"], meeting["location"]])


def ticket_step(held: Held, path: str, message: Message) -> Sent:
    """A ticket asks for its user, for each meeting that wants the ticket."""
    if message[0] == "ask":
        _, meeting, weight = message
        if not held.ask(meeting, weight):
            return []
        user = [] if held.fields is None else [(held.fields["user"], message)]
        return user if weight < 0 else [(meeting, ("doc", path, held.fields)), *user]
    old, held.fields = held.fields, message[1]
    told: Sent = [(m, ("doc", path, held.fields)) for m in held.subscribers]
    before, after = old and old["user"], held.fields and held.fields["user"]
    if before != after:
        told += [(before, ("ask", m, -1)) for m in held.subscribers if before]
        told += [(after, ("ask", m, 1)) for m in held.subscribers if after]
    return told


def leaf_step(held: Held, path: str, message: Message) -> Sent:
    """Users and locations tell the meetings that want them."""
    if message[0] == "ask":
        _, meeting, weight = message
        return [(meeting, ("doc", path, held.fields))] if held.ask(meeting, weight) and weight > 0 else []
    held.fields = message[1]
    return [(m, ("doc", path, held.fields)) for m in held.subscribers]


class Record:
    """What a meeting's view document is made of; only rows that were hit are made again."""

    __slots__ = ("location", "meeting", "rows", "tickets", "tickets_of", "users")

    def __init__(self) -> None:
        self.meeting: Fields | None = None
        self.location: Fields | None = None
        self.tickets: dict[str, Fields] = {}
        self.users: dict[str, Fields] = {}
        self.tickets_of: dict[str, set[str]] = {}
        self.rows: dict[str, Fields] = {}

    def take(self, path: str, fields: Fields | None) -> None:
        """Takes a document."""
        kind = path[0]
        if kind == "t":
            self._ticket(path, fields)
        elif kind == "u":
            if fields is not None:
                self.users[path] = fields
                for ticket in self.tickets_of.get(path, ()):
                    self._row(ticket)
        elif kind == "m":
            self.meeting = fields
        else:
            self.location = fields

    def _ticket(self, path: str, fields: Fields | None) -> None:
        before = self.tickets.pop(path, None)
        if before is not None:
            self.tickets_of[before["user"]].discard(path)
        if fields is not None:
            self.tickets[path] = fields
            self.tickets_of.setdefault(fields["user"], set()).add(path)
        self._row(path)

    def _row(self, path: str) -> None:
        ticket = self.tickets.get(path)
        user = self.users.get(ticket["user"]) if ticket is not None and ticket["attendance"] else None
        if user is None:
            self.rows.pop(path, None)
            return
        name = f"{user['firstName']} {user['lastName']}"
        aid = user["hearingAidRequested"]
        self.rows[path] = {"name": name, "organization": user["organization"], "hearingAidRequested": aid}

    def document(self) -> Fields | None:
        """The view document."""
        meeting, rows = self.meeting, self.rows
        if meeting is None or meeting["status"] == "not-started":
            return None
        attending = [rows[t] for t in sorted(meeting["tickets"]) if t in rows]
        return {
            "title": meeting["title"],
            "inSession": meeting["status"] == "in-session",
            "address": None if self.location is None else self.location["name"],
            "attending": attending,
            "numHearingAidRequested": sum(a["hearingAidRequested"] for a in attending),
        }


STEPS = {"meetings": meeting_step, "tickets": ticket_step, "users": leaf_step, "locations": leaf_step}


class TwoStages:
    """The stages in one process; a record is shown once for each change, or for each batch."""

    def __init__(self) -> None:
        self.held: dict[str, Held] = {}
        self.records: dict[str, Record] = {}
        self.table: dict[str, Fields] = {}

    def take(self, path: str, fields: Fields | None) -> set[str]:
        """Takes a change; the meetings whose records it reached."""
        queue: Sent = [(path, ("doc", fields))]
        reached = set()
        for key, message in queue:
            if len(message) == 3 and message[0] == "doc":
                record = self.records.get(key)
                if record is None:
                    record = self.records[key] = Record()
                record.take(message[1], message[2])
                reached.add(key)
            else:
                held = self.held.get(key)
                if held is None:
                    held = self.held[key] = Held()
                queue += STEPS[key.partition("/")[0]](held, key, message)
        return reached

    def show(self, meetings: set[str]) -> list[str]:
        """Shows records; the paths of their view documents."""
        written = []
        for path in meetings:
            document = self.records[path].document()
            output = f"meetingSessions/{path.partition('/')[2]}"
            if document is not None:
                self.table[output] = document
                written.append(output)
            elif self.table.pop(output, None) is not None:
                written.append(output)
        return written
