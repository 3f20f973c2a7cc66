"""View tables as collections of an embedded database.

What is written waits in a file of its own that the system forgets. A publication is one commit over all tables of the job:
a reader, a listener or a feed meets the tables before it or after it. The version of each view document is kept beside it,
also where it is gone, so that nothing older comes back; generations are compared in that commit, and a table that is there
stays as it is until a newer generation is complete.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..core.change import DeadLetter, ViewChange
from ..core.errors import DataError
from ..database.embedded.database import KEEP_DAYS, EmbeddedDatabase
from ..database.embedded.document_bytes import encode_document
from ..database.embedded.view_rows import ViewRows
from ..database.embedded.writing import Writer
from ..database.limits import checked_document, checked_path
from .base import SinkCapabilities, Table
from .staged import Staged
from .view_table import refuse_older


class SqliteSink:
    """Collections of an embedded database.

    Args:
        file: The database; made where it does not exist.
        keep_days, synchronous: As of `EmbeddedDatabase`.

    Raises:
        UsageError: `wrong-usage` for a file that is no such database.
    """

    def __init__(self, file: str | Path, *, keep_days: float | str = KEEP_DAYS, synchronous: str = "full") -> None:
        self._database = EmbeddedDatabase(file, keep_days=keep_days, synchronous=synchronous)
        self._staged = Staged()
        self._tables: dict[str, Table] = {}
        self._generation = 0
        self._changed: set[str] = set()
        self._completing = self._completed = False

    @property
    def capabilities(self) -> SinkCapabilities:
        """Atomic, over all tables of a job."""
        return SinkCapabilities()

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._staged.clear()
        self._tables = {t.view: t for t in tables}
        self._generation = generation
        self._changed = set()
        self._completing = self._completed = False
        with self._database.writing() as writer:
            for table in tables:
                self._rows(writer, table, generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        for change in changes:
            if not (self._completed or self._completing) or change.version[0] >= self._generation:
                self._changed.add(change.view)
                self._staged.write(change, *_stored(change))

    def complete(self) -> None:
        """See `Sink`."""
        self._completing = True

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`; one commit over all tables."""
        letters: list[DeadLetter] = []
        if not self._changed and not self._completing:
            return letters
        shown = set()
        with self._database.writing() as writer:
            for view, table in self._tables.items():
                rows = self._rows(writer, table, self._generation)
                if self._completing or (view in self._changed and rows.generation in (0, self._generation)):
                    letters += self._merge(view, rows)
                    shown.add(view)
            writer.finish()
        for view in shown:
            self._staged.drop(view)
        self._changed -= shown
        self._completed = self._completed or self._completing
        self._completing = False
        return letters

    def close(self) -> None:
        """See `Sink`."""
        self._staged.close()
        self._database.close()

    def _rows(self, writer: Writer, table: Table, generation: int) -> ViewRows:
        """What the database knows of a table.

        Raises:
            EngineError: `sink-failed` when a newer generation has written it.
        """
        rows = ViewRows(writer, table.collection)
        refuse_older(generation, rows.generation, table.view, self._database.file.path)
        return rows

    def _merge(self, view: str, rows: ViewRows) -> Iterator[DeadLetter]:
        """Moves a table to what is staged."""
        for row in self._staged.rows(view):
            before = rows.put(row.path, row.version, row.data, misfit=row.misfit is not None)
            if before is not None and (row.misfit or before.misfit):
                yield _letter(view, row.path, row.misfit)
        if self._completing:
            for path in rows.drop_older(self._generation):
                yield _letter(view, path, None)
        rows.reached(self._generation)


def _stored(change: ViewChange) -> tuple[bytes | None, str | None]:
    """(bytes, why it has none) of a view document."""
    if change.new is None:
        return None, None
    try:
        checked_path(change.path)
        return encode_document(checked_document(change.path, change.new, any_names=True)), None
    except DataError as error:
        return None, f"{error.code}: {error.what}"


def _letter(view: str, path: str, misfit: str | None) -> DeadLetter:
    key = f"table:{view}:{path}"
    if misfit is None:
        return DeadLetter(key, "", cleared=True)
    return DeadLetter(key, f"sink-failed: the database cannot hold the document ({misfit})")
