"""What every document database must do when several use it at once: tests to subclass."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from ..core.errors import UsageError
from ..core.transforms import Increment
from ..core.writes import Write
from ..database.base import Database, PreconditionFailed, Transaction
from ..database.query import Query
from .database_feeds import PATIENCE


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
        locks_reads: Whether what a transaction has read cannot be written by others before it ends. Such a database may
            also take the locks of one that takes long: then that one is tried again.
        each_counts: How often each of four counts, where all count the same.
    """

    locks_reads = False
    each_counts = 10

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
        found = (tries, database.get("a/1").fields)
        assert found == ([1, 10], {"n": 11}) or (self.locks_reads and found == ([1], {"n": 10}))

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
            assert seen == [bool(before), not before] or (self.locks_reads and seen == [bool(before)])
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
        assert counts == [0, 1] or (self.locks_reads and counts == [0])
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

            found = database.transact(body)
        assert found == [{"n": 1}] * 4 or (self.locks_reads and found == [{"n": 2}] * 4)
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
