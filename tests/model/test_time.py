"""Declared time in models: clocks, `until`, windows; and what a view says of failures."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import NamedTuple

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
    clock,
    computed,
    many,
    one,
    operator,
    plan_views,
    root,
    udf,
    window,
)
from onto_flow.core.change import ViewChange
from onto_flow.core.codec import decode
from onto_flow.core.errors import DataError, DeclarationError, SourceLine
from onto_flow.core.values import to_micros
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.model.slots import compile_slots
from onto_flow.model.windows import Session
from onto_flow.operators.messages import Event
from onto_flow.plan.clocks import clocks, is_timed
from onto_flow.plan.explain import explain_text
from onto_flow.plan.places import FieldPath
from onto_flow.plan.wire import from_json, to_json
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.oracle import recompute

HOUR = timedelta(hours=1)
HERE = SourceLine(__file__, 1)
NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class Item(DomainModel):
    class Meta:
        collection_name = "items"

    name: str = attrs.str


class Hold(DomainModel):
    class Meta:
        collection_name = "holds"

    item = attrs.relation(Item)
    expires_at: datetime = attrs.timestamp
    user: str = attrs.str


class ItemStore(Store):
    item = root(Item)
    holds = many(Hold, by=Hold.item, until=Hold.expires_at)
    latest = one(Hold, by=(item, Hold.item), until=Hold.expires_at)
    clock = clock(every=timedelta(minutes=1))


class Stock(ViewModel):
    class Meta:
        collection_name = "stock"
        on_error = "delete"

    store: ItemStore

    @computed
    def late(self) -> bool:
        return self.store.clock.now > NOON


class HoldStore(Store):
    hold = root(Hold)


class Visit(NamedTuple):
    user: str


class Visits(ViewModel):
    class Meta:
        collection_name = "visits"

    store: HoldStore

    @operator.key
    @classmethod
    def key(cls, hold: Hold) -> Visit:
        return Visit(hold.user)

    holds = agg.count()
    visit = window.session(lambda hold: hold.expires_at, gap=HOUR)

    @udf
    @staticmethod
    def hours(visit: Session) -> float:
        return (visit.end - visit.start) / HOUR


def test_slots_say_until_when_and_which_clock():
    slots = {s.name: s for s in compile_slots(ItemStore, HERE)}
    assert slots["holds"].until == slots["latest"].until == FieldPath(("expiresAt",))
    assert slots["clock"].always == "__clock__/60000000" and slots["clock"].required and slots["clock"].parent == 0


def test_a_plan_knows_its_clocks_travels_and_reads_no_collection_of_clocks():
    plan = Stock.plan()
    assert clocks(plan) == {"__clock__/60000000": 60_000_000} and is_timed(plan)
    assert not plan.projection.wants("__clock__/60000000")
    assert from_json(to_json(plan)) == plan
    assert plan.views[0].on_error == "delete"
    assert not is_timed(Visits.plan())


def test_a_view_sees_the_clock_as_a_document():
    found = Stock.evaluator().documents(
        {"item": [("items/i", {})], "holds": [], "latest": [], "clock": [("__clock__/60000000", {"now": NOON})]}
    )
    assert found == {"stock/i": {"late": False}}


@pytest.mark.parametrize("every", [timedelta(0), timedelta(milliseconds=10), 60, None])
def test_a_clock_ticks_every_second_at_most(every):
    with pytest.raises(DeclarationError, match="a clock ticks every second at most") as caught:
        clock(every=every)
    assert "test_time.py" in caught.value.where


@pytest.mark.parametrize("until", [Item.name, Hold.user, "expires_at", Hold.expires_at])
def test_until_is_a_timestamp_of_the_slots_own_model(until):
    with pytest.raises(DeclarationError, match=r"until=.* is no timestamp of Item") as caught:
        many(Item, via=Hold.item, until=until)
    assert "test_time.py" in caught.value.where


def test_an_error_policy_that_is_none_is_told():
    with pytest.raises(DeclarationError, match=r"Meta.on_error = 'kept' is none") as caught:

        class Wrong(ViewModel):
            class Meta:
                collection_name = "wrong"
                on_error = "kept"

    assert "Did you mean keep?" in caught.value.fix


def test_a_subclass_inherits_the_policy():
    class Other(Stock):
        class Meta:
            collection_name = "other"

    assert Other.plan().views[0].on_error == "delete"


times = st.datetimes(datetime(1800, 1, 1), datetime(2200, 1, 1), timezones=st.just(timezone.utc))
sizes = st.timedeltas(timedelta(microseconds=1), timedelta(days=40))
offsets = st.timedeltas(timedelta(days=-50), timedelta(days=50))


@given(times, sizes, offsets)
def test_a_tumbling_window_holds_its_moment_and_begins_where_no_other_does(at, size, offset):
    start = window.tumbling(at, size, offset=offset)
    assert start <= at < start + size
    assert (to_micros(start) - offset // timedelta(microseconds=1)) % (size // timedelta(microseconds=1)) == 0


@given(times, st.integers(1, 10**9), st.integers(1, 9), st.integers(0, 10**9))
def test_hopping_windows_are_all_that_hold_the_moment(at, step, hops, more):
    every = timedelta(microseconds=step)
    size = every * hops + timedelta(microseconds=more % step)
    starts = window.hopping(at, size, every=every)
    assert starts == sorted(set(starts)) and all(s <= at < s + size for s in starts)
    assert len(starts) in (hops, hops + 1) and starts[-1] == window.tumbling(at, every)
    assert starts[0] - every <= at - size


def test_no_moment_is_in_no_window():
    assert window.tumbling(None, HOUR) is None and window.hopping(None, HOUR, every=HOUR) == []


@pytest.mark.parametrize(
    "call",
    [
        lambda: window.tumbling("noon", HOUR),
        lambda: window.tumbling(NOON, timedelta(0)),
        lambda: window.hopping(NOON, HOUR, every=-HOUR),
        lambda: window.hopping(NOON, timedelta(days=9999), every=timedelta(seconds=1)),
    ],
)
def test_what_is_no_window_is_bad_data(call):
    with pytest.raises(DataError) as caught:
        call()
    assert caught.value.code == "bad-value"


def hold(user, at):
    return {"hold": [("holds/h", {"user": user, "expiresAt": at})]}


def test_a_row_tells_a_session_window_its_moment_and_a_row_without_one_is_left_out():
    ((key, rows),) = Visits.evaluator().rows(hold("ada", NOON)).items()
    assert (decode(key), rows) == (("ada",), ((True, to_micros(NOON)),))
    assert Visits.evaluator().rows(hold("ada", None)) == {}
    with pytest.raises(DataError, match="a session window takes a timestamp, not 'noon'"):
        Visits.evaluator().rows(hold("ada", "noon"))


def test_a_document_of_a_session_has_start_and_end_and_udfs_may_name_it():
    (key,) = Visits.evaluator().rows(hold("ada", NOON))
    end = NOON + 2 * HOUR
    path, document = Visits.evaluator().result(key, [3, (to_micros(NOON), to_micros(end))])
    assert path == "visits/ada|=@2024-05-01T12:00:00.000000Z"
    assert document == {"user": "ada", "holds": 3, "visit": {"start": NOON, "end": end}, "hours": 2.0}
    assert str(dict(Visits.plan().views[0].schema)["visit"]) == "struct{start: timestamp, end: timestamp}"


def refused(match, **members):
    members = {"__module__": __name__, "__qualname__": "Refused", "__annotations__": {"store": "HoldStore"}, **members}
    cls = type("Refused", (ViewModel,), {"Meta": type("Meta", (), {"collection_name": "refused"}), **members})
    with pytest.raises(DeclarationError, match=match) as caught:
        cls.plan()
    assert "test_time.py" in caught.value.where


def key_of(cls, hold: Hold) -> str:
    return hold.user


KEY = operator.key(classmethod(key_of))


def test_session_windows_that_cannot_be_are_told_with_the_line():
    def visit():
        return window.session(lambda hold: hold.expires_at, gap=HOUR)

    refused("the view has no key whose rows it could cut", visit=visit())
    refused("has two session windows", user=KEY, visit=visit(), other=visit())
    refused("parameter 'holt' of <lambda> names nothing", user=KEY, visit=window.session(lambda holt: None, gap=HOUR))
    for at, gap in ((None, HOUR), (lambda hold: None, timedelta(0)), (lambda hold: None, 3)):
        with pytest.raises(DeclarationError, match="a session window takes a function and a gap"):
            window.session(at, gap=gap)


class OfferStore(Store):
    hold = root(Hold, until=Hold.expires_at)
    item = one(Item, via=Hold.item)


class Offer(ViewModel):
    class Meta:
        collection_name = "offers"

    store: OfferStore

    @computed
    def item(self) -> str | None:
        return self.store.item.name if self.store.item else None


class PerUser(ViewModel):
    class Meta:
        collection_name = "perUser"

    store: OfferStore

    @operator.key
    @classmethod
    def user(cls, hold: Hold) -> str:
        return hold.user

    holds = agg.count()


def test_a_root_counts_until_its_moment_in_documents_and_groups():
    plan = plan_views(Offer, PerUser)
    flow = LocalFlow(plan)
    documents = {
        "items/i": {"name": "bread"},
        "holds/a": {"item": Reference("items/i"), "expiresAt": NOON, "user": "ada"},
        "holds/b": {"item": Reference("items/i"), "expiresAt": NOON + HOUR, "user": "ada"},
        "holds/c": {"user": "bob"},
    }
    seen = []

    def at(moment, **changes):
        documents.update(changes)
        flow.advance(to_micros(moment))
        events = [(p, Event((to_micros(moment), 0), f)) for p, f in changes.items()]
        seen.extend(o for o in flow.process(events) if isinstance(o, ViewChange))
        tables = applied(seen)
        for view, expected in recompute(plan, documents, to_micros(moment)).items():
            assert tables.get(view, {}) == expected
        return tables

    assert set(at(NOON - HOUR, **documents)["Offer"]) == {"offers/a", "offers/b", "offers/c"}
    tables = at(NOON)
    assert set(tables["Offer"]) == {"offers/b", "offers/c"} and tables["PerUser"]["perUser/ada"]["holds"] == 1
    at(NOON + HOUR / 2, **{"holds/b": {**documents["holds/b"], "expiresAt": NOON + 2 * HOUR}})
    assert set(at(NOON + HOUR)["Offer"]) == {"offers/b", "offers/c"}
    tables = at(NOON + 2 * HOUR)
    assert set(tables["Offer"]) == {"offers/c"} and set(tables["PerUser"]) == {"perUser/bob"}
    assert "until expiresAt" in explain_text(plan)
