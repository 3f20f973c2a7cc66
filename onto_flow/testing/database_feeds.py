"""What every document database must tell of changes, by listeners and its feed: tests to subclass."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..core.change import Change
from ..core.transforms import Increment
from ..core.writes import Write
from ..database.base import Changes, Database, Snapshot
from ..database.query import Query

PATIENCE = 20.0
"""Seconds after which something that was to happen did not."""


class FeedSuite:
    """A part of `DatabaseSuite`.

    Attributes:
        tells_again: Whether a feed that goes on may tell again what it has told.
    """

    tells_again = False

    # Listening

    def test_a_listener_tells_of_a_document(self, database: Database) -> None:
        listener = database.listen("a/1")
        first = listener.next(PATIENCE)
        assert first is not None and not first.documents[0].exists and not first.added
        for write, (added, modified, removed) in (
            (Write.set("a/1", {"n": 1}), (1, 0, 0)),
            (Write.set("a/1", {"n": 2}), (0, 1, 0)),
            (Write.delete("a/1"), (0, 0, 1)),
        ):
            done = database.commit([write])
            update = listener.next(PATIENCE)
            assert update is not None and update.documents[0].fields == write.fields
            assert (len(update.added), len(update.modified), len(update.removed)) == (added, modified, removed)
            assert update.read_time >= done.time
        listener.close()
        assert listener.next() is None

    def test_a_listener_tells_of_an_answer(self, database: Database) -> None:
        database.commit([Write.set(f"a/{n}", {"n": n}) for n in (1, 2, 3)])
        listener = database.listen(Query.of("a").matching("n", ">", 1).ordered("n", descending=True).first(2))
        told = []
        for write in (None, Write.set("a/4", {"n": 4}), Write.update("a/4", {"n": 0}), Write.update("a/2", {"m": 1})):
            if write is not None:
                database.commit([Write.set("b/1", {}), write])
            update = listener.next(PATIENCE)
            assert update is not None
            told.append(
                (
                    [s.path for s in update.documents],
                    [s.path for s in update.added],
                    [s.path for s in update.modified],
                    list(update.removed),
                )
            )
        assert told == [
            (["a/3", "a/2"], ["a/3", "a/2"], [], []),
            (["a/4", "a/3"], ["a/4"], [], ["a/2"]),
            (["a/3", "a/2"], ["a/2"], [], ["a/4"]),
            (["a/3", "a/2"], [], ["a/2"], []),
        ]
        listener.close()

    def test_a_listener_is_not_told_of_what_does_not_concern_it(self, database: Database) -> None:
        listener = database.listen(Query.of("a").matching("n", ">", 1))
        assert listener.next(PATIENCE) is not None
        database.commit([Write.set("a/1", {"n": 1}), Write.set("b/1", {"n": 5})])
        assert listener.next(0.05) is None
        listener.close()

    def test_a_listener_that_is_closed_wakes_who_waits(self, database: Database) -> None:
        listener = database.listen("a/1")
        assert listener.next(PATIENCE) is not None
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(lambda: list(listener))
            listener.close()
            assert waiting.result(PATIENCE) == []

    def test_a_listener_is_woken_by_a_commit_of_another_thread(self, database: Database) -> None:
        listener = database.listen("a/1")
        assert listener.next(PATIENCE) is not None
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(listener.next, PATIENCE)
            database.commit([Write.set("a/1", {"n": 1})])
            update = waiting.result(PATIENCE)
        assert update is not None and update.documents[0].fields == {"n": 1}
        listener.close()

    # The feed

    def test_the_feed_is_all_changes_in_the_order_of_their_commits(self, database: Database) -> None:
        feed = database.changes(database.commit([]).time)
        times = [
            database.commit([Write.set("a/1", {"n": 1}), Write.set("b/1", {})]).time,
            database.commit([Write.update("a/1", {"n": Increment(1)}), Write.set("b/1", {})]).time,
            database.commit([Write.delete("a/1")]).time,
            database.commit([Write.set("a/1", {"n": 5})]).time,
        ]
        changes = take(feed, 5)
        assert [(c.path, c.after) for c in changes if c.path == "a/1"] == [
            ("a/1", {"n": 1}),
            ("a/1", {"n": 2}),
            ("a/1", None),
            ("a/1", {"n": 5}),
        ]
        versions = [c.version for c in changes if c.path == "a/1"]
        assert versions == sorted(set(versions)) and changes == sorted(changes, key=lambda c: c.version)
        assert [c.previous for c in changes if c.path == "a/1"] == [(0, 0), versions[0], versions[1], (0, 0)]
        assert database.get("a/1").version == versions[-1] and database.get("a/1").update_time == times[-1]
        assert feed.next_batch() == () or not feed.next_batch()
        feed.close()

    def test_a_feed_goes_on_where_another_stopped(self, database: Database) -> None:
        feed = database.changes(database.commit([]).time)
        database.commit([Write.set(f"a/{n}", {}) for n in range(3)])
        assert len(take_until(feed, lambda last: len(last) == 3)) == 3
        position = feed.position()
        feed.close()
        done = database.commit([Write.set("a/9", {"n": 1})])
        for after in (position, database.get("a/0").update_time):
            feed = database.changes(after)
            told = take_until(feed, lambda last: "a/9" in last)
            assert "a/9" in told and (self.tells_again or len(told) == 1)
            feed.close()
        assert not database.changes(done.time).next_batch()

    def test_the_feed_tells_where_documents_are(self, database: Database) -> None:
        feed = database.changes(database.commit([]).time)
        database.commit([Write.set("a/1", {"n": 1}), Write.set("b/1", {}), Write.set("a/2", {})])
        assert take_until(feed, lambda last: len(last) == 3) == {"a/1": {"n": 1}, "b/1": {}, "a/2": {}}
        database.commit([Write.update("a/1", {"n": Increment(1)}), Write.delete("a/2")])
        wanted = {"a/1": {"n": 2}, "a/2": None}
        told = take_until(feed, lambda last: {path: last.get(path, ()) for path in wanted} == wanted)
        assert {path: told.get(path, ()) for path in wanted} == wanted
        database.commit([Write.set("a/2", {"n": 5}), Write.delete("a/1")])
        wanted = {"a/1": None, "a/2": {"n": 5}}
        told = take_until(feed, lambda last: {path: last.get(path, ()) for path in wanted} == wanted)
        assert {path: told.get(path, ()) for path in wanted} == wanted
        feed.close()

    def changes_behind(self, database: Database, snapshot: Sequence[Snapshot]) -> Changes:
        """The feed behind documents that were read as of one moment."""
        return database.changes(snapshot[0].read_time)

    def test_a_snapshot_and_the_feed_after_it_are_the_whole(self, database: Database) -> None:
        database.commit([Write.set(f"a/{n}", {"n": n}) for n in range(10)])
        found = list(database.query(Query.of("a")))
        database.commit([Write.set("a/3", {"n": 30}), Write.delete("a/4"), Write.set("a/11", {"n": 11})])
        told = take_until(self.changes_behind(database, found), lambda last: len(last) == 3)
        table = {s.path: s.fields for s in found} | told
        now = {s.path: s.fields for s in database.query(Query.of("a"))}
        assert {p: f for p, f in table.items() if f is not None} == now


def take(feed: Changes, count: int) -> list[Change]:
    """The next changes of a feed; fewer where they do not come in time."""
    found: list[Change] = []
    while len(found) < count:
        batch = feed.next_batch(PATIENCE)
        assert batch, f"only {len(found)} of {count} changes came"
        found += batch
    assert len(found) == count, found
    return found


def take_until(feed: Changes, done: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """What a feed says of each path at last: once it is as it should be, or when that does not come to be in time."""
    last: dict[str, Change] = {}
    end = time.monotonic() + PATIENCE
    while not done(found := {path: change.after for path, change in last.items()}) and time.monotonic() < end:
        for change in feed.next_batch(0.5):
            assert change.path not in last or last[change.path].version <= change.version, "a feed goes back"
            last[change.path] = change
    return found
