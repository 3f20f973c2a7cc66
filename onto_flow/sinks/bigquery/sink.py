"""View tables in BigQuery: a backfill is loaded as a file, changes go by change data capture.

Law: BigQuery keeps the row of the highest sequence number per primary key, and the sequence number is the version: rows that
arrive late or twice change nothing. A load replaces the table at once; it is the one write without a sequence number.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from tempfile import TemporaryFile
from typing import Any

from ...core.change import DeadLetter, ViewChange
from ...core.errors import EngineError
from ...core.options import truth_of
from ...formats.native.values import value_decoder, value_encoder
from ..around import REAL, Around, patiently
from ..base import FAILED, SinkCapabilities, Table
from ..staged import Row, Staged
from ..view_table import refuse_older
from .columns import GENERATION, Column, columns_of, row_of
from .messages import Rows, line
from .service import Service

MOST_ROWS, MOST_BYTES = 5000, 8 << 20
"""Of one append; BigQuery takes 10 MB."""
_encode, _decode = value_encoder(), value_decoder()


def open_sink(place: str, *, shared: bool | str = False) -> BigQuerySink:
    """The sink of a URI.

    Args:
        place: `//PROJECT/DATASET`; the dataset must be there.
        shared: Whether several processes write the tables together, each its own rows: then nothing is loaded.
    """
    return BigQuerySink(Service(place), shared=truth_of("shared", shared))


class BigQuerySink:
    """Tables of a dataset, named after their collections.

    Args:
        service: The dataset.
        around: Time and chance.
        shared: Whether several processes write the tables together.

    Attributes:
        operations: kind -> how many: `upsert`, `delete`, `append`, `load`, `refused`.
    """

    def __init__(self, service: Service, around: Around = REAL, *, shared: bool = False) -> None:
        self._service, self._around, self._shared = service, around, shared
        self.operations: Counter[str] = Counter()
        self._staged = Staged()
        self._tables: dict[str, _Open] = {}
        self._generation = 0
        self._completing = False

    @property
    def capabilities(self) -> SinkCapabilities:
        """Row by row; it goes on from what it has published."""
        return SinkCapabilities(atomic_publish=False)

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`; makes tables, and columns that are missing."""
        self._staged.clear()
        self._generation, self._completing = generation, False
        self._tables = {}
        for table in tables:
            columns = columns_of(table)
            opened = _Open(table, table.collection.replace("/", "_").replace("{", "").replace("}", ""), columns)
            opened.before = patiently(self._around, partial(self._service.prepare, opened.name, opened.columns))
            refuse_older(generation, opened.before, table.view, opened.name)
            self._tables[table.view] = opened

    def written_by(self) -> dict[str, int]:
        """See `Succeeding`."""
        return {view: opened.before for view, opened in self._tables.items()}

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        for change in changes:
            if change.version[0] >= self._generation:
                data, misfit = None, None
                if change.new is not None:
                    opened = self._tables[change.view]
                    row, misfit = row_of(dict(change.new), opened.columns)
                    data = _encode({**row, GENERATION: change.version[0], **({FAILED: True} if change.failed else {})})
                self._staged.write(change, data, misfit)
                self._tables[change.view].changed = True

    def complete(self) -> None:
        """See `Sink`."""
        self._completing = True

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`."""
        letters: list[DeadLetter] = []
        for opened in self._tables.values():
            if self._completing and self._shared:
                letters += self._append_all(opened)
                self._sweep(opened)
            elif self._completing and not opened.is_ours:
                letters += self._load(opened)
            elif opened.changed and (self._shared or opened.is_ours or opened.before in (0, self._generation)):
                letters += self._append_all(opened)
        self._completing = False
        return letters

    def close(self) -> None:
        """See `Sink`."""
        self._staged.close()
        self._service.close()

    def _load(self, opened: _Open) -> Iterator[DeadLetter]:
        """Makes the table what waits for it."""
        view, size = opened.table.view, 0
        with TemporaryFile() as file:
            for row in self._staged.rows(view):
                if row.data is not None:
                    size += file.write(line(row.path, _decode(row.data), opened.columns))
                yield from opened.letters(row, row.misfit)
            patiently(self._around, partial(self._service.load, opened.name, opened.columns, file, size))
        self.operations["load"] += 1
        self._record(opened)
        self._staged.drop(view)
        opened.changed = False

    def _append_all(self, opened: _Open) -> Iterator[DeadLetter]:
        """Sends the changes that wait."""
        if not opened.is_ours:
            self._record(opened)
        for rows in _portions(self._staged.rows(opened.table.view)):
            yield from self._append(opened, rows)
            self._staged.drop(opened.table.view, rows)
        opened.changed = False

    def _sweep(self, opened: _Open) -> None:
        """Takes away what older generations left, whose rows nobody has written again."""
        older = patiently(self._around, partial(self._service.older, opened.name, self._generation))
        rows = iter([Row(path, (self._generation, 0, 0), None) for path in older])
        for some in _portions(rows):
            for _ in self._append(opened, some):
                pass

    def _append(self, opened: _Open, rows: list[Row]) -> Iterator[DeadLetter]:
        waiting = rows
        while waiting:
            made = [opened.rows.change(r.path, r.version, None if r.data is None else _decode(r.data)) for r in waiting]
            append = partial(self._service.append, opened.name, opened.rows.descriptor, made)
            refused = patiently(self._around, append)
            self.operations["append"] += 1
            if not refused:
                for row in waiting:
                    self.operations["delete" if row.data is None else "upsert"] += 1
                    yield from opened.letters(row, row.misfit)
                return
            waiting = [self._refused(row, refused.get(n)) for n, row in enumerate(waiting)]

    def _refused(self, row: Row, why: str | None) -> Row:
        """A row that BigQuery refuses goes, so that nothing older is shown."""
        if why is None:
            return row
        if row.data is None:
            raise EngineError("sink-failed", f"BigQuery refuses a deletion: {why}", where=row.path)
        self.operations["refused"] += 1
        return row._replace(data=None, misfit=why)

    def _record(self, opened: _Open) -> None:
        patiently(self._around, partial(self._service.record, opened.name, opened.columns, self._generation))
        opened.is_ours = True


@dataclass
class _Open:
    """A table that is being written.

    Attributes:
        name: Its name in the dataset.
        before: The generation that had written it.
        is_ours: Whether it says that ours has.
        changed: Whether anything waits.
    """

    table: Table
    name: str
    columns: tuple[Column, ...]
    before: int = 0
    is_ours: bool = False
    changed: bool = False
    told: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.rows: Any = Rows(self.columns)

    def letters(self, row: Row, misfit: str | None) -> Iterator[DeadLetter]:
        """The letter of a row that was written: put where it does not fit, taken back where it does again."""
        key = f"table:{self.table.view}:{row.path}"
        if misfit is not None:
            self.told.add(row.path)
            yield DeadLetter(key, f"sink-failed: {misfit}")
        elif row.path in self.told:
            self.told.discard(row.path)
            yield DeadLetter(key, "", cleared=True)


def _portions(rows: Iterator[Row]) -> Iterator[list[Row]]:
    some: list[Row] = []
    size = 0
    for row in rows:
        length = len(row.data or b"") + 2 * len(row.path) + 100
        if some and (len(some) >= MOST_ROWS or size + length > MOST_BYTES):
            yield some
            some, size = [], 0
        some.append(row)
        size += length
    if some:
        yield some
