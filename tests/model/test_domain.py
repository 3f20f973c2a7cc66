"""Domain models: reading documents, and leaving them as they are."""

from __future__ import annotations

import pytest

from onto_flow import (
    DomainModel,
    Many,
    Reference,
    Store,
    ViewModel,
    attrs,
    computed,
    is_missing,
    one,
    operator,
    root,
    udf,
)
from onto_flow.core.collection import Collection
from onto_flow.core.errors import DataError
from onto_flow.plan.nodes import CodeRef


class Day(DomainModel):
    class Meta:
        path = "stocks/{symbol}/daily/{date}"

    close_price: float = attrs.float(default=0.0)
    tags: list = attrs.list
    extra: dict = attrs.map


class Any_(DomainModel):
    class Meta:
        collection_group = "daily"
        convert_names = False

    close_price: float = attrs.float


class Child(Day):
    volume: int = attrs.int


def test_collections_of_the_three_forms():
    assert Day._collection == Collection("stocks/{symbol}/daily") == Child._collection
    assert Any_._collection == Collection("daily", group=True)
    assert list(Child._attributes) == ["close_price", "tags", "extra", "volume"]


def test_parts_of_a_path_are_attributes_that_cannot_be_set():
    day = Day("stocks/ABC/daily/2024-05-01", {}, writable=True)
    assert (day.symbol, day.date) == ("ABC", "2024-05-01")
    with pytest.raises(DataError, match="part of a path"):
        day.symbol = "X"


def test_a_part_is_read_off_the_path_whether_or_not_its_document_exists():
    class Price(DomainModel):
        class Meta:
            path = "prices/{symbol}/daily/{doc_id}"

        symbol: str = attrs.part

    class Nested(DomainModel):
        class Meta:
            collection_name = "prices/{symbol}/daily"

    assert Price("prices/ABC/daily/2024-05-01", {"symbol": "no"}).symbol == "ABC"
    assert Nested("prices/ABC/daily/2024-05-01", {}).symbol == "ABC"
    assert Child("stocks/ABC/daily/d", {}).symbol == "ABC"
    assert Price("prices/ABC/daily/d", {}).doc_id == "d" == Any_("x/y/daily/d", {}).doc_id
    assert repr(Price.doc_id) == "Price.doc_id" and repr(Price.symbol) == "Price.symbol"
    with pytest.raises(DataError, match="part of a path"):
        Price("prices/ABC/daily/d", {}, writable=True).doc_id = "e"


def test_an_unknown_attribute_of_a_class_is_an_attribute_error_as_python_expects():
    assert not hasattr(Day, "closeprice") and not hasattr(Day, "_private")
    assert getattr(Day, "closeprice", None) is None


def test_names_are_converted_unless_said_otherwise():
    fields = {"closePrice": 1.0, "close_price": 2.0}
    assert Day("a/b", fields).close_price == 1.0
    assert Any_("a/b", fields).close_price == 2.0


def test_null_is_not_missing():
    day = Day("a/b", {"closePrice": None})
    assert day.close_price is None and not is_missing(day, "close_price")
    assert Day("a/b", {}).close_price == 0.0 and is_missing(Day("a/b", {}), "close_price")


def test_sorting_an_array_of_a_document_leaves_the_document():
    fields = {"tags": [{"x": [2, 1]}, {"x": [3]}], "extra": {"a": [2, 1]}}
    day = Day("a/b", fields)
    day.tags.reverse()
    day.tags[1]["x"].sort()
    day.extra["a"].clear()
    assert fields == {"tags": [{"x": [2, 1]}, {"x": [3]}], "extra": {"a": [2, 1]}}


def test_a_document_is_read_only_and_knows_its_attributes():
    with pytest.raises(DataError, match="close_price cannot be set"):
        Day("a/b", {}).close_price = 1.0
    with pytest.raises(DataError, match="Day has no attribute 'closeprice'"):
        Day("a/b", {}, writable=True).closeprice = 1.0


def test_a_getter_of_a_view_cannot_change_a_document():
    class S(Store):
        day = root(Day)

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: S

        @computed
        def changed(self) -> float:
            self.store.day.close_price = 2.0
            return self.store.day.close_price

    with pytest.raises(DataError, match="a view is a pure function"):
        V.evaluator().documents({"day": [("stocks/A/daily/d", {})]})


def test_a_reference_to_another_database_finds_nothing():
    days = Many([Day("a/b", {})])
    assert days.get(Reference("a/b")) is not None
    assert days.get(Reference("a/b", "projects/p/databases/d")) is None
    assert None not in days and Day("a/b", {}) in days


class Planet(DomainModel):
    class Meta:
        collection_name = "planets"


class Film(DomainModel):
    class Meta:
        collection_name = "films"

    home = attrs.relation(Planet, name="home_url", parse=lambda url: url.rstrip("/").rpartition("/")[2])


def test_a_parsed_relation_travels_by_the_attribute_that_holds_it():
    film = Film("films/f", {"home_url": "https://example.test/planets/3/"})
    assert film.home == Reference("planets/3")

    class S(Store):
        film = root(Film)
        home = one(Planet, via=Film.home)

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: S

    relation = V.plan().views[0].slots[1].relation
    assert relation is not None and relation.parse is not None
    assert str(relation.field) == "home_url"
    assert CodeRef(relation.parse.path).resolve() is Film.home.parse


def test_a_model_named_later_in_the_same_function_is_found():
    class First(DomainModel):
        class Meta:
            collection_name = "firsts"

        second = attrs.relation("Second")

    class S(Store):
        first = root(First)

    class Second(DomainModel):
        class Meta:
            collection_name = "seconds"

    class T(S):
        second = one(Second, via=First.second)

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: T

        @operator.filter
        @classmethod
        def has_second(cls, second: Second | None) -> bool:
            return second is not None

        @udf
        @staticmethod
        def id_of_second(second: Second) -> str:
            return second.doc_id

    assert V.plan().views[0].slots[1].collection == Collection("seconds")
    members = {"first": [("firsts/1", {"second": "2"})], "second": [("seconds/2", {})]}
    assert V.evaluator().documents(members) == {"v/1": {"idOfSecond": "2"}}
