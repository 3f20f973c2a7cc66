"""Maps inside documents: what they read, and the ways to what they hold."""

from __future__ import annotations

import pytest

from onto_flow import (
    DomainModel,
    MapModel,
    Reference,
    Store,
    ViewModel,
    attrs,
    computed,
    is_missing,
    many,
    one,
    plan_views,
    root,
)
from onto_flow.core.errors import DataError, DeclarationError
from onto_flow.plan.wire import from_json, not_portable, to_json
from tests.model.played import Played


class Country(DomainModel):
    class Meta:
        collection_name = "countries"

    name: str = attrs.str
    code: str = attrs.str


class Address(MapModel):
    country = attrs.relation(Country, parse=lambda raw: raw.lower())
    zip_code: str = attrs.str(sensitive=True)
    kind: str = attrs.str
    codes: list = attrs.list


class Visit(MapModel):
    class Meta:
        convert_names = False

    when_at: int = attrs.int(default=0)
    address = attrs.map(Address)


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    home = attrs.map(Address, name="home_address")
    visits = attrs.list("Visit")
    friends = attrs.relations("Person")


class S(Store):
    person = root(Person)
    home = one(Country, via=(person, Person.home.country))
    visited = many(Country, via=(person, Person.visits.each.address.country))
    alike = many(Country, on=((person, Person.visits.each.address.codes), Country.code))
    neighbours = many(Person, on=((person, Person.home.zip_code), Person.home.zip_code), order_by=Person.home.kind)


class V(ViewModel):
    class Meta:
        collection_name = "v"

    store: S

    @computed
    def home(self) -> str | None:
        return self.store.home.name if self.store.home else None

    @computed
    def visited(self) -> list[str]:
        return [c.name for c in self.store.visited]

    @computed
    def alike(self) -> list[str]:
        return [c.name for c in self.store.alike]

    @computed
    def neighbours(self) -> list[str]:
        return [p.doc_id for p in self.store.neighbours]

    @computed
    def address(self) -> Address:
        return self.store.person.home


def test_maps_read_as_objects_and_what_is_no_map_as_it_is():
    person = Person(
        "people/p1", {"home_address": {"zipCode": "1", "kind": "flat"}, "visits": [{"when_at": 3}, 7, None]}
    )
    assert (person.home.zip_code, person.home.kind, person.home.country) == ("1", "flat", None)
    first, second, third = person.visits
    assert (first.when_at, first.address, second, third) == (3, None, 7, None)
    assert is_missing(first, "address") and not is_missing(first, "when_at")
    assert Person("people/p2", {"visits": "none"}).visits == "none"
    assert (Person("people/p3", {}).visits, Person("people/p3", {}).home) == ([], None)
    assert first == Visit({"when_at": 3}) and first != Visit({})


def test_a_map_cannot_be_set():
    with pytest.raises(DataError, match="Address.kind cannot be set"):
        Person("people/p1", {"home_address": {}}).home.kind = "x"
    with pytest.raises(DataError, match="Address has no attribute 'knd'"):
        Person("people/p1", {"home_address": {}}).home.knd = "x"


def test_ways_into_maps_are_relations_and_fields():
    play = Played(V)
    play({"countries/no": {"name": "Norway", "code": "NO"}, "countries/se": {"name": "Sweden", "code": "SE"}})
    home = {"country": "NO", "zipCode": "9", "kind": "flat"}
    visits = [{"address": {"country": "SE"}}, {"address": {"codes": ["NO", "XX"]}}, {"address": 3}, None]
    table = play({"people/p1": {"home_address": home, "visits": visits}})
    assert table["v/p1"] == {
        "home": "Norway",
        "visited": ["Sweden"],
        "alike": ["Norway"],
        "neighbours": ["p1"],
        "address": home,
    }
    table = play({"people/p2": {"home_address": {**home, "kind": "barn"}}})
    assert table["v/p1"]["neighbours"] == ["p2", "p1"]
    table = play({"people/p1": {"home_address": home, "visits": [{"address": {"country": "NO"}}]}})
    assert (table["v/p1"]["visited"], table["v/p1"]["alike"]) == (["Norway"], [])


def test_a_plan_finds_the_code_of_a_relation_in_a_map_again():
    plan = plan_views(V)
    assert from_json(to_json(plan)) == plan and not_portable(plan) == []
    [home, visited] = [s.relation for s in from_json(to_json(plan)).view("V").slots if s.relation]
    assert (str(home.field), str(visited.field)) == ("home_address.country", "visits[].address.country")
    assert visited.parse.resolve()("NO") == "no"
    assert plan.sensitive() == ("zipCode",)


def test_mistakes_are_told_with_their_line():
    with pytest.raises(DeclarationError, match="Address has no attribute 'contry'") as caught:
        Person.home.contry
    assert "Did you mean country?" in str(caught.value) and caught.value.where.endswith("Person.home.contry")
    with pytest.raises(DeclarationError, match="attrs.str takes no"):
        attrs.str(Address)

    class Odd(DomainModel):
        class Meta:
            collection_name = "odd"

        country = attrs.map(Country)
        home = attrs.map("Adress")

    with pytest.raises(DeclarationError, match="Odd.country holds Country, which is no MapModel"):
        Odd.country.name
    with pytest.raises(DeclarationError, match="'Adress'") as caught:
        Odd.home.kind
    assert "Did you mean Address?" in str(caught.value)


def test_an_order_by_each_of_several_is_refused():
    class S(Store):
        person = root(Person)
        friends = many(Person, via=(person, Person.friends), order_by=Person.visits.each.when_at)

    class W(ViewModel):
        class Meta:
            collection_name = "w"

        store: S

    with pytest.raises(DeclarationError, match="order_by=Person.visits.each.when_at is several values"):
        plan_views(W)


def test_references_stay_references():
    order = Visit({"address": {"country": "NO"}})
    assert order.address.country == Reference("countries/no")
