"""View tables as Parquet: one folder per view, named after its collection.

On a disk a table up to 256 MB is one file, which is replaced by an atomic rename. It is written outside the folder (not
every reader skips names with a dot), and still holds the bytes of the tables before it, so that a reader that opens the
path twice, for the footer and for the data, sees one whole table whatever happens in between (`parquet_file`). Larger
tables, and those in an object store, are parts with a manifest (`table_parts`), read by `onto_flow.read_table`.

The generation stands beside the table; an older one than what is there is refused, also when it was begun before.
While a generation builds up beside a table that is there, that table stays as it is: what is published first is complete.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ..core.change import DeadLetter, ViewChange
from ..core.columns import ViewColumns
from ..core.errors import EngineError, UsageError, did_you_mean
from ..core.options import amount_of
from ..formats.object_path import ObjectPath, place_of
from ..formats.table_folder import TableFolder
from .base import SinkCapabilities, Table
from .column_parts import ColumnParts
from .evolution import ADD, MODES
from .table_publisher import TablePublisher
from .view_table import Tables

GRACE_SECONDS = 60.0
"""How long a reader of a table that was replaced still finds it, by default."""

_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class ParquetSink:
    """Parquet tables in a folder, or in an object store.

    Args:
        directory: Where the tables live: a path, made when it is not there, or a URL that fsspec knows.
        evolve: What may change about the columns of a table that is there: `add` new ones, or `replace` any.
        grace: Seconds that a reader of a table may take from its first look to its last.
        clock: Tells the time in seconds.

    Raises:
        UsageError: `wrong-usage` for another option.
    """

    def __init__(
        self,
        directory: str,
        *,
        evolve: str = ADD,
        grace: float | str = GRACE_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._directory: Path | ObjectPath = place_of(directory)
        if evolve not in MODES:
            raise UsageError("wrong-usage", f"evolve={evolve!s:.80} is none", fix=did_you_mean(evolve, MODES))
        self._evolve, self._grace, self._clock = evolve, amount_of("grace", grace, of="seconds"), clock
        self._tables = Tables()
        self._columns: dict[str, ColumnParts] = {}
        self._publishers: dict[str, TablePublisher] = {}
        self._misfits: dict[str, dict[str, str]] = {}
        self._building: set[str] = set()

    @property
    def capabilities(self) -> SinkCapabilities:
        """Atomic per table; what a table is made of is in this process alone."""
        return SinkCapabilities(resumes=False)

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._publishers = {t.view: self._publisher(t) for t in tables}
        self._building = {view for view in self._publishers if self._prepare(view, generation)}
        self._tables.open(list(self._publishers), generation)
        self._columns = {t.view: self._columns.get(t.view) or ColumnParts(t) for t in tables}

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        self._tables.write(changes)

    def write_columns(self, columns: ViewColumns) -> None:
        """See `ColumnSink`."""
        if self._columns[columns.view].take(columns):
            self._tables.changed(columns.view)
        else:
            self._tables.write(list(columns.changes()))

    def complete(self) -> None:
        """See `Sink`."""
        self._building.clear()
        for parts in self._columns.values():
            parts.complete(self._tables.generation)
        self._tables.complete()

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`; a table without changes is not written again, nor one that a newer generation is not done with."""
        letters: list[DeadLetter] = []
        for view in self._tables.take_changed():
            if view not in self._building:
                with _writing(view, self._publishers[view].folder):
                    table = self._tables.table(view)
                    columns = self._columns[view].beside(table)
                    generation, failed = self._tables.generation, table.failed
                    misfits = self._publishers[view].publish(table.documents, generation, failed, columns)
                letters += self._letters(view, misfits)
        return letters

    def close(self) -> None:
        """See `Sink`."""

    def folder(self, table: Table) -> Path | ObjectPath:
        """The folder of a table: its collection's name, made safe."""
        return self._directory / folder_name(table.collection)

    def _publisher(self, table: Table) -> TablePublisher:
        return TablePublisher(TableFolder(self.folder(table)), table, grace=self._grace, clock=self._clock)

    def _prepare(self, view: str, generation: int) -> bool:
        with _writing(view, self._publishers[view].folder):
            return self._publishers[view].prepare(generation, self._evolve)

    def _letters(self, view: str, misfits: dict[str, str]) -> list[DeadLetter]:
        before, self._misfits[view] = self._misfits.get(view, {}), misfits
        document = self._tables.table(view).document
        failed = [(f"table:{view}:{p}", f"sink-failed: {what}", document(p)) for p, what in misfits.items()]
        letters = [DeadLetter(key, reason, payload=payload) for key, reason, payload in failed]
        return letters + [DeadLetter(f"table:{view}:{p}", "", cleared=True) for p in before if p not in misfits]


def folder_name(collection: str) -> str:
    """The folder of a collection: itself where that is a safe name, else with other characters as `%XX`.

    Example:
        >>> folder_name("meetingSessions"), folder_name("a/{x}/b"), folder_name("..")
        ('meetingSessions', 'a%2F%7Bx%7D%2Fb', '%2E.')
    """
    name = _UNSAFE.sub(lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode()), collection)
    return f"%{ord(name[0]):02X}{name[1:]}" if name[0] in "._" else name


@contextmanager
def _writing(view: str, folder: TableFolder) -> Iterator[None]:
    """Whatever a disk, an object store or Arrow raises is one clear error."""
    try:
        yield
    except EngineError:
        raise
    except Exception as error:
        what = f"the table of {view} cannot be written: {error!s:.300}"
        raise EngineError("sink-failed", what, where=folder) from error
