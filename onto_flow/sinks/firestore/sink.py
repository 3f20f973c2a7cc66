"""View tables as collections of Firestore, each document fenced by its version.

Law: a view document never goes back, whoever writes late, twice, or beside us; a whole feed that is told again writes
nothing.

What is written waits in a file of its own, coalesced: of each view document the newest. A publication writes it document by
document, so a reader may see a table between two publications. A table that an older generation has written stays as it is
until the newer one is complete; then documents that are the same stay, others change, and what is gone goes. Where several
processes write it together nobody can hold it back: documents change as they come, and what is gone goes at the end.
"""

from __future__ import annotations

import os
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from ...core.change import DeadLetter, ViewChange
from ...core.collection import Collection
from ...core.errors import UsageError
from ...core.fence import FENCE
from ...core.options import positive_of, truth_of
from ...database.base import Database, Snapshot
from ...database.connect import open_database
from ...database.query import Query
from ..around import REAL, Around, patiently
from ..base import SinkCapabilities, Table
from ..staged import MOST_PATHS, Row, Staged
from .budget import Budget
from .deciding import swept
from .dry import DryDatabase
from .fence import base_of
from .fitting import fitting
from .flights import Flights
from .known import KNOWN_BYTES, Known
from .ownership import Ownership
from .pace import SHORTEST, Pace
from .writer import MOST_BYTES, MOST_DOCUMENTS, Means, TableWriter

_EMULATOR = "FIRESTORE_EMULATOR_HOST"


@dataclass(frozen=True)
class Limits:
    """How a database may be written.

    Attributes:
        most_a_second: Writes a second at most; `None`: as the ramp says.
        budget_a_day: Writes a day (UTC) at most.
        gently: Whether the ramp of 500/50/5 and one write a second per document are kept to.
        dry_run: Whether it is only counted what would be written.
        shared: Whether several processes write the table together, each its own documents.
        known_bytes: How much memory may hold what the database is known to hold.
        under_way: How many commits may be under way at once.
    """

    most_a_second: float | None = None
    budget_a_day: int | None = None
    gently: bool = True
    dry_run: bool = False
    shared: bool = False
    known_bytes: int = KNOWN_BYTES
    under_way: int = 2


def open_sink(
    place: str,
    *,
    max_writes_per_second: str = "",
    write_budget_per_day: str = "",
    dry_run: bool | str = False,
    gently: bool | str = "",
    shared: bool | str = False,
) -> FirestoreSink:
    """The sink of a URI.

    Args:
        place: `//PROJECT`, or `//PROJECT/DATABASE`.
        max_writes_per_second, write_budget_per_day: See `Limits`.
        dry_run: Nothing is written; what would be is counted.
        gently: As `Limits` says; by default not on an emulator.
        shared: As `Limits` says.

    Raises:
        UsageError: `wrong-usage` for what is no place, number or truth; `missing-extra`.
    """
    most, budget = max_writes_per_second, write_budget_per_day
    limits = Limits(
        positive_of("max_writes_per_second", most, below=1e12) if most else None,
        int(positive_of("write_budget_per_day", budget, below=1e12)) if budget else None,
        truth_of("gently", gently) if str(gently) else _EMULATOR not in os.environ,
        truth_of("dry_run", dry_run),
        truth_of("shared", shared),
    )
    return FirestoreSink(open_database(f"firestore:{place}"), limits)


class FirestoreSink:
    """Collections of a document database that others may write too.

    Args:
        database: Firestore, or any other with the same interface; closed with the sink.
        limits: How it may be written.
        around: Time and chance.
        session: Names this process.

    Attributes:
        operations: kind -> how many (`docs/tables.md` says what each is).
    """

    def __init__(
        self,
        database: Database,
        limits: Limits = Limits(),
        around: Around = REAL,
        session: Callable[[], str] = lambda: secrets.token_hex(8),
    ) -> None:
        self._database = DryDatabase(database, around) if limits.dry_run else database
        self._limits, self._session = limits, session
        self.operations: Counter[str] = Counter()
        pace = Pace(around, limits.most_a_second, gently=limits.gently)
        budget = Budget(self._database, around, None if limits.dry_run else limits.budget_a_day)
        flights = Flights(limits.under_way)
        self._means = Means(self._database, around, pace, budget, self.operations, flights)
        self._staged = Staged()
        self._tables: dict[str, _Open] = {}
        self._generation = 0
        self._changed: dict[str, int] = {}
        self._completing = False

    @property
    def capabilities(self) -> SinkCapabilities:
        """Document by document, beside the job; it goes on from what it has published, which a dry run has not."""
        is_real = not self._limits.dry_run
        return SinkCapabilities(atomic_publish=False, keeps_tables=is_real, resumes=is_real, beside=True)

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._staged.clear()
        self._generation = generation
        self._changed = {}
        self._completing = False
        session = "" if self._limits.shared else self._session()
        known = Known(self._limits.known_bytes)
        self._tables = {}
        for table in tables:
            if any(name == FENCE for name, _ in table.schema):
                raise UsageError(
                    "wrong-usage", f"{table.view}: {FENCE} is the field of its fence", fix="Name it otherwise."
                )
            ownership = Ownership(self._database, table, generation, session)
            patiently(self._means.around, ownership.look)
            self.operations["read"] += 1
            self._tables[table.view] = _Open(table, ownership, TableWriter(self._means, table, ownership, known))

    def written_by(self) -> dict[str, int]:
        """See `Succeeding`."""
        return {view: opened.ownership.before.generation for view, opened in self._tables.items()}

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        ours = [change for change in changes if change.version[0] >= self._generation]
        self._staged.write_all((change, *fitting(change.path, change.new)) for change in ours)
        for change in ours:
            self._changes(change.view, change.version[1])

    def complete(self) -> None:
        """See `Sink`."""
        self._completing = True

    def _changes(self, view: str, epoch: int) -> None:
        self._changed[view] = max(self._changed.get(view, 0), epoch)

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`; what is written meanwhile may be shown too.

        Raises:
            EngineError: `write-budget` when the day's writes are spent: what is not written waits on.
        """
        letters: list[DeadLetter] = []
        for opened in self._tables.values():
            view = opened.table.view
            shows = self._limits.shared or opened.may_show(self._generation)
            if self._completing or (view in self._changed and shows):
                epoch = self._changed.pop(view, 0)
                try:
                    letters += self._publish(opened, epoch)
                except BaseException:
                    self._changes(view, epoch)
                    raise
        self._completing = False
        return letters

    def _publish(self, opened: _Open, epoch: int) -> Iterator[DeadLetter]:
        if not opened.ownership.is_taken:
            patiently(self._means.around, partial(opened.ownership.take, epoch))
            self.operations["read"] += 1
        if self._completing and not opened.is_replaced:
            if opened.ownership.before.generation:
                yield from self._replace(opened)
            opened.is_replaced = True
        yield from self._drain(opened)

    def close(self) -> None:
        """See `Sink`."""
        self._means.flights.close()
        self._staged.close()
        self._database.close()

    def _replace(self, opened: _Open) -> Iterator[DeadLetter]:
        """Moves what older generations left to what waits; what nothing waits for goes."""
        view, size = opened.table.view, min(MOST_DOCUMENTS, MOST_PATHS)
        older = Query.of(Collection(opened.table.collection)).matching((FENCE, "g"), "<", self._generation).first(size)
        query = older
        while page := self._page(query):
            for snapshot in page:
                opened.writer.known.put(snapshot.path, base_of(snapshot))
            waiting = self._staged.of(view, [snapshot.path for snapshot in page])
            rows = [waiting.get(s.path) or Row(s.path, swept(self._generation), None) for s in page]
            yield from self._written(opened, rows)
            last = page[-1]
            query = older.start_after((last.fields or {})[FENCE]["g"], last.path)

    def _page(self, query: Query) -> list[Snapshot]:
        found = patiently(self._means.around, lambda: list(self._database.query(query)))
        self.operations["read"] += len(found) or 1
        return found

    def _drain(self, opened: _Open) -> Iterator[DeadLetter]:
        """Writes all that waits for a table; a document that was written within the last second comes later."""
        view, pace, late = opened.table.view, self._means.pace, set[str]()

        def ready() -> Iterator[Row]:
            for row in self._staged.rows(view):
                if pace.seconds_to(row.path):
                    late.add(row.path)
                else:
                    yield row

        yield from self._written(opened, ready())
        while late:
            self._means.around.sleep(max(SHORTEST, min(map(pace.seconds_to, late))))
            some = list(islice((path for path in late if not pace.seconds_to(path)), MOST_PATHS))
            yield from self._written(opened, self._staged.of(view, some).values())
            late.difference_update(some)

    def _written(self, opened: _Open, rows: Iterable[Row]) -> Iterator[DeadLetter]:
        for some, letters in opened.writer.write(self._paced(opened.table.view, rows)):
            yield from letters
            self._staged.drop(opened.table.view, some)

    def _paced(self, view: str, rows: Iterable[Row]) -> Iterator[list[Row]]:
        """Rows in commits: as many as may be written now, not too many and not too large."""
        some: list[Row] = []
        size = room = 0
        for row in rows:
            if some and (len(some) >= room or size + len(row.data or b"") > MOST_BYTES):
                yield some
                some, size = [], 0
            if not some:
                room = self._room(view)
            some.append(row)
            size += len(row.data or b"")
        if some:
            yield some

    def _room(self, view: str) -> int:
        budget = self._means.budget
        ask = partial(budget.room, lambda: self._staged.count(view))
        left = patiently(self._means.around, ask) if budget.is_bounded else None
        most = MOST_DOCUMENTS if left is None else max(1, min(MOST_DOCUMENTS, left // 2))
        return self._means.pace.wait(most)


@dataclass
class _Open:
    """A table that is being written.

    Attributes:
        is_replaced: Whether all that older generations left was looked at: they can leave nothing more.
    """

    table: Table
    ownership: Ownership
    writer: TableWriter
    is_replaced: bool = False

    def may_show(self, generation: int) -> bool:
        """Whether it may change: it is ours, or nobody else has written it."""
        return self.ownership.is_taken or self.ownership.before.generation in (0, generation)
