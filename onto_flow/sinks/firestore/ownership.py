"""Who writes a table: its generation, and which process of it. Every commit holds only while that is so.

Law: once a newer generation, or a newer process of the same job, has taken a table, no commit of an older one goes through.
The document that says who writes is either read in the transaction of a commit, or the commit holds a *mark*: a write of
that document which changes nothing, under the time at which it was written last. So what a writer has read after it
took the table changes by its own hand alone, or by a person's.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ...core.errors import EngineError
from ...core.transforms import SERVER_TIME
from ...core.writes import Write
from ...database.base import Database, Snapshot, Transaction
from ..base import Table
from ..view_table import refuse_older
from .fence import table_path


class Writer(NamedTuple):
    """Who has written a table last: nobody where the generation is 0."""

    generation: int = 0
    epoch: int = 0
    session: str = ""


class Ownership:
    """One table's writer.

    Args:
        database: Where.
        table: The table.
        generation: Ours.
        session: The name of this process; empty: several processes write the table together, each its own documents.

    Attributes:
        path: Where it says who writes the table.
        before: Who had written it before us.
        is_taken: Whether it is ours now.
    """

    def __init__(self, database: Database, table: Table, generation: int, session: str) -> None:
        self._database, self._table = database, table
        self.path = table_path(table.collection)
        self._ours = Writer(generation, 0, session)
        self.before = Writer()
        self.is_taken = False
        self._at: datetime | None = None

    @property
    def is_alone(self) -> bool:
        """Whether no other process writes the table beside this one."""
        return bool(self._ours.session)

    @property
    def may_mark(self) -> bool:
        """Whether it is ours alone, and known when that was written."""
        return self.is_alone and self._at is not None

    def look(self) -> None:
        """Reads who has written it.

        Raises:
            EngineError: `sink-failed` for a newer generation.
        """
        self.before = _writer(self._database.get(self.path))
        self._refuse(self.before)

    def take(self, epoch: int) -> None:
        """Makes it ours.

        Args:
            epoch: Of what is to be written.

        Raises:
            EngineError: `sink-failed` for a newer generation or epoch.
        """
        self._ours = self._ours._replace(epoch=epoch)
        self.before, transaction = self._database.transact(self._take)
        times = transaction.committed.update_times if transaction.committed is not None else ()
        self._at = times[0] if times else None
        self.is_taken = True

    def mark(self) -> Write:
        """A write for a commit of this process, which then holds only if nobody has taken the table since.

        Only where `may_mark` is true.
        """
        assert self._at is not None
        return Write.update(self.path, {"session": self._ours.session}, update_time=self._at)

    def marked(self, at: datetime | None) -> None:
        """A commit with a mark is made.

        Args:
            at: When the document was written last, as the commit says: for Firestore a write that changes nothing is none;
                another database may say that it was now.
        """
        self._at = at

    def verify(self, snapshot: Snapshot) -> None:
        """In the transaction of a commit, which has read `path`, or after one whose mark failed: it is still ours.

        Raises:
            EngineError: `sink-failed` where somebody newer has taken it.
        """
        writer = _writer(snapshot)
        self._refuse(writer)
        if self.is_alone and writer != self._ours:
            raise EngineError(
                "sink-failed",
                f"another process of this job has taken the table of {self._table.view}",
                where=self._table.collection,
                fix="One process writes a table; where several must, say shared=true.",
            )
        self._at = snapshot.update_time

    def _take(self, transaction: Transaction) -> tuple[Writer, Transaction]:
        before = _writer(transaction.get(self.path))
        self._refuse(before)
        if self.is_alone and before[:2] > self._ours[:2]:
            what = f"the table of {self._table.view} was written by a later process of this job (epoch {before.epoch})"
            raise EngineError("sink-failed", what, where=self._table.collection)
        if self.is_alone or before[:2] < self._ours[:2]:
            fields = {"view": self._table.view, "g": self._ours.generation, "e": self._ours.epoch, "at": SERVER_TIME}
            transaction.write(Write.set(self.path, {**fields, "session": self._ours.session}))
        return before, transaction

    def _refuse(self, writer: Writer) -> None:
        refuse_older(self._ours.generation, writer.generation, self._table.view, self._table.collection)


def _writer(snapshot: Snapshot) -> Writer:
    fields = snapshot.fields or {}
    g, e, session = fields.get("g"), fields.get("e"), fields.get("session")
    if type(g) is not int or type(e) is not int or not isinstance(session, str):
        return Writer()
    return Writer(g, e, session)
