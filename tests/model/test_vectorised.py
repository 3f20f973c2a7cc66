"""UDFs over columns give what the same function gives value by value."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

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
from onto_flow.core.codec import encode
from onto_flow.core.errors import DeclarationError
from onto_flow.plan.wire import from_json, to_json
from tests.model.played import Played

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class Product(DomainModel):
    class Meta:
        collection_name = "products"

    name: str = attrs.str
    price: float = attrs.float
    made: datetime = attrs.timestamp
    shop = attrs.relation("Shop")


class Shop(DomainModel):
    class Meta:
        collection_name = "shops"


class ProductStore(Store):
    product = root(Product)


@dataclass(frozen=True)
class Tag:
    full_name: str


class Priced(ViewModel):
    class Meta:
        collection_name = "priced"

    store: ProductStore

    @computed
    def price(self) -> float | None:
        return self.store.product.price

    @computed
    def made(self) -> datetime | None:
        return self.store.product.made

    @computed
    def tag(self) -> Tag:
        return Tag(self.store.product.name)

    @udf
    @staticmethod
    def gross(price: pa.Array) -> Annotated[pa.Array, float | None]:
        return pc.round(pc.multiply(price, 1.19), 2)

    @udf
    @staticmethod
    def expires(made: pd.Series) -> pd.Series:
        return made + timedelta(days=1)

    @udf
    @staticmethod
    def dear(gross: Annotated[pa.ChunkedArray, float], tag: pa.ChunkedArray) -> pa.ChunkedArray:
        return pc.and_(pc.greater(gross, 10.0), pc.not_equal(pc.struct_field(tag, "fullName"), "gift"))

    @udf
    @staticmethod
    def shouted(tag: pd.Series[object]) -> pd.Series[str]:
        return tag.map(lambda t: t["fullName"].upper())

    @operator.filter
    @classmethod
    def made_at_all(cls, shouted: str) -> bool:
        return shouted != "NOTHING"


def test_a_column_goes_in_and_a_value_comes_out():
    play = Played(Priced)
    shown = play({"products/p": {"name": "tea", "price": 10.0, "made": NOON}})["priced/p"]
    assert shown == {
        "price": 10.0,
        "made": NOON,
        "tag": {"fullName": "tea"},
        "gross": 11.9,
        "expires": NOON + timedelta(days=1),
        "dear": True,
        "shouted": "TEA",
    }
    assert type(shown["expires"]) is datetime
    assert play({"products/p": {"name": "gift", "price": 10.0, "made": NOON}})["priced/p"]["dear"] is False
    assert play({"products/p": {"name": "nothing", "price": 1.0, "made": NOON}}) == {}


def test_the_function_itself_takes_columns_of_any_length():
    assert Priced.gross(pa.array([1.0, None])).to_pylist() == [1.19, None]


def test_types_are_those_of_the_annotation_and_the_plan_travels():
    plan = plan_views(Priced)
    types = {name: str(type_) for name, type_ in plan.views[0].schema}
    assert types["gross"] == "float?" and types["dear"] == "any?"
    assert from_json(to_json(plan)) == plan
    assert Priced.fingerprint()["gross"] != Priced.fingerprint()["dear"]


def test_a_view_that_is_made_once_has_them_too():
    priced = Priced(ProductStore({"product": [("products/p", {"name": "tea", "price": 10.0, "made": NOON})]}))
    assert priced.gross == 11.9 and priced.to_view_dict()["dear"] is True


class ShopStore(Store):
    shop = root(Shop)
    products = many(Product, by=Product.shop)


class ShopPage(ViewModel):
    class Meta:
        collection_name = "shopPages"

    store: ShopStore
    total = agg.sum(lambda product: product.price, over=ShopStore.products)

    @udf
    @staticmethod
    def rounded(total: pa.Array) -> pa.Array:
        return pc.round(total)


def test_accumulators_are_columns_as_well():
    play = Played(ShopPage)
    documents = {f"products/{n}": {"price": n / 3, "shop": Reference("shops/s")} for n in range(5)}
    assert play({"shops/s": {}, **documents})["shopPages/s"]["rounded"] == 3.0


def declared(function):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        size = udf(staticmethod(function))

        @computed
        def name(self):
            return self.store.product.name

        @computed
        def price(self):
            return self.store.product.price

    V.__annotations__["store"] = ProductStore
    return V


def test_columns_and_values_are_not_mixed():
    def size(name: pa.Array, price) -> pa.Array: ...

    with pytest.raises(DeclarationError, match=r"V.size takes columns \(name\) and values \(price\)") as caught:
        plan_views(declared(size))
    assert "def size(name: pa.Array, price)" in caught.value.where


@pytest.mark.parametrize(
    ("result", "what"),
    [(pa.array([1, 2]), "returned Int64Array of 2"), (7, "returned int"), (pd.Series([]), "returned Series of 0")],
)
def test_what_is_no_column_of_one_row_is_a_dead_letter(result, what):
    def size(name: pa.Array) -> pa.Array:
        return result

    play = Played.__new__(Played)
    Played.__init__(play, declared(size))
    from onto_flow.operators.messages import Event

    [letter] = play.flow.process([("products/p", Event((1, 0), {"name": "tea"}))])
    assert f"size was given columns of 1 row, and {what}" in letter.reason


def test_what_pandas_has_for_missing_is_none():
    def size(name: pd.Series) -> pd.Series:
        return pd.Series([pd.NA], dtype="Int64") if name[0] == "a" else pd.Series([pd.NaT])

    play = Played(declared(size))
    assert play({"products/p": {"name": "a"}, "products/q": {"name": "b"}})["v/p"]["size"] is None
    assert play({})["v/q"]["size"] is None


CALLS: list[int] = []


class Batched(ViewModel):
    class Meta:
        collection_name = "batched"

    store: ProductStore

    @computed
    def price(self) -> float | None:
        return self.store.product.price

    @computed
    def name(self) -> str:
        return self.store.product.name

    @udf
    @staticmethod
    def gross(price: pa.Array) -> Annotated[pa.Array, float | None]:
        CALLS.append(len(price))
        return pc.multiply(price, 2)

    @udf
    @staticmethod
    def small(price: pa.ChunkedArray) -> Annotated[pa.ChunkedArray, int | None]:
        return pa.chunked_array([[None if p is None or p != p or p > 5 else int(p) for p in price.to_pylist()]])

    @udf
    @staticmethod
    def kept(price: pd.Series) -> Annotated[pd.Series, float | None]:
        return price.where(price > 2)

    @udf
    @staticmethod
    def halved(price: pd.Series) -> Annotated[pd.Series, float | None]:
        return price.map(lambda p: None if p is None or p < 2 else p / 2)

    @udf
    @staticmethod
    def words(name: pd.Series, gross: pd.Series) -> Annotated[pd.Series, int | None]:
        return (name.str.len() + 1).where(gross > 4)

    @udf
    @staticmethod
    def undeclared(price: pa.Array) -> pa.Array:
        return price


prices = st.one_of(st.none(), st.integers(-3, 9), st.floats(-3, 9), st.just(float("nan")))


@given(st.lists(st.tuples(prices, st.sampled_from(["", "tea", "salt"])), min_size=1, max_size=8))
def test_a_batch_gives_what_each_row_gives(rows):
    evaluator = Batched.evaluator()
    roots = [(f"products/{at}", {"price": price, "name": name}) for at, (price, name) in enumerate(rows)]
    tabulate = evaluator.tabulator()
    alone = []
    for path, fields in roots:
        try:
            alone.append(evaluator.documents({"product": [(path, fields)]})[f"batched/{path.split('/')[1]}"])
        except Exception:
            with pytest.raises(Exception):  # noqa: B017, PT011 - what user code raises
                tabulate(roots, lambda roots: {})
            return
    paths, columns = tabulate(roots, lambda roots: {})
    found = [dict(zip(columns, row)) for row in zip(*(column.rows() for column in columns.values()))]
    assert encode([dict(sorted(one.items())) for one in found]) == encode([dict(sorted(one.items())) for one in alone])
    assert list(paths) == [f"batched/{at}" for at in range(len(rows))]


def test_a_backfill_calls_a_function_once_for_many_rows_of_the_same_types():
    roots = [(f"products/{at}", {"price": at / 2 if at % 4 else at, "name": "tea"}) for at in range(100)]
    CALLS.clear()
    _, columns = Batched.evaluator().tabulator()(roots, lambda roots: {})
    assert sorted(CALLS) == [25, 75] and columns["gross"].rows()[:3] == [0.0, 1.0, 2.0]
