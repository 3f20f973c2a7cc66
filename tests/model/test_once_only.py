"""A view that only has `new` is told which store would keep it right; documents of models as snapshots."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, Store, ViewModel, attrs, plan_views
from onto_flow.core.errors import DeclarationError
from onto_flow.model.once_only import store_that_new_fills


class Town(DomainModel):
    class Meta:
        collection_name = "towns"

    town_name: str = attrs.str
    size: int = attrs.int


class TownStore(Store):
    pass


class TownView(ViewModel):
    name = attrs.bproperty()

    @classmethod
    def new(cls, snapshot, other):
        store = TownStore()
        store.add_snapshot("town", dm_cls=Town, snapshot=snapshot)
        store.add_snapshot("twin", Town, snapshot=other)
        return cls(store=store)

    @name.getter
    def name(self):
        return self.store.town.town_name


def test_the_plan_of_a_view_with_new_alone_names_the_lines_to_add():
    with pytest.raises(DeclarationError, match="TownView does not say what its store is") as caught:
        plan_views(TownView)
    assert "class TownStore(Store): town = root(Town); twin = one(Town, via=...), and in the view" in caught.value.fix


@pytest.mark.parametrize("new", [len, lambda snapshot: None, eval("lambda snapshot: 1")])
def test_where_the_source_does_not_tell_an_example_does(new):
    assert "class CityStore(Store): city = root(City)" in store_that_new_fills(new)


def test_a_document_is_a_snapshot_with_what_was_set_in_it():
    town = Town("towns/oslo", {"townName": "Oslo", "other": 1, "size": 2}, writable=True)
    town.town_name = "Kristiania"
    del town.size
    snapshot = town.to_snapshot()
    assert snapshot.path == "towns/oslo" and snapshot.to_dict() == {"townName": "Kristiania", "other": 1}
