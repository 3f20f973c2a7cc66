"""The documents of a view table that came in columns, beside those that came one by one (`view_table`).

Law: together they are what they would be if all had come one by one. While no path is in both, or twice, nothing is
converted; as soon as one is, the columns are taken apart, and the highest version per path counts.
"""

from __future__ import annotations

import pyarrow as pa

from ..core.change import ViewChange, ViewVersion
from ..core.columns import ViewColumns
from ..formats.arrow_types import PATH
from .arrow_columns import arrow_of, documents_in, has_twice, in_path_order, is_in_order
from .base import Table
from .view_table import ViewTable


class ColumnParts:
    """The columns of one table.

    Args:
        table: Names them.
    """

    def __init__(self, table: Table) -> None:
        self._table = table
        self._parts: list[tuple[ViewVersion, pa.Table]] = []
        self._complete = 0

    def take(self, columns: ViewColumns) -> bool:
        """Takes documents; returns whether it could: not where one of them does not fit in the table."""
        if columns.version[0] < self._complete:
            return True
        data = arrow_of(columns, self._table)
        if data is not None and len(data):
            self._parts.append((columns.version, data))
        return data is not None

    def complete(self, generation: int) -> None:
        """As `ViewTable.complete`."""
        self._complete = generation
        self._parts = [part for part in self._parts if part[0][0] >= generation]

    def beside(self, rows: ViewTable) -> pa.Table | None:
        """The columns in path order; `None` where there are none, or where they had to be taken apart into the rows."""
        if not self._parts:
            return None
        whole = in_path_order([data for _, data in self._parts])
        if rows.failed or not (is_in_order(whole) or not has_twice(whole)) or rows.holds(whole[PATH].to_pylist()):
            self._take_apart(rows)
            return None
        versions = [version for version, _ in self._parts]
        self._parts = [(versions[0], whole)] if len(set(versions)) == 1 else self._parts
        return whole

    def _take_apart(self, rows: ViewTable) -> None:
        for version, data in self._parts:
            for path, document in documents_in(data, self._table):
                rows.write(ViewChange(self._table.view, path, None, document, version))
        self._parts = []
