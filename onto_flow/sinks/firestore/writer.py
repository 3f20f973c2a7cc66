"""Writes view documents into one table: read what is not known, decide, commit; and what to do when that fails.

| what fails | then |
|---|---|
| a precondition | somebody else was there: those documents are read, and decided anew |
| the database refuses a document | it is found by halving, taken away, and a dead letter |
| the database does not answer | the same again, after a pause that grows; what was made after all is known by its fence |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from ...core.change import DeadLetter
from ...core.errors import DataError, EngineError
from ...core.writes import Write
from ...database.base import Database, PreconditionFailed, Transaction, Unavailable
from ..around import ATTEMPTS, Around
from ..base import Table
from ..staged import Row
from .budget import Budget
from .deciding import Decision, decide
from .fence import NEVER_WRITTEN, UNSEEN, Base, base_of, fenced, is_path, tombstone_path
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
    """

    database: Database
    around: Around
    pace: Pace
    budget: Budget
    counts: Counter[str]


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
        self._has_buried = False

    def write(self, rows: Sequence[Row]) -> list[DeadLetter]:
        """Moves documents to what waits for them; at most `MOST_DOCUMENTS`.

        Raises:
            EngineError: `sink-failed`, `contention`, `database-failed`, when all attempts are over.
        """
        letters: list[DeadLetter] = []
        waiting = [list(rows)]
        failures = 0
        while waiting:
            some = waiting.pop()
            try:
                letters += self._commit(some)
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
        self._doubted.clear()
        return letters

    def _commit(self, rows: Sequence[Row]) -> list[DeadLetter]:
        bases = self._bases(rows)
        if self._no_tombstones():
            bases = {p: b if b.version is not None else b._replace(version=NEVER_WRITTEN) for p, b in bases.items()}
        hidden = [row.path for row in rows if self._wants_tombstone(bases[row.path])]
        known = None if hidden else self._decide(rows, bases)
        if known is not None and not any(decision.writes for decision in known):
            return self._settle(rows, known, None)

        def body(transaction: Transaction) -> tuple[Transaction, list[Decision]]:
            owner, *tombstones = transaction.get_many([self._ownership.path, *map(tombstone_path, hidden)])
            self._ownership.verify(owner)
            self._means.counts["read"] += 1 + len(hidden)
            seen = {path: fenced(bases[path], stone) for path, stone in zip(hidden, tombstones)}
            decisions = known if known is not None else self._decide(rows, {**bases, **seen})
            writes = _all(decisions)
            if writes:
                transaction.write(*writes, *self._means.budget.counting(len(writes)))
            return transaction, decisions

        transaction, decisions = self._means.database.transact(body)
        return self._settle(rows, decisions, transaction)

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

    def _settle(
        self, rows: Sequence[Row], decisions: Sequence[Decision], transaction: Transaction | None
    ) -> list[DeadLetter]:
        """Notes what a commit did."""
        pace, counts = self._means.pace, self._means.counts
        committed = None if transaction is None else transaction.committed
        times = iter(() if committed is None else committed.update_times)
        writes = len(_all(decisions))
        for row, decision in zip(rows, decisions):
            after = decision.after
            for number, _ in enumerate(decision.writes):
                time = next(times, None)
                if number == 0 and after.data is not None:
                    after = after._replace(update_time=time)
            self.known.put(row.path, after)
            counts[decision.kind] += 1
            self._has_buried = self._has_buried or decision.kind in ("delete", "tombstone")
            if decision.writes:
                pace.wrote(row.path)
        if writes:
            counts["write"] += writes
            pace.spend(writes)
            self._means.budget.spent(writes)
        return [self._letter(r, d) for r, d in zip(rows, decisions) if _is_news(r, d)]

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


def _all(decisions: Sequence[Decision]) -> list[Write]:
    return list(chain.from_iterable(decision.writes for decision in decisions))


def _halves(rows: list[Row]) -> list[list[Row]]:
    if len(rows) < 2:
        return [rows]
    return [rows[: len(rows) // 2], rows[len(rows) // 2 :]]
