"""Accumulators of real views: what they show, their types, `having`, and one's own."""

from __future__ import annotations

import math
from random import Random
from typing import Any, NamedTuple

import pytest

from onto_flow import (
    Accumulator,
    DomainModel,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    one,
    operator,
    root,
    udf,
)
from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import Reference
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.explain import explain_text
from onto_flow.plan.wire import from_json, to_json
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute
from onto_flow.testing.session_view import Visit


class Shop(DomainModel):
    class Meta:
        collection_name = "shops"

    city: str = attrs.str
    open: bool = attrs.bool


class Sale(DomainModel):
    class Meta:
        collection_name = "sales"

    shop = attrs.relation(Shop)
    amount: float = attrs.float
    pieces: int = attrs.int
    buyer: str = attrs.str
    note: Any = attrs.any


class SaleStore(Store):
    sale = root(Sale)
    shop = one(Shop, via=Sale.shop, required=True)


class Sold(NamedTuple):
    pieces: int
    buyer: str


class MeanSquare(Accumulator[int, tuple[int, int], float | None]):
    """The mean of the squares; refuses 13."""

    def create(self) -> tuple[int, int]:
        return (0, 0)

    def add(self, state: tuple[int, int], value: int) -> tuple[int, int]:
        if value == 13:
            raise ValueError("unlucky")
        return (state[0] + 1, state[1] + value * value)

    def retract(self, state: tuple[int, int], value: int) -> tuple[int, int]:
        return (state[0] - 1, state[1] - value * value)

    def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        return (left[0] + right[0], left[1] + right[1])

    def result(self, state: tuple[int, int]) -> float | None:
        return state[1] / state[0] if state[0] else None


class City(ViewModel):
    class Meta:
        collection_name = "cities"

    store: SaleStore
    LEAST = 2

    @operator.key
    @classmethod
    def city(cls, shop: Shop) -> str | None:
        return shop.city

    sales = agg.count()
    open_sales = agg.count(where=lambda shop, sale: shop.open and sale.pieces)
    pieces = agg.sum(lambda sale: sale.pieces)
    mean = agg.avg(lambda sale: sale.amount)
    least = agg.min(lambda sale: sale.amount)
    most = agg.max(lambda sale: sale.amount, where=lambda sale: sale.pieces)
    buyers = agg.count_distinct(lambda sale: sale.buyer)
    first_buyer = agg.first(lambda sale: sale.buyer, order_by=lambda sale: sale.amount)
    last_sold = agg.last(lambda sale: Sold(sale.pieces, sale.buyer), order_by=lambda sale: (sale.pieces, sale.amount))
    best = agg.top_k(lambda sale: sale.amount, 2)
    best_buyers = agg.top_k(lambda sale: sale.buyer, 2, order_by=lambda sale: sale.pieces)
    few = agg.collect(lambda sale, city: f"{city}:{sale.buyer}", order_by=lambda sale: sale.buyer, limit=2)
    sizes = agg.histogram(lambda sale: sale.amount, [0, 10.5])

    @operator.aggregate(MeanSquare())
    @classmethod
    def square(cls, sale: Sale) -> int | None:
        return sale.pieces if sale.pieces else None

    @udf
    @staticmethod
    def spread(least: float | None, most: float | None) -> float:
        return 0.0 if least is None or most is None else most - least

    @computed
    def again(self) -> float | None:
        return self.square

    @operator.having
    @classmethod
    def enough(cls, sales: int, city: str) -> bool:
        return sales >= cls.LEAST or city == "small"

    @operator.having
    @classmethod
    def counted(cls, spread: float) -> bool:
        return spread >= 0


def run(flow: LocalFlow, time: int, **documents: Any) -> list[Any]:
    return flow.process(event(Change(p.replace("_", "/"), None, fields, (time, 0))) for p, fields in documents.items())


def sale(shop: str, amount: Any = None, pieces: Any = None, buyer: Any = None) -> dict[str, Any]:
    return {"shop": Reference(f"shops/{shop}"), "amount": amount, "pieces": pieces, "buyer": buyer}


def test_each_accumulator_shows_what_it_says():
    flow = LocalFlow(City.plan())
    run(flow, 1, shops_a={"city": "Rome", "open": True}, shops_b={"city": "Rome", "open": False})
    assert run(flow, 2, sales_1=sale("a", 2.5, 3, "Ada")) == []
    [change] = run(flow, 3, sales_2=sale("b", 0.1, 0, "Bob"), sales_3=sale("a", 11.0, 3, "Ada"), sales_4=sale("a"))
    assert change.path == "cities/Rome"
    assert change.new == {
        "city": "Rome",
        "sales": 4,
        "openSales": 2,
        "pieces": 6,
        "mean": 13.6 / 3,
        "least": 0.1,
        "most": 11.0,
        "buyers": 2,
        "firstBuyer": "Bob",
        "lastSold": {"pieces": 3, "buyer": "Ada"},
        "best": [11.0, 2.5],
        "bestBuyers": ["Ada", "Ada"],
        "few": ["Rome:None", "Rome:Ada"],
        "sizes": [0, 2, 1],
        "square": 9.0,
        "spread": 10.9,
        "again": 9.0,
    }


def test_a_group_that_having_refuses_has_no_document_and_comes_back():
    flow = LocalFlow(City.plan())
    run(flow, 1, shops_a={"city": "Rome"}, sales_1=sale("a"), sales_2=sale("a"))
    [gone] = run(flow, 2, sales_2=None)
    assert gone.old["sales"] == 2
    assert gone.new is None
    assert run(flow, 3, sales_1=sale("a", 5.0)) == []
    [back] = run(flow, 4, sales_2=sale("a"))
    assert back.old is None
    assert back.new["least"] == 5.0
    assert back.version > gone.version


def test_a_row_that_own_code_refuses_keeps_the_last_good_document_until_it_goes():
    flow = LocalFlow(City.plan())
    run(flow, 1, shops_a={"city": "small"}, sales_1=sale("a", pieces=2))
    letter, flagged = run(flow, 2, sales_2=sale("a", pieces=13))
    assert isinstance(letter, DeadLetter)
    assert flagged.failed
    assert flagged.new == flagged.old
    assert "square: add failed: ValueError: unlucky" in letter.reason
    assert [type(o) for o in run(flow, 3, sales_1=sale("a", pieces=3))] == [DeadLetter]
    cleared, change = run(flow, 4, sales_2=sale("a", pieces=1))
    assert cleared.cleared
    assert change.old["square"] == 4.0
    assert change.new["square"] == 5.0


def test_sums_beyond_64_bits_and_what_is_no_number_are_told():
    flow = LocalFlow(City.plan())
    run(flow, 1, shops_a={"city": "small"}, sales_1=sale("a", pieces=2**63 - 1))
    letter, *_ = run(flow, 2, sales_2=sale("a", pieces=1))
    assert "beyond 64 bits" in letter.reason
    for time, wrong in ((3, "many"), (4, True)):
        letter, *_ = run(flow, time, sales_2=sale("a", amount=wrong))
        assert "an average takes numbers" in letter.reason


@pytest.mark.parametrize("seed", range(8))
def test_tables_are_those_of_the_oracle(seed):
    random, plan = Random(seed), City.plan()
    flow, documents, seen = LocalFlow(plan), {}, []
    amounts = (None, 0.1, 0.2, 2.5, 10.5, -1.0, math.nan, 3)
    for time in range(1, 60):
        shop = f"shops/{random.choice('abc')}"
        path = random.choice((shop, *(f"sales/{n}" for n in range(12))))
        if random.random() < 0.15:
            fields = None
        elif path == shop:
            fields = {"city": random.choice(("Rome", "small", None)), "open": random.random() < 0.5}
        else:
            fields = sale(
                random.choice("abc"),
                random.choice(amounts),
                random.choice((None, 0, 1, 2)),
                random.choice((None, "A", "B")),
            )
        documents = {p: f for p, f in {**documents, path: fields}.items() if f is not None}
        seen += flow.process([event(Change(path, None, fields, (time, 0)))])
        assert not [o for o in seen if isinstance(o, DeadLetter)]
        expected = recompute(plan, documents)["City"]
        assert same(applied(o for o in seen if isinstance(o, ViewChange)).get("City", {}), expected)


def test_types_are_those_of_results():
    assert {n: str(t) for n, t in City.plan().views[0].schema} == {
        "city": "str?",
        "sales": "int",
        "openSales": "int",
        "pieces": "int",
        "mean": "float?",
        "least": "float?",
        "most": "float?",
        "buyers": "int",
        "firstBuyer": "str?",
        "lastSold": "any?",
        "best": "list[float]",
        "bestBuyers": "list[str]",
        "few": "list[any?]",
        "sizes": "list[int]",
        "square": "float?",
        "spread": "float",
        "again": "float?",
    }


def test_a_plan_with_all_of_them_travels():
    plan = City.plan()
    back = from_json(to_json(plan))
    assert back == plan
    [own] = [a for a in back.views[0].accumulators if a.code is not None]
    assert own.code.live is None
    assert isinstance(own.code.resolve(), MeanSquare)


def test_explain_says_what_a_change_costs():
    text = explain_text(City.plan())
    for line in (
        "mean: float?  O(1) per change, O(1) state",
        "least: float?  O(log n) per change, O(n) state: an entry per different value",
        "buyers: int  O(1) per change, O(n) state: an entry per different value",
        "firstBuyer: str?  O(log n) per change, O(n) state: an entry per row",
        "best: list[float]  O(log n + k) per change, O(n) state: an entry per row, k = 2",
        "sizes: list[int]  O(k) per change, O(k) state: an integer per bin, k = 3",
        "square: float?  O(1) per change, O(1) state: the user's own state",
        "spread: float  O(1) per change",
        "accumulator sizes: histogram, bounds 0, 10.5",
    ):
        assert f"{line}\n" in text


def test_explain_says_what_sessions_cost():
    text = explain_text(Visit.plan())
    assert (
        "clicks: int  O(1) per change, O(n) state: the rows of a group; sessions that are parted or joined cost" in text
    )
    assert "sessions session: a gap of 0:05:00; a change follows the sessions that it touches" in text


class Keyed(ViewModel):
    class Meta:
        collection_name = "v"

    store: SaleStore

    @operator.key
    @classmethod
    def city(cls, shop: Shop) -> str | None:
        return shop.city


def test_own_accumulators_may_not_be_half_written():
    class Half(Accumulator[int, int, int]):
        def create(self) -> int:
            return 0

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_contributions_are_values_of_firestore():
    fields = {"shop": Reference("shops/a"), "note": {1, 2}}
    members = {"sale": [("sales/1", fields)], "shop": [("shops/a", {"city": "x"})]}

    class V(Keyed):
        notes = agg.count_distinct(lambda sale: sale.note)

    with pytest.raises(DataError, match="a set"):
        V.evaluator().rows(members)
