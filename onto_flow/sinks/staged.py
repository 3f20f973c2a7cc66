"""What was written and is not published yet: the newest of each view document.

Law: in whatever order and however often changes are written, one row per path is left, of the highest version; what is
dropped is what was seen, and nothing newer. Two threads may use it: one that writes, one that publishes.

It is in memory, and where that would be too much, all of it in a file without a name, until that is empty. In the file each
row is a call of SQLite that lets other threads go first: one that writes and one that publishes would wait for each other
at every row.
"""

from __future__ import annotations

import heapq
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator

from ..core.change import ViewChange
from .staged_file import MOST_PATHS, Row, StagedFile

__all__ = ["MOST_PATHS", "Row", "Staged"]

MOST_BYTES = 8 << 20
"""About so much is in memory."""


class Staged:
    """What waits for its publication.

    Args:
        most_bytes: About how much may be in memory.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._views = defaultdict[str, dict[str, Row]](dict)
        self._bytes = 0
        self._file = StagedFile()
        self._is_filed = False
        self._lock = threading.Lock()

    def write(self, change: ViewChange, data: bytes | None, misfit: str | None) -> None:
        """Takes a change whose document has these bytes."""
        self.write_all([(change, data, misfit)])

    def write_all(self, changes: Iterable[tuple[ViewChange, bytes | None, str | None]]) -> None:
        """Takes changes, each with the bytes of its document and what of it does not fit."""
        rows = [
            (c.view, Row(c.path, c.version, data, misfit, c.failed, created=c.old is None))
            for c, data, misfit in changes
        ]
        with self._lock:
            if self._is_filed:
                self._file.take(rows)
                return
            for view, row in rows:
                self._put(view, row)
            if self._bytes > self._most:
                self._file.take((view, row) for view, some in self._views.items() for row in some.values())
                self._forget()
                self._is_filed = True

    def rows(self, view: str) -> Iterator[Row]:
        """All of a view's, in the order of the bytes of their paths, no path twice; it may be changed meanwhile."""
        after = ""
        while page := self._page(view, after):
            yield from page
            after = page[-1].path

    def of(self, view: str, paths: Iterable[str]) -> dict[str, Row]:
        """Those of a view at some paths, at most `MOST_PATHS`."""
        with self._lock:
            if self._is_filed:
                return self._file.of(view, list(paths))
            found = self._views[view]
            return {path: found[path] for path in paths if path in found}

    def count(self, view: str) -> int:
        """How many of a view's wait."""
        with self._lock:
            return self._file.count(view) if self._is_filed else len(self._views[view])

    def drop(self, view: str, rows: Iterable[Row] | None = None) -> None:
        """These are published, unless something newer waits meanwhile; `None`: all of the view's are."""
        with self._lock:
            if self._is_filed:
                self._file.drop(view, rows)
                self._is_filed = not self._file.is_empty
                return
            found = self._views[view]
            for row in list(found.values()) if rows is None else rows:
                here = found.get(row.path)
                if here is not None and here.version == row.version:
                    self._bytes -= found.pop(row.path).bytes

    def clear(self) -> None:
        """Nothing waits."""
        with self._lock:
            self._forget()
            self._file.clear()
            self._is_filed = False

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _put(self, view: str, row: Row) -> None:
        found = self._views[view]
        before = found.get(row.path)
        if before is not None:
            row = row.over(before)
            self._bytes -= before.bytes
        found[row.path] = row
        self._bytes += row.bytes

    def _forget(self) -> None:
        self._views.clear()
        self._bytes = 0

    def _page(self, view: str, after: str) -> list[Row]:
        with self._lock:
            if self._is_filed:
                return self._file.page(view, after)
            found = self._views[view]
            return [found[path] for path in heapq.nsmallest(MOST_PATHS, (path for path in found if path > after))]
