"""Setters that set what rows of another view compute: each row leads to its root, by its path."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from onto_flow import (
    DomainModel,
    Reference,
    Store,
    ViewModel,
    attrs,
    computed,
    many,
    operator,
    plan_views,
    root,
    udf,
)
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.model.behind import root_behind
from onto_flow.testing.oracle import recompute
from tests.model.test_behind import Session, written


class OrderLine(NamedTuple):
    sku: str
    count: int


class Order(DomainModel):
    class Meta:
        collection_name = "orders"

    lines: list[Any] = attrs.list(default=())
    held: bool = attrs.bool(default=False)
    shelf = attrs.relation("Shelf")


class Shelf(DomainModel):
    class Meta:
        path = "halls/{hall}/shelves/{shelf}"

    full: bool = attrs.bool(default=False)


class OrderStore(Store):
    order = root(Order)


class Line(ViewModel):
    """A row for each line of an order."""

    class Meta:
        collection_name = "lines"

    store: OrderStore

    @operator.expand
    @classmethod
    def line(cls, order: Order) -> list[OrderLine]:
        return [OrderLine(line["sku"], line["count"]) for line in order.lines]

    @computed
    def held(self) -> bool:
        return self.store.order.held

    @held.setter
    def held(self, value: bool) -> None:
        self.store.order.held = value

    @computed
    def shelf(self) -> Reference[Shelf] | None:
        return self.store.order.shelf

    @udf
    @staticmethod
    def text(line: OrderLine, held: bool) -> str:
        return f"{line.count} {line.sku}{' held' * held}"


class ShelfStore(Store):
    shelf = root(Shelf)


class ShelfCard(ViewModel):
    """A document for each root of a subcollection: its id has the ids of the whole path."""

    class Meta:
        collection_name = "shelfCards"

    store: ShelfStore

    @computed
    def full(self) -> bool:
        return self.store.shelf.full

    @full.setter
    def full(self, value: bool) -> None:
        self.store.shelf.full = value

    @computed
    def itself(self) -> Reference[Shelf]:
        return Reference(self.store.shelf.path)


class DepotStore(Store):
    shelf = root(Shelf)
    lines = many(Line, by=Line.shelf)
    first = many(Line, by=Line.shelf, limit=1)
    cards = many(ShelfCard, by=ShelfCard.itself)


class Depot(ViewModel):
    class Meta:
        collection_name = "depots"

    store: DepotStore

    @computed
    def held(self) -> list[str]:
        return [line.text for line in self.store.lines if line.held]

    @held.setter
    def held(self, value: bool) -> None:
        for line in self.store.lines:
            line.held = value
        for card in self.store.cards:
            card.full = value


DEPOT = {
    "halls/h|1/shelves/s": {},
    "orders/=7": {
        "held": False,
        "lines": [{"sku": "a|b", "count": 2}, {"sku": "c", "count": 1}],
        "shelf": Reference("halls/h|1/shelves/s"),
    },
}


@pytest.fixture
def depot(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off") as found:
        tables = recompute(plan_views(Line, ShelfCard), DEPOT)
        assert sorted(tables["Line"]) == ["lines/%3D7|a%7Cb|=2", "lines/%3D7|c|=1"]
        assert sorted(tables["ShelfCard"]) == ["shelfCards/h%7C1|s"]
        shown = {path: fields for table in tables.values() for path, fields in table.items()}
        found.commit([Write(path, fields) for path, fields in {**DEPOT, **shown}.items()])
        yield found


def test_rows_lead_to_their_root_and_all_rows_of_it_show_what_was_set(depot):
    page = Depot.get("halls/h|1/shelves/s", database=depot)
    assert page.held == []
    one, other = page.store.lines
    one.held = True
    assert [one.text, other.text, other.held] == ["2 a|b held", "1 c held", True]
    assert [line.text for line in page.store.first] == ["2 a|b held"], "looked at later"
    assert written(page) == {"orders/=7": {"held": True}}
    other.held = False
    assert page.writes() == () and one.held is False
    page.held = True
    assert page.held == ["2 a|b held", "1 c held"]
    assert written(page) == {"orders/=7": {"held": True}, "halls/h|1/shelves/s": {"full": True}}
    page.save(database=depot)
    assert depot.get("orders/=7").fields["held"] is True and depot.get("halls/h|1/shelves/s").fields["full"] is True


def test_a_row_that_is_not_made_any_more_stays_as_it_was_read(depot):
    page = Depot.get("halls/h|1/shelves/s", database=depot)
    one, _ = page.store.lines
    one._behind.store.order.lines = []
    one.held = True
    assert (one.text, one.held) == ("2 a|b", False)


def test_the_element_of_a_row_is_not_set(depot):
    one, _ = Depot.get("halls/h|1/shelves/s", database=depot).store.lines
    with pytest.raises(AttributeError, match="Line.text has no setter"):
        one.text = "x"


@pytest.mark.parametrize(
    ("view", "path", "root"),
    [
        (Line, "lines/%3D7|c|=1", "orders/=7"),
        (Line, f"lines/{'x' * 1400}%~{'0' * 64}", None),
        (Line, "lines/=7|c", None),
        (ShelfCard, "shelfCards/h%7C1|s", "halls/h|1/shelves/s"),
        (ShelfCard, "shelfCards/s", None),
        (Session, "sessions/a%7C1", "talks/a%7C1"),
    ],
)
def test_the_id_of_a_document_tells_its_root_where_it_has_its_ids(view, path, root):
    assert root_behind(view, path) == root
