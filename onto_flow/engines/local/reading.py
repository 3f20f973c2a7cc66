"""A checkpoint that is looked into, and never written: also while its job runs, as of one commit.

Law: `every` gives what the job would go on from: what the table of state has, and what the log says after it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from ...core.codec import decode_state
from ...core.compact import Cells
from ...core.errors import EngineError, UsageError
from ...operators.base import Key
from ...plan.nodes import Plan
from ..made_by import Fingerprints, structures
from .checkpoint import refuse_other_code
from .layout import Layout
from .log import Unread
from .store import FILE, Store, check_format, failing
from .table import Row, Table


class CheckpointReading:
    """The state of a job as of its last commit when this was made.

    While it is open, SQLite keeps what the job commits beside it: the file `-wal` grows until it is closed.

    Args:
        directory: Of the checkpoint.
        plan: What the job maintains.
        fingerprints: Of the views' code now; their structure alone is compared where there are none.

    Attributes:
        running: Whether a process has it open, or had when it was killed.
        snapshot: The time of the job's first load in microseconds; `None` where its documents rank below all events.

    Raises:
        UsageError: `not-found`; `wrong-usage` where the first load was not complete.
        EngineError: `checkpoint-failed`, `state-version`; `checkpoint-differs` when other code made it.
    """

    def __init__(self, directory: Path, plan: Plan, fingerprints: Fingerprints) -> None:
        self._file = directory / FILE
        if not self._file.is_file():
            raise UsageError("not-found", f"there is no checkpoint at {directory}")
        self.running = self._file.with_name(f"{FILE}-wal").exists()
        with failing(self._file):
            self._connection = sqlite3.connect(self._file, timeout=30, isolation_level=None)
        try:
            with failing(self._file):
                check_format(self._connection, self._file)
            self._begin(directory, plan, fingerprints)
        except BaseException:
            self.close()
            raise

    def _begin(self, directory: Path, plan: Plan, fingerprints: Fingerprints) -> None:
        with failing(self._file):
            self._connection.execute("BEGIN")
        said: dict[str, Any] = {n: decode_state(v) for n, v in self.read("SELECT name, value FROM meta")}
        if not said.get("loaded"):
            what = f"the job of {directory} has not read its source yet: there is nothing to compare"
            raise UsageError("wrong-usage", what, fix="Wait until it has.")
        refuse_other_code(said["fingerprints"], fingerprints or structures(plan), directory)
        self.snapshot: int | None = said["job"][1]
        numbers = dict(self.read("SELECT name, id FROM operators"))
        store = cast(Store, self)
        self._tables = {node.id: Table(store, numbers[node.id]) for node in plan.operators}
        self._layouts = {node.id: Layout(node) for node in plan.operators}
        self._unread = Unread(store, {number: name for name, number in numbers.items()})

    def every(self, operator: str) -> Iterator[tuple[Key, Cells]]:
        """All keys of an operator with their cells: texts in the order of their UTF-8, then bytes."""
        places = self._unread.places[operator]
        logged = iter(sorted(places, key=_order))
        ahead = next(logged, None)
        for key, rows in self._tables[operator].every():
            while ahead is not None and _order(ahead) <= _order(key):
                if ahead != key:
                    yield from self._cells(operator, ahead, ())
                ahead = next(logged, None)
            yield from self._cells(operator, key, rows)
        while ahead is not None:
            yield from self._cells(operator, ahead, ())
            ahead = next(logged, None)

    def _cells(self, operator: str, key: Key, rows: list[Row] | tuple[()]) -> Iterator[tuple[Key, Cells]]:
        cells, _ = self._layouts[operator].cells(rows, self._unread.items(operator, key))
        if cells is not None:
            yield key, cells

    def read(self, statement: str, *parameters: Any) -> list[Any]:
        """All rows that a query gives."""
        with failing(self._file):
            return self._connection.execute(statement, parameters).fetchall()

    def close(self) -> None:
        """Lets go of the file."""
        try:
            self._connection.close()
        except sqlite3.Error as error:
            raise EngineError("checkpoint-failed", f"it cannot be closed: {error}", where=self._file) from error

    def __enter__(self) -> CheckpointReading:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _order(key: Key) -> tuple[bool, bytes]:
    """SQLite's order: texts before bytes, texts by their UTF-8."""
    return (False, key.encode()) if isinstance(key, str) else (True, key)
