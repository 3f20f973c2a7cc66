"""The document above as a relation, phantom roots, and starts that are named: what views show."""

from __future__ import annotations

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, attrs, computed, is_missing, many, one, plan_views, root
from onto_flow.core.errors import DataError, DeclarationError
from onto_flow.plan.explain import explain_text
from onto_flow.plan.wire import from_json, to_json
from tests.model.played import Played


class Team(DomainModel):
    class Meta:
        collection_name = "teams"

    name: str = attrs.str


class Project(DomainModel):
    class Meta:
        path = "teams/{team}/projects/{project}"

    title: str = attrs.str(default="untitled")
    of_team = attrs.parent(Team)


class Task(DomainModel):
    class Meta:
        path = "teams/{team}/projects/{project}/tasks/{task}"

    hours: int = attrs.int
    done: bool = attrs.bool
    project_of = attrs.parent(Project)
    team_of = attrs.parent("Team")


class Note(DomainModel):
    class Meta:
        collection_name = "notes"

    about: str = attrs.str


class ProjectStore(Store):
    project = root(Project, phantom=True)
    team = one(Team, via=Project.of_team)
    tasks = many(Task, by=Task.project_of, where=lambda task: not task.done)
    notes = many(Note, on=(Project.doc_id, Note.about))


class V(ViewModel):
    class Meta:
        collection_name = "v"

    store: ProjectStore

    @computed
    def title(self) -> str:
        return self.store.project.title

    @computed
    def missing(self) -> bool:
        return is_missing(self.store.project, "title")

    @computed
    def team(self) -> str | None:
        return self.store.team.name if self.store.team else None

    @computed
    def hours(self) -> int:
        return sum(t.hours for t in self.store.tasks)

    @computed
    def notes(self) -> int:
        return len(self.store.notes)


TASK = "teams/t/projects/p/tasks/"


def test_the_document_above_is_read_off_the_path():
    task = Task(f"{TASK}1", {"hours": 2})
    assert task.project_of == Reference("teams/t/projects/p") and task.team_of == Reference("teams/t")
    with pytest.raises(DataError, match="cannot be set"):
        task.project_of = Reference("teams/x/projects/p")
    assert Task._attributes.keys() == {"hours", "done"}


def test_a_phantom_shows_while_something_lies_below_it():
    play = Played(V)
    shown = play({f"{TASK}1": {"hours": 2}, "teams/t": {"name": "Blue"}, "notes/n1": {"about": "p"}})
    assert shown == {"v/t|p": {"title": "untitled", "missing": True, "team": "Blue", "hours": 2, "notes": 1}}
    assert play({f"{TASK}2": {"hours": 3}})["v/t|p"]["hours"] == 5
    assert play({"teams/t": {"name": "Red"}})["v/t|p"]["team"] == "Red"
    assert play({"teams/t/projects/p": {"title": "Boat"}})["v/t|p"]["missing"] is False
    assert play({f"{TASK}1": None, f"{TASK}2": None})["v/t|p"]["hours"] == 0
    assert play({"teams/t/projects/p": None}) == {}
    assert play({"notes/n1": {"about": "p", "x": 1}}) == {}
    assert play({f"{TASK}3": {"hours": 1, "done": True}}) == {}
    assert play({f"{TASK}3": {"hours": 1}})["v/t|p"]["notes"] == 1
    assert play({f"{TASK}3": {"hours": 1, "done": True}}) == {}


class TaskStore(Store):
    task = root(Task)
    project = one(Project, via=(task, Task.project_of))
    team = one(Team, via=(task, Task.team_of), required=True)
    siblings = many(Task, by=(project, Task.project_of))


class Siblings(ViewModel):
    class Meta:
        collection_name = "siblings"

    store: TaskStore

    @computed
    def project(self) -> str | None:
        return self.store.project.title if self.store.project else None

    @computed
    def siblings(self) -> list[str]:
        return [t.doc_id for t in self.store.siblings]


def test_parents_are_reached_from_below_and_children_from_there():
    play = Played(Siblings)
    play({f"{TASK}1": {}, f"{TASK}2": {}, "teams/t": {}})
    assert play({"teams/t/projects/p": {"title": "Boat"}})["siblings/t|p|1"] == {
        "project": "Boat",
        "siblings": ["1", "2"],
    }
    assert play({"teams/t/projects/p": None})["siblings/t|p|2"] == {"project": None, "siblings": []}
    assert play({"teams/t": None}) == {}


def test_a_plan_says_and_carries_it():
    plan = plan_views(V, Siblings)
    assert from_json(to_json(plan)) == plan
    text = explain_text(plan)
    assert "project: root, also where it does not exist of teams/{team}/projects" in text
    assert "team: one of teams  via project.{the document above}" in text


def test_a_parent_that_is_never_above_is_refused():
    class Odd(DomainModel):
        class Meta:
            collection_name = "odd"

        team = attrs.parent(Team)

    class S(Store):
        odd = root(Odd)
        team = one(Team, via=Odd.team)

    with pytest.raises(DeclarationError, match=r"Odd.team: no Team \(teams\) lies above odd") as caught:
        plan_views(_view(S))
    assert caught.value.where.endswith("team = attrs.parent(Team)")


def test_a_phantom_without_anything_below_is_refused():
    class S(Store):
        project = root(Project, phantom=True)

    with pytest.raises(DeclarationError, match="no slot holds what lies below Project") as caught:
        plan_views(_view(S))
    assert caught.value.where.endswith("project = root(Project, phantom=True)")


def _view(store):
    class V(ViewModel):
        class Meta:
            collection_name = "v"

        @computed
        def a(self) -> int:
            return 1

    V.__annotations__["store"] = store
    return V


class Club(DomainModel):
    class Meta:
        collection_name = "clubs"

    coach = attrs.relation("Person")


class Person(DomainModel):
    class Meta:
        collection_name = "people"

    name: str = attrs.str
    mentor = attrs.relation("Person")


class Game(DomainModel):
    class Meta:
        collection_name = "games"

    home = attrs.relation(Club)
    away = attrs.relation(Club)


class GameStore(Store):
    game = root(Game)
    home = one(Club, via=Game.home)
    away = one(Club, via=Game.away)
    home_coach = one(Person, via=(home, Club.coach))
    away_coach = one(Person, via=(away, Club.coach))
    mentors = many(Person, via=(away_coach, Person.mentor))


class GamePage(ViewModel):
    class Meta:
        collection_name = "gamePages"

    store: GameStore

    @computed
    def coaches(self) -> list[str]:
        return [c.name for c in (self.store.home_coach, self.store.away_coach) if c]

    @computed
    def mentors(self) -> list[str]:
        return [m.name for m in self.store.mentors]


def test_a_slot_names_where_it_starts_where_several_hold_a_class():
    play = Played(GamePage)
    people = {"a": Reference("people/a"), "b": Reference("people/b")}
    play({"people/a": {"name": "Ann"}, "people/b": {"name": "Bea", "mentor": people["a"]}})
    play({"clubs/x": {"coach": people["a"]}, "clubs/y": {"coach": people["b"]}})
    game = {"home": Reference("clubs/x"), "away": Reference("clubs/y")}
    assert play({"games/g": game})["gamePages/g"] == {"coaches": ["Ann", "Bea"], "mentors": ["Ann"]}
    game = {"home": Reference("clubs/y"), "away": Reference("clubs/x")}
    assert play({"games/g": game})["gamePages/g"] == {"coaches": ["Bea", "Ann"], "mentors": []}
    assert play({"clubs/y": {"coach": people["a"]}})["gamePages/g"]["coaches"] == ["Ann", "Ann"]


def test_a_slot_may_be_named_self():
    class S(Store):
        self = root(Person)

    class W(ViewModel):
        class Meta:
            collection_name = "w"

        store: S

        @computed
        def name(self) -> str:
            return self.store.self.name

    W.__annotations__["store"] = S
    assert Played(W)({"people/a": {"name": "Ann"}}) == {"w/a": {"name": "Ann"}}
