"""What setters change becomes writes; what ends as it began does not."""

from datetime import datetime, timezone

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, attrs, computed, many, one, root
from onto_flow.core.errors import DataError
from onto_flow.core.transforms import DELETE, SERVER_TIME, Increment
from onto_flow.core.writes import Write, apply
from onto_flow.model.writes import changes_of, write_of

NOON = datetime(2024, 5, 1, 12, tzinfo=timezone.utc)


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    label: str = attrs.str


class Player(DomainModel):
    class Meta:
        collection_name = "players"

    nick_name: str = attrs.str
    score: int = attrs.int(default=0)
    tags: list[str] = attrs.list
    extra: dict[str, int] = attrs.map
    team = attrs.relation(Team)
    friends = attrs.relations("Player")


class PlayerStore(Store):
    player = root(Player)
    team = one(Team, via=Player.team)
    friends = many(Player, via=Player.friends)


class Card(ViewModel):
    class Meta:
        collection_name = "cards"

    store: PlayerStore

    @computed
    def name(self) -> str:
        return self.store.player.nick_name

    @name.setter
    def name(self, value: str) -> None:
        self.store.player.nick_name = value

    @computed
    def team(self) -> str | None:
        return self.store.team and self.store.team.label

    @team.setter
    def team(self, value: str) -> None:
        assert self.store.team is not None
        self.store.team.label = value


def player(**fields):
    return Player("players/p1", fields, writable=True)


def card(fields=None, update_times=None):
    members = {
        "player": [("players/p1", fields or {"nickName": "Ada"})],
        "team": [("teams/t1", {"label": "Red"})],
        "friends": [("players/p1", fields or {"nickName": "Ada"}), ("players/p2", {"nickName": "Bob"})],
    }
    return Card(PlayerStore(members, update_times=update_times))


def test_setters_of_a_view_become_writes_of_the_documents():
    shown = card(update_times={"teams/t1": NOON})
    shown.name, shown.team = "Grace", "Blue"
    assert shown.writes() == (
        Write.update("players/p1", {"nickName": "Grace"}),
        Write.update("teams/t1", {"label": "Blue"}, update_time=NOON),
    )
    assert shown.name == "Grace", "the view shows at once what it will be"


def test_what_ends_as_it_began_is_not_written():
    shown = card()
    shown.name = "Grace"
    shown.name = "Ada"
    assert shown.writes() == ()
    assert card().writes() == ()


def test_every_kind_of_change_is_one_patch():
    ada = player(nickName="Ada", score=3, tags=["a"], extra={"x": 1}, other="kept")
    ada.score = 4
    ada.tags.append("b")
    del ada.extra
    ada.team = Team("teams/t2", {})
    ada.friends = [Reference("players/p2"), Player("players/p3", {})]
    changes = {
        "score": 4,
        "tags": ["a", "b"],
        "extra": DELETE,
        "team": Reference("teams/t2"),
        "friends": [Reference("players/p2"), Reference("players/p3")],
    }
    write = write_of(ada)
    assert write == Write.update("players/p1", changes)
    assert apply(write, ada._fields, NOON) == {
        "nickName": "Ada",
        "score": 4,
        "tags": ["a", "b"],
        "other": "kept",
        "team": Reference("teams/t2"),
        "friends": [Reference("players/p2"), Reference("players/p3")],
    }


def test_a_deleted_attribute_reads_as_its_default():
    ada = player(score=3)
    del ada.score
    assert ada.score == 0 and changes_of(ada) == {"score": DELETE}
    missing = player()
    del missing.score
    assert changes_of(missing) == {}


def test_looking_at_a_list_changes_nothing():
    ada = player(tags=["b", "a"])
    assert sorted(ada.tags) == ["a", "b"] and ada.friends == []
    assert changes_of(ada) == {}


def test_transforms_go_along():
    ada = player(score=3)
    ada.score = Increment(1)
    ada.nick_name = SERVER_TIME
    assert write_of(ada).transforms == ((("score",), Increment(1)), (("nickName",), SERVER_TIME))


def test_one_is_not_one_point_zero():
    ada = player(score=1)
    ada.score = 1.0
    assert changes_of(ada) == {"score": 1.0}


def test_two_slots_that_hold_one_document_must_agree():
    shown = card()
    shown.store.player.nick_name = "Grace"
    friend = shown.store.friends["players/p1"]
    friend.nick_name = "Grace"
    assert shown.writes() == (Write.update("players/p1", {"nickName": "Grace"}),)
    friend.nick_name = "Eve"
    with pytest.raises(DataError, match="nickName was set to 'Grace' in one slot and to 'Eve' in another"):
        shown.writes()


def test_what_firestore_refuses_is_told_with_the_attribute():
    ada = player()
    ada.tags = [["a"]]
    with pytest.raises(DataError, match=r"Player\.tags: an array in an array"):
        changes_of(ada)
