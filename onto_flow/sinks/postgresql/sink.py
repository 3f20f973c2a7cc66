"""View tables in PostgreSQL: one typed table per view, named after its collection, of the documents that live.

What is written waits outside the database. A publication is one transaction over all tables of the job: a reader sees the
tables before it or after it. It upserts by version; a deletion leaves a tombstone, so that nothing older comes back.

The generation of each table stands beside it, and is compared under a lock in that transaction: of two writers the newer
goes on. While a generation builds up beside a table that is there, that table stays as it is: it changes when the newer
one is complete. Indexes, grants and views that others have made for a table stay, as the table itself does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from ...core.change import DeadLetter, ViewChange
from ...core.errors import EngineError
from ..base import SinkCapabilities, Table
from ..view_table import refuse_older
from .connection import Connection, Database
from .publication import Merge, Staging
from .tables import Relations, first, table_name


class PostgresSink:
    """PostgreSQL tables.

    Args:
        uri: `postgresql://USER@HOST:PORT/DATABASE?OPTIONS`, with all that libpq understands, and `schema=NAME`: where the
            tables live, made when it is not there; the first of the search path when left out. A password is better
            kept in `~/.pgpass`, a service file or PGPASSWORD.

    Raises:
        UsageError: `wrong-usage`, `unknown-name` for a URI that cannot be understood.
    """

    def __init__(self, uri: str) -> None:
        self._database = Database(uri)
        self._relations = Relations(self._database.schema)
        self._stagings: dict[str, Staging] = {}
        self._generation = 0
        self._completing = self._completed = False

    @property
    def capabilities(self) -> SinkCapabilities:
        """Atomic, over all tables of a job."""
        return SinkCapabilities()

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`; makes the tables and the columns that are missing."""
        for left_over in self._stagings.values():
            left_over.close()
        self._generation = generation
        self._stagings = {t.view: Staging(t, table_name(t.collection)) for t in tables}
        self._completing = self._completed = False
        try:
            self._database.transact(self._prepare)
        except EngineError:
            self.close()
            raise

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        with self._staging():
            for change in changes:
                if not self._completed or change.version[0] >= self._generation:
                    self._stagings[change.view].write(change)

    def complete(self) -> None:
        """See `Sink`."""
        self._completing = self._completed = True

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`; one transaction. Where nothing was written, nothing is asked."""
        if not self._completing and not any(s.changed for s in self._stagings.values()):
            return ()
        # A transaction that was committed before its answer got lost has resolved what its repetition no longer finds.
        resolved: dict[str, frozenset[str]] = {view: frozenset() for view in self._stagings}
        with self._staging():
            standing = self._database.transact(lambda connection: self._merge(connection, resolved))
            letters: list[DeadLetter] = []
            for view, paths in standing.items():
                letters += self._stagings[view].letters(paths, resolved[view])
                self._stagings[view].clear()
        self._completing = False
        return letters

    def close(self) -> None:
        """See `Sink`."""
        self._database.close()
        for staging in self._stagings.values():
            staging.close()

    def _prepare(self, connection: Connection) -> None:
        with connection.cursor() as cursor:
            encoding = first(cursor, "SHOW server_encoding")
            schema = self._database.schema or first(cursor, "SELECT current_schema()")
            if encoding != "UTF8" or not schema:
                lacks = (
                    f"its encoding is {encoding}, not UTF8" if schema else "the search path names no schema that exists"
                )
                raise EngineError(
                    "sink-failed", f"this database cannot hold the tables: {lacks}", where=self._database.shown
                )
            self._relations = Relations(schema)
            self._relations.create(cursor)
            # As a publication does: first the fences, then the tables.
            self._relations.lock(cursor, [s.name for s in self._stagings.values()])
            for staging in self._stagings.values():
                written = self._relations.prepare(cursor, staging.name, staging.table, staging.columns)
                refuse_older(self._generation, written, staging.table.view, self._database.shown)
                self._relations.evolve(cursor, staging.name, staging.table, staging.columns)
            self._relations.drop_old_tombstones(cursor)

    def _merge(self, connection: Connection, resolved: dict[str, frozenset[str]]) -> dict[str, frozenset[str]]:
        """Merges what may be shown; returns, for each view that was merged, the paths of rows that lack a value."""
        standing = {}
        with connection.cursor() as cursor:
            written = self._relations.lock(cursor, [s.name for s in self._stagings.values()])
            for view, staging in self._stagings.items():
                if self._may_show(staging, written.get(staging.name)):
                    complete = self._generation if self._completing else None
                    standing[view], gone = Merge(cursor, self._relations, staging, complete).merge()
                    resolved[view] |= gone
            names = [self._stagings[view].name for view in standing]
            self._relations.record(cursor, names, self._generation)
        return standing

    def _may_show(self, staging: Staging, written: int | None) -> bool:
        """Whether a table is to be changed; not while a generation that is not complete stands before an older table."""
        if written is None:
            what = (
                f"the table of {staging.table.view} is no longer known to the database: somebody has dropped our tables"
            )
            raise EngineError(
                "sink-failed", what, where=self._database.shown, fix="Start a new job: it makes them again."
            )
        refuse_older(self._generation, written, staging.table.view, self._database.shown)
        return self._completing or (staging.changed and written in (0, self._generation))

    @contextmanager
    def _staging(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise EngineError("sink-failed", f"what waits for its publication cannot be kept: {error}") from error
