"""What a change costs does not grow with the size of its group or slot: counted in calls, not in time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from benchmarks.hot_slots import Box, Ticket, User
from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, many, one, operator, root
from onto_flow.core.change import Change
from onto_flow.core.codec import encode
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.throwaway import Throwaway
from onto_flow.operators.base import Profile
from onto_flow.operators.build import build_operator
from onto_flow.operators.messages import Rows


class TicketStore(Store):
    ticket = root(Ticket)


class GuestStore(Store):
    ticket = root(Ticket)
    user = one(User, via=Ticket.user)


class Market(ViewModel):
    class Meta:
        collection_name = "market"

    store: TicketStore

    @operator.key
    @classmethod
    def market(cls, ticket: Ticket) -> str:
        return "all"

    tickets = agg.count()
    mean = agg.avg(lambda ticket: ticket.price)
    least = agg.min(lambda ticket: ticket.price)
    most = agg.max(lambda ticket: ticket.price)
    different = agg.count_distinct(lambda ticket: ticket.price)
    last = agg.last(lambda ticket: ticket.doc_id, order_by=lambda ticket: ticket.price)
    best = agg.top_k(lambda ticket: ticket.price, 3)
    few = agg.collect(lambda ticket: ticket.price, order_by=lambda ticket: ticket.price, limit=3)


class Load(ViewModel):
    class Meta:
        collection_name = "load"

    store: GuestStore

    @operator.key
    @classmethod
    def status(cls, user: User | None) -> str:
        return "vip" if user is not None and user.vip else "plain"

    tickets = agg.count()
    total = agg.sum(lambda ticket: ticket.price)
    best = agg.top_k(lambda ticket: ticket.price, 3)


def calls(work: Callable[[], object]) -> int:
    """How many functions a piece of work calls, those of C too."""
    count = 0

    def seen(frame: Any, kind: str, argument: Any) -> None:
        nonlocal count
        count += kind in ("call", "c_call")

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def in_a_group(size: int) -> list[int]:
    """Calls of a load's last step's changes: an update, the least one goes many times, another comes."""
    plan = Market.plan()
    node = next(n for n in plan.operators if n.kind == "aggregate")
    group, context, evaluator = build_operator(node, plan, Profile(drained=True)), Throwaway(0), Market.evaluator()

    def row(member: int, price: float) -> Any:
        return evaluator.rows({"ticket": [(f"tickets/{member}", {"price": price})]})[encode("all")]

    def step(messages: list[Rows]) -> Callable[[], object]:
        return lambda: group.step(encode("all"), messages, context)

    for start in range(0, size, 1000):
        step([Rows(f"tickets/{n}", 1, None, row(n, float(n))) for n in range(start, start + 1000)])()
    for n in range(50):  # the first keys run out: from here on they are kept in order
        step([Rows(f"tickets/{n}", 2, row(n, float(n)), None)])()
        last = size - 1 - n
        step([Rows(f"tickets/{last}", 2, row(last, float(last)), None)])()
    middle = size // 2
    gone = [step([Rows(f"tickets/{n}", 2, row(n, float(n)), None)]) for n in range(50, 100)]
    return [
        calls(step([Rows(f"tickets/{middle}", 2, row(middle, float(middle)), row(middle, 0.5))])),
        sum(calls(work) for work in gone),
        calls(step([Rows(f"tickets/{size}", 1, None, row(size, 7e9))])),
    ]


def ticket(number: int, price: float) -> tuple[str, dict[str, Any]]:
    user = Reference(f"users/{number}")
    return f"tickets/{number}", {"room": Reference("rooms/r"), "user": user, "price": price}


def in_a_slot(size: int) -> list[int]:
    """Calls of a document's change, coming and going, of one that it leads to, and of the root."""
    flow = LocalFlow(Box.plan())
    users = ((f"users/{n}", {"vip": n % 7 == 0}) for n in range(0, size, 100))
    flow.process(_events(1, [("rooms/r", {"name": "r"}), *users, *(ticket(n, n / 10) for n in range(size))]))
    flow.process(_events(2, [ticket(3, 0.5)]))
    changes = [
        ticket(5, 0.7),
        ticket(size, 0.1),
        (f"tickets/{size}", None),
        ("users/100", {"vip": True}),
        ("rooms/r", {}),
    ]
    return [calls(lambda: flow.process(_events(time, [change]))) for time, change in enumerate(changes, 3)]


class Seat(DomainModel):
    class Meta:
        collection_name = "seats"

    zone: str = attrs.str
    user = attrs.relation(User)
    price: float = attrs.float


class Hall(DomainModel):
    class Meta:
        collection_name = "halls"

    zone: str = attrs.str


class HallStore(Store):
    hall = root(Hall)
    seats = many(Seat, on=(Hall.zone, Seat.zone))
    users = many(User, via=Seat.user)


class Sold(ViewModel):
    """A root that its documents do not name, so that another operator brings them; ten of them share a user."""

    class Meta:
        collection_name = "sold"

    store: HallStore
    sold = agg.count(over=HallStore.seats)
    total = agg.sum(lambda seat: seat.price, over=HallStore.seats)
    vips = agg.count(over=HallStore.seats, where=lambda seat, users: any(u.vip for u in users))


def seat(number: int, zone: str = "x") -> tuple[str, dict[str, Any]]:
    user = Reference(f"users/{number // 10}")
    return f"seats/{number:07}", {"zone": zone, "user": user, "price": number / 10}


def in_a_hall(size: int) -> list[int]:
    """Calls of a seat's change, coming and going, of one that a user leaves for another one, and of a user."""
    flow = LocalFlow(Sold.plan())
    users = ((f"users/{n}", {"vip": n % 7 == 0}) for n in range(size // 10))
    flow.process(_events(1, [("halls/h", {"zone": "x"}), *users, *map(seat, range(size))]))
    changes = [
        (seat(3)[0], {**seat(3)[1], "price": 0.5}),
        seat(size),
        seat(size, "y"),
        (seat(5)[0], {**seat(5)[1], "user": Reference("users/1")}),
        ("users/2", {"vip": True}),
    ]
    return [calls(lambda: flow.process(_events(time, [change]))) for time, change in enumerate(changes, 2)]


def in_pages(size: int) -> list[int]:
    """Calls of a page in the middle, when all rows of a group move to another one at once."""
    flow = LocalFlow(Load.plan(), page=20)
    user = Reference("users/0")
    tickets = ((f"tickets/{n}", {"user": user, "price": n / 10}) for n in range(size))
    flow.process(_events(1, [("users/0", {"vip": False}), *tickets]))
    counted = [calls(lambda: flow.process(_events(2, [("users/0", {"vip": True})])))]
    while flow.timer_is_due:
        counted.append(calls(lambda: flow.process(())))
    return [counted[0], counted[len(counted) // 2], max(counted[1:])]


def _events(time: int, documents: Iterable[tuple[str, Any]]) -> list[Any]:
    return [event(Change(path, None, fields, (time, 0))) for path, fields in documents]


@pytest.mark.parametrize(
    ("measured", "small", "large"),
    [
        (in_a_group, 2_000, 8_000),
        (in_a_slot, 500, 3_000),
        (in_a_hall, 500, 3_000),
        (in_pages, 100, 600),
        pytest.param(in_a_group, 2_000, 1_000_000, marks=pytest.mark.long),
        pytest.param(in_a_slot, 500, 100_000, marks=pytest.mark.long),
        pytest.param(in_a_hall, 500, 100_000, marks=pytest.mark.long),
    ],
)
def test_a_change_costs_the_same_in_a_large_one(measured, small, large):
    few, many_ = measured(small), measured(large)
    assert all(m <= 1.3 * f + 20 for f, m in zip(few, many_)), (few, many_)
