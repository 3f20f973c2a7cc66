"""Accumulators and udfs of one view document that is read from a database, also after setters."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, computed, many, plan_views, root, udf
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.testing.oracle import recompute


class Order(DomainModel):
    class Meta:
        collection_name = "orders"

    title: str = attrs.str


class Product(DomainModel):
    class Meta:
        collection_name = "products"

    price: float = attrs.float


class Line(DomainModel):
    class Meta:
        collection_name = "lines"

    order = attrs.relation(Order)
    product = attrs.relation(Product)
    pieces: int = attrs.int


class OrderStore(Store):
    order = root(Order)
    lines = many(Line, by=Line.order)
    products = many(Product, via=(lines, Line.product))


class Bill(ViewModel):
    class Meta:
        collection_name = "bills"

    store: OrderStore
    pieces = agg.sum(lambda line: line.pieces, over=OrderStore.lines)
    total = agg.sum(
        lambda line, products: (line.pieces or 0) * next(iter(products)).price, over=OrderStore.lines, type=float
    )
    dearest = agg.top_k(lambda product: product.price, 1, over=OrderStore.products)

    @udf
    @staticmethod
    def text(title: str, pieces: int) -> str:
        return f"{title} x {pieces}"

    @computed
    def title(self) -> str:
        return self.store.order.title

    @title.setter
    def title(self, value: str) -> None:
        self.store.order.title = value
        for line in self.store.lines:
            line.pieces = 1


DOCUMENTS = {
    "orders/o": {"title": "a"},
    "products/p": {"price": 2.5},
    "lines/3": {"order": Reference("orders/o"), "product": Reference("products/p"), "pieces": 3},
    "lines/4": {"order": Reference("orders/o"), "product": Reference("products/p"), "pieces": 4},
}


@pytest.fixture
def database(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="normal") as database:
        database.commit([Write.set(path, fields) for path, fields in DOCUMENTS.items()])
        yield database


def test_a_view_document_has_its_accumulators_and_udfs(database):
    bill = Bill.get("o", database=database)
    assert (bill.pieces, bill.total, bill.text) == (7, 17.5, "a x 7")
    shown = {"pieces": 7, "total": 17.5, "text": "a x 7", "title": "a", "dearest": [2.5]}
    assert bill.to_view_dict() == shown == recompute(plan_views(Bill), DOCUMENTS)["Bill"]["bills/o"]


def test_after_a_setter_they_are_those_of_the_documents_as_they_are_now(database):
    bill = Bill.get("o", database=database)
    assert bill.pieces == 7
    bill.title = "b"
    assert (bill.pieces, bill.total, bill.text) == (2, 5.0, "b x 2")
    bill.save(database=database)
    assert Bill.get("o", database=database).to_view_dict()["text"] == "b x 2"


def test_what_was_taken_out_of_a_document_is_missing(database):
    bill = Bill.get("o", database=database)
    for line in bill.store.lines:
        del line.pieces
    bill.title = bill.title
    assert bill.pieces == 2
    for line in bill.store.lines:
        del line.pieces
    bill._computed.clear()
    assert bill.pieces == 0
