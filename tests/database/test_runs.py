"""Views over an embedded database: source, feed and sink of one job."""

from __future__ import annotations

import random
import threading

import pytest

from onto_flow.core.equality import same
from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.model.compile import plan_views
from onto_flow.run import start
from onto_flow.sources.sqlite import SqliteDocuments
from onto_flow.testing.oracle import recompute

VIEWS = (MeetingSession, OrganizationLoad)
NEW = {"firstName": "X", "lastName": "Y", "organization": "Z", "hearingAidRequested": True}
COLLECTIONS = {"MeetingSession": "meetingSessions", "OrganizationLoad": "organizationLoad"}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.sqlite"


@pytest.fixture
def database(file):
    with EmbeddedDatabase(file, synchronous="off") as database:
        database.commit([Write.set(path, fields) for path, fields in data.documents().items()])
        yield database


def change_something(database, chance):
    """A few commits such as an application makes them."""
    for _ in range(chance.randint(1, 4)):
        ticket, user = f"tickets/t{chance.randint(1, 7)}", chance.choice(("users/ada", "users/alan", "users/grace"))
        meeting = f"meetings/{chance.choice(('standup', 'retro', 'planning'))}"
        database.commit(
            chance.choice(
                (
                    [Write.merge(ticket, {"attendance": chance.random() < 0.5, "role": "guest"})],
                    [Write.delete(ticket)],
                    [
                        Write.merge(user, {"lastName": f"L{chance.randint(0, 9)}"}),
                        Write.merge(meeting, {"status": "in-session"}),
                    ],
                    [Write.delete(user)],
                    [Write.delete(user), Write.set(user, NEW)],
                    [Write.merge(meeting, {"status": chance.choice(("not-started", "closed"))})],
                )
            )
        )


def documents(database):
    wanted = ("users", "tickets", "meetings", "locations")
    return {s.path: s.fields for name in wanted for s in database.query(Query.of(name))}


def tables(database):
    return {view: {s.path: s.fields for s in database.query(Query.of(name))} for view, name in COLLECTIONS.items()}


@pytest.mark.parametrize("seed", range(4))
def test_a_job_on_a_database_ends_as_the_views_of_its_documents(file, database, seed, tmp_path):
    chance = random.Random(seed)
    change_something(database, chance)
    source = SqliteDocuments(file)
    change_something(database, chance)
    sink = f"sqlite:{file if seed % 2 else tmp_path / 'views.sqlite'}?synchronous=off"
    start(VIEWS, source=source, feed=f"sqlite:{file}?until_now=true", sink=sink)
    expected = recompute(plan_views(*VIEWS), documents(database))
    with EmbeddedDatabase(sink[7:].partition("?")[0], create=False) as kept:
        found = tables(kept)
    for view, table in expected.items():
        assert found[view].keys() == table.keys()
        assert all(same(found[view][path], document) for path, document in table.items())


def test_a_job_follows_the_database_until_it_is_stopped(file, database):
    """Views in the same database: a front end listens to them, and its application writes documents."""
    stop = threading.Event()
    threads = []

    def run():
        start(
            [MeetingSession],
            source=f"sqlite:{file}",
            feed=f"sqlite:{file}",
            sink=f"sqlite:{file}?synchronous=off",
            publish_every=0.05,
            on_sink=lambda job: threads.append(threading.Thread(target=lambda: (stop.wait(), job.stop.set()))),
        )

    listener = database.listen("meetingSessions/standup")
    worker = threading.Thread(target=run)
    worker.start()
    try:
        before = listener.next(20)
        while not before.documents[0].exists:
            before = listener.next(20)
        threads[0].start()
        assert len(before.documents[0].fields["attending"]) == 2
        database.commit([Write.update("tickets/t3", {"attendance": True})])
        after = listener.next(20)
        assert len(after.documents[0].fields["attending"]) == 3
    finally:
        stop.set()
        worker.join(20)
        listener.close()
    assert not worker.is_alive()


def test_a_job_that_begins_again_misses_nothing_that_was_written_meanwhile(file, database, tmp_path):
    """Also where it had seen no change before it ended: the feed begins where its documents did, not at those of today."""
    sink = f"sqlite:{tmp_path / 'views.sqlite'}?synchronous=off"
    for chance in map(random.Random, range(3)):
        start(
            VIEWS,
            source=f"sqlite:{file}",
            feed=f"sqlite:{file}?until_now=true",
            sink=sink,
            options={"checkpoint": str(tmp_path / "checkpoint")},
        )
        with EmbeddedDatabase(tmp_path / "views.sqlite", create=False) as kept:
            assert same(tables(kept), recompute(plan_views(*VIEWS), documents(database)))
        change_something(database, chance)
