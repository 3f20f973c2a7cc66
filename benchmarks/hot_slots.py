"""One view document with many documents in a slot: what a change costs, by the size of the slot.

A room with tickets, folded by count, sum, a count that asks each ticket's user, and top_k(3), with a label; on the embedded
engine, one change at a time. Beside it the same by hand: a dict of tickets, sums that gather dust, a sorted list, and for a
user the tickets that lead to it. CPU microseconds per change; `tests/laws/test_sizes.py` counts the calls of the same view.

    .venv/bin/python -m benchmarks.hot_slots [SIZES...]
"""

from __future__ import annotations

import sys
import time
from bisect import bisect_left, insort
from collections.abc import Callable, Iterator
from typing import Any

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, many, root, udf
from onto_flow.core.change import Change
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow

SIZES = (100, 1_000, 10_000, 100_000)
REPEATED = 50
Document = tuple[str, dict[str, Any] | None]


class User(DomainModel):
    class Meta:
        collection_name = "users"

    vip: bool = attrs.bool


class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"

    room: Any = attrs.relation("Room")
    user = attrs.relation(User)
    price: float = attrs.float


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    name: str = attrs.str


class RoomStore(Store):
    room = root(Room)
    tickets = many(Ticket, by=Ticket.room)
    users = many(User, via=Ticket.user)


class Box(ViewModel):
    class Meta:
        collection_name = "boxes"

    store: RoomStore
    sold = agg.count(over=RoomStore.tickets)
    total = agg.sum(lambda ticket: ticket.price, over=RoomStore.tickets)
    vips = agg.count(over=RoomStore.tickets, where=lambda ticket, users: any(u.vip for u in users))
    best = agg.top_k(lambda ticket: ticket.price, 3, over=RoomStore.tickets)

    @udf
    @staticmethod
    def label(room: Room, sold: int) -> str:
        return f"{room.name} {sold}"


class Ours:
    def __init__(self) -> None:
        self.flow, self.time, self.document = LocalFlow(Box.plan()), 0, {}

    def take(self, *documents: Document) -> None:
        self.time += 1
        for output in self.flow.process([event(Change(p, None, f, (self.time, 0))) for p, f in documents]):
            self.document = output.new  # type: ignore[union-attr, assignment]


class ByHand:
    def __init__(self) -> None:
        self.tickets: dict[str, dict[str, Any]] = {}
        self.users: dict[str, bool] = {}
        self.tickets_of: dict[str, set[str]] = {}
        self.ordered: list[tuple[float, str]] = []
        self.total, self.vips, self.document = 0.0, 0, {}

    def take(self, *documents: Document) -> None:
        for path, fields in documents:
            if path.startswith("tickets/"):
                self._ticket(path, fields)
            elif path.startswith("users/"):
                vip = fields is not None and fields["vip"]
                self.vips += (vip - self.users.get(path, False)) * len(self.tickets_of.get(path, ()))
                self.users[path] = vip
        best = [price for price, _ in self.ordered[:-4:-1]]
        sold = len(self.tickets)
        self.document = {"sold": sold, "total": self.total, "vips": self.vips, "best": best, "label": f"r {sold}"}

    def _ticket(self, path: str, fields: dict[str, Any] | None) -> None:
        for old, weight in ((self.tickets.pop(path, None), -1), (fields, 1)):
            if old is None:
                continue
            price, user = old["price"], old["user"].path
            self.total += weight * price
            self.vips += weight * self.users.get(user, False)
            if weight > 0:
                self.tickets[path] = old
                insort(self.ordered, (price, path))
                self.tickets_of.setdefault(user, set()).add(path)
            else:
                del self.ordered[bisect_left(self.ordered, (price, path))]
                self.tickets_of[user].discard(path)


def ticket(number: int, price: float) -> Document:
    user = Reference[Any](f"users/{number // 10}")
    return f"tickets/{number}", {"room": Reference[Any]("rooms/r"), "user": user, "price": price}


def changes(size: int) -> Iterator[list[Document]]:
    """Updates, insertions, deletions, changes of users, of whom each has ten tickets."""
    yield [ticket(n, 5.0 + n) for n in range(REPEATED)]
    yield [ticket(size + n, 1.0) for n in range(REPEATED)]
    yield [(f"tickets/{size + n}", None) for n in range(REPEATED)]
    yield [(f"users/{n % (size // 10)}", {"vip": n // (size // 10) % 2 == 0}) for n in range(REPEATED)]


def measured(make: Callable[[], Any], size: int) -> tuple[list[float], dict[str, Any]]:
    room = make()
    room.take(("rooms/r", {"name": "r"}), *((f"users/{n}", {"vip": False}) for n in range(size // 10)))
    room.take(*(ticket(n, n / 8) for n in range(size)))
    room.take(ticket(size // 2, 0.5))
    times = []
    for several in changes(size):
        start = time.process_time()
        for change in several:
            room.take(change)
        times.append((time.process_time() - start) / len(several) * 1e6)
    return times, room.document


def main() -> None:
    print("          update         insert         delete      a user of 10")
    print("  tickets   ours  by hand   ours  by hand   ours  by hand   ours  by hand")
    for size in [int(a.replace("_", "")) for a in sys.argv[1:]] or SIZES:
        (ours, shown), (hand, expected) = measured(Ours, size), measured(ByHand, size)
        assert shown == expected, (shown, expected)
        print(f"{size:9,}" + "  ".join(f"{a:7.0f}{b:8.0f}" for a, b in zip(ours, hand)))


if __name__ == "__main__":
    main()
