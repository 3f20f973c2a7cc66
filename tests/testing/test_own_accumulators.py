"""check_view tries the accumulators that users wrote, on the values that their views' rows give."""

from __future__ import annotations

from typing import Any

import pytest

from onto_flow import Accumulator, DomainModel, Store, ViewModel, attrs, many, operator, root
from onto_flow.testing import check_view
from onto_flow.testing.checking.own import OwnAccumulators


class Item(DomainModel):
    class Meta:
        collection_name = "items"

    box: Any = attrs.relation("Box")
    weight: int = attrs.int


class Box(DomainModel):
    class Meta:
        collection_name = "boxes"

    name: str = attrs.str


class ItemStore(Store):
    item = root(Item)


class BoxStore(Store):
    box = root(Box)
    items = many(Item, by=Item.box)


class Total(Accumulator[int, int, int]):
    def create(self) -> int:
        return 0

    def add(self, state: int, value: int) -> int:
        return state + value

    def retract(self, state: int, value: int) -> int:
        return state - value

    def merge(self, left: int, right: int) -> int:
        return left + right

    def result(self, state: int) -> str:
        return str(state)


class LeftAlone(Total):
    def merge(self, left: int, right: int) -> int:
        return left


class OfGroups(ViewModel):
    class Meta:
        collection_name = "groups"

    store: ItemStore

    @operator.key
    @classmethod
    def all_items(cls, item: Item) -> str:
        return "all"

    @operator.aggregate(Total())
    @classmethod
    def total(cls, item: Item) -> int | None:
        return item.weight if type(item.weight) is int else None


class OverSlots(ViewModel):
    class Meta:
        collection_name = "over"

    store: BoxStore

    @operator.aggregate(Total(), over=BoxStore.items)
    @classmethod
    def total(cls, item: Item) -> int | None:
        return item.weight if type(item.weight) is int else None


class Wrong(OverSlots):
    class Meta:
        collection_name = "wrong"

    @operator.aggregate(LeftAlone(), over=BoxStore.items)
    @classmethod
    def total(cls, item: Item) -> int | None:
        return item.weight if type(item.weight) is int else None


@pytest.mark.parametrize("view", [OfGroups, OverSlots])
def test_right_ones_pass(view):
    assert check_view(view, examples=6, pure=False).examples == 6


def test_a_wrong_merge_which_no_table_shows_is_found_with_a_ready_test():
    with pytest.raises(AssertionError, match="Wrong.total: LeftAlone: merge of") as caught:
        check_view(Wrong, examples=6, pure=False)
    assert "check_accumulator(Wrong.total.own, [" in str(caught.value)


def test_few_values_are_tried_at_the_end():
    own = OwnAccumulators(Wrong.plan())
    own.take({"boxes/b": {}, "items/i": {"box": "boxes/b", "weight": 3}})
    with pytest.raises(AssertionError, match=r"merge of \[\] and \[3\]"):
        own.end()
