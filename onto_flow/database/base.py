"""What a document database is: get, query, transactions, batched writes, listening, and an ordered feed of changes.

Law: commits are serializable, all or nothing, and their times strictly rise; a document's update time is the time of the
commit that changed it last, and its version. A write that changes nothing gives no new version and no change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar, runtime_checkable

from ..core.change import Change
from ..core.errors import EngineError, OntoFlowError, UsageError
from ..core.values import Document, to_micros
from ..core.writes import Write
from .query import Query

T = TypeVar("T")
ATTEMPTS = 5
"""How often a transaction is tried, unless it says otherwise."""


class PreconditionFailed(EngineError):
    """A document was not as a write wanted it; nothing of the commit was written."""

    def __init__(self, path: str, why: str) -> None:
        super().__init__(
            "precondition-failed", f"{path}: {why}; nothing was written", fix="Read it again, then decide."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _again, (self.code, self.what, self.where, self.fix)


class Unavailable(EngineError):
    """The database did not answer, or had no time; what was asked may be asked again, and a commit may have been made."""

    def __init__(self, what: str, where: str = "") -> None:
        fix = "Try again later."
        super().__init__("database-failed", what, where=where, fix=fix)

    def __reduce__(self) -> tuple[Any, ...]:
        return Unavailable, (self.what, self.where)


def _again(code: str, what: str, where: str, fix: str) -> PreconditionFailed:
    error = PreconditionFailed.__new__(PreconditionFailed)
    EngineError.__init__(error, code, what, where=where, fix=fix)
    return error


@dataclass(frozen=True)
class Snapshot:
    """A document as it was at a time.

    Attributes:
        path: Where it lies.
        fields: Its values; `None`: there was no document. They are the reader's own, to change at will.
        read_time: The commit that it was read at.
        create_time, update_time: Of the commits that created it and changed it last; `None` where it does not exist.
    """

    path: str
    fields: Document | None
    read_time: datetime
    create_time: datetime | None = None
    update_time: datetime | None = None

    @property
    def exists(self) -> bool:
        """Whether there was a document."""
        return self.fields is not None

    @property
    def version(self) -> tuple[int, int] | None:
        """The version of a change that brought this state; `None` for a document that does not exist."""
        return None if self.update_time is None else (to_micros(self.update_time), 0)


@dataclass(frozen=True)
class Committed:
    """What a commit did.

    Attributes:
        time: When.
        update_times: Of each write, the update time of its document now; `None` where there is none.
    """

    time: datetime
    update_times: tuple[datetime | None, ...] = ()


@dataclass(frozen=True)
class Written:
    """What became of one write of several that were made each for itself.

    Attributes:
        update_time: Of its document now; `None` where there is none, or it was not written.
        error: Why it was not written: `PreconditionFailed`, a `DataError`, or what may pass (`contention`,
            `database-failed`).
    """

    update_time: datetime | None = None
    error: OntoFlowError | None = None


@dataclass(frozen=True)
class Update:
    """What a listener is told: an answer as of one commit, and how it differs from the one before.

    Attributes:
        documents: The whole answer, in order; of a single document the one snapshot, also where it does not exist.
        added, modified, removed: What came, changed and went; of the first update, all is added.
        read_time: The commit that it is the answer at.
    """

    documents: tuple[Snapshot, ...]
    added: tuple[Snapshot, ...]
    modified: tuple[Snapshot, ...]
    removed: tuple[str, ...]
    read_time: datetime


def refuse_twice(writes: Sequence[Write]) -> None:
    """Raises: UsageError: `wrong-usage` for two writes to one document, which have no order."""
    if len({write.path for write in writes}) < len(writes):
        what = "two writes to one document, each made for itself"
        raise UsageError("wrong-usage", what, fix="Commit them together, or one after the other.")


@runtime_checkable
class Listener(Protocol):
    """Somebody who is told of a document or an answer: first as it is, then whenever it changes."""

    def next(self, timeout: float | None = None) -> Update | None:
        """The next update; `None` where none came within some seconds, or it was closed.

        Updates never go back in time; those that nobody waited for are told as one.
        """

    def __iter__(self) -> Iterator[Update]:
        """Updates until it is closed."""

    def close(self) -> None:
        """Ends it, also for another thread that waits in `next`."""


@runtime_checkable
class Changes(Protocol):
    """The ordered feed of all changes, from some place on."""

    def next_batch(self, timeout: float = 0.0) -> Sequence[Change]:
        """The next changes in the order of their commits; empty where none came within some seconds.

        `before` is not carried; `previous` is the version that was replaced.
        """

    def position(self) -> bytes:
        """The place behind the last batch, for `Database.changes`; it survives restarts."""

    def close(self) -> None:
        """Lets go of it."""


@runtime_checkable
class Transaction(Protocol):
    """Reads as of one commit, and writes that are made at the end, if what was read is still so."""

    @property
    def committed(self) -> Committed | None:
        """What its commit did, when it is over; `None` before, and where nothing was written."""

    def get(self, path: str) -> Snapshot:
        """A document as of the transaction's time."""

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """Documents as of the transaction's time, in the order of the paths."""

    def query(self, query: Query) -> list[Snapshot]:
        """An answer as of the transaction's time; if it would be another one at the end, all is tried again."""

    def write(self, *writes: Write) -> None:
        """Adds writes; they are not seen by the transaction's own reads."""


@runtime_checkable
class Database(Protocol):
    """A document database."""

    def get(self, path: str) -> Snapshot:
        """A document as it is now.

        Raises:
            DataError: `bad-key` for what is no path of a document.
        """

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """Documents as of one commit, in the order of the paths."""

    def query(self, query: Query) -> Iterator[Snapshot]:
        """The answer to a query as of one commit, however long it is read."""

    def collections(self, document: str | None = None) -> list[str]:
        """The names of the collections below a document, or at the root; also of those with missing parents."""

    def missing(self, collection: str) -> list[str]:
        """Paths in a collection where no document is, but documents lie below."""

    def commit(self, writes: Sequence[Write]) -> Committed:
        """Makes all writes, or none. Several to one document are made one after the other.

        Raises:
            PreconditionFailed: A document was not as its write wanted it.
            DataError: `bad-key`, `bad-value`, `too-deep`: what Firestore refuses.
        """

    def commit_each(self, writes: Sequence[Write]) -> list[Written]:
        """Makes each write for itself, in any order, whatever becomes of the others.

        Returns:
            What became of each, in the order of the writes.

        Raises:
            UsageError: `wrong-usage`: two writes to one document.
            EngineError: `database-failed`, `contention`: nothing is known of any of them.
        """

    def transact(self, body: Callable[[Transaction], T], *, attempts: int = ATTEMPTS) -> T:
        """Runs a function that reads and writes as if nobody else did, and commits what it wrote.

        Args:
            body: Is run again when somebody else changed what it read; so it does nothing but read and write.
            attempts: How often at most.

        Raises:
            EngineError: `contention` when others were faster every time.
            PreconditionFailed, DataError: As `commit`.
        """

    def listen(self, what: str | Query) -> Listener:
        """Tells of a document (its path) or of an answer."""

    def changes(self, after: bytes | datetime | None = None) -> Changes:
        """The feed of all changes.

        Args:
            after: A `position`, or the time of a commit: only what is newer is given. `None`: all that is kept.

        Raises:
            EngineError: `feed-expired` when changes after that place are no longer kept.
        """

    def close(self) -> None:
        """Lets go of files and connections."""
