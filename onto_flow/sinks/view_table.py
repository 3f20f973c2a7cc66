"""A view table in memory: the highest version per path, deletions included.

Law: whatever the order of writes and however often they are repeated, a path ends with its highest version; a complete
generation shuts out all older ones, also for paths that it has no document at.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from ..core.change import ViewChange, ViewVersion
from ..core.errors import EngineError
from ..core.values import Document, in_path_order


class ViewTable:
    """path -> (version, document or none).

    Attributes:
        failed: The paths of documents that are the last good ones of failing code.

    Example:
        >>> table = ViewTable()
        >>> new, old = (ViewChange("V", "v/1", None, {"n": n}, (0, 0, n)) for n in (2, 1))
        >>> table.write(new), table.write(old), dict(table.documents())
        (True, False, {'v/1': {'n': 2}})
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[ViewVersion, Document | None]] = {}
        self.failed: set[str] = set()
        self._complete = 0

    def write(self, change: ViewChange) -> bool:
        """Takes a change; returns whether it was news."""
        if change.version[0] < self._complete:
            return False
        held = self._rows.get(change.path)
        if held is not None and held[0] >= change.version:
            return False
        self._rows[change.path] = (change.version, change.new)
        if change.failed and change.new is not None:
            self.failed.add(change.path)
        else:
            self.failed.discard(change.path)
        return True

    def complete(self, generation: int) -> None:
        """Forgets what older generations left, and takes nothing more from them."""
        self._complete = generation
        for path in [p for p, (version, _) in self._rows.items() if version[0] < generation]:
            del self._rows[path]
            self.failed.discard(path)

    def holds(self, paths: Iterable[str]) -> bool:
        """Whether it knows of one of some paths, if only that its document is gone."""
        return bool(self._rows) and any(path in self._rows for path in paths)

    def document(self, path: str) -> Document | None:
        """The document at a path, where there is one."""
        _, document = self._rows.get(path, (None, None))
        return document

    def documents(self) -> Iterator[tuple[str, Document]]:
        """(path, document) in path order."""
        live = {path: document for path, (_, document) in self._rows.items() if document is not None}
        return iter(in_path_order(live).items())


class Tables:
    """The tables of a sink by view."""

    def __init__(self) -> None:
        self.generation = 0
        self._tables: dict[str, ViewTable] = {}
        self._changed: set[str] = set()

    def open(self, views: Sequence[str], generation: int) -> None:
        """Begins a generation; rows of older ones stay until `complete`.

        Raises:
            EngineError: `sink-failed` for a generation older than the one before.
        """
        refuse_older(generation, self.generation, ", ".join(views))
        self.generation = generation
        for view in views:
            self._tables.setdefault(view, ViewTable())

    def write(self, changes: Sequence[ViewChange]) -> None:
        """Takes changes of any views."""
        for change in changes:
            if self._tables[change.view].write(change):
                self._changed.add(change.view)

    def changed(self, view: str) -> None:
        """A view's table changed elsewhere."""
        self._changed.add(view)

    def complete(self) -> None:
        """The present generation is complete."""
        for view, table in self._tables.items():
            table.complete(self.generation)
            self._changed.add(view)

    def take_changed(self) -> list[str]:
        """The views that changed since this was asked last."""
        changed = [v for v in self._tables if v in self._changed]
        self._changed.clear()
        return changed

    def views(self) -> list[str]:
        """The names of all views."""
        return list(self._tables)

    def table(self, view: str) -> ViewTable:
        """One view's table."""
        return self._tables[view]


def refuse_older(generation: int, written: int, table: str, where: object = "") -> None:
    """Nothing that an older generation writes may replace what a newer one has written.

    Raises:
        EngineError: `sink-failed`.
    """
    if written > generation:
        what = f"the table of {table} was written by generation {written}, which is newer than {generation}"
        raise EngineError("sink-failed", what, where=where, fix="Start a new job: its generation is newer.")
