"""The meeting view as a hand-written chain of stateful DoFns on Beam, as careful about order as ours.

```
changes -> Latest -+-> Users -> Tickets -+-> Meetings -> view documents
   (by path)       +-> Locations --------+
                   +-> (meetings) -------+
```

Every message carries the version of what it tells, every state keeps the highest, tombstones stay, and a meeting is shown
only when all that it asks for has been answered, known missing included; what is equal is not shown again. Messages and
states are orjson bytes, the quickest form that Beam's state was seen to hold; a step reads
the states that it needs and writes those that changed. No pages, no garbage, no dead letters, no load with a fence.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apache_beam as beam
import orjson
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

from onto_flow.core.change import Change
from onto_flow.core.values import Reference

Keyed = tuple[str, bytes]
NEVER = [0, 0]
pack, unpack = orjson.dumps, orjson.loads


def entered(change: Change) -> Keyed:
    """A change as a message to the key of its path."""
    return change.path, pack((change.version, change.after), default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Reference):
        return value.path
    raise TypeError(f"{type(value).__name__} is no value of this workload")


def told(stage: str, key: str, *message: Any) -> Any:
    """A message to a key of another stage."""
    return beam.pvalue.TaggedOutput(stage, (key, pack(message)))


class Latest(beam.DoFn):
    """The newest version of each document; tells who was referred to and who is."""

    DOC = ReadModifyWriteStateSpec("doc", BytesCoder())

    def process(self, element: Keyed, doc: Any = beam.DoFn.StateParam(DOC)) -> Iterator[Any]:
        path, raw = element
        version, fields = unpack(raw)
        held = doc.read()
        known, old = unpack(held) if held else (NEVER, None)
        if version <= known:
            return
        doc.write(raw)
        kind = path[0]
        if kind == "t":
            before, after = old and old["user"], fields and fields["user"]
            if before and before != after:
                yield told("users", before, "t", path, version, None, fields is not None)
            if after:
                yield told("users", after, "t", path, version, fields, False)
        elif kind == "u":
            yield told("users", path, "u", version, fields)
        elif kind == "l":
            yield told("locations", path, "l", version, fields)
        else:
            yield told("meetings", path, "m", version, fields)
            yield from self._asks(path, version, old, fields)

    def _asks(self, path: str, version: Any, old: Any, new: Any) -> Iterator[Any]:
        before, after = set(old["tickets"] if old else ()), set(new["tickets"] if new else ())
        for ticket in before ^ after:
            yield told("tickets", ticket, "s", path, version, ticket in after)
        left, came = old and old["location"], new and new["location"]
        if left != came:
            for location, wanted in ((left, False), (came, True)):
                if location:
                    yield told("locations", location, "s", path, version, wanted)


class Users(beam.DoFn):
    """A user with the tickets that name it -> rows of tickets."""

    USER = ReadModifyWriteStateSpec("user", BytesCoder())
    TICKETS = ReadModifyWriteStateSpec("tickets", BytesCoder())

    def process(
        self, element: Keyed, user: Any = beam.DoFn.StateParam(USER), tickets: Any = beam.DoFn.StateParam(TICKETS)
    ) -> Iterator[Any]:
        kind, *parts = unpack(element[1])
        held, of = user.read(), tickets.read()
        known, fields = unpack(held) if held else (NEVER, None)
        listed = unpack(of) if of else {}
        if kind == "u":
            version, fields = parts
            if version <= known:
                return
            user.write(pack((version, fields)))
            for ticket, (came, its) in listed.items():
                if its is not None:
                    yield told("tickets", ticket, "r", came, version, _row(its, fields))
            return
        ticket, version, its, moved = parts
        if version <= listed.get(ticket, (NEVER,))[0]:
            return
        listed[ticket] = (version, its)
        tickets.write(pack(listed))
        if not moved:
            yield told("tickets", ticket, "r", version, known, its and _row(its, fields))


def _row(ticket: Any, user: Any) -> Any:
    if not ticket["attendance"] or user is None:
        return None
    name = f"{user['firstName']} {user['lastName']}"
    return {"name": name, "organization": user["organization"], "hearingAidRequested": user["hearingAidRequested"]}


class Leaf(beam.DoFn):
    """What meetings ask for: the newest of it, and who asks."""

    def _subscribe(self, subs: Any, meeting: str, version: Any, wanted: bool) -> bool:
        held = subs.read()
        listed = unpack(held) if held else {}
        if version <= listed.get(meeting, (NEVER,))[0]:
            return False
        listed[meeting] = (version, wanted)
        subs.write(pack(listed))
        return wanted

    def _asking(self, subs: Any) -> Iterator[str]:
        held = subs.read()
        for meeting, (_, wanted) in (unpack(held) if held else {}).items():
            if wanted:
                yield meeting


class Tickets(Leaf):
    """Rows -> the meetings that list the ticket."""

    ROW = ReadModifyWriteStateSpec("row", BytesCoder())
    SUBS = ReadModifyWriteStateSpec("subs", BytesCoder())

    def process(
        self, element: Keyed, row: Any = beam.DoFn.StateParam(ROW), subs: Any = beam.DoFn.StateParam(SUBS)
    ) -> Iterator[Any]:
        ticket, raw = element
        kind, *parts = unpack(raw)
        held = row.read()
        known = unpack(held) if held else (NEVER, NEVER, None)
        if kind == "s":
            if self._subscribe(subs, *parts):
                yield told("meetings", parts[0], "r", ticket, *known)
            return
        if parts[:2] <= list(known[:2]):
            return
        row.write(pack(parts))
        for meeting in self._asking(subs):
            yield told("meetings", meeting, "r", ticket, *parts)


class Locations(Leaf):
    """Locations -> the meetings that are there."""

    DOC = ReadModifyWriteStateSpec("doc", BytesCoder())
    SUBS = ReadModifyWriteStateSpec("subs", BytesCoder())

    def process(
        self, element: Keyed, doc: Any = beam.DoFn.StateParam(DOC), subs: Any = beam.DoFn.StateParam(SUBS)
    ) -> Iterator[Any]:
        location, raw = element
        kind, *parts = unpack(raw)
        held = doc.read()
        known = unpack(held) if held else (NEVER, None)
        if kind == "s":
            if self._subscribe(subs, *parts):
                yield told("meetings", parts[0], "l", location, *known)
            return
        if parts[0] <= known[0]:
            return
        doc.write(pack(parts))
        for meeting in self._asking(subs):
            yield told("meetings", meeting, "l", location, *parts)


class Meetings(beam.DoFn):
    """A meeting with what was told of its tickets and its location -> its view document, where that changed."""

    MEETING = ReadModifyWriteStateSpec("meeting", BytesCoder())

    def process(self, element: Keyed, meeting: Any = beam.DoFn.StateParam(MEETING)) -> Iterator[tuple[str, bytes]]:
        path, raw = element
        kind, *parts = unpack(raw)
        held = meeting.read()
        record = unpack(held) if held else {"m": (NEVER, None), "rows": {}, "at": {}, "last": None, "n": 0}
        if not _took(record, kind, parts):
            return
        shown = _shown(record)
        if shown is not False and shown != record["last"]:
            record["last"], record["n"] = shown, record["n"] + 1
            yield path, pack((record["n"], shown))
        meeting.write(pack(record))


def _took(record: Any, kind: str, parts: Any) -> bool:
    if kind == "m":
        if parts[0] <= list(record["m"][0]):
            return False
        record["m"] = parts
        return True
    held, name = record["rows" if kind == "r" else "at"], parts[0]
    if name in held and parts[1:-1] <= held[name][:-1]:
        return False
    held[name] = parts[1:]
    return True


def _shown(record: Any) -> Any:
    """The view document; `None` where there is none, `False` where something is not known yet."""
    fields, rows = record["m"][1], record["rows"]
    if fields is None or fields["status"] == "not-started":
        return None
    at = record["at"].get(fields["location"])
    if at is None or any(t not in rows for t in fields["tickets"]):
        return False
    attending = [row for t in sorted(fields["tickets"]) if (row := rows[t][-1]) is not None]
    return {
        "title": fields["title"],
        "inSession": fields["status"] == "in-session",
        "address": at[-1] and at[-1]["name"],
        "attending": attending,
        "numHearingAidRequested": sum(row["hearingAidRequested"] for row in attending),
    }


def chain(changes: Any) -> Any:
    """Changes -> (path, view version and document)."""
    stages = ("users", "tickets", "locations", "meetings")
    keyed = changes | "enter" >> beam.Map(entered).with_output_types(Keyed)
    latest = keyed | "latest" >> _pardo(Latest(), *stages)
    users = latest.users | "users" >> _pardo(Users(), "tickets")
    asked = (latest.tickets, users.tickets) | "tickets.in" >> beam.Flatten()
    tickets = asked | "tickets" >> _pardo(Tickets(), "meetings")
    locations = latest.locations | "locations" >> _pardo(Locations(), "meetings")
    told = (latest.meetings, tickets.meetings, locations.meetings) | "meetings.in" >> beam.Flatten()
    return told | "meetings" >> beam.ParDo(Meetings()).with_output_types(Keyed)


def _pardo(fn: beam.DoFn, *outputs: str) -> Any:
    typed = fn.with_input_types(Keyed).with_output_types(Keyed, **dict.fromkeys(outputs, Keyed))
    return beam.ParDo(typed).with_outputs(*outputs)
