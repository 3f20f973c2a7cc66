"""Missing, null and wrong types: what reads how, options of attributes, and strict models."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

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
from onto_flow.model.strict import refuse_wrong_types
from onto_flow.plan.wire import from_json, to_json
from tests.model.played import Played


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    name: str = attrs.str


class Person(DomainModel):
    class Meta:
        collection_name = "people"
        strict = True

    age: int = attrs.int
    height: float = attrs.float
    active: bool = attrs.bool(default=True)
    tags: list = attrs.list(default=["new"])
    team = attrs.relation(Team, name="teamRef", default="t0", sensitive=True)
    teams = attrs.relations(Team, default=[Reference("teams/t0")])
    home = attrs.relation(Team, parse=lambda raw: raw["id"])


def test_missing_reads_as_the_default_and_null_as_null():
    person = Person("people/p1", {})
    assert (person.age, person.active, person.tags, person.team) == (None, True, ["new"], Reference("teams/t0"))
    assert person.teams == [Reference("teams/t0")] and is_missing(person, "teams")
    person.tags.append("x")
    assert Person("people/p2", {}).tags == ["new"]
    null = Person("people/p1", {"active": None, "tags": None, "teamRef": None, "teams": None})
    assert (null.active, null.tags, null.team, null.teams) == (None, None, None, [])
    assert not is_missing(null, "active") and not is_missing(null, "team")


class PersonStore(Store):
    person = root(Person)
    team = one(Team, via=Person.team)
    teams = many(Team, via=Person.teams)


class V(ViewModel):
    class Meta:
        collection_name = "v"

    store: PersonStore

    @computed
    def age(self) -> int:
        return self.store.person.age

    @computed
    def team(self) -> str | None:
        return self.store.team.name if self.store.team else None

    @computed
    def teams(self) -> list[str]:
        return [t.name for t in self.store.teams]


def test_a_relation_that_is_missing_leads_where_its_default_says():
    play = Played(V)
    assert play({"people/p1": {}, "teams/t0": {"name": "None"}})["v/p1"] == {
        "age": None,
        "team": "None",
        "teams": ["None"],
    }
    assert play({"people/p1": {"teamRef": None, "teams": []}})["v/p1"] == {"age": None, "team": None, "teams": []}
    assert play({"people/p1": {"age": 1}})["v/p1"]["team"] == "None"
    assert play({"teams/t0": {"name": "New"}})["v/p1"]["teams"] == ["New"]
    plan = plan_views(V)
    assert from_json(to_json(plan)) == plan and plan.sensitive() == ("teamRef",)


def test_a_strict_model_takes_no_document_of_a_wrong_type():
    play = Played(V)
    assert play({"people/p1": {"age": "old"}}) == {}
    [letter] = play.letters
    assert letter.key == "document:people/p1"
    assert letter.reason == "wrong-type: people/p1: age is declared int, and holds str"
    assert play({"people/p1": {"age": 7}})["v/p1"]["age"] == 7
    assert play.letters[-1].cleared
    assert play({"people/p1": {"age": True}}) == {}
    assert play({"people/p1": None}) == {} and play.letters[-1].cleared


@pytest.mark.parametrize(
    "fields",
    [
        {"height": 2},
        {"height": None, "age": None},
        {"other": "x"},
        {"teamRef": "t1"},
        {"home": {"id": "t1"}},
        {"active": False, "tags": []},
    ],
)
def test_whole_doubles_nulls_and_what_is_not_declared_are_no_wrong_types(fields):
    play = Played(V)
    assert play({"people/p1": fields}) and play.letters == []


@pytest.mark.parametrize(
    "fields",
    [{"height": "2"}, {"age": 1.0}, {"active": 0}, {"tags": {}}, {"teamRef": 7}, {"teams": Reference("teams/t")}],
)
def test_other_types_are_wrong_ones(fields):
    play = Played(V)
    assert play({"people/p1": fields}) == {} and play.letters[0].reason.startswith("wrong-type: people/p1: ")


class Loose(DomainModel):
    class Meta:
        collection_name = "people"

    age: int = attrs.int


def test_strictness_is_that_of_a_model_and_not_of_its_documents():
    class S(Store):
        person = root(Loose)
        strict = many(Person, on=(Loose.doc_id, Person.doc_id))

    class W(ViewModel):
        class Meta:
            collection_name = "w"

        @computed
        def both(self) -> list:
            return [self.store.person.age, len(self.store.strict)]

    W.__annotations__["store"] = S
    play = Played(W)
    assert play({"people/p1": {"age": "old"}}) == {"w/p1": {"both": ["old", 0]}}
    assert play({"people/p1": {"age": 3}}) == {"w/p1": {"both": [3, 1]}}


class Address(TypedDict):
    zip_code: str
    lines: list[str]


@dataclass(frozen=True)
class Card:
    full_name: str
    home_address: Address | None
    extra_fields: dict[str, int]


def test_declared_names_are_converted_and_keys_of_plain_maps_never():
    class S(Store):
        person = root(Loose)

    class W(ViewModel):
        class Meta:
            collection_name = "w"

        @computed
        def main_card(self) -> Card:
            return Card("Ada", {"zip_code": "1", "lines": ["a"]}, {"snake_key": 1})

        @computed
        def by_key(self) -> dict[str, Address]:
            return {"first_one": {"zip_code": "2", "lines": []}}

        @computed
        def none(self) -> Card:
            return Card("Bob", None, {})

    W.__annotations__["store"] = S
    assert Played(W)({"people/p1": {}})["w/p1"] == {
        "mainCard": {
            "fullName": "Ada",
            "homeAddress": {"zipCode": "1", "lines": ["a"]},
            "extraFields": {"snake_key": 1},
        },
        "byKey": {"first_one": {"zipCode": "2", "lines": []}},
        "none": {"fullName": "Bob", "homeAddress": None, "extraFields": {}},
    }


def test_an_option_that_a_relation_has_not_is_told():
    with pytest.raises(DeclarationError, match=r"attrs.relation has no option 'defaults'") as caught:
        attrs.relation(Team, defaults="t0")
    assert "Did you mean default?" in str(caught.value) and caught.value.where.endswith(
        'attrs.relation(Team, defaults="t0")'
    )


class Line(MapModel):
    pieces: int = attrs.int
    gift = attrs.map("Line")
    inner = attrs.list("Line")


class Order(DomainModel):
    class Meta:
        collection_name = "orders"
        strict = True

    lines = attrs.list(Line)


@pytest.mark.parametrize(
    ("lines", "where"),
    [
        ([{"pieces": 1}, {"pieces": "2"}], "lines[].pieces is declared int, and holds str"),
        ([{"gift": {"pieces": 1.5}}], "lines[].gift.pieces is declared int, and holds float"),
        ([{"inner": [{"inner": [{"pieces": ""}]}]}], "lines[].inner[].inner[].pieces is declared int, and holds str"),
        ([7], "lines[] is declared map, and holds int"),
        ([{"gift": []}], "lines[].gift is declared map, and holds list"),
    ],
)
def test_strict_models_look_into_maps_that_have_models(lines, where):
    with pytest.raises(DataError) as caught:
        refuse_wrong_types(Order, "orders/o", {"lines": lines})
    assert caught.value.what == f"orders/o: {where}"
    refuse_wrong_types(
        Order, "orders/o", {"lines": [{}, None, {"pieces": None, "gift": None, "inner": [{"pieces": 1}]}]}
    )
