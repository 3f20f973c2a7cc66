"""`where=`, `order_by=`, `descending=` and `limit=` of slots: what a declared view shows, against the oracle."""

from __future__ import annotations

import json

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, attrs, computed, many, one, plan_views, root
from onto_flow.core.errors import EngineError
from onto_flow.model.slots import compile_slots
from onto_flow.plan.explain import explain_json, explain_text
from onto_flow.plan.wire import from_json, not_portable, to_json
from tests.laws.flow import Flow
from tests.model.played import Played


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    name: str = attrs.str


class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"

    day: int = attrs.int
    pinned = attrs.relations("Note")


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    meeting = attrs.relation(Meeting)
    author = attrs.relation(Person)
    text: str = attrs.str
    day: int = attrs.int
    hidden: bool = attrs.bool


class NoteStore(Store):
    meeting = root(Meeting)
    shown = many(Note, by=Note.meeting, where=lambda note: not note.hidden)
    today = many(Note, by=Note.meeting, where=lambda note, meeting: note.day == meeting.day)
    newest = many(Note, by=Note.meeting, order_by=Note.day, descending=True, limit=2)
    first = one(Note, by=Note.meeting, order_by=lambda note: (note.text, note.day))
    pinned = many(Note, via=Meeting.pinned, where=lambda note: not note.hidden, order_by=Note.doc_id, descending=True)
    authors = many(Person, via=(newest, Note.author))
    author = one(Person, via=(first, Note.author))


class V(ViewModel):
    class Meta:
        collection_name = "v"

    store: NoteStore

    @computed
    def shown(self) -> list[str]:
        return [n.doc_id for n in self.store.shown]

    @computed
    def today(self) -> list[str]:
        return [n.doc_id for n in self.store.today]

    @computed
    def newest(self) -> list[str]:
        return [n.doc_id for n in self.store.newest]

    @computed
    def first(self) -> str | None:
        return self.store.first.doc_id if self.store.first else None

    @computed
    def pinned(self) -> list[str]:
        return [n.doc_id for n in self.store.pinned]

    @computed
    def authors(self) -> list[str]:
        return [p.name for p in self.store.authors]

    @computed
    def author(self) -> str | None:
        return self.store.author.name if self.store.author else None


class Play(Played):
    """Writes by id; what the meeting shows."""

    def __init__(self):
        super().__init__(V)

    def __call__(self, **writes):
        return super().__call__({f"{_PLACES[name[0]]}/{name}": f for name, f in writes.items()}).get("v/m1")


_PLACES = {"m": "meetings", "n": "notes", "p": "people"}


def note(day, text="t", author=1, **more):
    author_of = Reference(f"people/p{author}")
    return {"meeting": Reference("meetings/m1"), "day": day, "text": text, "author": author_of, **more}


def pins(*notes):
    return {"day": 1, "pinned": [Reference(f"notes/{n}") for n in notes]}


def start():
    play = Play()
    play(m1=pins("n1", "n2", "n3"), p1={"name": "Ada"}, p2={"name": "Bob"})
    shown = play(n1=note(1), n2=note(2, author=2), n3=note(2, "a", hidden=True))
    assert shown == {
        "shown": ["n1", "n2"],
        "today": ["n1"],
        "newest": ["n2", "n3"],
        "first": "n3",
        "pinned": ["n2", "n1"],
        "authors": ["Ada", "Bob"],
        "author": "Ada",
    }
    return play


def test_a_document_comes_and_goes_as_its_own_condition_says():
    play = start()
    assert play(n1=note(1, hidden=True))["pinned"] == ["n2"]
    assert play(n3=note(2, "a"))["shown"] == ["n2", "n3"]


def test_a_condition_that_compares_follows_both_sides():
    play = start()
    assert play(m1={**pins(), "day": 2})["today"] == ["n2", "n3"]
    assert play(n1=note(2))["today"] == ["n1", "n2", "n3"]


def test_what_falls_out_of_the_first_comes_back():
    play = start()
    assert play(n4=note(9, author=2))["newest"] == ["n4", "n2"]
    assert play(n5=note(8))["authors"] == ["Ada", "Bob"]
    assert play(n4=None)["newest"] == ["n5", "n2"]
    assert play(n5=note(0))["newest"] == ["n2", "n3"]


def test_slots_start_from_the_documents_that_are_held_alone():
    play = start()
    assert play(n4=note(9), n5=note(9))["authors"] == ["Ada"]
    assert play(n6=note(0, "A", author=2))["author"] == "Bob"
    assert play(p2={"name": "Eve"})["author"] == "Eve"


def test_order_is_that_of_firestore_and_ties_are_in_path_order():
    play = start()
    play(n4=note("a"), n5=note(None), n6=note(2.0))
    assert play(n7=note("a"))["newest"] == ["n4", "n7"]


def test_a_condition_that_raises_is_a_dead_letter_of_the_document():
    class S(Store):
        meeting = root(Meeting)
        notes = many(Note, by=Note.meeting, where=lambda note: note.day + 1 > 0)

    play = Flow(plan=_view(S).plan())
    play.write(("meetings/m1", {}), ("notes/n1", note(1)), ("notes/n2", note("x")))
    assert play.table["v/m1"] == {"notes": ["n1"]}
    [letter] = play.letters()
    assert letter.key == "document:notes/n2" and letter.reason.startswith("udf-failed: TypeError")
    play.write(("notes/n2", note(2)))
    assert play.table["v/m1"] == {"notes": ["n1", "n2"]} and play.letters()[-1].cleared


@pytest.mark.parametrize("broken", ["compare", "order"])
def test_what_is_evaluated_in_the_record_fails_as_the_view_does(broken):
    class S(Store):
        meeting = root(Meeting)
        notes = (
            many(Note, by=Note.meeting, where=lambda note, meeting: note.day + meeting.day > 0)
            if broken == "compare"
            else many(Note, by=Note.meeting, order_by=lambda note: note.day + 1)
        )

    play = Flow(plan=_view(S).plan())
    play.write(("meetings/m1", {"day": 1}), ("notes/n1", note(1)), ("notes/n2", note(2)))
    play.write(("notes/n2", note("x")))
    assert play.table["v/m1"] == {"notes": ["n1", "n2"]}
    assert [d.key for d in play.letters()] == ["view:V:meetings/m1"]
    play.write(("notes/n2", None))
    assert play.table["v/m1"] == {"notes": ["n1"]} and play.letters()[-1].cleared


def _view(store):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        @computed
        def notes(self) -> list:
            return [n.doc_id for n in self.store.notes]

    V.__annotations__["store"] = store
    return V


def test_a_plan_carries_them_by_import_path():
    plan = plan_views(V)
    assert from_json(to_json(plan)) == plan and not_portable(plan) == []
    found = {s.name: s for s in from_json(to_json(plan)).view("V").slots}
    assert found["shown"].where.resolve()("notes/n1", {"hidden": True}) is False
    assert found["today"].compare.resolve()("notes/n1", {"day": 3}, "meetings/m1", {"day": 3}) is True
    assert found["first"].order.code.resolve()("notes/n1", {"text": "a", "day": 3}) == ["a", 3]
    assert (found["newest"].limit, found["first"].limit, found["shown"].limit) == (2, 1, None)


def test_a_condition_of_this_process_alone_cannot_travel():
    class S(Store):
        meeting = root(Meeting)
        notes = many(Note, by=Note.meeting, where=lambda note: note.hidden)

    plan = plan_views(_view(S))
    assert any("S.notes.passes" in path for path in not_portable(plan))
    with pytest.raises(EngineError):
        to_json(plan)


def test_explain_says_them():
    text = explain_text(plan_views(V))
    assert ".newest.order descending, limit 2; O(n) when meeting comes or goes\n" in text
    assert ", where tests.model.test_selection:NoteStore.today.compares; O(n)" in text
    slots = json.loads(explain_json(plan_views(V)))["views"][0]["slots"]
    assert slots[1]["reached"].endswith("where tests.model.test_selection:NoteStore.shown.passes")


def test_a_slot_of_one_without_an_order_or_others_behind_it_is_left_alone():
    class S(Store):
        note = root(Note)
        author = one(Person, via=Note.author)

    assert compile_slots(S, None)[1].limit is None
