"""Paths of view documents, and their keys."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, operator, root
from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError


class Order(DomainModel):
    class Meta:
        collection_name = "orders"


class OrderStore(Store):
    order = root(Order)


class Size(NamedTuple):
    width: int
    unit: str


@dataclass(frozen=True)
class Box:
    width: int
    unit: str


class Colour(enum.Enum):
    RED = "red"


def paths_of(elements: list[Any], model: type[DomainModel] = Order, path: str = "orders/o") -> list[str]:
    class S(Store):
        order = root(model)

    class Rows(ViewModel):
        class Meta:
            collection_name = "rows"

        store: S

        @operator.expand
        @classmethod
        def element(cls) -> Iterable[Any]:
            return elements

    return list(Rows.evaluator().documents({"order": [(path, {})]}))


def keys_of(key: Any, annotation: Any = Any) -> list[bytes]:
    class Keyed(ViewModel):
        class Meta:
            collection_name = "keyed"

        store: OrderStore

        @operator.key
        @classmethod
        def group(cls) -> annotation:
            return key

        number = agg.count()

    Keyed.group.__func__.__annotations__["return"] = annotation
    return list(Keyed.evaluator().rows({"order": [("orders/o", {})]}))


def test_an_element_is_part_of_the_id_by_type():
    assert paths_of(["a", 1, 1.0, True, None, Colour.RED]) == [
        "rows/o|a",
        "rows/o|=1",
        "rows/o|=1.0",
        "rows/o|=true",
        "rows/o|=null",
        "rows/o|red",
    ]


def test_flat_elements_give_their_parts_and_nested_ones_their_bytes():
    assert paths_of([Size(1, "m")]) == paths_of([Box(1, "m")]) == ["rows/o|=1|m"]
    assert len({*paths_of([{"a": 1}]), *paths_of([{"a": 2}]), *paths_of([{"b": [1]}])}) == 3


def test_equal_elements_are_one_document_and_different_ones_never_share_a_path():
    assert paths_of(["a", "a"]) == ["rows/o|a"]
    with pytest.raises(DataError, match=r"two different rows of Rows have the path rows/o\|a"):
        paths_of(["a", ("a",)])


def test_the_id_of_a_root_in_a_group_is_owned():
    class Daily(DomainModel):
        class Meta:
            collection_group = "daily"

    class S(Store):
        daily = root(Daily)

    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: S

    assert V.plan().views[0].owned
    assert list(V.evaluator().documents({"daily": [("prices/A/daily/d", {})]})) == ["v/A|d"]
    assert paths_of(["x"], Daily, "prices/A/daily/d") == ["rows/A|d|x"]


def test_keys_are_values_of_firestore():
    east = timezone(timedelta(hours=2))
    assert keys_of(Colour.RED) == [encode("red")]
    assert keys_of(datetime(2024, 1, 1, 2, tzinfo=east)) == [encode(datetime(2024, 1, 1, tzinfo=timezone.utc))]
    assert keys_of((1, "a")) == [encode((1, "a"))]
    assert keys_of(Size(1, "m"), Size) == keys_of((1, "m"), Size | None) == [encode((1, "m"))]
    assert keys_of(None) == []


@pytest.mark.parametrize(
    ("key", "annotation", "says"),
    [
        (Size(1, "m"), Any, "Annotate it: -> Size"),
        (("m",), Size, "annotated Size"),
        ("m", Size, "annotated Size"),
        ({"a": 1}, Any, "cannot be"),
        ([1], Any, "cannot be"),
        ((1, (2,)), Any, "cannot be"),
        (Box(1, "m"), Any, "cannot be"),
        ("\ud800", Any, "not Unicode text"),
    ],
)
def test_what_cannot_be_a_key_is_refused_with_the_row(key, annotation, says):
    with pytest.raises(DataError, match=says):
        keys_of(key, annotation)


@pytest.mark.parametrize(
    ("named", "paths"),
    [("a/b", ["a/b"]), (Reference("a/b"), ["a/b"]), (None, []), ([Reference("a/b"), "a/c", None], ["a/b", "a/c"])],
)
def test_a_view_names_one_or_several_paths(named, paths):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        store: OrderStore

        @property
        def doc_ref(self) -> Any:
            return named

    assert list(V.evaluator().documents({"order": [("orders/o", {})]})) == paths
