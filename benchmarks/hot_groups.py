"""One group that many members are in: what a change of one member costs, by the size of the group.

The group's operator alone, as the embedded engine runs it, with nine accumulators: count, sum, avg, min, max,
count_distinct, first, top_k(10), histogram. Beside it a fold by hand that keeps a dict and a sorted list (`bisect`) and
adds doubles as they come. `update` changes the price of any member; `queue` takes away the least one and adds another,
so that the first keys run out again and again; `order` is what the first 100 of these cost, which put the keys in order
in memory once. CPU time.

    .venv/bin/python -m benchmarks.hot_groups [SIZES...]
"""

from __future__ import annotations

import resource
import sys
import time
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, operator, root
from onto_flow.core.codec import encode
from onto_flow.engines.throwaway import Throwaway
from onto_flow.operators.base import Profile
from onto_flow.operators.build import build_operator
from onto_flow.operators.messages import Rows

SIZES = (1_000, 10_000, 100_000, 1_000_000)
CHANGES = 2_000
CHUNK = 10_000
WARM = 100
Prices = list[float]
Change = tuple[tuple[int, float | None, float | None], ...]


class Offer(DomainModel):
    class Meta:
        collection_name = "offers"

    price: float = attrs.float


class OfferStore(Store):
    offer = root(Offer)


class Market(ViewModel):
    class Meta:
        collection_name = "market"

    store: OfferStore

    @operator.key
    @classmethod
    def market(cls, offer: Offer) -> str:
        return "all"

    offers = agg.count()
    total = agg.sum(lambda offer: offer.price)
    mean = agg.avg(lambda offer: offer.price)
    least = agg.min(lambda offer: offer.price)
    most = agg.max(lambda offer: offer.price)
    prices = agg.count_distinct(lambda offer: offer.price)
    cheapest = agg.first(lambda offer: offer.doc_id, order_by=lambda offer: offer.price)
    best = agg.top_k(lambda offer: offer.doc_id, 10, order_by=lambda offer: offer.price)
    sizes = agg.histogram(lambda offer: offer.price, [100, 500, 900])


class Ours:
    """The group's operator."""

    KEY = encode("all")

    def __init__(self) -> None:
        plan = Market.plan()
        node = next(n for n in plan.operators if n.kind == "aggregate")
        self.operator = build_operator(node, plan, Profile(drained=True))
        self.evaluator = Market.evaluator()
        self.context = Throwaway(0)

    def row(self, member: int, price: float | None) -> Any:
        if price is None:
            return None
        return self.evaluator.rows({"offer": [(f"offers/{member}", {"price": price})]})[self.KEY]

    def made(self, change: Change) -> list[Rows]:
        """The messages of a change: evaluating rows is not measured."""
        return [Rows(f"offers/{m}", 1, self.row(m, old), self.row(m, new)) for m, old, new in change]

    def change(self, rows: list[Rows]) -> None:
        self.operator.step(self.KEY, rows, self.context)

    def shown(self) -> tuple[int, float, float]:
        document = self.context.outputs[-1].new  # type: ignore[union-attr]
        assert document is not None
        self.context.outputs.clear()
        return document["offers"], document["least"], document["most"]


class ByHand:
    """A dict, a sorted list, sums that gather dust."""

    def __init__(self) -> None:
        self.rows: dict[str, float] = {}
        self.ordered: list[tuple[float, str]] = []
        self.total = 0.0
        self.values: Counter[float] = Counter()
        self.bins = [0, 0, 0, 0]
        self.document: dict[str, Any] = {}

    def made(self, change: Change) -> list[tuple[str, float | None, float | None]]:
        return [(f"offers/{m}", old, new) for m, old, new in change]

    def change(self, rows: list[tuple[str, float | None, float | None]]) -> None:
        for path, old, new in rows:
            if old is not None:
                self._drop(path, old)
            if new is not None:
                self._put(path, new, sorted_in=len(rows) < 1000)
        if len(rows) >= 1000:
            self.ordered.sort()
        self._show()

    def _put(self, path: str, price: float, *, sorted_in: bool) -> None:
        self.rows[path] = price
        (insort if sorted_in else list.append)(self.ordered, (price, path))
        self.total += price
        self.values[price] += 1
        self.bins[bisect_left((100, 500, 900), price)] += 1

    def _drop(self, path: str, price: float) -> None:
        del self.rows[path]
        del self.ordered[bisect_left(self.ordered, (price, path))]
        self.total -= price
        self.values[price] -= 1
        if not self.values[price]:
            del self.values[price]
        self.bins[bisect_left((100, 500, 900), price)] -= 1

    def _show(self) -> None:
        ordered, size = self.ordered, len(self.rows)
        self.document = {
            "offers": size,
            "total": self.total,
            "mean": self.total / size,
            "least": ordered[0][0],
            "most": ordered[-1][0],
            "prices": len(self.values),
            "cheapest": ordered[0][1],
            "best": [path for _, path in ordered[:-11:-1]],
            "sizes": list(self.bins),
        }

    def shown(self) -> tuple[int, float, float]:
        return self.document["offers"], self.document["least"], self.document["most"]


def updates(prices: Prices) -> Iterator[Change]:
    random = Random(1)
    for _ in range(CHANGES):
        member = random.randrange(len(prices))
        old, prices[member] = prices[member], random.random() * 1000
        yield ((member, old, prices[member]),)


def queue(prices: Prices) -> Iterator[Change]:
    random = Random(2)
    order = iter(sorted(range(len(prices)), key=prices.__getitem__)[:CHANGES])
    for number, member in enumerate(order):
        yield ((member, prices[member], None), (len(prices) + number, None, 1000 + random.random()))


def timed(group: Any, changes: list[Any]) -> float:
    """CPU seconds per change."""
    start = time.process_time()
    for change in changes:
        group.change(change)
    return (time.process_time() - start) / len(changes)


def measured(make: Callable[[], Any], size: int) -> tuple[list[float], tuple[int, float, float]]:
    random = Random(size)
    prices = [random.random() * 1000 for _ in range(size)]
    group = make()
    chunks = (range(at, min(at + CHUNK, size)) for at in range(0, size, CHUNK))
    loaded = sum(timed(group, [group.made(tuple((m, None, prices[m]) for m in chunk))]) for chunk in chunks)
    update = timed(group, [group.made(c) for c in updates(prices)])
    gone = [group.made(c) for c in queue(prices)]
    order = timed(group, gone[:WARM]) * WARM
    return [loaded, order, update * 1e6, timed(group, gone[WARM:]) * 1e6], group.shown()


def main() -> None:
    sizes = [int(a.replace("_", "")) for a in sys.argv[1:]] or SIZES
    print("              load, s         order, s        update, us       queue, us")
    print("  members   ours  by hand   ours  by hand   ours  by hand   ours  by hand   peak, MB")
    for size in sizes:
        (ours, shown), (hand, expected) = measured(Ours, size), measured(ByHand, size)
        assert shown == expected, (shown, expected)
        pairs = "  ".join(f"{a:7.{d}f}{b:8.{d}f}" for a, b, d in zip(ours, hand, (2, 2, 0, 0)))
        print(f"{size:9,}{pairs}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024:11,}")


if __name__ == "__main__":
    main()
