"""Publishes one table: as one file where it is small and on a disk, as parts with a manifest elsewhere.

Law: at every moment, and after a kill at any moment, a reader finds the whole table of one publication.

A table changes its form when it grows over the limit, or shrinks below half of it. Both forms count publications, so that
a run after a kill between two steps of the change knows which one is older, and takes it away.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ..core.errors import DataError
from ..core.values import Document
from ..formats.table_folder import TableFolder, sync
from ..formats.table_manifest import FILE, MANIFEST, Manifest
from .arrow_columns import in_path_order, in_row_groups
from .arrow_table import flagged, row_groups, schema_of
from .base import Table
from .evolution import ADD, refuse_breaking
from .kept_ranges import keep
from .parquet_file import Present, TooLarge, look_at, write_file
from .table_parts import next_manifest, remove, remove_garbage, write_parts
from .view_table import refuse_older

MAX_FILE_BYTES = 256 << 20
"""A larger table is not one file."""

KEPT_BYTES = 256 << 20
"""How many bytes of older tables a file holds at most; those of the table before it are always there."""

_GENERATION = b"onto_flow.generation"
_PUBLICATION = b"onto_flow.publication"
Documents = Callable[[], Iterable[tuple[str, Document]]]


class _Found(NamedTuple):
    generation: int = 0
    publication: int = 0
    schema: pa.Schema | None = None


class TablePublisher:
    """One table in one place.

    Args:
        folder: The place.
        table: Names the columns.
        grace: Seconds that a reader may take from its first look to its last.
        clock: Tells the time in seconds.
    """

    def __init__(self, folder: TableFolder, table: Table, *, grace: float, clock: Callable[[], float]) -> None:
        self.folder = folder
        self._table = table
        self._schema = schema_of(table)
        self._grace = grace
        self._clock = clock

    def prepare(self, generation: int, evolve: str) -> bool:
        """Makes the place ready: what an earlier run left over goes.

        Returns:
            Whether a table is there.

        Raises:
            EngineError: `sink-failed` when a newer generation wrote it, or its columns would break for its readers.
        """
        if self.folder.local is not None:
            self.folder.local.mkdir(parents=True, exist_ok=True)
            self._remove_left_overs(self.folder.local)
        manifest = self.folder.manifest()
        found = self._found(manifest)
        remove_garbage(self.folder, manifest, self._clock())
        refuse_older(generation, found.generation, self._table.view, self.folder)
        if found.schema is not None and evolve == ADD:
            refuse_breaking(found.schema, self._schema, self._table.view, self.folder)
        return found.schema is not None

    def publish(
        self, documents: Documents, generation: int, failed: Collection[str] = (), columns: pa.Table | None = None
    ) -> dict[str, str]:
        """Replaces the table.

        Args:
            documents: Gives the rows; asked again where a first way of writing them does not work out.
            generation: Of the job.
            failed: The paths of rows that are flagged.
            columns: More rows, in path order.

        Returns:
            Path -> what of the document does not fit.
        """
        manifest = self.folder.manifest()
        file = self.folder.file
        misfits: dict[str, str] = {}
        self._schema = schema_of(flagged(self._table, (), failed)[0])

        def groups() -> Iterable[pa.Table]:
            table, rows = flagged(self._table, documents(), failed)
            groups = row_groups(rows, table, misfits)
            return groups if columns is None else in_row_groups(in_path_order([columns, *groups]))

        large = manifest is not None and sum(p.size for p in manifest.parts) * 2 > MAX_FILE_BYTES
        if file is not None and not large:
            try:
                self._publish_file(file, manifest, groups, generation)
                return misfits
            except TooLarge:
                misfits.clear()
        self._publish_parts(groups(), generation)
        return misfits

    def _publish_file(
        self, file: Path, manifest: Manifest | None, groups: Callable[[], Iterable[pa.Table]], generation: int
    ) -> None:
        new = file.parent.parent / f".{file.parent.name}.{FILE}.{os.getpid()}.{id(self):x}"
        now = self._clock()
        with ExitStack() as stack:
            stack.callback(new.unlink, missing_ok=True)
            before = stack.enter_context(file.open("rb")) if file.exists() else None
            present = look_at(before) if before is not None else None
            kept, guess = [], 0
            if present is not None:
                ranges = [present.own._replace(replaced=now), *present.kept]
                kept = keep(ranges, now=now, grace=self._grace, budget=KEPT_BYTES)
                guess = (present.own.end - present.own.start) * 17 // 16
            publication = 1 + max(_publication(present), manifest.publication if manifest is not None else 0)
            told = {_GENERATION: str(generation).encode(), _PUBLICATION: str(publication).encode()}
            schema = self._schema.with_metadata(told)
            write_file(new, before, kept, schema, groups, guess=guess, limit=MAX_FILE_BYTES)
            refuse_older(generation, self._found(manifest).generation, self._table.view, self.folder)
            os.replace(new, file)
            sync(file.parent)
        if manifest is not None:
            self.folder.remove_manifest()
            remove(self.folder, manifest.names())

    def _publish_parts(self, groups: Iterable[pa.Table], generation: int) -> None:
        parts = write_parts(self.folder, self._schema, groups, self._clock())
        manifest = self.folder.manifest()
        found = self._found(manifest)
        refuse_older(generation, found.generation, self._table.view, self.folder)
        now, publication = self._clock(), found.publication + 1
        new, gone = next_manifest(manifest, parts, generation, publication, now=now, grace=self._grace)
        self.folder.put_manifest(new)
        if self.folder.file is not None:
            self.folder.file.unlink(missing_ok=True)
        remove(self.folder, gone)

    def _found(self, manifest: Manifest | None) -> _Found:
        """The table that is there; of two forms, the newer one."""
        found = _Found()
        if manifest is not None:
            with self.folder.part(manifest.parts[0].name).open("rb") as part:
                found = _Found(manifest.generation, manifest.publication, pq.ParquetFile(part).schema_arrow)
        file = self.folder.file
        if file is not None and file.exists():
            with file.open("rb") as opened:
                present = look_at(opened)
            if _publication(present) >= found.publication:
                found = _Found(_number(present, _GENERATION), _publication(present), present.schema)
        return found

    def _remove_left_overs(self, folder: Path) -> None:
        for name in (FILE, MANIFEST):
            for left_over in folder.parent.glob(f".{folder.name}.{name}.*"):
                left_over.unlink(missing_ok=True)
        manifest, file = self.folder.manifest(), folder / FILE
        if manifest is None or not file.exists():
            return
        if self._found(manifest).publication > manifest.publication:
            self.folder.remove_manifest()
        else:
            file.unlink()


def _publication(present: Present | None) -> int:
    return _number(present, _PUBLICATION) if present is not None else 0


def _number(present: Any, key: bytes) -> int:
    text = present.metadata.get(key, b"0")
    if not text.isdigit():
        raise DataError("bad-table", f"{key.decode()} is {text!r:.80}, which is no number")
    return int(text)
