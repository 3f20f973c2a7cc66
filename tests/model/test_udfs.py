"""`@udf` attributes: the function on the class, the value on a view document and inside its getters."""

from __future__ import annotations

import pytest

from onto_flow import (
    DomainModel,
    Reference,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    many,
    operator,
    plan_views,
    root,
    udf,
)
from onto_flow.core.errors import DeclarationError, UsageError
from tests.model.played import Played


class Order(DomainModel):
    class Meta:
        collection_name = "orders"

    title: str = attrs.str


class Line(DomainModel):
    class Meta:
        collection_name = "lines"

    order = attrs.relation(Order)
    pieces: int = attrs.int


class OrderStore(Store):
    order = root(Order)
    lines = many(Line, by=Line.order)


class Bill(ViewModel):
    class Meta:
        collection_name = "bills"

    store: OrderStore
    pieces = agg.sum(lambda line: line.pieces, over=OrderStore.lines)

    @udf
    @staticmethod
    def count(lines) -> int:
        return len(lines)

    @staticmethod
    @udf
    def label(title: str, count: int, pieces: int) -> str:
        return f"{title}: {pieces} in {count}"

    @computed
    def title(self) -> str:
        return self.store.order.title.upper()

    @computed
    def shout(self) -> str:
        return f"{self.label}!"

    @operator.filter
    @classmethod
    def open(cls, shout: str) -> bool:
        return not shout.startswith("GONE")


DOCUMENTS = {
    "orders/o": {"title": "a"},
    "lines/1": {"order": Reference("orders/o"), "pieces": 2},
    "lines/2": {"order": Reference("orders/o"), "pieces": 3},
}


def test_a_getter_reads_what_udfs_give_whichever_decorator_stands_above():
    class Plain(Bill):
        class Meta:
            collection_name = "plain"

        @classmethod
        def open(cls):
            """No filter: udfs over accumulators are known later than filters."""

    play = Played(Plain)
    shown = {"title": "A", "count": 2, "pieces": 5, "label": "A: 5 in 2", "shout": "A: 5 in 2!"}
    assert play(DOCUMENTS) == {"plain/o": shown}
    assert play({"orders/o": {"title": "b"}})["plain/o"]["shout"] == "B: 5 in 2!"
    assert play({"lines/1": None})["plain/o"]["shout"] == "B: 3 in 1!"
    assert Plain.count([1, 2, 3]) == Bill.count([1, 2, 3]) == 3


def test_what_a_getter_reads_by_way_of_a_udf_counts_where_names_are_checked():
    with pytest.raises(DeclarationError, match=r"'shout' of open needs pieces, an accumulator, which is known later"):
        plan_views(Bill)


def test_a_circle_by_way_of_self_is_told():
    class Round(ViewModel):
        class Meta:
            collection_name = "round"

        store: OrderStore

        @udf
        @staticmethod
        def one(other: int) -> int:
            return other

        @computed
        def other(self) -> int:
            return self.one

    with pytest.raises(DeclarationError, match=r"Round: one -> other -> one|Round: other -> one -> other") as caught:
        plan_views(Round)
    assert caught.value.code == "cycle"


def test_where_documents_are_groups_self_tells_no_udf():
    class Titles(ViewModel):
        class Meta:
            collection_name = "titles"

        store: OrderStore
        count = agg.count()

        @operator.key
        @classmethod
        def title(cls, order: Order) -> str:
            return order.title

        @udf
        @staticmethod
        def twice(count: int) -> int:
            return 2 * count

        @computed
        def text(self) -> str:
            return f"{self.twice}"

    with pytest.raises(DeclarationError, match=r"Titles.text reads self.twice, .*") as caught:
        plan_views(Titles)
    assert "Make text a @udf with the parameter twice" in str(caught.value) and "@computed" in caught.value.where
    del Titles.text
    with pytest.raises(UsageError, match="makes rows and groups"):
        Titles(OrderStore()).twice  # noqa: B018


def test_slots_of_other_views_meet_by_udfs_and_accumulators_too():
    class Sized(ViewModel):
        class Meta:
            collection_name = "sized"

        store: OrderStore
        pieces = agg.sum(lambda line: line.pieces, over=OrderStore.lines)

        @udf
        @staticmethod
        def count(lines) -> int:
            return len(lines)

    class SizeStore(Store):
        mine = root(Sized)
        alike = many(Sized, on=((mine, Sized.count), Sized.count))
        heavy = many(Sized, on=((mine, Sized.pieces), Sized.pieces), order_by=Sized.count, descending=True)

    class Alike(ViewModel):
        class Meta:
            collection_name = "alike"

        store: SizeStore

        @computed
        def ids(self) -> dict:
            return {"alike": [d.doc_id for d in self.store.alike], "heavy": [d.doc_id for d in self.store.heavy]}

    Sized.__annotations__["store"], Alike.__annotations__["store"] = OrderStore, SizeStore
    play = Played(Alike, Sized)
    shown = play({**DOCUMENTS, "orders/p": {}, "lines/3": {"order": Reference("orders/p"), "pieces": 5}})
    assert shown["alike/o"] == {"ids": {"alike": ["o"], "heavy": ["o", "p"]}}
    assert shown["alike/p"] == {"ids": {"alike": ["p"], "heavy": ["o", "p"]}}
