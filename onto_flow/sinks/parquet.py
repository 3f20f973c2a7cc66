"""View tables as Parquet: one folder per view, named after its collection, with one file that is replaced as a whole.

A reader of `DIR/<collection>` sees the last published table and never a mix: the new file is written outside the folder
(not every reader skips names with a dot), and then takes the old one's place by one atomic rename. A reader that opens
the path once for the footer and again for the data (Polars, DuckDB) can fail when the rename falls in between; it reads
a whole table when it asks again.

The generation stands in the file's metadata; an older one than what is there is refused, also when it was begun before.
While a generation builds up beside a table that is there, that table stays as it is: what is published first is complete.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from ..core.change import DeadLetter, ViewChange
from ..core.errors import EngineError
from .arrow_table import to_arrow
from .base import SinkCapabilities, Table
from .view_table import Tables, refuse_older

MAX_TABLE_BYTES = 256 * 2**20
"""A larger table is not replaced within the time of a rename that a reader would not notice."""

_FILE = "table.parquet"
_GENERATION = b"onto_flow.generation"
_UNSAFE = re.compile(r"[^A-Za-z0-9_.-]")


class ParquetSink:
    """Parquet tables in a local folder.

    Args:
        directory: Where the tables live; made when it is not there.
    """

    def __init__(self, directory: str) -> None:
        self._directory = Path(directory)
        self._tables = Tables()
        self._schemas: dict[str, Table] = {}
        self._misfits: dict[str, dict[str, str]] = {}
        self._building: set[str] = set()

    @property
    def capabilities(self) -> SinkCapabilities:
        """Atomic per table."""
        return SinkCapabilities()

    def open(self, tables: Sequence[Table], generation: int) -> None:
        """See `Sink`."""
        self._schemas = {t.view: t for t in tables}
        self._building = {t.view for t in tables if self._prepare(t, generation)}
        self._tables.open(list(self._schemas), generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        """See `Sink`."""
        self._tables.write(changes)

    def complete(self) -> None:
        """See `Sink`."""
        self._building.clear()
        self._tables.complete()

    def publish(self) -> Sequence[DeadLetter]:
        """See `Sink`; a table without changes is not written again, nor one that a newer generation is not done with."""
        letters: list[DeadLetter] = []
        for view in self._tables.take_changed():
            if view not in self._building:
                letters += self._letters(view, self._replace(self._schemas[view]))
        return letters

    def close(self) -> None:
        """See `Sink`."""

    def folder(self, table: Table) -> Path:
        """The folder of a table: its collection's name, made safe."""
        return self._directory / folder_name(table.collection)

    def _letters(self, view: str, misfits: dict[str, str]) -> list[DeadLetter]:
        before, self._misfits[view] = self._misfits.get(view, {}), misfits
        document = self._tables.table(view).document
        failed = [(f"table:{view}:{p}", f"sink-failed: {what}", document(p)) for p, what in misfits.items()]
        letters = [DeadLetter(key, reason, payload=payload) for key, reason, payload in failed]
        return letters + [DeadLetter(f"table:{view}:{p}", "", cleared=True) for p in before if p not in misfits]

    def _prepare(self, table: Table, generation: int) -> bool:
        """Makes a table's folder ready; returns whether a table is there already."""
        folder = self.folder(table)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for left_over in self._directory.glob(f".{folder.name}.{_FILE}.*"):
                left_over.unlink(missing_ok=True)
            written = _generation(folder / _FILE)
        except (OSError, pa.ArrowException) as error:
            raise _failed(table, folder, error) from error
        refuse_older(generation, written, table.view, folder)
        return (folder / _FILE).exists()

    def _replace(self, table: Table) -> dict[str, str]:
        data, misfits = to_arrow(self._tables.table(table.view).documents(), table)
        data = data.replace_schema_metadata({_GENERATION: str(self._tables.generation).encode()})
        folder = self.folder(table)
        new = self._directory / f".{folder.name}.{_FILE}.{os.getpid()}.{id(self):x}"
        try:
            pq.write_table(data, new)
            if new.stat().st_size > MAX_TABLE_BYTES:
                size = f"larger than {MAX_TABLE_BYTES >> 20} MB ({new.stat().st_size:,} bytes)"
                raise EngineError("sink-failed", f"the table of {table.view} is {size}", where=folder)
            _sync(new)
            refuse_older(self._tables.generation, _generation(folder / _FILE), table.view, folder)
            os.replace(new, folder / _FILE)
            _sync(folder)
        except (OSError, pa.ArrowException) as error:
            raise _failed(table, folder, error) from error
        finally:
            new.unlink(missing_ok=True)
        return misfits


def folder_name(collection: str) -> str:
    """The folder of a collection: itself where that is a safe name, else with other characters as `%XX`.

    Example:
        >>> folder_name("meetingSessions"), folder_name("a/{x}/b"), folder_name("..")
        ('meetingSessions', 'a%2F%7Bx%7D%2Fb', '%2E.')
    """
    name = _UNSAFE.sub(lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode()), collection)
    return f"%{ord(name[0]):02X}{name[1:]}" if name[0] in "._" else name


def _failed(table: Table, folder: Path, error: Exception) -> EngineError:
    return EngineError("sink-failed", f"the table of {table.view} cannot be written: {error}", where=folder)


def _generation(file: Path) -> int:
    if not file.exists():
        return 0
    metadata = pq.read_schema(file).metadata or {}
    return int(metadata.get(_GENERATION, b"0"))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
