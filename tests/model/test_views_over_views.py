"""Views that read documents of other views of the same plan."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

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
    one,
    operator,
    plan_views,
    root,
    udf,
)
from onto_flow.core.errors import DataError, DeclarationError
from onto_flow.plan.explain import explain_text
from onto_flow.plan.mermaid import explain_mermaid
from onto_flow.plan.wire import from_json, to_json
from tests.model.played import Played


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    name: str = attrs.str


class Ticket(DomainModel):
    class Meta:
        collection_name = "tickets"

    meeting = attrs.relation("Meeting")
    person = attrs.relation(Person)
    rank: int = attrs.int


class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"

    open: bool = attrs.bool(default=True)


@dataclass(frozen=True)
class Seat:
    full_name: str
    rank: int


class MeetingStore(Store):
    meeting = root(Meeting)
    tickets = many(Ticket, by=Ticket.meeting, order_by=Ticket.rank)
    people = many(Person, via=Ticket.person)


class Session(ViewModel):
    class Meta:
        collection_name = "sessions"

    store: MeetingStore

    @computed
    def leader(self) -> Reference[Person] | None:
        return next((t.person for t in self.store.tickets), None)

    @computed
    def guests(self) -> list[Reference[Person]]:
        return [t.person for t in self.store.tickets if t.person]

    @computed
    def seats(self) -> list[Seat]:
        found = ((t, self.store.people.get(t.person)) for t in self.store.tickets)
        return [Seat(p.name, t.rank) for t, p in found if p]

    @udf
    @staticmethod
    def size(seats: list[Seat]) -> int:
        return len(seats)

    @operator.filter
    @classmethod
    def is_open(cls, meeting: Meeting) -> bool:
        return meeting.open


class SessionStore(Store):
    session = root(Session)
    leader = one(Person, via=Session.leader)


class Plate(ViewModel):
    class Meta:
        collection_name = "plates"

    store: SessionStore

    @computed
    def text(self) -> str:
        names = ", ".join(seat.full_name for seat in self.store.session.seats)
        return f"{self.store.leader.name if self.store.leader else '?'}: {names}"


class PersonStore(Store):
    person = root(Person)
    led = many(Session, by=Session.leader)
    visited = many(Session, by=Session.guests, where=lambda session: session.size > 1, order_by=Session.leader)


class Page(ViewModel):
    class Meta:
        collection_name = "pages"

    store: PersonStore

    @computed
    def led(self) -> list[str]:
        return [s.doc_id for s in self.store.led]

    @computed
    def visited(self) -> list[str]:
        return [s.path for s in self.store.visited]


class SizeStore(Store):
    session = root(Session)


class Sizes(ViewModel):
    class Meta:
        collection_name = "sizes"

    store: SizeStore

    @operator.expand
    @classmethod
    def rank(cls, session: Session) -> Iterable[int]:
        return [seat.rank for seat in session.seats]

    @operator.key
    @classmethod
    def by_rank(cls, rank: int) -> int:
        return rank

    sessions = agg.count()


class CountStore(Store):
    group = root(Sizes)


class Doubled(ViewModel):
    class Meta:
        collection_name = "doubled"

    store: CountStore

    @computed
    def twice(self) -> int:
        return 2 * self.store.group.sessions


def ticket(meeting, person, rank):
    return {"meeting": Reference(f"meetings/{meeting}"), "person": Reference(f"people/{person}"), "rank": rank}


START = {
    "people/a": {"name": "Ada"},
    "people/b": {"name": "Bob"},
    "meetings/m1": {},
    "tickets/1": ticket("m1", "a", 1),
    "tickets/2": ticket("m1", "b", 2),
}


def test_a_view_follows_the_documents_of_another():
    play = Played(Plate, Session)
    play.name = "Plate"
    assert play(START) == {"plates/m1": {"text": "Ada: Ada, Bob"}}
    assert play({"people/a": {"name": "Eve"}}) == {"plates/m1": {"text": "Eve: Eve, Bob"}}
    assert play({"tickets/2": ticket("m1", "b", 0)}) == {"plates/m1": {"text": "Bob: Bob, Eve"}}
    assert play({"meetings/m1": {"open": False}}) == {}
    assert play({"meetings/m1": {"open": True}}) == {"plates/m1": {"text": "Bob: Bob, Eve"}}


def test_a_reference_that_is_computed_is_a_relation():
    play = Played(Session, Page)
    assert play(START)["pages/a"] == {"led": ["m1"], "visited": ["sessions/m1"]}
    assert play({"tickets/1": None})["pages/a"] == {"led": [], "visited": []}
    assert play({})["pages/b"] == {"led": ["m1"], "visited": []}


class Link(DomainModel):
    class Meta:
        collection_name = "links"

    session = attrs.relation(Session)
    others = attrs.relations("Session")


class LinkStore(Store):
    link = root(Link)
    session = one(Session, via=Link.session)
    others = many(Session, via=Link.others)


class Shown(ViewModel):
    class Meta:
        collection_name = "shown"

    store: LinkStore

    @computed
    def leaders(self) -> list[Reference[Person] | None]:
        return [s.leader for s in (self.store.session, *self.store.others) if s is not None]


def test_a_relation_leads_to_the_documents_of_a_view():
    play = Played(Session, Shown)
    links = {"session": Reference("sessions/m1"), "others": ["m1", "gone"]}
    assert play({**START, "links/l": links}) == {"shown/l": {"leaders": [Reference("people/a")] * 2}}
    assert play({"meetings/m1": {"open": False}}) == {"shown/l": {"leaders": []}}


def test_groups_are_read_as_other_views_are():
    play = Played(Doubled, Sizes, Session)
    play.name = "Doubled"
    assert play(START) == {"doubled/=1": {"twice": 2}, "doubled/=2": {"twice": 2}}
    play({"meetings/m2": {}, "tickets/3": ticket("m2", "a", 1)})
    assert play({}) == {"doubled/=1": {"twice": 4}, "doubled/=2": {"twice": 2}}
    assert play({"meetings/m1": None}) == {"doubled/=1": {"twice": 2}}


def test_what_does_not_change_the_view_document_reaches_nobody():
    play = Played(Plate, Session)
    play(START)
    play({"meetings/m1": {"open": True}})
    assert play.last == []


def test_a_source_yields_no_document_that_a_view_writes():
    play = Played(Plate, Session)
    play.name = "Plate"
    assert play({"sessions/m9": {"seats": [], "leader": None}}) == {}
    plan = plan_views(Plate, Session)
    assert not plan.projection.wants("sessions/m9") and plan.derived.fields("sessions/m9") >= {"seats", "leader"}


def test_a_document_model_of_a_views_collection_reads_it_too():
    class Mine(DomainModel):
        class Meta:
            collection_name = "sessions"

        size: int = attrs.int

    class MineStore(Store):
        mine = root(Mine)

    class Size(ViewModel):
        class Meta:
            collection_name = "size"

        @computed
        def size(self) -> int:
            return self.store.mine.size

    Size.__annotations__["store"] = MineStore
    play = Played(Size, Session)
    play.name = "Size"
    assert play(START) == {"size/m1": {"size": 2}}


def test_the_plan_is_in_order_and_says_so():
    plan = plan_views(Doubled, Plate, Sizes, Session)
    assert [v.name for v in plan.views] == ["Session", "Plate", "Sizes", "Doubled"]
    ids = [n.id for n in plan.operators]
    assert all(ids.index(n.id) < ids.index(t) for n in plan.operators for t in n.sends_to)
    assert from_json(to_json(plan)) == plan
    text = explain_text(plan)
    assert "to     Plate.match.leader, Plate.assemble, Sizes.assemble" in text
    assert "to     Session.relay, the sinks" in text
    assert '"sessions"' not in explain_mermaid(plan)


def test_views_that_read_each_other_are_refused():
    class Odd(DomainModel):
        class Meta:
            collection_name = "second"

    class Even(DomainModel):
        class Meta:
            collection_name = "first"

    def view(name, collection, model):
        store = type("S", (Store,), {"it": root(model), "__module__": __name__})

        class Made(ViewModel):
            class Meta:
                collection_name = collection

            @computed
            def a(self) -> int:
                return 1

        Made.__name__, Made.__annotations__["store"] = name, store
        return Made

    first, second = view("First", "first", Odd), view("Second", "second", Even)
    with pytest.raises(DeclarationError, match="views read each other: First -> Second -> First") as caught:
        plan_views(first, second)
    assert caught.value.code == "cycle" and __file__ in caught.value.where
    with pytest.raises(DeclarationError, match="Self reads what it writes"):
        plan_views(view("Self", "first", Even))


def test_a_setter_that_sets_what_another_view_computes_is_refused_with_its_line():
    class Named(ViewModel):
        class Meta:
            collection_name = "named"

        store: SessionStore

        @computed
        def size(self) -> int:
            return self.store.session.size

        @size.setter
        def size(self, value: int) -> None:
            self.store.session.size = value

    with pytest.raises(
        DeclarationError, match=r"the setter of Named.size sets session.size, which Session computes"
    ) as caught:
        plan_views(Session, Named)
    assert "@size.setter" in caught.value.where and "in a setter of Session" in caught.value.fix


@pytest.mark.parametrize("attribute", ["size", "leader"])
def test_what_a_view_computes_cannot_be_set_in_another_way_either(attribute):
    store = SessionStore({"session": [("sessions/m1", {"size": 2})], "leader": [("people/p1", {})]})
    store.leader.name = "Ada"
    with pytest.raises(DataError, match=rf"Session.{attribute} cannot be set: it is computed") as caught:
        setattr(store.session, attribute, None)
    assert "Session.get" in caught.value.fix and caught.value.where == "sessions/m1"
