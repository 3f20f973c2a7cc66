"""Thin events: they tell that a document is another one now, and not what it is; it is read from a database.

Law: a document that is read is a change of its own, with its update time as the version; one that is missing is a deletion
directly after the commit that it was read at. So a later change is newer, and reading it twice changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..core.change import Change, DeadLetter
from ..core.values import to_micros
from ..database.base import Database, Snapshot
from ..database.connect import open_database

Item = Change | DeadLetter


class Thin(NamedTuple):
    """Stands in a batch for a document that is to be read."""

    path: str


class ThinEvents:
    """Reads the documents of thin events, those of one batch together."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def resolved(self, batch: Sequence[Item | Thin]) -> list[Item]:
        """A batch with changes in the place of thin events.

        Raises:
            EngineError: The database cannot be read; nothing was acknowledged.
        """
        paths = list(dict.fromkeys(item.path for item in batch if isinstance(item, Thin)))
        read = {s.path: _change(s) for s in self._database.get_many(paths)} if paths else {}
        return [read[item.path] if isinstance(item, Thin) else item for item in batch]

    def close(self) -> None:
        """Closes the database."""
        self._database.close()


def open_thin(uri: str) -> ThinEvents:
    """Reads from the database that a URI names; one that is not there is not made, or all documents would be missing.

    Raises:
        UsageError: `not-found`, `wrong-usage`, `unknown-name`.
    """
    return ThinEvents(open_database(uri, create=False))


def _change(snapshot: Snapshot) -> Change:
    if snapshot.version is None:
        return Change(snapshot.path, None, None, (to_micros(snapshot.read_time), 1), snapshot.read_time)
    return Change(snapshot.path, None, snapshot.fields, snapshot.version, snapshot.update_time)
