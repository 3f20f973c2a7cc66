"""What has to be done where a job runs an older version of the views."""

from __future__ import annotations

import json
import sys
import textwrap

import pytest

from onto_flow.cli import main

VIEWS = """
from onto_flow import DomainModel, Store, ViewModel, agg, attrs, computed, many, one, operator, root

class Team(DomainModel):
    class Meta:
        collection_name = "teams"
    name: str = attrs.str
    city: str = attrs.str

class Player(DomainModel):
    class Meta:
        collection_name = "players"
    name: str = attrs.str
    age: int = attrs.int
    team = attrs.relation(Team)

class PlayerStore(Store):
    player = root(Player)
    team = one(Team, via=Player.team)

class PlayerPage(ViewModel):
    class Meta:
        collection_name = "playerPages"
    store: PlayerStore

    @computed
    def title(self) -> str:
        return f"{self.store.player.name} {self.store.team.name if self.store.team else '-'}"

class TeamAges(ViewModel):
    class Meta:
        collection_name = "teamAges"
    store: PlayerStore

    @operator.key
    @classmethod
    def team_name(cls, team: Team | None) -> str:
        return team.name if team else "-"

    oldest = agg.max(lambda player: player.age)
"""


@pytest.fixture
def answer(tmp_path, capsys):
    """(old source, new source) -> what explain says of the difference."""
    number = 0

    def explained(source, *more):
        nonlocal number
        number += 1
        file = tmp_path / f"views{number}" / "players_views.py"
        file.parent.mkdir()
        file.write_text(textwrap.dedent(source))
        sys.modules.pop("players_views", None)
        assert main(["explain", str(file), "--format", "json", *more]) == 0
        return capsys.readouterr().out

    def answered(old, new):
        kept = tmp_path / "old.json"
        kept.write_text(explained(old))
        return json.loads(explained(new, "--against", str(kept)))

    yield answered
    sys.modules.pop("players_views", None)


def reasons(said, kind):
    return [reason for answer, reason in said["reasons"] if answer == kind]


def test_the_same_views(answer):
    commented = VIEWS.replace("class PlayerPage", "# a comment\nclass PlayerPage")
    assert answer(VIEWS, commented) == {"answer": "same", "reasons": [], "names": {}}


def test_a_view_that_was_renamed_keeps_its_state(answer):
    said = answer(VIEWS, VIEWS.replace("TeamAges", "AgesOfTeams"))
    assert said["answer"] == "update"
    assert reasons(said, "update") == ["TeamAges is named AgesOfTeams now"]
    assert said["names"] == {
        f"TeamAges.{kind}": f"AgesOfTeams.{kind}" for kind in ("match.team", "assemble", "aggregate")
    }


def test_a_view_that_is_gone(answer):
    said = answer(VIEWS, VIEWS[: VIEWS.index("class TeamAges")])
    assert said["answer"] == "update"
    assert set(said["names"].values()) == {""}
    assert len(said["names"]) == 3


def test_a_view_that_is_new_has_no_state(answer):
    said = answer(VIEWS[: VIEWS.index("class TeamAges")], VIEWS)
    assert said["answer"] == "rebuild"
    assert "TeamAges is new: its state would begin without the documents that there are" in reasons(said, "rebuild")


@pytest.mark.parametrize(
    ("old", "new", "said_of"),
    [
        ("{self.store.player.name} {", "{self.store.player.name}, {", "PlayerPage: title was changed"),
        ("agg.max", "agg.min", "TeamAges: its slots, keys or accumulators were changed"),
        ("via=Player.team)", "via=Player.team, required=True)", "PlayerPage: its slots, keys or accumulators"),
        ('"playerPages"', '"pages"', "PlayerPage: it writes pages/"),
        ("player.age", "player.age + 1", "TeamAges: oldest was changed"),
    ],
)
def test_what_the_views_say_differs(old, new, said_of, answer):
    assert old in VIEWS
    said = answer(VIEWS, VIEWS.replace(old, new))
    assert said["answer"] == "rebuild"
    assert any(reason.startswith(said_of) for reason in reasons(said, "rebuild")), said


def test_fields_that_are_read_now_are_not_in_the_state(answer):
    said = answer(
        VIEWS, VIEWS.replace("    city: str = attrs.str\n", "    city: str = attrs.str\n    motto: str = attrs.str\n")
    )
    assert reasons(said, "replace") == ["teams: motto is read now, and not in the state"]


def test_a_file_that_is_no_plan_is_refused(tmp_path, capsys):
    old = tmp_path / "old.json"
    old.write_text('{"views": []}')
    arguments = ["explain", "onto_flow.demo.meeting_room:MeetingSession", "--against", str(old)]
    assert main(arguments) == 2
    assert "cannot be compared" in capsys.readouterr().err
    assert main([*arguments[:-1], str(tmp_path / "none.json")]) == 2
    assert main([*arguments, "--format", "mermaid"]) == 2
