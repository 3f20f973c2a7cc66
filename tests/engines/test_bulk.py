"""The bulk build gives what the flow gives for the same documents in one batch."""

from __future__ import annotations

import gc
from dataclasses import replace
from random import Random
from typing import NamedTuple

import chosen_views
import pyarrow.parquet as pq
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, one, operator, plan_views, root, udf
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter, ViewChange
from onto_flow.core.collection import Collection
from onto_flow.core.columns import ViewColumns
from onto_flow.core.errors import EngineError
from onto_flow.core.native import compiled
from onto_flow.core.values import Reference, from_micros
from onto_flow.engines import bulk as bulk_module
from onto_flow.engines import lookup
from onto_flow.engines.base import Job, seed
from onto_flow.engines.breaker import Breaker
from onto_flow.engines.bulk import Bulk, unfilled, unknown
from onto_flow.engines.local import Engine
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.lookup import Documents
from onto_flow.plan.nodes import CodeRef
from onto_flow.plan.places import FieldPath
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.cases import Case, random_case
from onto_flow.testing.judge_changes import applied, judge_tables
from onto_flow.testing.oracle import recompute
from onto_flow.testing.session_view import MINUTE, Visit
from onto_flow.testing.strategies import cases


def built(plan, documents):
    bulk = Bulk(plan)
    bulk.take(documents)
    return [output for chunk in bulk.outputs() for output in chunk]


def keyed(outputs):
    """Outputs without their order; the stacks of dead letters name other lines."""
    plain = [o._replace(stack="") if isinstance(o, DeadLetter) else o for o in outputs]
    return sorted(plain, key=lambda o: (type(o).__name__, o.key if isinstance(o, DeadLetter) else (o.view, o.path)))


def flowed(plan, documents):
    return LocalFlow(plan).process([seed(c, None) for c in documents])


def documents_of(case: Case, random: Random) -> list[Change]:
    found = [Change(p, None, f, BELOW_EVENTS) for p, f in case.history.documents.items()]
    random.shuffle(found)
    return found


def complaints(case: Case, random: Random):
    documents = documents_of(case, random)
    outputs = built(case.plan, documents)
    found = list(
        judge_tables(
            recompute(case.plan, case.history.documents), applied(o for o in outputs if isinstance(o, ViewChange))
        )
    )
    theirs = flowed(case.plan, documents)
    return found + ([] if repr(keyed(outputs)) == repr(keyed(theirs)) else [f"{keyed(outputs)} != {keyed(theirs)}"])


@given(cases())
def test_the_bulk_build_gives_the_recomputed_tables_and_what_the_flow_gives(case: Case):
    assume(not unknown(case.plan))
    assert complaints(case, Random(0)) == []


def test_many_cases():
    known = 0
    for number in range(150):
        case = random_case(Random(number))
        if not unknown(case.plan):
            known += 1
            assert complaints(case, Random(number)) == [], number
    assert known > 125


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    name: str = attrs.str
    boss = attrs.relation("Person")


class PersonStore(Store):
    person = root(Person)
    boss = one(Person, via=(person, Person.boss), required=True)
    staff = many(Person, by=(person, Person.boss))


class Desk(ViewModel):
    class Meta:
        collection_name = "desks"

    store: PersonStore

    @computed
    def boss(self) -> str:
        return self.store.boss.name.upper()

    @computed
    def staff(self) -> list[str]:
        return [p.name for p in self.store.staff]


class Names(ViewModel):
    class Meta:
        collection_name = "names"

    store: PersonStore

    @operator.key
    @classmethod
    def letter(cls, person: Person) -> str:
        return person.name[0]

    people = agg.collect(lambda person: person.name)


PEOPLE = [
    Change(f"people/{id}", None, {"name": name, "boss": boss, "secret": 1}, BELOW_EVENTS)
    for id, name, boss in (
        ("__id10__", "ten", Reference("people/f")),
        ("__id9__", "nine", "f"),
        ("a", "ann", Reference("people/b")),
        ("b", None, "people/a"),
        ("c", "cid", Reference("people/gone")),
        ("d", "dan", Reference("people/a", "projects/p/databases/other")),
        ("e", "eve", 7),
        ("f", "flo", "a"),
    )
]
PLAN = plan_views(Desk, Names)


def test_numbers_come_before_names_and_references_have_all_their_forms():
    table = {o.path: o.new for o in built(PLAN, PEOPLE) if isinstance(o, ViewChange)}
    assert table["names/n"] == {"letter": "n", "people": ["nine"]}
    assert table["desks/f"] == {"boss": "ANN", "staff": ["nine", "ten"]}
    assert repr(keyed(built(PLAN, PEOPLE))) == repr(keyed(flowed(PLAN, PEOPLE)))


def test_what_user_code_raises_is_a_dead_letter_and_the_rest_goes_on():
    outputs = built(PLAN, PEOPLE)
    assert {o.key for o in outputs if isinstance(o, DeadLetter)} == {"view:Desk:people/a", "view:Names:people/b"}
    assert len(outputs) > 2


CHOSEN = [Change(path, None, fields, BELOW_EVENTS) for path, fields in chosen_views.documents().items()]
CLICKS = [
    Change(f"clicks/{u}{n}", None, {"user": u, "at": from_micros(at * MINUTE)}, BELOW_EVENTS)
    for u in ("ada", "bob")
    for n, at in enumerate((0, 3, 9, 30))
]


def test_slots_that_choose_and_functions_that_cannot_read_a_document():
    outputs = built(plan_views(chosen_views.Wall), CHOSEN)
    letters = {o.key: o.policy for o in outputs if isinstance(o, DeadLetter)}
    unread = {f"document:notes/{n}": "keep" for n in ("n0", "n9", "n18", "n27", "broken")}
    assert letters == {**unread, "view:Wall:boards/b5": "delete"}
    walls = {o.path: o.new for o in outputs if isinstance(o, ViewChange)}
    assert sorted(walls) == [f"walls/b{n}" for n in range(5)]
    assert walls["walls/b1"] == {
        "good": ["n1", "n11", "n21", "n6"],
        "today": ["n1", "n21"],
        "newest": ["n11", "n26"],
        "first": "n1",
        "pinned": ["n4", "n3", "n2", "n1"],
    }


def test_sessions_are_built():
    found = applied(o for o in built(plan_views(Visit), CLICKS) if isinstance(o, ViewChange))["Visit"]
    assert sorted(d["clicks"] for d in found.values()) == [1, 1, 1, 1, 2, 2]


@pytest.mark.parametrize("views, documents", [((chosen_views.Wall,), CHOSEN), ((Visit,), CLICKS)])
def test_they_are_what_the_flow_gives(views, documents):
    plan = plan_views(*views)
    assert unknown(plan) == []
    assert repr(keyed(built(plan, documents))) == repr(keyed(flowed(plan, documents)))


def test_a_view_that_says_so_stops_the_build():
    bulk = Bulk(plan_views(chosen_views.StrictWall))
    bulk.breaker = Breaker(None, lambda: 0.0)
    bulk.take(CHOSEN)
    with pytest.raises(EngineError, match="udf-failed.*on_error = 'fail'"):
        list(bulk.outputs())


def test_a_relation_into_another_collection_leads_nowhere():
    view = PLAN.views[0]
    away = replace(view.slots[1], required=False, relation=replace(view.slots[1].relation, target=Collection("others")))
    plan = replace(PLAN, views=(replace(view, slots=(view.slots[0], away, view.slots[2])), PLAN.views[1]))
    assert repr(keyed(built(plan, PEOPLE))) == repr(keyed(flowed(plan, PEOPLE)))


def test_of_several_documents_with_one_path_the_first_counts():
    twice = [*PEOPLE, PEOPLE[0]._replace(after={"name": "later", "boss": "a"})]
    assert repr(keyed(built(PLAN, twice))) == repr(keyed(flowed(PLAN, twice)))


def test_what_a_plan_says_more_is_left_to_the_flow():
    view = PLAN.views[0]
    parsed = replace(view.slots[1], relation=replace(view.slots[1].relation, parse=CodeRef("x:y")))
    timed = replace(view.slots[1], until=FieldPath(("end",)))

    def with_slot(slot):
        return replace(PLAN, views=(replace(view, slots=(view.slots[0], slot, view.slots[2])),))

    assert unknown(with_slot(timed)) == ["Slot.until"]
    assert unknown(with_slot(parsed)) == [] and unfilled(with_slot(parsed)) == ["Relation.parse"]
    assert "the operator window" in unknown(replace(PLAN, operators=(replace(PLAN.operators[0], kind="window"),)))
    assert unknown(with_slot(replace(view.slots[1], kind="near"))) == ["a slot near"]


@pytest.mark.parametrize("views", [(Desk,), (Names,), (Desk, Names)])
def test_a_backfill_is_built_in_bulk_and_ends_in_the_table_of_the_flow(views, monkeypatch):
    from tests.engines.test_local import Scripted

    plan, letters, sink = plan_views(*views), [], MemorySink()
    monkeypatch.setattr(LocalFlow, "process", None)
    report = Engine().run(Job(plan, Scripted(PEOPLE[:3], PEOPLE[3:]), sink, dead_letter=letters.append, generation=5))
    shown = {(v.name, p): d for v in plan.views for p, d in dict(sink.documents(v.name)).items()}
    monkeypatch.undo()
    flow = {(o.view, o.path): o.new for o in flowed(plan, PEOPLE) if isinstance(o, ViewChange)}
    assert repr(sorted(shown.items())) == repr(sorted(flow.items()))
    assert (report.documents, report.view_changes, report.published) == (8, len(flow), True)
    assert len(letters) == report.dead_letters == len(views)


ID = st.sampled_from(["a", "b", "c", "é", "\U0001f600", "__id9__", "__id10__"])
LINK = st.one_of(
    ID.map("people/{}".format).map(Reference),
    st.sampled_from([None, 7, "a", "people/b", Reference("people/a", "projects/p/databases/other"), Reference("x/a")]),
)


@given(st.dictionaries(ID, st.fixed_dictionaries({}, optional={"boss": LINK | st.lists(LINK, max_size=4)}), min_size=1))
def test_references_are_found_in_c_as_in_python(people):
    documents = Documents(PLAN)
    documents.take(Change(f"people/{id}", None, fields, BELOW_EVENTS) for id, fields in people.items())
    found = []
    for native in (compiled(), None):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(lookup, "compiled", lambda native=native: native)
            looked_up = lookup.Lookup(PLAN.views[0], documents)
        found.append([list(one.items()) for one in looked_up.found(list(looked_up.roots()))["boss"]])
    assert found[0] == found[1]


class Part(NamedTuple):
    first_name: str
    bosses: list[str]


class Card(ViewModel):
    """Every form that is evaluated for many roots at once."""

    class Meta:
        collection_name = "cards"

    store: PersonStore

    @computed
    def letters(self) -> list[str]:
        return sorted(self.name)

    @computed
    def name(self) -> str:
        return self.store.person.name.upper()

    @computed
    def parts(self) -> list[Part]:
        return [Part(p.name, [self.store.boss.name]) for p in self.store.staff]

    @udf
    @staticmethod
    def told(*, parts: list[Part], name: str, person: Person) -> tuple[str, ...]:
        return (name, person.path, *[p.first_name for p in parts])

    @udf
    @staticmethod
    def constant() -> int:
        return 7

    @computed
    def reference(self) -> Reference[Person] | None:
        return self.store.person.boss

    @operator.filter
    @classmethod
    def named(cls, person: Person) -> bool:
        return person.name != "nine"

    @operator.filter
    @classmethod
    def not_alone(cls, parts: list[Part], boss: Person) -> bool:
        return bool(parts) and boss.name != "cid"


NAMED = [c for c in PEOPLE if c.path != "people/b"]


def tables(views, documents):
    bulk = Bulk(plan_views(*views))
    bulk.take(documents)
    return list(bulk.tables())


@pytest.mark.parametrize("documents", [NAMED, PEOPLE, []])
@pytest.mark.parametrize("views", [(Card,), (Card, Desk, Names)])
def test_views_of_every_form_are_what_the_flow_gives(views, documents):
    plan = plan_views(*views)
    assert repr(keyed(built(plan, documents))) == repr(keyed(flowed(plan, documents)))


def test_many_roots_are_evaluated_at_once_unless_user_code_raises():
    assert [type(given) for given in tables((Card,), NAMED)] == [ViewColumns]
    [given] = tables((Desk,), PEOPLE)
    assert isinstance(given, list) and {type(o) for o in given} == {ViewChange, DeadLetter}


def test_only_roots_beside_one_that_raises_are_evaluated_one_by_one(monkeypatch):
    monkeypatch.setattr(bulk_module, "CHUNK", 3)
    plan = plan_views(Desk)
    assert [type(given) for given in tables((Desk,), PEOPLE)] == [list, ViewColumns, ViewColumns]
    assert repr(keyed(built(plan, PEOPLE))) == repr(keyed(flowed(plan, PEOPLE)))


class Memo(ViewModel):
    """Sets what another getter reads, and hands itself on, so that nobody can tell what is read."""

    class Meta:
        collection_name = "memos"

    store: PersonStore

    @computed
    def length(self) -> int:
        return len(_name_of(self))

    @computed
    def name(self) -> str:
        return self.store.person.name


def _name_of(view: Memo) -> str:
    return view.name + "".join(p.name for p in view.store.staff)


def test_what_nobody_can_tell_to_be_read_is_there_all_the_same():
    plan = plan_views(Memo)
    assert [type(given) for given in tables((Memo,), NAMED)] == [ViewColumns]
    assert repr(keyed(built(plan, NAMED))) == repr(keyed(flowed(plan, NAMED)))


def test_a_backfill_in_columns_writes_the_table_of_the_same_without(tmp_path):
    from onto_flow.sinks.parquet import ParquetSink
    from tests.engines.test_local import Scripted

    class Rows(ParquetSink):
        write_columns = None

    plan = plan_views(Card, Desk)
    for name, kind in (("columns", ParquetSink), ("rows", Rows)):
        report = Engine().run(Job(plan, Scripted(PEOPLE), kind(str(tmp_path / name))))
        assert report.view_changes > 3
    for view in plan.views:
        one, other = (pq.read_table(tmp_path / name / view.collection) for name in ("columns", "rows"))
        assert one.num_rows and one.equals(other)


def test_the_collector_rests_while_documents_are_read_and_no_longer():
    def reading():
        assert not gc.isenabled()
        yield from PEOPLE
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        Bulk(PLAN).take(reading())
    assert gc.isenabled()


def test_documents_are_set_aside_from_the_collector_while_views_are_computed_and_no_longer():
    bulk = Bulk(PLAN)
    bulk.take(PEOPLE)
    outputs = bulk.outputs()
    next(outputs)
    assert gc.get_freeze_count()
    outputs.close()
    assert not gc.get_freeze_count()
