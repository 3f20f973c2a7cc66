"""What every document database must do when several use it at once, and what it tells of changes: tests to subclass."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..core.change import Change
from ..core.errors import UsageError
from ..core.transforms import Increment
from ..core.writes import Write
from ..database.base import Changes, Database, PreconditionFailed, Snapshot, Transaction
from ..database.query import Query

PATIENCE = 20.0
"""Seconds after which something that was to happen did not."""


class Others:
    """Those who write while a transaction runs.

    Args:
        held: Whether the transaction holds them back: then they are not waited for before it ends.
    """

    def __init__(self, *, held: bool) -> None:
        self._held = held
        self._pool = ThreadPoolExecutor(4)
        self._working: list[Any] = []

    def __enter__(self) -> Others:
        return self

    def __exit__(self, *error: object) -> None:
        for work in self._working:
            work.result(PATIENCE)
        self._pool.shutdown()

    def do(self, work: Any) -> None:
        """Does something in another thread: to its end, unless the transaction holds it back."""
        self._working.append(self._pool.submit(work))
        if not self._held:
            self._working[-1].result(PATIENCE)


class TransactionSuite:
    """A part of `DatabaseSuite`.

    Attributes:
        locks_reads: Whether what a transaction has read cannot be written by others before it ends.
        each_counts: How often each of four counts, where all count the same.
        tells_again: Whether a feed that goes on may tell again what it has told.
    """

    locks_reads = False
    each_counts = 10
    tells_again = False

    def test_a_transaction_gives_what_its_function_returns(self, database: Database) -> None:
        database.commit([Write.set("a/1", {"n": 1})])

        def raise_it(transaction: Transaction) -> int:
            n: int = (transaction.get("a/1").fields or {})["n"]
            transaction.write(Write.set("a/1", {"n": n + 1}), Write.create("a/2", {"n": n}))
            assert (transaction.get("a/1").fields or {})["n"] == n
            return n

        assert database.transact(raise_it) == 1
        assert [s.fields for s in database.get_many(["a/1", "a/2"])] == [{"n": 2}, {"n": 1}]

    def test_an_exception_in_a_transaction_writes_nothing(self, database: Database) -> None:
        def fail(transaction: Transaction) -> None:
            transaction.write(Write.set("a/1", {}))
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            database.transact(fail)
        assert not database.get("a/1").exists

    def test_a_precondition_in_a_transaction_is_not_tried_again(self, database: Database) -> None:
        tries: list[Any] = []

        def body(transaction: Transaction) -> None:
            tries.append(1)
            transaction.write(Write.update("a/1", {"n": 1}))

        with pytest.raises(PreconditionFailed):
            database.transact(body)
        assert len(tries) == 1

    def test_a_transaction_is_tried_again_when_what_it_read_changed(self, database: Database) -> None:
        database.commit([Write.set("a/1", {"n": 1})])
        tries: list[Any] = []
        with Others(held=self.locks_reads) as others:

            def body(transaction: Transaction) -> None:
                n = (transaction.get("a/1").fields or {})["n"]
                if not tries:
                    others.do(lambda: database.commit([Write.set("a/1", {"n": 10})]))
                tries.append(n)
                transaction.write(Write.set("a/1", {"n": n + 1}))

            database.transact(body)
        one_after_the_other = ([1], {"n": 10}) if self.locks_reads else ([1, 10], {"n": 11})
        assert (tries, database.get("a/1").fields) == one_after_the_other

    def test_a_transaction_is_tried_again_when_a_document_came_or_went(self, database: Database) -> None:
        for before, other in (([], Write.set("a/1", {})), ([Write.set("a/1", {})], Write.delete("a/1"))):
            database.commit([Write.delete("a/1")])
            database.commit(before)
            seen: list[bool] = []
            with Others(held=self.locks_reads) as others:

                def body(transaction: Transaction, seen: list[bool] = seen, other: Write = other) -> None:
                    seen.append(transaction.get("a/1").exists)
                    if len(seen) == 1:
                        others.do(lambda: database.commit([other]))
                    transaction.write(Write.set("b/1", {"seen": seen[-1]}))

                database.transact(body)
            assert seen == ([bool(before)] if self.locks_reads else [bool(before), not before])
            assert database.get("a/1").exists is not bool(before)

    def test_a_transaction_is_tried_again_when_an_answer_changed(self, database: Database) -> None:
        query = Query.of("rooms").matching("free", "==", True)
        counts: list[int] = []
        with Others(held=self.locks_reads) as others:

            def body(transaction: Transaction) -> None:
                counts.append(len(transaction.query(query)))
                if len(counts) == 1:
                    others.do(lambda: database.commit([Write.set("rooms/1", {"free": True})]))
                transaction.write(Write.set("counts/free", {"n": counts[-1]}))

            database.transact(body)
        assert counts == ([0] if self.locks_reads else [0, 1])
        assert database.get("counts/free").fields == {"n": counts[-1]} and database.get("rooms/1").exists

    def test_a_change_of_something_else_does_not_matter(self, database: Database) -> None:
        tries: list[Any] = []

        def body(transaction: Transaction) -> None:
            transaction.get("a/1")
            with Others(held=False) as others:
                others.do(lambda: database.commit([Write.set("rooms/1", {"free": False, "n": len(tries)})]))
            tries.append(1)
            transaction.write(Write.set("b/1", {}))

        database.transact(body)
        assert len(tries) == 1

    def test_a_transaction_reads_as_of_one_commit(self, database: Database) -> None:
        database.commit([Write.set("a/1", {"n": 1}), Write.set("a/2", {"n": 1})])
        with Others(held=self.locks_reads) as others:

            def body(transaction: Transaction) -> list[Any]:
                one = transaction.get("a/1").fields
                others.do(lambda: database.commit([Write.set("a/1", {"n": 2}), Write.set("a/2", {"n": 2})]))
                return [one, transaction.get("a/2").fields, *(s.fields for s in transaction.query(Query.of("a")))]

            assert database.transact(body) == [{"n": 1}] * 4
        assert database.get("a/2").fields == {"n": 2}

    def test_two_that_read_what_the_other_writes_do_not_both_have_their_way(self, database: Database) -> None:
        """Write skew: each of two doctors leaves when the other one is there."""
        database.commit([Write.set("on/a", {"on": True}), Write.set("on/b", {"on": True})])
        meet = threading.Barrier(2, timeout=PATIENCE)
        met: set[str] = set()

        def leave(me: str) -> None:
            def body(transaction: Transaction) -> None:
                there = [s.path for s in transaction.query(Query.of("on").matching("on", "==", True))]
                if me not in met:
                    met.add(me)
                    meet.wait()
                if len(there) > 1:
                    transaction.write(Write.update(f"on/{me}", {"on": False}))

            database.transact(body)

        with ThreadPoolExecutor(2) as pool:
            list(pool.map(leave, "ab"))
        assert sum(bool((s.fields or {})["on"]) for s in database.query(Query.of("on"))) == 1

    def test_counters_add_up_whoever_counts(self, database: Database) -> None:
        database.commit([Write.set("n/read", {"n": 0}), Write.set("n/sent", {"n": 0})])

        def body(transaction: Transaction) -> None:
            n = (transaction.get("n/read").fields or {})["n"]
            transaction.write(Write.set("n/read", {"n": n + 1}), Write.update("n/sent", {"n": Increment(1)}))

        def count(times: int) -> None:
            for _ in range(times):
                database.transact(body, attempts=20)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(count, [self.each_counts] * 4))
        total = {"n": 4 * self.each_counts}
        assert [s.fields for s in database.get_many(["n/read", "n/sent"])] == [total, total]

    def test_a_commit_inside_a_transaction_is_refused(self, database: Database) -> None:
        for inside in (
            lambda: database.commit([Write.set("a/1", {})]),
            lambda: database.transact(lambda transaction: None),
        ):
            with pytest.raises(UsageError, match="inside a transaction"):
                database.transact(lambda transaction, inside=inside: inside())  # type: ignore[misc]

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
