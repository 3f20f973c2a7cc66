from __future__ import annotations

import pickle
from datetime import timedelta

import pytest

from onto_flow.connect import open_feed, open_source
from onto_flow.core.change import Change
from onto_flow.core.collection import Collection, Projection
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.core.writes import Write
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.sources.sqlite import SqliteDocuments, SqliteFeed
from onto_flow.testing.source_suite import SourceSuite


class TestSqlite(SourceSuite):
    @pytest.fixture(autouse=True)
    def folder(self, tmp_path):
        self._files = (tmp_path / f"{n}.sqlite" for n in range(100))

    def create_source(self, documents):
        file = next(self._files)
        with EmbeddedDatabase(file, synchronous="off") as database:
            writes = [Write(path, fields) for path, fields in documents.items()]
            database.commit([*writes, Write("users/gone", {"name": "gone"}), Write("missing/1/parents/2", {})])
            database.commit([Write.delete("users/gone"), Write.delete("missing/1/parents/2")])
        return SqliteDocuments(file, batch_documents=400)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "app.sqlite"


@pytest.fixture
def database(file):
    with EmbeddedDatabase(file, synchronous="off") as database:
        yield database


def read(source, **options):
    [partition] = source.partitions()
    reader = source.open(partition, **options)
    changes = []
    while batch := reader.next_batch():
        changes += batch
    reader.close()
    return changes


def test_the_documents_are_those_of_the_commit_at_which_the_source_was_made(file, database):
    done = database.commit([Write.set(f"a/{n}", {"n": n}) for n in range(3)])
    source = SqliteDocuments(file)
    database.commit([Write.set("a/0", {"n": 9}), Write.delete("a/1"), Write.set("a/3", {}), Write.set("b/1", {})])
    assert source.info().snapshot_time == done.time
    assert {c.path: c.after for c in read(source)} == {f"a/{n}": {"n": n} for n in range(3)}
    assert {c.path: c.after for c in read(pickle.loads(pickle.dumps(source)))} == {f"a/{n}": {"n": n} for n in range(3)}


def test_a_resume_point_is_of_the_commit_too(file, database):
    database.commit([Write.set(f"a/{n}", {"n": n}) for n in range(5)])
    source = SqliteDocuments(file, batch_documents=2)
    [partition] = source.partitions()
    reader = source.open(partition)
    first = list(reader.next_batch())
    place = reader.snapshot()
    reader.close()
    database.commit([Write.delete("a/4"), Write.set("a/1x", {})])
    rest = read(SqliteDocuments(file), resume=place)
    assert [c.path for c in first + rest] == [f"a/{n}" for n in range(5)]


def test_the_feed_goes_on_where_the_documents_end(file, database):
    database.commit([Write.set(f"a/{n}", {"n": n}) for n in range(3)])
    source = SqliteDocuments(file)
    database.commit([Write.set("a/0", {"n": 9}), Write.delete("a/1"), Write.set("b/1", {})])
    feed = SqliteFeed(file, until_now="true")
    feed.follows(to_micros(source.info().snapshot_time))
    changes = read(feed)
    assert [(c.path, c.after) for c in changes] == [("a/0", {"n": 9}), ("a/1", None), ("b/1", {})]
    assert all(c.version[0] > to_micros(source.info().snapshot_time) for c in changes)


def test_a_feed_that_follows_nothing_is_all_that_is_kept(file, database):
    database.commit([Write.set("a/1", {"n": 1})])
    database.commit([Write.set("a/1", {"n": 2})])
    feed = SqliteFeed(file, until_now=True)
    feed.follows(None)
    assert [c.after for c in read(feed)] == [{"n": 1}, {"n": 2}]
    wanted = Projection(((Collection("b"), None),))
    assert read(feed, projection=wanted) == []


def test_a_feed_goes_on_at_its_resume_point_and_never_ends(file, database):
    database.commit([Write.set("a/1", {"n": 1})])
    feed = SqliteFeed(file)
    assert not feed.info().bounded
    [partition] = feed.partitions()
    reader = feed.open(partition)
    assert [c.path for c in reader.next_batch()] == ["a/1"]
    assert list(reader.next_batch()) == [] and reader.next_wake() is not None
    place = reader.snapshot()
    reader.close()
    database.commit([Write.delete("a/1")])
    reader = feed.open(partition, resume=place)
    [change] = reader.next_batch()
    assert isinstance(change, Change) and change.after is None and reader.documents_read == 2
    reader.close()


def test_a_feed_after_documents_that_are_too_old_is_refused(file):
    now = [10**15]
    with EmbeddedDatabase(file, synchronous="off", clock=lambda: now[0], keep_days=1) as database:
        done = database.commit([Write.set("a/1", {"n": 1})])
        for n in (2, 3):
            now[0] += 86_400_000_000
            database.commit([Write.set("a/1", {"n": n})])
        now[0] += 2 * 86_400_000_000
        database.forget()
    feed = SqliteFeed(file)
    feed.follows(to_micros(done.time - timedelta(seconds=1)))
    with pytest.raises(EngineError) as caught:
        feed.open(*feed.partitions())
    assert caught.value.code == "feed-expired"


def test_uris(file, database):
    assert isinstance(open_source(f"sqlite:{file}"), SqliteDocuments)
    assert open_feed(f"sqlite:{file}?until_now=true").info().bounded
    for wrong in ("?until_now=perhaps", "?batch_changes=0", "?until=now"):
        with pytest.raises(UsageError):
            open_feed(f"sqlite:{file}{wrong}")
    for open_it in (open_source, open_feed):
        with pytest.raises(UsageError) as caught:
            open_it(f"sqlite:{file}x")
        assert caught.value.code == "not-found"
