"""Transactions of Firestore: what they read is locked, or looked at again, by the service.

One begins with its first read, in the same call: a transaction of one read is two calls, not three. One that reads nothing
is a commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from google.api_core import exceptions
from google.cloud.firestore_v1 import types

from ...core.writes import Write
from ..base import Committed, Snapshot
from ..query import Query

if TYPE_CHECKING:
    from .database import FirestoreDatabase


class FirestoreTransaction:
    """What `transact` gives to its function.

    Args:
        database: Where.
        before: The id of the attempt before: Firestore gives this one its place.

    Attributes:
        id: Firestore's name for it; empty until it has read something.
    """

    def __init__(self, database: FirestoreDatabase, before: bytes) -> None:
        self._database = database
        self._writes: list[Write] = []
        self.committed: Committed | None = None
        self._is_over = False
        self._before = before
        self.id = b""

    def ask(self, request: Any) -> None:
        """Makes a request that reads one of this transaction; the first one begins it."""
        if self.id:
            request.transaction = self.id
        else:
            request.new_transaction.read_write.retry_transaction = self._before

    def hear(self, answer: Any) -> None:
        """Takes the transaction's name from the first answer to the request that began it."""
        self.id = self.id or answer.transaction

    def get(self, path: str) -> Snapshot:
        """See `Transaction`."""
        return self.get_many([path])[0]

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Transaction`."""
        return self._database.read(paths, self)

    def query(self, query: Query) -> list[Snapshot]:
        """See `Transaction`."""
        return list(self._database.answer(query, self))

    def write(self, *writes: Write) -> None:
        """See `Transaction`."""
        self._writes += writes

    def commit(self) -> None:
        """Makes what was written, if what was read is still so."""
        self.committed = self._database.write(self._writes, self.id)
        self._is_over = True

    def close(self) -> None:
        """Gives it up, where it was not committed."""
        if self._is_over or not self.id:
            return
        service = self._database.service
        with suppress(exceptions.GoogleAPICallError):
            service.api.rollback(
                types.RollbackRequest(database=service.name, transaction=self.id), metadata=service.metadata
            )
