"""From the slots of a store to the plan's."""

from __future__ import annotations

from onto_flow import DomainModel, Store, attrs, many, one, root
from onto_flow.core.errors import SourceLine
from onto_flow.model.slots import compile_slots

HERE = SourceLine(__file__, 1)


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    coach = attrs.relation("Person")
    city: str = attrs.str


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    home_town: str = attrs.str


class Retired(Person):
    pass


class Match(DomainModel):
    class Meta:
        collection_name = "matches"

    home = attrs.relation(Team)
    away = attrs.relation(Team)
    sku: str = attrs.str
    codes: list = attrs.list


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    match = attrs.relation(Match)
    team = attrs.relation(Team)
    sku: str = attrs.str
    code: str = attrs.str


def compiled(store):
    return [
        (s.name, s.kind, s.parent, str(s.relation.field) if s.relation else [f"{a}={b}" for a, b in s.pairs], s.many)
        for s in compile_slots(store, HERE)
    ]


def test_parents_come_before_children_whatever_the_order_of_the_class():
    class S(Store):
        coach = one(Person, via=Team.coach)
        team = one(Team, via=Match.home)
        match = root(Match)

    assert compiled(S) == [
        ("match", "root", -1, [], False),
        ("team", "via", 0, "home", False),
        ("coach", "via", 1, "coach", False),
    ]


def test_a_start_is_named_where_two_slots_hold_it():
    class S(Store):
        match = root(Match)
        home = one(Team, via=Match.home)
        away = one(Team, via=Match.away)
        coach = one(Person, via=(away, Team.coach))
        notes = many(Note, by=(home, Note.team))
        neighbours = many(Person, on=((away, Team.city), Person.home_town))

    assert compiled(S)[3:] == [
        ("coach", "via", 2, "coach", False),
        ("notes", "by", 1, "team", True),
        ("neighbours", "on", 2, ["city=homeTown"], True),
    ]


def test_a_slot_by_its_own_relation_finds_the_slot_that_it_points_at():
    class S(Store):
        match = root(Match)
        notes = many(Note, by=Note.match)
        home = one(Team, via=Match.home)
        team_notes = many(Note, by=Note.team)

    assert compiled(S) == [
        ("match", "root", -1, [], False),
        ("notes", "by", 0, "match", True),
        ("home", "via", 0, "home", False),
        ("team_notes", "by", 2, "team", True),
    ]


def test_several_pairs_join_on_all_of_them():
    class S(Store):
        match = root(Match)
        notes = many(Note, on=[(Match.sku, Note.sku), (Match.codes, Note.code)])

    assert compiled(S)[1] == ("notes", "on", 0, ["sku=sku", "codes=code"], True)


def test_another_model_of_the_same_collection_may_fill_a_slot():
    class S(Store):
        team = root(Team)
        coach = one(Retired, via=Team.coach)

    assert compiled(S)[1] == ("coach", "via", 0, "coach", False)


def test_a_model_that_refers_to_itself_starts_from_the_other_slot():
    class Node(DomainModel):
        class Meta:
            collection_name = "nodes"

        parent = attrs.relation("Node")

    class S(Store):
        node = root(Node)
        parent = one(Node, via=Node.parent)

    assert compiled(S)[1] == ("parent", "via", 0, "parent", False)
