"""Firestore's listeners as a feed: resumed, reset, short of a change; on the double."""

from __future__ import annotations

import time
import uuid

import grpc
import pytest

from onto_flow.connect import open_feed
from onto_flow.core.codec import encode
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import DataError, EngineError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.core.writes import Write
from onto_flow.database.firestore import FirestoreDatabase
from onto_flow.sources.firestore_feed import FirestoreFeed
from onto_flow.testing.firestore import firestore_server

PATIENCE = 30.0


@pytest.fixture(scope="module")
def double():
    with firestore_server() as server:
        yield server


@pytest.fixture
def server(double, monkeypatch):
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", double.address)
    return double


@pytest.fixture
def project():
    return f"demo-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def database(server, project):
    with FirestoreDatabase(f"//{project}") as database:
        yield database


READ = Projection(((Collection("users"), None), (Collection("a/{id}/notes"), None)))


def opened(project, after=None, live=(), resume=None):
    feed = open_feed(f"firestore://{project}")
    feed.selects(READ)
    feed.follows(None if after is None else to_micros(after))
    feed.remembers(lambda collection: [path for path in live if collection.matches(path)])
    return feed.open(feed.partitions()[0], resume=resume, projection=READ)


def take(reader, count):
    found = []
    end = time.monotonic() + PATIENCE
    while len(found) < count:
        assert time.monotonic() < end, found
        found += reader.next_batch()
        time.sleep(0.002)
    return found


def quiet(reader):
    """What still comes, for a moment."""
    found = []
    end = time.monotonic() + 0.3
    while time.monotonic() < end:
        found += reader.next_batch()
        time.sleep(0.01)
    return found


def test_versions_are_update_times_and_deletions_have_a_read_time(database, project):
    database.commit([Write.set("users/u1", {}), Write.set("other/o1", {}), Write.set("b/1/notes/n1", {})])
    reader = opened(project, database.commit([]).time)
    done = database.commit(
        [
            Write.set("users/u2", {"n": 1}),
            Write.delete("users/u1"),
            Write.set("other/o2", {}),
            Write.set("b/1/notes/n2", {}),
        ]
    )
    created, deleted = take(reader, 2)
    assert (created.path, created.after, created.version) == ("users/u2", {"n": 1}, (to_micros(done.time), 0))
    assert (deleted.path, deleted.after, deleted.time) == ("users/u1", None, done.time)
    assert deleted.version == (to_micros(done.time), 1)
    assert quiet(reader) == []
    reader.close()


def test_a_reader_goes_on_where_another_stopped(server, database, project):
    reader = opened(project, database.commit([]).time)
    database.commit([Write.set("users/u1", {"n": 1}), Write.set("a/1/notes/n1", {})])
    take(reader, 2)
    resume = reader.snapshot()
    reader.close()
    database.commit([Write.delete("users/u1"), Write.set("users/u2", {})])
    reader = opened(project, resume=resume)
    assert {c.path: c.after for c in take(reader, 2)} == {"users/u1": None, "users/u2": {}}
    assert reader.documents_read == 4
    assert quiet(reader) == []
    reader.close()


@pytest.mark.parametrize("by", ["token", "time"])
def test_what_is_gone_is_told_by_what_was_known(server, database, project, by):
    database.commit([Write.set(f"users/u{n}", {"n": n}) for n in range(4)])
    at = database.commit([]).time
    reader = opened(project, at)
    database.commit([Write.set("users/u9", {})])
    take(reader, 1)
    resume = reader.snapshot()
    reader.close()
    held = server.held(project)
    held.epoch, held.forgets_times = 1, True
    database.commit([Write.delete("users/u1"), Write.update("users/u2", {"n": -2})])
    live = [f"users/u{n}" for n in (0, 1, 2, 3, 9)]
    reader = opened(project, at, live, resume if by == "token" else None)
    wanted = {"users/u1": None, "users/u2": {"n": -2}, "users/u9": {}}
    assert {c.path: c.after for c in take(reader, 3)} == wanted
    held.forgets_times = False
    reader.close()


def test_a_document_that_seems_to_be_gone_is_read_before_it_is_told(server, database, project):
    """A frame may be lost: nothing is deleted that is there."""
    at = database.commit([Write.set("users/u1", {"n": 1}), Write.set("users/u2", {"n": 1})]).time
    held = server.held(project)
    held.forgets_times, held.counts_missed = True, False
    held.miss("users/u1")
    reader = opened(project, at, ["users/u1", "users/u2", "users/u3"])
    assert {c.path: c.after for c in take(reader, 1)} == {"users/u3": None}
    assert quiet(reader) == []
    held.forgets_times = False
    reader.close()


def test_a_count_that_differs_begins_anew(server, database, project):
    reader = opened(project, live=["users/u1"])
    database.commit([Write.set("users/u1", {"n": 1})])
    take(reader, 1)
    held = server.held(project)
    held.miss("users/u2")
    database.commit([Write.set("users/u2", {"n": 2})])
    assert {"users/u2": {"n": 2}}.items() <= {c.path: c.after for c in take(reader, 2)}.items()
    reader.close()


def test_a_count_that_is_right_reads_nothing_again(server, database, project):
    at = database.commit([Write.set(f"users/u{n}", {}) for n in range(5)]).time
    held = server.held(project)
    held.counts_at_resume = True
    read = server.faults.documents
    reader = opened(project, at, [f"users/u{n}" for n in range(5)])
    assert quiet(reader) == []
    assert server.faults.documents == read
    reader.close()


def test_a_stream_that_breaks_is_opened_again(server, database, project):
    reader = opened(project, database.commit([]).time)
    for n in range(3):
        server.break_streams()
        server.faults.fail("Listen", grpc.StatusCode.UNAVAILABLE)
        database.commit([Write.set(f"users/u{n}", {"n": n})])
        assert [c.path for c in take(reader, 1)] == [f"users/u{n}"]
    reader.close()


def test_who_may_not_listen_is_told_so(server, database, project):
    server.faults.fail("Listen", grpc.StatusCode.PERMISSION_DENIED, 2)
    reader = opened(project, database.commit([]).time)
    with pytest.raises(EngineError, match="PermissionDenied|fails on demand"):
        take(reader, 1)
    reader.close()


def test_a_feed_may_end_when_it_is_quiet(server, database, project):
    feed = open_feed(f"firestore://{project}?until_quiet=0.2")
    assert feed.info().bounded
    database.commit([Write.set("users/u1", {"n": 1})])
    reader = feed.open(feed.partitions()[0])
    found, end = [], time.monotonic() + PATIENCE
    while (batch := reader.next_batch()) is not None:
        assert time.monotonic() < end
        found += batch
    assert [c.path for c in found] == ["users/u1"]
    reader.close()


def test_what_is_no_feed_is_refused(server):
    for wrong in ("firestore://p?until_quiet=x", "firestore:p", "firestore://p?what=1", "firestore://a/b/c"):
        with pytest.raises(UsageError):
            open_feed(wrong)
    feed = FirestoreFeed("//p")
    for resume in (encode((1, 0)), encode((encode({"users": 1}), 0))):
        with pytest.raises(DataError):
            feed.open(feed.partitions()[0], resume=resume)
