"""View tables in this process, for notebooks and tests."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from ..core.change import DeadLetter, ViewChange
from ..core.errors import UsageError, did_you_mean
from ..core.values import Document
from .base import SinkCapabilities, Table
from .view_table import Tables


class MemorySink:
    """Keeps the tables, and every change in the order in which it was written.

    Attributes:
        changes: All view changes written so far.
    """

    def __init__(self) -> None:
        self.changes: list[ViewChange] = []
        self._tables = Tables()
        self._schemas: dict[str, Table] = {}
        self._published: dict[str, dict[str, Document]] = {}
        self._failed: dict[str, frozenset[str]] = {}

    @property
    def capabilities(self) -> SinkCapabilities:
        """Atomic, and gone with the process."""
        return SinkCapabilities(keeps_tables=False, resumes=False)

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._schemas.update({t.view: t for t in tables})
        self._tables.open([t.view for t in tables], generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        self.changes.extend(changes)
        self._tables.write(changes)

    def complete(self) -> None:
        """See `Sink`."""
        self._tables.complete()

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`."""
        for view in self._tables.take_changed():
            table = self._tables.table(view)
            self._published[view], self._failed[view] = dict(table.documents()), frozenset(table.failed)
        return ()

    def close(self) -> None:
        """See `Sink`."""

    def views(self) -> list[str]:
        """The names of the views."""
        return self._tables.views()

    def documents(self, view: str) -> dict[str, Document]:
        """The published table of a view: path -> document, in path order."""
        if view not in self._schemas:
            raise UsageError("unknown-name", f"there is no view {view!r} here", fix=did_you_mean(view, self._schemas))
        return dict(self._published.get(view, {}))

    def failed(self, view: str) -> frozenset[str]:
        """The paths in the published table whose documents are the last good ones of failing code."""
        return self._failed.get(view, frozenset())

    def to_arrow(self, view: str) -> Any:
        """The published table as a `pyarrow.Table`: `__path__`, then the view's attributes.

        `__failed__` is a column while there are documents that are the last good ones of failing code. A value that does
        not fit the declared type of its attribute is null there, and a warning names it.
        """
        from .arrow_table import flagged, to_arrow

        columns, documents = flagged(self._schemas[view], self.documents(view).items(), self.failed(view))
        table, misfits = to_arrow(documents, columns)
        for path, what in misfits.items():
            warnings.warn(f"{path}: {what}", stacklevel=2)
        return table

    def to_pandas(self, view: str) -> Any:
        """The published table as a `pandas.DataFrame`."""
        return self.to_arrow(view).to_pandas()
