"""Polymorphic models: bases whose documents are of several classes."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, attrs, computed, many, one, plan_views, root
from onto_flow.core.errors import DeclarationError
from onto_flow.plan.explain import explain_text
from onto_flow.plan.wire import from_json, to_json
from tests.model.played import Played


class Party(DomainModel):
    class Meta:
        abstract = True

    name: str = attrs.str

    @property
    def shown(self) -> str:
        return self.name


class Person(Party):
    class Meta:
        collection_name = "people"

    title: str = attrs.str

    @property
    def shown(self) -> str:
        return f"{self.title} {self.name}"


class Company(Party):
    class Meta:
        collection_name = "companies"

    boss = attrs.relation(Person)


class Animal(DomainModel):
    class Meta:
        collection_name = "animals"
        discriminator = "kind"

    kind: str = attrs.str(name="type")
    owner = attrs.relation(Party)
    keeper = attrs.relation(Person, Company)
    friends = attrs.relations("Animal")


class Dog(Animal):
    class Meta:
        discriminator_value = "dog"

    tricks: int = attrs.int


class Poodle(Dog):
    class Meta:
        discriminator_value = "poodle"


class Cat(Animal):
    class Meta:
        discriminator_value = "cat"
        strict = True

    lives: int = attrs.int(default=9)


class AnimalStore(Store):
    animal = root(Animal)
    owner = one(Party, via=(animal, Animal.owner))
    person = one(Person, via=(animal, Animal.keeper))
    company = one(Company, via=(animal, Animal.keeper))
    friends = many(Animal, via=(animal, Animal.friends))
    dogs = many(Dog, via=(animal, Animal.friends))
    cats = many(Cat, via=(animal, Animal.friends))


class V(ViewModel):
    class Meta:
        collection_name = "v"

    store: AnimalStore

    @computed
    def kind(self) -> str:
        return type(self.store.animal).__name__

    @computed
    def owner(self) -> str | None:
        return self.store.owner.shown if self.store.owner else None

    @computed
    def keepers(self) -> list[str]:
        return [k.shown for k in (self.store.person, self.store.company) if k]

    @computed
    def friends(self) -> list[str]:
        return [f"{type(f).__name__} {f.doc_id}" for f in self.store.friends]

    @computed
    def tricks(self) -> int:
        return sum(d.tricks for d in self.store.dogs)

    @computed
    def lives(self) -> int:
        return sum(c.lives for c in self.store.cats)


def friends(*ids):
    return [Reference(f"animals/{i}") for i in ids]


def test_a_document_is_of_the_class_that_its_field_says():
    play = Played(V)
    play({"animals/rex": {"type": "dog", "tricks": 3}, "animals/pia": {"type": "poodle", "tricks": 4}})
    play({"animals/tom": {"type": "cat"}, "animals/bo": {"type": "boa"}, "animals/no": {}})
    shown = play({"animals/tom": {"type": "cat", "friends": friends("rex", "pia", "tom", "bo", "no", "gone")}})["v/tom"]
    assert shown["kind"] == "Cat" and (shown["tricks"], shown["lives"]) == (7, 9)
    assert shown["friends"] == ["Animal bo", "Animal no", "Poodle pia", "Dog rex", "Cat tom"]
    shown = play({"animals/rex": {"type": "cat", "lives": 2}})["v/tom"]
    assert (shown["tricks"], shown["lives"]) == (4, 11)
    shown = play({"animals/rex": {"type": "cat", "lives": "many"}})["v/tom"]
    assert (shown["friends"][-2:], shown["lives"]) == (["Poodle pia", "Cat tom"], 9)
    assert play.letters[-1].reason.startswith("wrong-type: animals/rex: lives")
    assert "v/rex" not in play({})


def test_an_abstract_base_holds_documents_of_several_collections():
    play = Played(V)
    play({"people/1": {"name": "Ada", "title": "Lady"}, "companies/1": {"name": "Acme"}})
    assert play({"animals/rex": {"owner": Reference("people/1")}})["v/rex"]["owner"] == "Lady Ada"
    assert play({"animals/rex": {"owner": "companies/1"}})["v/rex"]["owner"] == "Acme"
    assert play({"companies/1": {"name": "Bolt"}})["v/rex"]["owner"] == "Bolt"
    assert play({"animals/rex": {"owner": "1"}})["v/rex"]["owner"] is None
    assert play({"animals/rex": {"owner": Reference("animals/rex")}})["v/rex"]["owner"] is None


def test_a_relation_to_several_models_leads_to_each_slot_its_own():
    play = Played(V)
    play({"people/1": {"name": "Ada", "title": "Lady"}, "companies/1": {"name": "Acme"}})
    assert play({"animals/a": {"keeper": Reference("people/1")}})["v/a"]["keepers"] == ["Lady Ada"]
    assert play({"animals/a": {"keeper": Reference("companies/1")}})["v/a"]["keepers"] == ["Acme"]
    both = {"keeper": [Reference("companies/1"), Reference("people/1")], "owner": Reference("companies/1")}
    assert play({"animals/a": both})["v/a"]["keepers"] == ["Lady Ada", "Acme"]
    assert Animal("animals/a", {"keeper": "people/1"}).keeper == Reference("people/1")


class PartyStore(Store):
    party = root(Party)
    animals = many(Animal, by=Animal.owner)
    kept = many(Animal, by=Animal.keeper)


class PartyPage(ViewModel):
    class Meta:
        collection_name = "parties"

    store: PartyStore

    @computed
    def name(self) -> str:
        return self.store.party.shown

    @computed
    def animals(self) -> list[str]:
        return [a.doc_id for a in self.store.animals]

    @computed
    def kept(self) -> int:
        return len(self.store.kept)


def test_a_root_of_several_collections_keeps_their_ids_apart():
    play = Played(PartyPage)
    play({"people/1": {"name": "Ada", "title": "Lady"}, "companies/1": {"name": "Acme"}})
    table = play({"animals/rex": {"owner": Reference("people/1"), "keeper": Reference("companies/1")}})
    assert table == {
        "parties/people|1": {"name": "Lady Ada", "animals": ["rex"], "kept": 0},
        "parties/companies|1": {"name": "Acme", "animals": [], "kept": 1},
    }


def test_a_plan_says_and_carries_it():
    plan = plan_views(V, PartyPage)
    assert from_json(to_json(plan)) == plan
    assert "owner: one of people | companies  via animal.owner" in explain_text(plan)
    read = {str(c): set(names) for c, names in plan.projection.collections}
    assert read["animals"] >= {"type", "tricks", "lives"} and read["people"] == {"name", "title"}


def test_setters_see_the_class_too():
    store = AnimalStore({n: [] for n in AnimalStore._slots} | {"animal": [("animals/a", {"type": "dog", "tricks": 1})]})
    assert type(store.animal) is Dog
    store.animal.tricks = 2
    assert store.animal.tricks == 2


def declare(base=DomainModel, **meta):
    return type("Odd", (base,), {"Meta": type("Meta", (), meta), "__module__": __name__, "__qualname__": "Odd"})


@pytest.mark.parametrize(
    ("base", "meta", "code", "what"),
    [
        (
            Animal,
            {"discriminator_value": "dog"},
            "ambiguous-name",
            "Dog and Odd both have the discriminator_value 'dog'",
        ),
        (
            DomainModel,
            {"abstract": True, "collection_name": "x"},
            "bad-meta",
            "a collection, and says that it is abstract",
        ),
        (DomainModel, {"collection_name": "x", "discriminator": "knd"}, "bad-meta", "is no attribute of Odd"),
        (DomainModel, {"collection_name": "x", "discriminator_value": "a"}, "bad-meta", "nothing says which attribute"),
        (DomainModel, {"abstract": "yes"}, "bad-meta", "is not a bool"),
    ],
)
def test_mistakes_are_told(base, meta, code, what):
    with pytest.raises(DeclarationError) as caught:
        declare(base, **meta)
    assert (caught.value.code, what in caught.value.what, __file__ in caught.value.where) == (code, True, True)


def test_an_abstract_model_without_subclasses_is_told():
    class S(Store):
        alone = root(declare(abstract=True))

    class W(ViewModel):
        class Meta:
            collection_name = "w"

        @computed
        def a(self) -> int:
            return 1

    W.__annotations__["store"] = S
    with pytest.raises(DeclarationError, match="Odd is abstract, and no model inherits from it"):
        plan_views(W)
