"""Views with hand-written evaluators, for engines that import them by name on their workers."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

from onto_flow.core.change import Change, DeadLetter
from onto_flow.core.codec import decode, encode
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import DataError
from onto_flow.core.keys import document_id
from onto_flow.core.values import Reference, from_micros
from onto_flow.plan.compile import compile_plan
from onto_flow.plan.evaluator import Results
from onto_flow.plan.nodes import Accumulator, CodeRef, Plan, Relation, Slot, View
from onto_flow.plan.places import FieldPath
from onto_flow.sources.base import Partition, SourceInfo

MEETINGS, TICKETS, USERS = Collection("meetings"), Collection("tickets"), Collection("users")
NOTES, OFFERS = Collection("notes"), Collection("offers")
Members = Mapping[str, Sequence[tuple[str, Any]]]


class Sessions:
    """Two hops: meeting -> tickets -> users; the tickets are folded too, with the users that they lead to."""

    @classmethod
    def evaluator(cls) -> Sessions:
        return cls()

    def documents(self, members: Members, results: Results) -> dict[str, Any]:
        path, meeting = members["meeting"][0]
        users = {p: u.get("name") for p, u in members["users"]}
        attending = [users.get(t["user"].path) for _, t in members["tickets"] if t.get("attendance")]
        shown = {"status": meeting.get("status"), "attending": attending, "tickets": len(members["tickets"])}
        shown.update(zip(("total", "dearest"), results()))
        return {f"sessions/{path.split('/')[1]}": shown} if meeting.get("status") != "hidden" else {}

    def each(self, members: Members, slot: int, elements: Sequence[Members]) -> list[tuple[Any, ...]]:
        rows = []
        for alone in elements:
            [(_, ticket)] = alone["tickets"]
            name = alone["users"][0][1].get("name") if alone["users"] else None
            rows.append((ticket.get("price"), None if name is None else (ticket.get("price"), name)))
        return rows


class Load:
    """Groups: tickets by the organization of their user."""

    @classmethod
    def evaluator(cls) -> Load:
        return cls()

    def rows(self, members: Members) -> dict[bytes, tuple[Any, ...]]:
        _, ticket = members["ticket"][0]
        if not members["user"]:
            return {}
        _, user = members["user"][0]
        attends = True if ticket.get("attendance") else None
        price, name = ticket.get("price"), user.get("name")
        return {encode(user.get("org")): ((attends, price, (name, name), price, name, (price, name)),)}

    def result(self, key: bytes, results: Sequence[Any]) -> tuple[str, Any]:
        return f"load/{document_id(decode(key))}", dict(zip(LOADS, results, strict=True))


LOADS = ("attending", "price", "names", "least", "different", "dearest")


class Boards:
    """Reverse references (fused), a hop behind them, equality of fields, and paths that several roots claim."""

    @classmethod
    def evaluator(cls) -> Boards:
        return cls()

    def documents(self, members: Members) -> dict[str, Any]:
        path, meeting = members["meeting"][0]
        if meeting.get("room") == "broken":
            raise ValueError("a broken room")
        if meeting.get("room") == "odd":
            return {"boards/odd": {"a set is no value": {1, 2}}}
        notes = [n.get("text") for _, n in members["notes"]]
        authors = [u.get("name") for _, u in members["authors"]]
        offers = [o.get("price") for _, o in members["offers"]]
        return {f"boards/{meeting.get('room')}": {"of": path, "notes": notes, "authors": authors, "offers": offers}}


def _via(name: str, index: int, parent: int, field: str, target: Collection) -> Slot:
    return Slot(name, index, "via", target, parent, relation=Relation(FieldPath((field,)), target))


def plan(*names: str) -> Plan:
    """The plan of some of the views; of all without names."""
    views = {
        "Sessions": View(
            "Sessions",
            "sessions",
            CodeRef("engine_views:Sessions"),
            (
                Slot("meeting", 0, "root", MEETINGS),
                _via("tickets", 1, 0, "tickets", TICKETS),
                _via("users", 2, 1, "user", USERS),
            ),
            (),
            accumulators=(
                Accumulator("total", "sum", over=1),
                Accumulator("dearest", "top_k", limit=2, over=1, beside=(2,)),
            ),
        ),
        "Load": View(
            "Load",
            "load",
            CodeRef("engine_views:Load"),
            (Slot("ticket", 0, "root", TICKETS), _via("user", 1, 0, "user", USERS)),
            (),
            grouped=True,
            accumulators=(
                Accumulator("attending", "count"),
                Accumulator("price", "sum"),
                Accumulator("names", "collect"),
                Accumulator("least", "min"),
                Accumulator("different", "count_distinct"),
                Accumulator("dearest", "last"),
            ),
        ),
        "Boards": View(
            "Boards",
            "boards",
            CodeRef("engine_views:Boards"),
            (
                Slot("meeting", 0, "root", MEETINGS),
                Slot("notes", 1, "by", NOTES, 0, relation=Relation(FieldPath(("meeting",)), MEETINGS)),
                _via("authors", 2, 1, "author", USERS),
                Slot("offers", 3, "on", OFFERS, 0, pairs=((FieldPath(("sku",)), FieldPath(("sku",))),)),
            ),
            (),
            owned=True,
        ),
    }
    read = [(c, None) for c in (MEETINGS, TICKETS, USERS, NOTES, OFFERS)]
    return compile_plan([views[n] for n in names or views], read)


class History:
    """A random world: what it was first, and what happened to it; the same for the same seed."""

    def __init__(self, seed: int, *, size: int, changes: int) -> None:
        self._random = random.Random(seed)
        self._size = size
        self.documents = {p: self._fields(p) for p in self._paths() if self._random.random() < 0.9}
        self.changes = [self._change(1000 + at) for at in range(changes)]

    def _paths(self) -> list[str]:
        return [
            f"{c}/{c[0]}{i}" for c in ("meetings", "tickets", "users", "notes", "offers") for i in range(self._size)
        ]

    def _fields(self, path: str) -> dict[str, Any]:
        pick, size = self._random.randrange, self._size
        collection = path.split("/")[0]
        if collection == "meetings":
            tickets: list[Reference[Any]] = [Reference(f"tickets/t{pick(size)}") for _ in range(pick(4))]
            status = self._random.choice(["open", "closed", "hidden"])
            return {"status": status, "tickets": tickets, "room": f"r{pick(size)}", "sku": [pick(3), pick(3)]}
        if collection == "tickets":
            return {"user": Reference(f"users/u{pick(size)}"), "attendance": pick(2) == 0, "price": pick(100) / 10}
        if collection == "users":
            return {"name": f"Zoë 😀 {pick(9)}", "org": self._random.choice(["a/b", "Ω", "c"])}
        if collection == "notes":
            author: Reference[Any] = Reference(f"users/u{pick(size)}")
            return {"meeting": Reference(f"meetings/m{pick(size)}"), "author": author, "text": f"n{pick(9)}"}
        return {"sku": pick(3), "price": pick(50)}

    def _change(self, at: int) -> Change:
        path = self._random.choice(self._paths())
        after = None if self._random.random() < 0.1 else self._fields(path)
        return Change(path, None, after, (at, 0 if after is not None else 1), from_micros(at))

    def delivered(self) -> list[Change]:
        """The changes as a bad feed gives them: out of order, and some twice."""
        twice = self._random.sample(self.changes, len(self.changes) // 4)
        return self._random.sample([*self.changes, *twice], len(self.changes) + len(twice))


class ListSource:
    """Changes in memory, in some partitions."""

    def __init__(
        self, changes: Sequence[Change], *, partitions: int = 1, says: int | None = None, breaks: bool = False
    ) -> None:
        self.changes, self.count, self.says, self.breaks = list(changes), partitions, says, breaks

    def info(self) -> SourceInfo:
        return SourceInfo("list", documents=len(self.changes) if self.says is None else self.says)

    def partitions(self) -> list[Partition]:
        return [Partition(str(i)) for i in range(self.count)]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> ListReader:
        changes = self.changes[int(partition.name) :: self.count]
        return ListReader(changes, self.breaks and partition.name == "0")

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        raise AssertionError("nothing is safe before the job has ended")


class ListReader:
    def __init__(self, changes: Sequence[Change], breaks: bool) -> None:
        self._batches: list[Sequence[Change | DeadLetter]] = [changes[i : i + 7] for i in range(0, len(changes), 7)]
        self._breaks = breaks
        self.documents_read = 0

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        if self._breaks and self.documents_read:
            raise DataError("bad-export", "the file ends in the middle of a record", where="output-0, byte 7")
        if not self._batches:
            return None
        batch = self._batches.pop(0)
        self.documents_read += len(batch)
        return batch

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return b""

    def close(self) -> None:
        pass
