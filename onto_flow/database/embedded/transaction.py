"""Transactions of an embedded database: reads as of one commit, which are checked again under the writer's lock."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from ...core.writes import Write
from ..base import Committed, Snapshot
from ..query import Query
from .reading import Reading
from .writing import checked

_Answer = list[tuple[str, "datetime | None"]]


class EmbeddedTransaction:
    """What `transact` gives to its function.

    Law: what is committed is what the function would have written at the moment of the commit: all that it read is read
    again then, and if any of it has changed, nothing is written.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._documents: dict[str, datetime | None] = {}
        self._answers: list[tuple[Query, _Answer]] = []
        self.writes: list[Write] = []
        self.committed: Committed | None = None

    def get(self, path: str) -> Snapshot:
        """See `Transaction`."""
        return self.get_many([path])[0]

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Transaction`."""
        found = self._reading.snapshots(paths)
        self._documents.update((s.path, s.update_time) for s in found)
        return found

    def query(self, query: Query) -> list[Snapshot]:
        """See `Transaction`."""
        found = list(self._reading.query(query))
        self._answers.append((query, _answer(found)))
        return found

    def write(self, *writes: Write) -> None:
        """See `Transaction`."""
        self.writes += checked(writes)

    def stands(self, now: Reading) -> bool:
        """Whether all that was read is still so."""
        if now.at.position == self._reading.at.position:
            return True
        versions = now.snapshots(list(self._documents))
        if any(s.update_time != self._documents[s.path] for s in versions):
            return False
        return all(_answer(now.query(query)) == answer for query, answer in self._answers)


def _answer(found: Iterable[Snapshot]) -> _Answer:
    return [(s.path, s.update_time) for s in found]
