"""From the slots of a store to the plan's."""

from __future__ import annotations

from onto_flow import DomainModel, Store, attrs, many, one, root
from onto_flow.core.errors import SourceLine
from onto_flow.model.slots import compile_slots
from onto_flow.plan.places import FieldPath, PathPart

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


class Day(DomainModel):
    class Meta:
        path = "prices/{symbol}/daily/{date}"

    symbol: str = attrs.part
    venue: str = attrs.str


class Week(Day):
    class Meta:
        path = "exchanges/{exchange}/prices/{symbol}/daily/{date}"


class Log(DomainModel):
    class Meta:
        collection_group = "log"

    days: list = attrs.list


def test_ids_and_parts_of_a_path_meet_fields_and_each_other():
    class S(Store):
        day = root(Day)
        match = one(Match, on=((day, Day.symbol), Match.doc_id))
        notes = many(Note, on=[(Match.doc_id, Note.code), (Match.codes, Note.doc_id)])
        peers = many(Day, on=((day, Day.date), Day.date))
        logs = many(Log, on=[((peers, Day.doc_id), Log.days), ((peers, Day.symbol), Log.doc_id)])

    assert compiled(S)[1:] == [
        ("match", "on", 0, ["{symbol}={doc_id}"], False),
        ("notes", "on", 1, ["{doc_id}=code", "codes={doc_id}"], True),
        ("peers", "on", 0, ["{date}={date}"], True),
        ("logs", "on", 3, ["{doc_id}=days", "{symbol}={doc_id}"], True),
    ]


def test_a_model_with_a_path_of_its_own_has_inherited_parts_elsewhere():
    class S(Store):
        team = root(Team)
        days = many(Week, on=((team, Team.city), Day.symbol))
        teams = many(Team, on=[((days, Day.symbol), Team.doc_id), ((days, Week.exchange), Team.city)])

    slots = compile_slots(S, HERE)
    assert slots[1].pairs == ((FieldPath(("city",)), PathPart("symbol", 3)),)
    assert slots[2].pairs == (
        (PathPart("symbol", 3), PathPart("doc_id", -1)),
        (PathPart("exchange", 1), FieldPath(("city",))),
    )


def test_pairs_may_name_attributes_of_a_model_and_of_the_one_it_inherits_from():
    class S(Store):
        retired = root(Retired)
        teams = many(Team, on=[(Person.home_town, Team.city), (Retired.doc_id, Team.doc_id)])

    assert compiled(S)[1] == ("teams", "on", 0, ["homeTown=city", "{doc_id}={doc_id}"], True)
