"""Where view documents go: several paths, owners, rows, and parts of keys; on a flow, against the oracle."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, computed, operator, root, udf
from tests.model.played import Played


class Meeting(DomainModel):
    class Meta:
        collection_name = "meetings"

    room: str = attrs.str
    guests: list = attrs.list(default=[])
    title: str = attrs.str


class MeetingStore(Store):
    meeting = root(Meeting)


class Rooms(ViewModel):
    class Meta:
        collection_name = "rooms"

    store: MeetingStore

    @computed
    def title(self) -> str:
        return self.store.meeting.title

    @property
    def doc_ref(self) -> Reference[object] | None:
        room = self.store.meeting.room
        return Reference(f"rooms/{room}") if room else None


class Inboxes(ViewModel):
    class Meta:
        collection_name = "inboxes"

    store: MeetingStore

    @computed
    def title(self) -> str:
        return self.store.meeting.title

    @property
    def view_refs(self) -> list[str]:
        return [f"users/{g}/inbox/{self.store.meeting.doc_id}" for g in self.store.meeting.guests]


class Rows(ViewModel):
    class Meta:
        collection_name = "rows"

    store: MeetingStore

    @operator.expand
    @classmethod
    def guest(cls, meeting: Meeting) -> Iterable[str]:
        return meeting.guests

    @udf
    @staticmethod
    def label(guest: str, meeting: Meeting) -> str:
        return f"{guest} in {meeting.room}"


class Place(NamedTuple):
    room: str
    guest: str


class Visits(ViewModel):
    class Meta:
        collection_name = "visits"

    store: MeetingStore

    @operator.expand
    @classmethod
    def who(cls, meeting: Meeting) -> Iterable[str]:
        return meeting.guests

    @operator.key
    @classmethod
    def place(cls, meeting: Meeting, who: str) -> Place | None:
        return Place(meeting.room, who) if meeting.room else None

    @udf
    @staticmethod
    def label(room: str, guest: str, times: int) -> str:
        return f"{guest} {times} times in {room}"

    times = agg.count()


def meeting(title, room=None, *guests):
    return {"title": title, "room": room, "guests": list(guests)}


def test_the_smallest_root_owns_a_path_and_what_another_takes_back_deletes_nothing():
    play = Played(Rooms)
    assert play({"meetings/b": meeting("B", "r1")}) == {"rooms/r1": {"title": "B"}}
    assert play({"meetings/a": meeting("A", "r1")}) == {"rooms/r1": {"title": "A"}}
    assert [d.key for d in play.letters] == ["view:Rooms:rooms/r1"]
    assert play({"meetings/b": meeting("B", "r2")}) == {"rooms/r1": {"title": "A"}, "rooms/r2": {"title": "B"}}
    assert play.letters[-1].cleared
    play({"meetings/b": meeting("B", "r1")})
    assert play({"meetings/b": None}) == {"rooms/r1": {"title": "A"}}
    assert play({"meetings/a": meeting("A")}) == {}


def test_a_document_lies_at_several_paths_and_moves_with_them():
    play = Played(Inboxes)
    shown = play({"meetings/a": meeting("A", None, "ada", "bob", "ada")})
    assert shown == {"users/ada/inbox/a": {"title": "A"}, "users/bob/inbox/a": {"title": "A"}}
    play({"meetings/a": meeting("A", None, "bob", "eve")})
    assert {(c.path, c.new is None) for c in play.last} == {("users/ada/inbox/a", True), ("users/eve/inbox/a", False)}


def test_only_rows_that_changed_travel():
    play = Played(Rows)
    play({"meetings/a": meeting("A", "r1", "ada", "bob")})
    assert len(play.last) == 2
    play({"meetings/a": meeting("other title", "r1", "ada", "bob")})
    assert play.last == []
    play({"meetings/a": meeting("A", "r1", "bob", "eve")})
    assert {(c.path, c.old is None, c.new is None) for c in play.last} == {
        ("rows/a|ada", False, True),
        ("rows/a|eve", True, False),
    }


def test_parts_of_a_key_are_attributes_and_none_is_no_document():
    play = Played(Visits)
    play({"meetings/a": meeting("A", "r1", "ada", "ada"), "meetings/b": meeting("B", None, "bob")})
    assert play({}) == {"visits/r1|ada": {"room": "r1", "guest": "ada", "label": "ada 2 times in r1", "times": 2}}
    assert play({"meetings/a": meeting("A", "r2", "ada")})["visits/r2|ada"]["label"] == "ada 1 times in r2"
