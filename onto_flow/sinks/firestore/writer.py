"""Writes view documents into one table: read what is not known, decide, commit; and what to do when that fails.

A commit of the only writer is one call: it holds by a mark (`Ownership.mark`), and what it needs to know is known, or was
read since the table was taken. Some are under way at once, of different documents, while the next ones are decided. Where
several processes write, where writes are counted or bounded, or where a document is written once a second at most and the
mark was, it is a transaction that reads who writes the table.

| what fails | then |
|---|---|
| a precondition | somebody else was there: those documents are read, and decided anew |
| the database refuses a document | it is found by halving, taken away, and a dead letter |
| the database does not answer | the same again, after a pause that grows; what was made after all is known by its fence |
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import chain
from typing import NamedTuple

from ...core.change import DeadLetter
from ...core.errors import DataError, EngineError
from ...core.writes import Write
from ...database.base import Database, PreconditionFailed, Snapshot, Transaction, Unavailable
from ..around import ATTEMPTS, Around
from ..base import Table
from ..staged import Row
from .budget import Budget
from .deciding import Decision, decide
from .fence import NEVER_WRITTEN, UNSEEN, Base, base_of, fenced, is_path, tombstone_path
from .flights import Flight, Flights, failed, landed
from .known import Known
from .ownership import Ownership
from .pace import Pace

MOST_DOCUMENTS = 250
"""Of one commit; each may need a second write."""
MOST_BYTES = 4 << 20


class Means(NamedTuple):
    """What all tables of a sink share.

    Attributes:
        database: Where.
        around: Time and chance.
        pace, budget: How fast, and how much.
        counts: kind -> how many: `read`, the kinds of `Decision`, `retry`, `refused`, `write`.
        flights: Makes commits while others are prepared.
    """

    database: Database
    around: Around
    pace: Pace
    budget: Budget
    counts: Counter[str]
    flights: Flights


class TableWriter:
    """Writes the documents of one table.

    Args:
        means: What it shares with others.
        table: The table.
        ownership: Who writes it.
        known: What the database is known to hold.
    """

    def __init__(self, means: Means, table: Table, ownership: Ownership, known: Known) -> None:
        self._means, self._table, self._ownership, self.known = means, table, ownership, known
        self._doubted: dict[str, Base | None] = {}
        self._doubts_owner = False
        self._has_buried = False

    def write(self, parts: Iterable[Sequence[Row]]) -> Iterator[tuple[Sequence[Row], list[DeadLetter]]]:
        """Moves documents to what waits for them.

        Args:
            parts: The documents of one commit each, at most `MOST_DOCUMENTS`; no document is in two of them.

        Yields:
            Each part once it is written, with its dead letters.

        Raises:
            EngineError: `sink-failed`, `contention`, `database-failed`, when all attempts are over.
        """
        under_way = deque[Flight]()
        try:
            for rows in parts:
                under_way.append(self._begin(rows))
                if len(under_way) >= self._means.flights.most:
                    yield under_way[0].rows, self._end(under_way.popleft())
            while under_way:
                yield under_way[0].rows, self._end(under_way.popleft())
        finally:
            for flight in under_way:
                flight.landing.exception()

    def _end(self, flight: Flight) -> list[DeadLetter]:
        """Waits for a commit; what fails is tried again."""
        letters: list[DeadLetter] = []
        waiting, begun = [list(flight.rows)], [flight]
        failures = 0
        while waiting:
            some = waiting.pop()
            try:
                letters += self._settle(begun.pop() if begun else self._begin(some))
            except PreconditionFailed:
                failures = self._again(failures, None)
                self._doubt(some)
                waiting += [some] if failures < ATTEMPTS // 2 else _halves(some)
            except DataError as error:
                waiting += _halves(some) if len(some) > 1 else [[self._refused(some[0], error)]]
            except EngineError as error:
                if not isinstance(error, Unavailable) and error.code != "contention":
                    raise
                failures = self._again(failures, error)
                waiting.append(some)
        for row in flight.rows:
            self._doubted.pop(row.path, None)
        return letters

    def _begin(self, rows: Sequence[Row]) -> Flight:
        """Decides and begins a commit; that it cannot is its outcome."""
        try:
            self._ask_whose_it_is()
            bases = self._bases(rows)
            if self._no_tombstones():
                bases = {p: b if b.version is not None else b._replace(version=NEVER_WRITTEN) for p, b in bases.items()}
            return self._marked(rows, bases) if self._may_mark() else self._in_transaction(rows, bases)
        except (EngineError, DataError) as error:
            return Flight(rows, (), failed(error))

    def _ask_whose_it_is(self) -> None:
        """After a commit with a mark that failed; a transaction asks itself."""
        if self._doubts_owner:
            self._means.counts["read"] += 1
            self._ownership.verify(self._means.database.get(self._ownership.path))
            self._doubts_owner = False

    def _may_mark(self) -> bool:
        pace, path = self._means.pace, self._ownership.path
        is_free = not (self._means.budget.is_bounded or pace.is_bounded or pace.seconds_to(path))
        return is_free and self._ownership.may_mark

    def _marked(self, rows: Sequence[Row], bases: Mapping[str, Base]) -> Flight:
        """A commit that holds while the table is ours: since it is, nobody else has touched its tombstones."""
        hidden = self._hidden(rows, bases)
        stones = self._means.database.get_many([*map(tombstone_path, hidden)]) if hidden else []
        self._means.counts["read"] += len(hidden)
        decisions = self._decide(rows, _with_stones(bases, hidden, stones))
        writes = _all(decisions)
        if not writes:
            return Flight(rows, decisions, landed(None))
        self._means.pace.wrote(self._ownership.path)
        self._spend(1 + len(writes))
        commit = partial(self._means.database.commit, [self._ownership.mark(), *writes])
        return Flight(rows, decisions, self._means.flights.begin(commit), is_marked=True)

    def _in_transaction(self, rows: Sequence[Row], bases: Mapping[str, Base]) -> Flight:
        """A commit that has read who writes the table, and the tombstones that it needs."""
        hidden = self._hidden(rows, bases)
        known = None if hidden else self._decide(rows, bases)
        if known is not None and not any(decision.writes for decision in known):
            return Flight(rows, known, landed(None))

        def body(transaction: Transaction) -> tuple[Transaction, list[Decision]]:
            owner, *stones = transaction.get_many([self._ownership.path, *map(tombstone_path, hidden)])
            self._ownership.verify(owner)
            self._means.counts["read"] += 1 + len(hidden)
            decisions = known if known is not None else self._decide(rows, _with_stones(bases, hidden, stones))
            writes = _all(decisions)
            if writes:
                transaction.write(*writes, *self._means.budget.counting(len(writes)))
            return transaction, decisions

        transaction, decisions = self._means.database.transact(body)
        writes = len(_all(decisions))
        if writes:
            self._spend(writes)
            self._means.budget.spent(writes)
        return Flight(rows, decisions, landed(transaction.committed))

    def _hidden(self, rows: Sequence[Row], bases: Mapping[str, Base]) -> list[str]:
        """Paths whose tombstones must be known."""
        return [row.path for row in rows if self._wants_tombstone(bases[row.path])]

    def _spend(self, writes: int) -> None:
        self._means.counts["write"] += writes
        self._means.pace.spend(writes)

    def _bases(self, rows: Sequence[Row]) -> dict[str, Base]:
        """What the database holds at the paths of rows; what is not known is read."""
        found: dict[str, Base] = {}
        for row in rows:
            base = self.known.get(row.path)
            is_new = row.created and row.path not in self._doubted
            if base is not None or is_new or not is_path(row.path):
                found[row.path] = base or UNSEEN
        cold = [row.path for row in rows if row.path not in found]
        if cold:
            self._means.counts["read"] += len(cold)
            for path, snapshot in zip(cold, self._means.database.get_many(cold)):
                base, before = base_of(snapshot), self._doubted.get(path)
                is_doubtful = path in self._doubted and (before is None or before.update_time != base.update_time)
                found[path] = base._replace(trusted=not is_doubtful)
        return found

    def _no_tombstones(self) -> bool:
        """Whether there can be none: nobody has ever written the table but this process, which has taken nothing away."""
        return self._ownership.is_alone and not self._ownership.before.generation and not self._has_buried

    def _wants_tombstone(self, base: Base) -> bool:
        return base.version is None or (base.update_time is None and not self._ownership.is_alone)

    def _decide(self, rows: Sequence[Row], bases: Mapping[str, Base]) -> list[Decision]:
        now, may_skip = self._means.around.now, self._ownership.is_alone
        return [decide(row, bases[row.path], now, may_skip=may_skip) for row in rows]

    def _settle(self, flight: Flight) -> list[DeadLetter]:
        """Waits for a commit, and notes what it did."""
        self._doubts_owner = self._doubts_owner or flight.is_marked
        committed = flight.landing.result()
        times = iter(() if committed is None else committed.update_times)
        if flight.is_marked:
            self._ownership.marked(next(times))
            self._doubts_owner = False
        for row, decision in zip(flight.rows, flight.decisions):
            self._note(row, decision, times)
        return [self._letter(r, d) for r, d in zip(flight.rows, flight.decisions) if _is_news(r, d)]

    def _note(self, row: Row, decision: Decision, times: Iterator[datetime | None]) -> None:
        """What the database holds now."""
        after = decision.after
        for number, _ in enumerate(decision.writes):
            time = next(times, None)
            if number == 0 and after.data is not None:
                after = after._replace(update_time=time)
        self.known.put(row.path, after)
        self._means.counts[decision.kind] += 1
        self._has_buried = self._has_buried or decision.kind in ("delete", "tombstone")
        if decision.writes:
            self._means.pace.wrote(row.path)

    def _doubt(self, rows: Sequence[Row]) -> None:
        for row in rows:
            self._doubted[row.path] = self.known.get(row.path)
            self.known.forget(row.path)

    def _again(self, failures: int, error: EngineError | None) -> int:
        """Counts a failure, and waits after one that time may mend."""
        self._means.counts["retry"] += 1
        if failures + 1 >= ATTEMPTS:
            what = f"others changed the documents of {self._table.collection}, {ATTEMPTS} times in a row"
            raise error or EngineError("contention", what, fix="Nobody else should write view documents.")
        if error is not None:
            self._means.around.pause(failures)
        return failures + 1

    def _refused(self, row: Row, error: DataError) -> Row:
        """A document that the database refuses: it is taken away, so that nothing wrong is shown."""
        if row.data is None:
            raise EngineError(
                "sink-failed", f"the database refuses a deletion: {error.what}", where=row.path
            ) from error
        self._means.counts["refused"] += 1
        return row._replace(data=None, misfit=f"{error.code}: {error.what}")

    def _letter(self, row: Row, decision: Decision) -> DeadLetter:
        key = f"table:{self._table.view}:{row.path}"
        if row.misfit is None:
            return DeadLetter(key, "", cleared=True)
        return DeadLetter(key, f"sink-failed: the database cannot hold the document ({row.misfit})")


def _is_news(row: Row, decision: Decision) -> bool:
    """Whether there is a letter to put or to take back; a row that an earlier attempt had written after all counts too."""
    is_written = decision.kind != "stale" or decision.after.version == row.version
    return is_written and (row.misfit is not None or decision.before.misfit)


def _with_stones(bases: Mapping[str, Base], hidden: Sequence[str], stones: Sequence[Snapshot]) -> Mapping[str, Base]:
    """What the database holds, tombstones included."""
    return {**bases, **{path: fenced(bases[path], stone) for path, stone in zip(hidden, stones)}}


def _all(decisions: Sequence[Decision]) -> list[Write]:
    return list(chain.from_iterable(decision.writes for decision in decisions))


def _halves(rows: list[Row]) -> list[list[Row]]:
    if len(rows) < 2:
        return [rows]
    return [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
