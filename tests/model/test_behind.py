"""Setters that set what another view computes, by its own setters, in the documents behind it."""

from __future__ import annotations

import pytest

from onto_flow import (
    DomainModel,
    Reference,
    Store,
    ViewModel,
    attrs,
    computed,
    many,
    one,
    operator,
    plan_views,
    root,
)
from onto_flow.core.errors import DataError, DeclarationError, EngineError
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase


class Room(DomainModel):
    class Meta:
        collection_name = "rooms"

    floor: int = attrs.int
    busy: bool = attrs.bool(default=False)


class Talk(DomainModel):
    class Meta:
        collection_name = "talks"

    status: str = attrs.str
    title: str = attrs.str
    room = attrs.relation(Room)
    day = attrs.relation("Day")


class TalkStore(Store):
    talk = root(Talk)
    room = one(Room, via=Talk.room)


class Day(DomainModel):
    class Meta:
        collection_name = "days"

    note: str = attrs.str


class Session(ViewModel):
    class Meta:
        collection_name = "sessions"

    store: TalkStore

    @computed
    def open(self) -> bool:
        return self.store.talk.status == "open"

    @open.setter
    def open(self, value: bool) -> None:
        self.store.talk.status = "open" if value else "closed"
        if self.store.room is not None:
            self.store.room.busy = value

    @computed
    def floor(self) -> int | None:
        return self.store.room.floor if self.store.room else None

    @computed
    def day(self) -> Reference[Day] | None:
        return self.store.talk.day

    @computed
    def talk(self) -> Reference[Talk]:
        return Reference(self.store.talk.path)

    @talk.setter
    def talk(self, value: Reference[Talk]) -> None:
        self.store.talk.title = value.path


class DayStore(Store):
    day = root(Day)
    sessions = many(Session, by=Session.day)


class DayPage(ViewModel):
    class Meta:
        collection_name = "dayPages"

    store: DayStore

    @computed
    def open(self) -> int:
        return sum(session.open for session in self.store.sessions)

    @open.setter
    def open(self, value: bool) -> None:
        self.store.day.note = "opened" if value else "closed"
        for session in self.store.sessions:
            session.open = value


class BoardStore(Store):
    page = root(DayPage)


class Board(ViewModel):
    class Meta:
        collection_name = "boards"

    store: BoardStore

    @computed
    def open(self) -> int:
        return self.store.page.open

    @open.setter
    def open(self, value: bool) -> None:
        self.store.page.open = value


DOCUMENTS = {
    "rooms/r1": {"floor": 3},
    "talks/t1": {"status": "closed", "title": "Looms", "room": Reference("rooms/r1"), "day": Reference("days/d1")},
    "talks/t2": {"status": "open", "day": Reference("days/d1")},
    "sessions/t1": {"open": False, "floor": 3, "talk": Reference("talks/t1"), "day": Reference("days/d1")},
    "sessions/t2": {"open": True, "floor": None, "talk": Reference("talks/t2"), "day": Reference("days/d1")},
    "sessions/gone": {"open": True, "floor": None, "talk": Reference("talks/gone"), "day": Reference("days/d2")},
    "days/d1": {},
    "days/d2": {},
    "dayPages/d1": {"open": 1},
}


@pytest.fixture
def database(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off") as found:
        found.commit([Write(path, fields) for path, fields in DOCUMENTS.items()])
        yield found


def written(view):
    return {w.path: w.fields for w in view.writes()}


def test_plans_take_setters_that_lead_to_one_root():
    assert [v.name for v in plan_views(Session, DayPage, Board).views] == ["Session", "DayPage", "Board"]


def test_what_is_set_is_set_in_the_documents_behind_and_is_seen_at_once(database):
    page = DayPage.get("d1", database=database)
    assert page.open == 1 and page.writes() == ()
    page.open = True
    assert page.open == 2
    assert written(page) == {
        "days/d1": {"note": "opened"},
        "rooms/r1": {"busy": True},
        "talks/t1": {"status": "open"},
    }
    assert all(w.precondition.update_time is not None for w in page.writes())
    page.save(database=database)
    assert database.get("talks/t1").fields["status"] == "open" and database.get("rooms/r1").fields["busy"] is True
    assert dict(database.get("sessions/t1").fields) == DOCUMENTS["sessions/t1"], "the view table is the engine's"


def test_views_behind_views_behind_are_reached(database):
    board = Board.get("d1", database=database)
    board.open = False
    assert board.open == 0
    assert written(board) == {
        "days/d1": {"note": "closed"},
        "rooms/r1": {"busy": False},
        "talks/t2": {"status": "closed"},
    }


def test_a_document_behind_that_was_written_meanwhile_stops_the_commit(database):
    page = DayPage.get("d1", database=database)
    page.open = True
    database.commit([Write.update("talks/t1", {"title": "Cards"})])
    with pytest.raises(EngineError, match="precondition-failed") as caught:
        page.save(database=database)
    assert caught.value.code == "precondition-failed" and database.get("rooms/r1").fields == {"floor": 3}


def test_relations_are_set_by_their_setters_too(database):
    page = DayPage.get("d1", database=database)
    [session] = [s for s in page.store.sessions if s.doc_id == "t2"]
    session.talk = Reference("talks/other")
    assert written(page) == {"talks/t2": {"title": "talks/other"}}
    with pytest.raises(AttributeError, match=r"Session\.floor has no setter"):
        session.floor = 4


def test_without_the_documents_behind_nothing_is_set(database):
    gone = DayPage.get("d2", database=database)
    by_hand = DayPage(DayStore({"day": [("days/d", {})], "sessions": [("sessions/t1", {"open": True})]}))
    for page in (gone, by_hand):
        with pytest.raises(DataError, match=r"Session\.open cannot be set") as caught:
            page.open = True
        assert "read by get(...)" in caught.value.fix


class PerFloor(ViewModel):
    class Meta:
        collection_name = "perFloor"

    store: TalkStore

    @operator.key
    @classmethod
    def floor(cls, room: Room) -> int | None:
        return room.floor if room else None


class ByTitle(ViewModel):
    class Meta:
        collection_name = "byTitle"

    store: TalkStore

    @property
    def doc_ref(self) -> Reference[object]:
        return Reference(f"byTitle/{self.store.talk.title}")

    @computed
    def open(self) -> bool:
        return self.store.talk.status == "open"

    @open.setter
    def open(self, value: bool) -> None:
        self.store.talk.status = "open"


class Remark(DomainModel):
    class Meta:
        collection_group = "remarks"

    text: str = attrs.str


class RemarkStore(Store):
    remark = root(Remark)


class RemarkCard(ViewModel):
    class Meta:
        collection_name = "remarkCards"

    store: RemarkStore

    @computed
    def open(self) -> str:
        return self.store.remark.text

    @open.setter
    def open(self, value: str) -> None:
        self.store.remark.text = value


def nothing(self) -> int:
    return 0


def sets_floor(self, value: int) -> None:
    self.store.other.floor = value


def sets_open(self, value: bool) -> None:
    self.store.other.open = value


@pytest.mark.parametrize(
    ("behind", "setter", "why"),
    [
        (PerFloor, sets_floor, "floor, which PerFloor computes: a document of PerFloor is a group, which many roots"),
        (ByTitle, sets_open, r"open, which ByTitle computes: ByTitle\.doc_ref says where its documents lie"),
        (RemarkCard, sets_open, "open, which RemarkCard computes: the roots of RemarkCard lie in several collections"),
    ],
)
def test_what_does_not_lead_to_one_root_is_not_set_and_why_is_said(behind, setter, why):
    class OtherStore(Store):
        other = root(behind)

    class Other(ViewModel):
        class Meta:
            collection_name = "others"

        store: OtherStore
        number = computed(nothing).setter(setter)

    with pytest.raises(DeclarationError, match=f"the setter of Other.number sets other.{why}") as caught:
        plan_views(behind, Other)
    assert f"def {setter.__name__}" in caught.value.where
