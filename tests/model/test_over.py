"""Accumulators over many slots: what they show, and how little they evaluate."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

from onto_flow import (
    Accumulator,
    DomainModel,
    Reference,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    many,
    one,
    operator,
    root,
    udf,
)
from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.engines.base import event
from onto_flow.engines.bulk import Bulk
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators import over
from onto_flow.plan.explain import explain_text
from onto_flow.plan.wire import from_json, to_json
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute


class User(DomainModel):
    class Meta:
        collection_name = "users"

    name: str = attrs.str
    vip: bool = attrs.bool


class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"

    room: Any = attrs.relation("Room")
    user = attrs.relation(User)
    price: float = attrs.float
    sold: bool = attrs.bool


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    ticket = attrs.relation(Ticket)
    stars: int = attrs.int


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    least: float = attrs.float
    open: bool = attrs.bool


class RoomStore(Store):
    room = root(Room)
    tickets = many(Ticket, by=Ticket.room)
    user = one(User, via=Ticket.user)
    notes = many(Note, by=Note.ticket)


class Total(Accumulator[int, int, int]):
    def create(self) -> int:
        return 0

    def add(self, state: int, value: int) -> int:
        return state + value

    def retract(self, state: int, value: int) -> int:
        return state - value

    def merge(self, left: int, right: int) -> int:
        return left + right

    def result(self, state: int) -> int:
        return state


class Box(ViewModel):
    class Meta:
        collection_name = "boxes"

    store: RoomStore

    sold = agg.count(over=RoomStore.tickets, where=lambda ticket: ticket.sold)
    vips = agg.count(over=RoomStore.tickets, where=lambda ticket, user: ticket.sold and user and user.vip)
    turnover = agg.sum(lambda ticket: ticket.price, over=RoomStore.tickets, where=lambda ticket: ticket.sold)
    dear = agg.count(over=RoomStore.tickets, where=lambda t, room: (t.price or 0) >= (room.least or 0))
    dearest = agg.max(lambda ticket: ticket.price, over=RoomStore.tickets)
    rated = agg.collect(
        lambda ticket, notes: sum(n.stars or 0 for n in notes) if len(notes) else None,
        over=RoomStore.tickets,
        order_by=lambda ticket: ticket.price,
        limit=3,
    )
    stars = agg.avg(lambda note: note.stars, over=RoomStore.notes)
    names = agg.count_distinct(lambda ticket, user: user and user.name, over=RoomStore.tickets)
    wished = agg.count(over=RoomStore.tickets, where=lambda ticket, threshold: (ticket.price or 0) > threshold)

    @operator.aggregate(Total(), over=RoomStore.notes)
    @classmethod
    def total(cls, note: Note) -> int | None:
        return note.stars

    @computed
    def _half(self) -> float:
        return (self.store.room.least or 0) / 2

    @udf
    @staticmethod
    def threshold(_half: float) -> float:
        return _half + 1

    @udf
    @staticmethod
    def share(sold: int, vips: int, room: Room) -> float:
        return vips / sold if sold else 0.0

    @computed
    def more(self) -> int:
        return self.sold + 1

    @operator.filter
    @classmethod
    def is_open(cls, room: Room) -> bool:
        return room.open

    @operator.having
    @classmethod
    def something(cls, dearest: float | None, room: Room) -> bool:
        return dearest is None or dearest < 1000


def ref(path: str) -> Reference[Any]:
    return Reference(path)


def run(flow: LocalFlow, time: int, **documents: Any) -> list[Any]:
    return flow.process(event(Change(p.replace("_", "/"), None, fields, (time, 0))) for p, fields in documents.items())


def ticket(price: Any, sold: bool = True, user: str = "ada", room: str = "r") -> dict[str, Any]:
    return {"room": ref(f"rooms/{room}"), "user": ref(f"users/{user}"), "price": price, "sold": sold}


ROOM = {"least": 2.0, "open": True}


def start() -> tuple[LocalFlow, dict[str, Any]]:
    flow = LocalFlow(Box.plan())
    [change] = run(
        flow,
        1,
        rooms_r=ROOM,
        users_ada={"name": "Ada", "vip": True},
        users_bob={"name": "Bob"},
        tickets_1=ticket(0.1),
        tickets_2=ticket(2.5, user="bob"),
        tickets_3=ticket(9.0, sold=False),
        tickets_4=ticket(None, user="nobody"),
        notes_a={"ticket": ref("tickets/3"), "stars": 5},
        notes_b={"ticket": ref("tickets/3"), "stars": 4},
        notes_c={"ticket": ref("tickets/1"), "stars": 1},
    )
    return flow, change.new


def test_each_accumulator_shows_what_it_says():
    assert start()[1] == {
        "sold": 3,
        "vips": 1,
        "turnover": 2.6,
        "dear": 2,
        "dearest": 9.0,
        "rated": [1, 9],
        "stars": 10 / 3,
        "names": 2,
        "wished": 2,
        "total": 10,
        "threshold": 2.0,
        "share": 1 / 3,
        "more": 4,
    }


def changed(outputs: list[Any]) -> dict[str, Any]:
    [change] = outputs
    return {n: v for n, v in change.new.items() if not same(v, change.old[n])}


@pytest.mark.parametrize("kept_from", [0, 100])
def test_what_a_document_leads_to_and_what_is_read_as_a_whole_count_too(monkeypatch, kept_from):
    monkeypatch.setattr(over, "KEPT_FROM", kept_from)
    flow, _ = start()
    assert changed(run(flow, 2, users_bob={"name": "Ada", "vip": True})) == {"vips": 2, "names": 1, "share": 2 / 3}
    assert changed(run(flow, 3, notes_c={"ticket": ref("tickets/2"), "stars": 2})) == {
        "rated": [2, 9],
        "stars": 11 / 3,
        "total": 11,
    }
    assert changed(run(flow, 4, notes_a=None)) == {"rated": [2, 4], "stars": 3.0, "total": 6}
    assert changed(run(flow, 5, rooms_r={"least": 0.1, "open": True})) == {"dear": 3, "threshold": 1.05}
    assert changed(run(flow, 6, users_nobody={"name": "No", "vip": True})) == {"vips": 3, "names": 2, "share": 1.0}
    assert changed(run(flow, 7, tickets_4=None)) == {"sold": 2, "vips": 2, "names": 1, "more": 3}


@pytest.mark.parametrize("kept_from", [0, 100])
def test_a_root_that_is_filtered_out_follows_when_it_comes_back(monkeypatch, kept_from):
    monkeypatch.setattr(over, "KEPT_FROM", kept_from)
    flow, shown = start()
    assert [o.new for o in run(flow, 2, rooms_r={"least": 2.0, "open": False})] == [None]
    assert run(flow, 3, tickets_1=None, tickets_5=ticket(2000.0)) == []
    assert run(flow, 4, rooms_r=ROOM) == []
    [change] = run(flow, 5, tickets_5=ticket(20.0))
    assert (change.new["sold"], change.new["turnover"], change.new["dearest"]) == (3, 22.5, 20.0)


@pytest.mark.parametrize("kept_from", [0, 100])
def test_a_document_that_code_fails_on_is_tried_again(monkeypatch, kept_from):
    monkeypatch.setattr(over, "KEPT_FROM", kept_from)
    flow, shown = start()
    letter, flagged = run(flow, 2, tickets_1=ticket("much"))
    assert isinstance(letter, DeadLetter)
    assert flagged.failed
    [again] = run(flow, 3, tickets_6=ticket(1.0))
    assert isinstance(again, DeadLetter)
    cleared, change = run(flow, 4, tickets_1=ticket(0.2))
    assert cleared.cleared
    assert (change.new["sold"], change.new["turnover"]) == (4, 3.7)


def random_change(random: Random) -> tuple[str, Any]:
    kind = random.choice(("rooms", "tickets", "tickets", "tickets", "users", "notes", "notes"))
    path = f"{kind}/{random.randrange(2 if kind == 'rooms' else 6)}"
    if random.random() < 0.15:
        return path, None
    if kind == "rooms":
        return path, {"least": random.choice((None, 0.1, 2.0)), "open": random.random() < 0.8}
    if kind == "users":
        return path, {"name": random.choice("AB"), "vip": random.random() < 0.5}
    if kind == "notes":
        return path, {"ticket": ref(f"tickets/{random.randrange(6)}"), "stars": random.choice((None, 1, 2, 5))}
    prices = (None, 0.1, 0.2, 2.5, 3.0, 5000.0)
    user, room = str(random.randrange(6)), str(random.randrange(2))
    return path, ticket(random.choice(prices), random.random() < 0.7, user, room)


@pytest.mark.parametrize("kept_from", [0, 100])
@pytest.mark.parametrize("seed", range(6))
def test_tables_are_those_of_the_oracle(monkeypatch, seed, kept_from):
    monkeypatch.setattr(over, "KEPT_FROM", kept_from)
    random, plan = Random(seed), Box.plan()
    flow, documents, seen = LocalFlow(plan), {}, []
    for time in range(1, 100):
        path, fields = random_change(random)
        documents = {p: f for p, f in {**documents, path: fields}.items() if f is not None}
        seen += flow.process([event(Change(path, None, fields, (time, 0)))])
        assert not [o for o in seen if isinstance(o, DeadLetter)]
        expected = recompute(plan, documents)["Box"]
        assert same(applied(o for o in seen if isinstance(o, ViewChange)).get("Box", {}), expected), time
    bulk = Bulk(plan)
    bulk.take(Change(p, None, f, (0, 1)) for p, f in documents.items())
    assert same(applied(o for chunk in bulk.outputs() for o in chunk).get("Box", {}), expected)


def test_a_change_evaluates_the_documents_that_it_touches_alone():
    evaluated: list[str] = []

    def price(ticket: Ticket, user: User | None) -> float:
        evaluated.append(ticket.path)
        return ticket.price

    class Sums(ViewModel):
        class Meta:
            collection_name = "sums"

        store: RoomStore
        turnover = agg.sum(price, over=RoomStore.tickets)

    flow = LocalFlow(Sums.plan())
    tickets = {f"tickets_{n}": ticket(1.0, user="ada" if n < 3 else "bob") for n in range(200)}
    run(flow, 1, rooms_r=ROOM, users_ada={"name": "A"}, users_bob={"name": "B"}, **tickets)
    assert len(evaluated) == 200
    for time, documents, expected in (
        (2, {"tickets_7": ticket(2.0)}, ["tickets/7"]),
        (3, {"users_ada": {"name": "C"}}, ["tickets/0", "tickets/1", "tickets/2", "tickets/7"]),
        (4, {"tickets_200": ticket(2.0)}, ["tickets/200"]),
        (5, {"tickets_200": None}, []),
        (6, {"rooms_r": {"open": False}}, []),
    ):
        evaluated.clear()
        run(flow, time, **documents)
        assert sorted(evaluated) == expected


def test_types_are_those_of_results():
    types = {n: str(t) for n, t in Box.plan().views[0].schema}
    assert types["turnover"] == "float"
    assert types["dearest"] == "float?"
    assert types["stars"] == "float?"
    assert types["total"] == "int"
    assert types["rated"] == "list[any?]"


def test_a_plan_with_all_of_them_travels_and_says_what_it_reads():
    plan = Box.plan()
    assert from_json(to_json(plan)) == plan
    accumulators = {a.name: (a.over, a.beside, a.whole) for a in plan.views[0].accumulators}
    slots = {s.name: s.index for s in plan.views[0].slots}
    assert accumulators["sold"] == (slots["tickets"], (), ())
    assert accumulators["vips"] == (slots["tickets"], (slots["user"],), ())
    assert accumulators["dear"] == (slots["tickets"], (), (0,))
    assert accumulators["rated"] == (slots["tickets"], (slots["notes"],), ())
    assert accumulators["wished"] == (slots["tickets"], (), (0,))
    text = explain_text(plan)
    assert "sold: int  O(1) per change, O(1) state\n" in text
    assert "dear: int  O(1) per change, O(1) state; O(n) per change of room\n" in text
    assert "accumulator dearest: max over tickets\n" in text
    assert "share: float  O(1) per change\n" in text


def test_rows_of_a_root_see_its_accumulators():
    class Ends(ViewModel):
        class Meta:
            collection_name = "ends"

        store: RoomStore
        sold = agg.count(over=RoomStore.tickets)

        @operator.expand
        @classmethod
        def end(cls, room: Room) -> list[str]:
            return ["left", "right"]

        @udf
        @staticmethod
        def label(end: str, sold: int) -> str:
            return f"{end} {sold}"

    flow = LocalFlow(Ends.plan())
    changes = run(flow, 1, rooms_r=ROOM, tickets_1=ticket(1.0))
    assert {c.path: c.new["label"] for c in changes} == {"ends/r|left": "left 1", "ends/r|right": "right 1"}
