"""Fields of another type than declared are counted where documents are read, and read as they are."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow import (
    Change,
    DomainModel,
    MapModel,
    Reference,
    Store,
    ViewModel,
    attrs,
    computed,
    many,
    plan_views,
    root,
)
from onto_flow.core.kinds import TYPES, holds
from onto_flow.core.native import in_python
from onto_flow.engines import wrong_types
from onto_flow.engines.base import Job
from onto_flow.engines.metrics import Metrics
from onto_flow.engines.wrong_types import WrongTypes, in_words
from onto_flow.sinks.memory import MemorySink
from tests.engines.test_time_elsewhere import PACKAGES, Listed


class Box(DomainModel):
    class Meta:
        path = "shelves/{shelf}/boxes/{box}"

    weight: float = attrs.float
    label: str = attrs.str
    tags: list = attrs.list
    anything = attrs.any
    owner = attrs.relation("Owner")
    keeper = attrs.relation("Owner", parse=lambda number: f"o{number}")


class Labels(DomainModel):
    class Meta:
        path = "shelves/{shelf}/boxes/{box}"

    label: int = attrs.int


class Owner(DomainModel):
    class Meta:
        collection_name = "owners"

    name: str = attrs.str


class BoxStore(Store):
    box = root(Box)


class Boxes(ViewModel):
    class Meta:
        collection_name = "boxList"

    store: BoxStore

    @computed
    def shown(self) -> object:
        return [self.store.box.weight, self.store.box.label]


def box(number, **fields):
    return Change(f"shelves/s/boxes/{number}", None, fields, (number, 0))


ENGINES = [
    "local",
    pytest.param("beam", marks=[pytest.mark.beam, pytest.mark.filterwarnings("ignore")]),
    pytest.param("flink", marks=[pytest.mark.flink, pytest.mark.filterwarnings("ignore")]),
]


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_counts_documents_and_changes(engine):
    pytest.importorskip(PACKAGES.get(engine, "onto_flow"))
    documents = [
        box(1, weight="heavy", label=7),
        box(2, weight=2, label="b"),
        Change("other/x", None, {"weight": ""}, (1, 0)),
    ]
    feed = [box(3, weight=True, label=None), Change("shelves/s/boxes/2", None, None, (9, 0)), box(4, label=1.5)]
    metrics, sink = Metrics(), MemorySink()
    job = Job(plan_views(Boxes), Listed(documents), sink, feed=Listed(feed), metrics=metrics)
    report = importlib.import_module(f"onto_flow.engines.{engine}").Engine().run(job)
    name = "shelves/{shelf}/boxes"
    assert report.wrong_types == metrics.wrong_types == {(name, "weight"): 2, (name, "label"): 2}
    assert sink.documents("Boxes")["boxList/s|1"] == {"shown": ["heavy", 7]}


def test_a_backfill_counts_too():
    job = Job(plan_views(Boxes), Listed([box(1, weight="heavy")]), MemorySink())
    report = importlib.import_module("onto_flow.engines.local").Engine().run(job)
    assert report.wrong_types == {("shelves/{shelf}/boxes", "weight"): 1}


def test_what_parses_what_may_be_anything_and_missing_fields_are_never_wrong():
    found = WrongTypes(plan_views(Boxes))
    found.look([box(1, keeper=7, anything=b"", owner="o1", extra=()), box(2, owner=Reference("owners/o"), tags=[])])
    assert found.counts == {}
    found.look([box(1, owner=7, tags={})])
    assert found.told() == [("shelves/{shelf}/boxes", "tags", 1), ("shelves/{shelf}/boxes", "owner", 1)]


class LabelStore(Store):
    box = root(Box)
    labels = many(Labels, on=(Box.label, Labels.label))


class Both(ViewModel):
    class Meta:
        collection_name = "both"

    store: LabelStore

    @computed
    def number(self) -> int:
        return len(self.store.labels)


def test_of_several_models_of_a_collection_any_may_be_right():
    found = WrongTypes(plan_views(Both))
    found.look([box(1, label=1), box(2, label="x"), box(3, label=1.5)])
    assert found.counts == {("shelves/{shelf}/boxes", "label"): 1}


def test_collections_below_many_documents_are_not_all_remembered(monkeypatch):
    monkeypatch.setattr(wrong_types, "MAX_COLLECTIONS", 3)
    found = WrongTypes(plan_views(Boxes))
    found.look([Change(f"shelves/{n}/boxes/1", None, {"label": 1}, (1, 0)) for n in range(10)])
    assert found.counts == {("shelves/{shelf}/boxes", "label"): 10} and len(found._checks) <= 3


def test_counts_that_others_made_are_added():
    found = WrongTypes(plan_views(Boxes))
    for told in (*found.told(), wrong_types.Mistyped("c", "f", 2), wrong_types.Mistyped("c", "f", 3)):
        found.take(told)
    assert found.counts == {("c", "f"): 5} and in_words(found.counts) == "c.f 5"
    assert in_words({("c", f"f{n}"): n for n in range(9)}).endswith("c.f4 4, ...")


@pytest.mark.parametrize("kind", TYPES)
def test_true_is_of_no_other_kind(kind):
    assert holds((kind,), True) == (kind == "bool") and holds((kind,), None)


class Part(MapModel):
    number: int = attrs.int
    parts = attrs.list("Part")


class Machine(DomainModel):
    class Meta:
        collection_name = "machines"

    parts = attrs.list(Part)
    engine = attrs.map(Part)


class MachineStore(Store):
    machine = root(Machine)


class Machines(ViewModel):
    class Meta:
        collection_name = "machineList"

    store: MachineStore

    @computed
    def count(self) -> int:
        return len(self.store.machine.parts)


def machine(parts, engine=None):
    return Change("machines/m", None, {"parts": parts, "engine": engine}, (1, 0))


def test_what_lies_in_maps_is_counted_too():
    found = WrongTypes(plan_views(Machines))
    found.look([machine([{"number": 1}, {"number": "x"}, {"number": 1.5}, {}, None, 7], {"number": True})])
    found.look([machine("none", [1]), machine([{"parts": [{"number": ""}, 3]}, {"parts": 3}])])
    assert found.counts == {
        ("machines", "parts[].number"): 2,
        ("machines", "parts[]"): 1,
        ("machines", "engine.number"): 1,
        ("machines", "parts"): 1,
        ("machines", "engine"): 1,
        ("machines", "parts[].parts"): 1,
    }


class Lazy(Mapping):
    """Fields that are no dict, as those of an export."""

    def __init__(self, fields):
        self.fields = fields

    def __getitem__(self, name):
        return self.fields[name]

    def __iter__(self):
        return iter(self.fields)

    def __len__(self):
        return len(self.fields)


some = st.sampled_from((None, 1, 1.5, True, "x", b"", [], {}, Reference("owners/o")))
read = st.dictionaries(st.sampled_from(("weight", "label", "tags", "owner", "other")), some)
parents = st.sampled_from(("shelves/s/boxes", "shelves/ä/boxes", "owners", "x"))


@given(st.lists(st.tuples(parents, st.none() | read, st.booleans())))
def test_both_forms_find_the_same(documents):
    changes = [
        Change(f"{parent}/1", None, Lazy(fields) if lazy and fields is not None else fields, (1, 0))
        for parent, fields, lazy in documents
    ]
    one, other = WrongTypes(plan_views(Boxes)), WrongTypes(plan_views(Boxes))
    one.look(iter(changes))
    with in_python():
        other.look(iter(changes))
    assert one.counts == other.counts


def test_what_is_no_change_is_told_and_nothing_is_held():
    look = WrongTypes(plan_views(Boxes)).look
    value = object()
    before = sys.getrefcount(value)
    for _ in range(3):
        look([box(1, weight=value)])
        for wrong in ([7], 7, [(1, 2)], [Change(7, None, {}, (1, 0))]):
            with pytest.raises((TypeError, AttributeError)):
                look(wrong)
    assert sys.getrefcount(value) == before
