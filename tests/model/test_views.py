"""What a declared view evaluates to, asked through its evaluator as operators ask."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import NamedTuple

import pytest

from onto_flow import (
    DomainModel,
    GeoPoint,
    MissingDocument,
    Reference,
    Store,
    ViewModel,
    agg,
    attrs,
    computed,
    is_missing,
    many,
    one,
    operator,
    root,
    udf,
)
from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.demo.meeting_room import MeetingSession, MeetingSessionStore, OrganizationLoad, OrgRole


class Tag(NamedTuple):
    name: str
    weight: int


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    name: str = attrs.str
    lead = attrs.relation("Person")


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    full_name: str = attrs.str
    age: int = attrs.int(default=18)
    nick: str = attrs.str(name="nick_name")
    team = attrs.relation(Team)
    friends = attrs.relations("Person")
    tags: list = attrs.list(default=())


class PersonStore(Store):
    person = root(Person)
    team = one(Team, via=(person, Person.team))
    lead = one(Person, via=Team.lead)
    friends = many(Person, via=(person, Person.friends))


def members(**slots):
    return {name: slots.get(name, []) for name in PersonStore._slots}


def test_names_are_converted_and_options_win():
    person = Person("people/p1", {"fullName": "Ada", "nick_name": "A", "team": "t1", "friends": ["p2", 7, "people/p3"]})
    assert (person.full_name, person.nick, person.age, person.doc_id) == ("Ada", "A", 18, "p1")
    assert person.team == Reference("teams/t1")
    assert person.friends == [Reference("people/p2"), Reference("people/p3")]
    assert is_missing(person, "age") and not is_missing(person, "nick")


def test_a_wrong_type_reads_as_it_is():
    assert Person("people/p1", {"age": "old"}).age == "old"


def test_slots_read_as_objects_none_or_many():
    store = PersonStore(members(person=[("people/p1", {})], friends=[("people/a", {}), ("people/b", {})]))
    assert store.team is None and len(store.friends) == 2
    assert Reference("people/a") in store.friends and store.friends.get("people/x") is None
    assert [f.doc_id for f in store.friends] == ["a", "b"]
    with pytest.raises(MissingDocument, match="people/x does not exist"):
        store.friends[Reference("people/x")]


def view(**attributes):
    attributes = {
        "Meta": type("Meta", (), {"collection_name": "out"}),
        "__annotations__": {"store": PersonStore},
        **attributes,
    }
    return type("V", (ViewModel,), attributes)


def shown(cls, fields, path="people/p1", **slots):
    return cls.evaluator().documents(members(person=[(path, fields)], **slots))


def test_documents_are_converted_to_values_of_firestore():
    class Kind(enum.Enum):
        STAFF = "staff"

    @dataclass
    class Badge:
        shown_name: str
        plain: dict

    def badge(person):
        return Badge(person.full_name, {"keep_me": (1, 2)})

    cls = view(badge=udf(staticmethod(badge)), kind=udf(staticmethod(lambda person: Kind.STAFF)))
    document = {"badge": {"shownName": "Ada", "plain": {"keep_me": [1, 2]}}, "kind": "staff"}
    assert shown(cls, {"fullName": "Ada"}) == {"out/p1": document}


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ({1, 2}, "set is not a value"),
        ([[1]], "array in an array"),
        (2**63, "beyond 64 bits"),
        ({1: 2}, "not a string"),
        (object(), "object is not a value"),
        (Person("people/p1", {}), "a whole Person in a view"),
    ],
)
def test_what_firestore_refuses_is_told_by_attribute(value, says):
    with pytest.raises(DataError, match=rf"V\.bad: .*{says}"):
        shown(view(bad=udf(staticmethod(lambda person: value))), {})


def test_values_that_firestore_has_pass():
    now = datetime(2024, 1, 1, tzinfo=timezone.utc)
    values = {"g": GeoPoint(1.0, 2.0), "r": Reference("a/b"), "t": now, "b": b"x", "n": None, "f": 1.5}
    assert shown(view(v=udf(staticmethod(lambda person: values))), {}) == {"out/p1": {"v": values}}


def test_both_orders_of_decorators_work():
    class Both(ViewModel):
        class Meta:
            collection_name = "out"

        store: PersonStore

        @staticmethod
        @udf
        def inner(person: Person) -> str:
            return person.full_name

        @classmethod
        @operator.filter
        def adults(cls, person: Person) -> bool:
            return person.age >= 18

    assert shown(Both, {"fullName": "Ada", "age": 20}) == {"out/p1": {"inner": "Ada"}}
    assert shown(Both, {"age": 17}) == {}


def test_filters_are_anded_and_see_constants_of_the_class():
    class Limited(ViewModel):
        class Meta:
            collection_name = "out"

        LIMIT = 30
        store: PersonStore

        @operator.filter
        @classmethod
        def young(cls, person: Person) -> bool:
            return person.age < cls.LIMIT

        @operator.filter
        @classmethod
        def named(cls, person: Person) -> bool:
            cls.LIMIT = 99
            return True

    assert shown(Limited, {"age": 31}) == {}
    with pytest.raises(AttributeError, match="pure function"):
        shown(Limited, {"age": 1})


def test_a_computed_is_evaluated_once_and_serves_udfs():
    calls = []

    class Counted(ViewModel):
        class Meta:
            collection_name = "out"

        store: PersonStore

        @computed
        def name(self) -> str:
            calls.append(1)
            return self.store.person.full_name

        @udf
        @staticmethod
        def length(name: str) -> int:
            return len(name)

        @computed
        def both(self) -> str:
            return f"{self.name}{self.name}"

    assert shown(Counted, {"fullName": "Ada"})["out/p1"] == {"name": "Ada", "length": 3, "both": "AdaAda"}
    assert calls == [1]


def test_a_setter_changes_the_model_and_what_depends_on_it():
    documents = {name: [] for name in MeetingSessionStore._slots} | {"meeting": [("meetings/m", {"status": "closed"})]}
    session = MeetingSession(MeetingSessionStore(documents))
    assert session.in_session is False
    session.in_session = True
    assert session.in_session is True and session.store.meeting.status == "in-session"
    with pytest.raises(AttributeError, match=r"MeetingSession\.attending has no setter"):
        session.attending = []


def test_expand_gives_one_document_per_element():
    class Tags(ViewModel):
        class Meta:
            collection_name = "out"

        store: PersonStore

        @operator.expand
        @classmethod
        def tag(cls, person: Person) -> list[str]:
            return person.tags

        @udf
        @staticmethod
        def label(tag: str, person: Person) -> str:
            return f"{person.full_name}:{tag}"

    fields = {"fullName": "Ada", "tags": ["x", "y", "x"]}
    assert shown(Tags, fields) == {"out/p1|x": {"label": "Ada:x"}, "out/p1|y": {"label": "Ada:y"}}
    assert shown(Tags, {"tags": []}) == {}


class Ages(ViewModel):
    class Meta:
        collection_name = "ages"

    store: PersonStore

    @operator.expand
    @classmethod
    def tag(cls, person: Person) -> list[Tag]:
        return [Tag(*t) for t in person.tags]

    @operator.key
    @classmethod
    def group(cls, tag: Tag) -> str | None:
        return tag.name or None

    people = agg.count()
    weight = agg.sum(lambda tag: tag.weight, where=lambda tag: tag.weight != 13)
    names = agg.collect(lambda person: person.full_name, order_by=lambda group, tag: (group, tag.weight))

    @udf
    @staticmethod
    def mean(weight: int, people: int, group: str) -> float:
        return weight / people if group else 0.0


def test_rows_count_each_time_and_skip_none():
    fields = {"fullName": "Ada", "tags": [["x", 1], ["x", 1], ["", 5], ["y", 13]]}
    rows = Ages.evaluator().rows(members(person=[("people/p1", fields)]))
    assert rows == {
        encode("x"): ((True, 1, (["x", 1], "Ada")), (True, 1, (["x", 1], "Ada"))),
        encode("y"): ((True, None, (["y", 13], "Ada")),),
    }
    no_name = Ages.evaluator().rows(members(person=[("people/p1", {"tags": [["x", 1]]})]))
    assert no_name[encode("x")][0][2] is None


def test_a_group_document_has_its_key_accumulators_and_udfs():
    path, document = Ages.evaluator().result(encode("a/b"), [2, 7, ["Ada"]])
    assert path == "ages/a%2Fb"
    assert document == {"group": "a/b", "people": 2, "weight": 7, "names": ["Ada"], "mean": 3.5}


def test_parts_of_a_named_key_are_attributes():
    key = encode(tuple(OrgRole("Acme", "guest")))
    path, document = OrganizationLoad.evaluator().result(key, [1, ["Lovelace"]])
    assert path == "organizationLoad/Acme|guest"
    assert document == {"organization": "Acme", "role": "guest", "attending": 1, "names": ["Lovelace"]}


def test_a_required_slot_drops_the_document_while_it_is_missing():
    assert OrganizationLoad.evaluator().rows({"ticket": [("tickets/t", {})], "user": []}) == {}


def test_a_typed_sum_takes_its_type_alone():
    class Sums(ViewModel):
        class Meta:
            collection_name = "out"

        store: PersonStore

        @operator.key
        @classmethod
        def all_people(cls, person: Person) -> str:
            return "all"

        ages = agg.sum(lambda person: person.age, type=float)
        whole = agg.sum(lambda person: person.age, type=int)

    evaluator = Sums.evaluator()
    assert evaluator.rows(members(person=[("people/p", {"age": 3})])) == {encode("all"): ((3.0, 3),)}
    assert evaluator.result(encode("all"), [0, 0])[1] == {"allPeople": "all", "ages": 0.0, "whole": 0}
    for age, says in ((1.5, "sum of integers was given 1.5"), ("x", "a sum takes numbers"), (2**53 + 1, "not exact")):
        with pytest.raises(DataError, match=says):
            evaluator.rows(members(person=[("people/p", {"age": age})]))


def test_a_view_may_name_its_own_paths():
    class Named(ViewModel):
        class Meta:
            collection_name = "out"

        store: PersonStore

        @property
        def view_refs(self) -> list[Reference]:
            return [Reference(f"byName/{self.store.person.full_name}"), Reference("byName/all")]

        @udf
        @staticmethod
        def age(person: Person) -> int:
            return person.age

    assert Named.plan().views[0].owned
    assert shown(Named, {"fullName": "Ada"}) == {"byName/Ada": {"age": 18}, "byName/all": {"age": 18}}


def test_the_ids_of_a_nested_root_make_the_id():
    class Day(DomainModel):
        class Meta:
            path = "stocks/{symbol}/daily/{date}"

        close: float = attrs.float

    class DayStore(Store):
        day = root(Day)

    class Close(ViewModel):
        class Meta:
            collection_name = "close"

        store: DayStore

        @udf
        @staticmethod
        def close(day: Day) -> float:
            return day.close

    documents = Close.evaluator().documents({"day": [("stocks/A|B/daily/2024-01-02", {"close": 1.5})]})
    assert documents == {"close/A%7CB|2024-01-02": {"close": 1.5}}


def test_schemas_come_from_annotations():
    schema = {n: str(t) for n, t in MeetingSession.plan().views[0].schema}
    assert schema == {
        "inSession": "bool",
        "address": "str?",
        "attending": "list[struct{name: str, organization: str, hearingAidRequested: bool}]",
        "numHearingAidRequested": "int",
    }
