"""Which database the models of a piece of code are read from and written to.

Law: what is bound is a matter of the context alone: of a thread, or of a task of asyncio and what it starts; outside
`settings` nothing is bound. `CTX` holds nothing itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from ..core.errors import UsageError
from ..core.values import Reference
from ..core.writes import Write
from .base import ATTEMPTS, Committed, Database, Snapshot, Transaction
from .connect import open_database
from .query import Query

T = TypeVar("T")


class _Opening:
    """A database that is opened when it is first asked for."""

    def __init__(self, uri: str | None, database: Database | None) -> None:
        self._uri = uri
        self._database = database

    def get(self) -> Database:
        if self._database is None:
            assert self._uri is not None
            self._database = open_database(self._uri)
        return self._database

    def close(self) -> None:
        """Closes what was opened here."""
        if self._uri is not None and self._database is not None:
            self._database.close()


@dataclass(frozen=True)
class _Bound:
    opening: _Opening
    transaction: Transaction | None = None


_BOUND: ContextVar[_Bound | None] = ContextVar("bound", default=None)


class Readable(Protocol):
    """What a database and a transaction have in common."""

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Database`."""

    def query(self, query: Query) -> Any:
        """See `Database`."""


@contextmanager
def settings(*, database: str | Database) -> Iterator[None]:
    """Binds a database for the code inside, also as a decorator.

    Args:
        database: A URI such as `sqlite:app.sqlite`, opened when it is first used and closed at the end; or a database, which
            stays open.

    Example:
        >>> from tempfile import TemporaryDirectory
        >>> from onto_flow.demo.meeting_room import User
        >>> with TemporaryDirectory() as folder, settings(database=f"sqlite:{folder}/app.sqlite"):
        ...     _ = User.create("ada", first_name="Ada")
        ...     User.get("ada").first_name
        'Ada'
    """
    opening = _Opening(database, None) if isinstance(database, str) else _Opening(None, database)
    token = _BOUND.set(_Bound(opening))
    try:
        yield
    finally:
        _BOUND.reset(token)
        opening.close()


def current_database() -> Database:
    """The database that is bound here.

    Raises:
        UsageError: `wrong-usage` where none is.
    """
    return _bound().opening.get()


def current() -> Readable:
    """What models are read from: the transaction that runs here, else the database."""
    bound = _bound()
    return bound.transaction or bound.opening.get()


def commit(*writes: Write) -> Committed | None:
    """Commits writes to the database that is bound here; in a transaction they are added to it, and `None` is returned."""
    bound = _bound()
    if bound.transaction is not None:
        bound.transaction.write(*writes)
        return None
    return bound.opening.get().commit(writes)


def transact(body: Callable[[], T], *, attempts: int = ATTEMPTS) -> T:
    """Runs a function whose models are read and saved as if nobody else wrote; see `Database.transact`.

    Args:
        body: Is run again when somebody else changed what it read; so it does nothing but read and save.
        attempts: How often at most.
    """
    bound = _bound()

    def run(transaction: Transaction) -> T:
        token = _BOUND.set(_Bound(bound.opening, transaction))
        try:
            return body()
        finally:
            _BOUND.reset(token)

    return bound.opening.get().transact(run, attempts=attempts)


def _bound() -> _Bound:
    bound = _BOUND.get()
    if bound is None:
        fix = 'Put it into: with onto_flow.settings(database="sqlite:app.sqlite"): ...'
        raise UsageError("wrong-usage", "no database is bound here", fix=fix)
    return bound


@dataclass(frozen=True)
class CollectionPath:
    """The path of a collection.

    Example:
        >>> CTX.db.collection("users").document("u1")
        Reference('users/u1')
    """

    path: str

    def document(self, doc_id: str) -> Reference[Any]:
        """The path of one of its documents."""
        return Reference(f"{self.path}/{doc_id}")


class _Paths:
    """Paths, which need no database, and whatever else the bound one has."""

    def document(self, path: str) -> Reference[Any]:
        """The path of a document."""
        return Reference(path)

    def collection(self, path: str) -> CollectionPath:
        """The path of a collection."""
        return CollectionPath(path)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(current_database(), name)


class Context:
    """What code finds around it: `CTX.db.document("users/u1")` is a path, `CTX.db.get(...)` asks the bound database.

    Example:
        >>> CTX.db.document("cityView/c1")
        Reference('cityView/c1')
    """

    @property
    def db(self) -> Any:
        """The database that is bound, and paths of documents."""
        return _PATHS

    def __repr__(self) -> str:
        return "CTX"


_PATHS = _Paths()
CTX = Context()
