"""The laws on views that people wrote: the meeting room and movielens, on the local flow and on the shuffling engine."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Any

import pytest

from onto_flow import plan_views
from onto_flow.core.values import Document, Reference
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.plan.nodes import Plan
from onto_flow.testing import simulation
from onto_flow.testing.histories import START, TICK, Commit, History
from onto_flow.testing.simulation import MODES, Setting
from tests.laws import local
from udfs.movielens import GenreStats, YearStats


@dataclass(frozen=True)
class Case:
    """A plan and a history, as the engines of the tests take them."""

    plan: Plan
    history: History


def reference(random: Random, collection: str, count: int) -> Any:
    return random.choice([Reference(f"{collection}/{random.randint(1, count)}"), None, Reference("users/never")])


def room_document(random: Random, path: str) -> Document:
    if path.startswith("users/"):
        name = random.choice(["Ada", "Bob", "Eve"])
        return {
            "firstName": name,
            "lastName": name[::-1],
            "organization": random.choice("AB"),
            "hearingAidRequested": name == "Bob",
        }
    if path.startswith("tickets/"):
        return {
            "role": random.choice(["guest", "host"]),
            "attendance": random.random() < 0.6,
            "user": reference(random, "users", 3),
        }
    if path.startswith("locations/"):
        return {"name": random.choice(["Attic", "Cellar"]), "seats": random.randint(1, 9)}
    tickets = [reference(random, "tickets", 4) for _ in range(random.randint(0, 4))]
    status = random.choice(["in-session", "in-session", "closed", "not-started"])
    return {"status": status, "tickets": tickets, "location": reference(random, "locations", 2)}


def movie(random: Random, path: str) -> Document:
    votes, genres = random.choice([0, 10, 50, 60]), random.sample(["Drama", "Comedy", "War"], random.randint(0, 3))
    rated = {"ratings": votes, "total_rating": votes * 3.1, "avg_rating": random.choice([3.1, 4.5])} if votes else {}
    return {"title": path, "year": random.choice(["1999", "2000"]), "genres": genres, **rated}


ROOM = (
    plan_views(MeetingSession, OrganizationLoad),
    [
        *(f"users/{n}" for n in (1, 2, 3)),
        *(f"tickets/{n}" for n in (1, 2, 3, 4)),
        *(f"meetings/{n}" for n in (1, 2)),
        "locations/1",
        "locations/2",
    ],
    room_document,
)
MOVIES = (plan_views(GenreStats, YearStats), [f"movies/{n}" for n in range(1, 7)], movie)


def random_case(random: Random, world: Any, most: int = 40) -> Case:
    plan, paths, make = world
    commits: list[Commit] = []
    alive: set[str] = set()
    for at in range(random.randint(8, most)):
        path = random.choice(paths)
        fields = None if path in alive and random.random() < 0.2 else make(random, path)
        (alive.discard if fields is None else alive.add)(path)
        commits.append(Commit(path, fields, START + TICK * at))
    exported = random.randrange(len(commits) + 1)
    snapshot = commits[exported - 1].time if exported else None
    return Case(plan, History(tuple(commits), exported, snapshot, random.random() < 0.2))


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("world", [ROOM, MOVIES], ids=["room", "movies"])
def test_local_tables_are_the_recomputed_ones(world: Any, seed: int):
    random = Random(seed)
    assert list(local.complaints(random_case(random, world), random)) == []


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("mode", sorted(set(MODES)))
@pytest.mark.parametrize("world", [ROOM, MOVIES], ids=["room", "movies"])
def test_the_shuffling_engine_keeps_the_laws(world: Any, mode: str, seed: int):
    random = Random(seed)
    case = random_case(random, world, most=16)
    assert simulation.complaints(case, Setting(mode, page=random.choice((0, 0, 1))), random) == []
