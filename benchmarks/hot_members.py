"""One view document with 100,000 documents in a slot moves as a whole: how long the others wait, in one batch each.

A hall with the seats of its zone, and the user of each ten seats, folded by three accumulators, or listed: the hall is
re-keyed to another zone and back, goes, and comes back; then as many rows of one document (`expand`) come, change and go.
CPU time of the local flow per batch, until nothing waits; beside it the same told in one step (no pages).

    .venv/bin/python -m benchmarks.hot_members [SIZE]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from typing import Any

from onto_flow import DomainModel, Many, Reference, Store, ViewModel, agg, attrs, many, operator, root, udf
from onto_flow.core.change import Change, ViewChange
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import PAGE, LocalFlow
from onto_flow.engines.steady import steady

from .hot_slots import User

Document = tuple[str, "dict[str, Any] | None"]


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
    rows: int = attrs.int
    label: str = attrs.str


class HallStore(Store):
    hall = root(Hall)
    seats = many(Seat, on=(Hall.zone, Seat.zone))
    users = many(User, via=Seat.user)


class Sold(ViewModel):
    """Folded: a page costs what comes with it."""

    class Meta:
        collection_name = "sold"

    store: HallStore
    sold = agg.count(over=HallStore.seats)
    total = agg.sum(lambda seat: seat.price, over=HallStore.seats)
    vips = agg.count(over=HallStore.seats, where=lambda seat, users: any(u.vip for u in users))


class Listed(ViewModel):
    """Listed: evaluated whole, once, with the last page."""

    class Meta:
        collection_name = "listed"

    store: HallStore

    @udf
    @staticmethod
    def prices(seats: Many[Seat]) -> list[float]:
        return [seat.price for seat in seats]


class RowStore(Store):
    hall = root(Hall)


class Rows(ViewModel):
    """A document for each row."""

    class Meta:
        collection_name = "rows"

    store: RowStore

    @operator.expand
    @classmethod
    def row(cls, hall: Hall) -> Iterable[int]:
        return range(hall.rows)

    @udf
    @staticmethod
    def shown(hall: Hall) -> str:
        return hall.label


class Timed:
    """A flow whose batches are timed."""

    def __init__(self, view: type[ViewModel], page: int) -> None:
        self.flow, self.version = LocalFlow(view.plan(), page=page), 0

    def take(self, name: str, *documents: Document) -> None:
        """Changes, and what waits behind them."""
        self.version += 1
        events: Any = [event(Change(path, None, fields, (self.version, 0))) for path, fields in documents]
        times, most = [], 0
        while events or self.flow.timer_is_due:
            start = time.process_time()
            outputs = self.flow.process(events)
            times.append((time.process_time() - start) * 1000)
            most, events = max(most, sum(isinstance(o, ViewChange) for o in outputs)), ()
        if name:
            before = max(times[:-1], default=times[0])
            print(f"  {name:26}{len(times):8}{most:9}{before:16.1f}{max(times):10.1f}{sum(times):10.0f}", flush=True)


def seat(number: int) -> Document:
    fields = {"zone": "x", "user": Reference[Any](f"users/{number // 10}"), "price": number / 8}
    return f"seats/{number:07}", fields


def hall(zone: str, rows: int = 0, label: str = "a") -> Document:
    return "halls/h", {"zone": zone, "rows": rows, "label": label}


def moves(view: type[ViewModel], size: int, page: int) -> None:
    timed = Timed(view, page)
    users = ((f"users/{n}", {"vip": n % 7 == 0}) for n in range(size // 10))
    timed.take("", *users, *map(seat, range(size)), hall("x"))
    with steady():
        timed.take("re-keyed to a zone of none", hall("y"))
        timed.take("re-keyed to that of all", hall("x"))
        timed.take("goes", ("halls/h", None))
        timed.take("comes back", hall("x"))


def rows(size: int, page: int) -> None:
    timed = Timed(Rows, page)
    timed.take("", hall("x"))
    with steady():
        timed.take("rows come", hall("x", size))
        timed.take("all of them change", hall("x", size, "b"))
        timed.take("all of them go", ("halls/h", None))


def main(size: int) -> None:
    print(f"{size} documents of one root; milliseconds of CPU")
    print(f"  {'':26}{'batches':>8}{'largest':>9}{'but the last':>16}{'longest':>10}{'all':>10}")
    for title, page in ((f"pages of {PAGE}", PAGE), ("one step", 0)):
        for view in (Sold, Listed):
            print(f"{view.__name__}, {title}")
            moves(view, size, page)
        print(f"Rows, {title}")
        rows(size, page)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
