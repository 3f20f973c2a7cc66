"""Documents from Parquet: a file, a folder of files, or published tables; on a disk or in an object store.

Each row is a document. Its path is the column `__path__`, or the column that is named as its id, in a collection that is
named. The columns are its fields, as `formats.arrow_types` says; a null is a field that the document does not have. Tables
that the sink `parquet:` wrote come back as the documents that they were made of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import pyarrow.parquet as pq

from ..core.collection import Collection, Projection
from ..core.errors import DataError, UsageError
from ..core.options import count_of
from ..formats.object_path import ObjectPath, place_of
from ..formats.published_table import DAMAGE
from ..formats.table_folder import TableFolder
from .base import Partition, SourceInfo
from .parquet_rows import PathColumn, RowReader

PARTITION_BYTES = 32 << 20
"""Row groups of a file are one partition until they have so many bytes."""

BATCH_DOCUMENTS = 1000
_SUFFIX = ".parquet"


class _File(NamedTuple):
    """A file as it was found: of each row group the rows, the bytes and where it begins; and the size of the footer."""

    name: str
    place: Path | ObjectPath
    row_groups: tuple[tuple[int, int, int], ...]
    footer: int


class ParquetDocuments:
    """The rows of Parquet files as documents.

    Args:
        place: A file, or a folder with files or with folders of files; names that begin with `_` or a dot are no part
            of it. Where a table has a manifest, the files are those that it names.
        id: The column of document ids, where there is no column of paths; text, or integers.
        collection: The path of the collection that these ids are in.
        batch_documents: The most documents of one batch.

    Raises:
        DataError: `not-found` where there is no file; `bad-table` for one that is damaged; `bad-value` for a column of a
            type that Firestore does not have.
    """

    def __init__(
        self,
        place: str | Path,
        *,
        id: str | None = None,
        collection: str | None = None,
        batch_documents: int | str = BATCH_DOCUMENTS,
    ) -> None:
        if (id is None) != (collection is None):
            raise UsageError(
                "wrong-usage",
                "id and collection belong together: the column of ids, and the collection that they are in",
                fix="Give both, as in parquet:prices.parquet?id=symbol&collection=prices.",
            )
        if collection is not None and not Collection(collection).top_level:
            raise UsageError("wrong-usage", f"{collection!r:.200} is no collection but a pattern of several")
        self._place = place_of(place)
        self._path = PathColumn(id, collection)
        self._batch = count_of("batch_documents", batch_documents)

    def info(self) -> SourceInfo:
        """Its rows are counted; any event is newer than they are."""
        documents = sum(rows for file in self._files.values() for rows, _, _ in file.row_groups)
        return SourceInfo(kind="parquet", documents=documents, ranks_below_events=True)

    def partitions(self) -> Sequence[Partition]:
        """Row groups of files, some together."""
        return [Partition(f"{name}:{a}-{b}", size) for name, file in self._files.items() for a, b, size in _cut(file)]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> RowReader:
        """Begins to read row groups.

        Raises:
            DataError: `bad-table` when the file is another one than when it was found.
        """
        name, _, numbers = partition.name.rpartition(":")
        first, _, behind = numbers.partition("-")
        found = self._files[name]
        file = _opened(found.place)
        try:
            if _described(name, found.place, file) != found:
                raise DataError(
                    "bad-table",
                    "The file is another one than when it was found",
                    where=found.place,
                    fix="Somebody writes to it: wait until that is done, and read it again.",
                )
            return RowReader(
                file,
                range(int(first), int(behind)),
                name=str(found.place),
                path=self._path,
                projection=projection,
                batch=self._batch,
                resume=resume,
            )
        except DataError:
            file.close()
            raise
        except DAMAGE as error:
            file.close()
            raise _damaged(found.place, error) from error

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """A file stays as it is."""

    @cached_property
    def _files(self) -> dict[str, _File]:
        files = {}
        for name, place in _found(self._place):
            with _opened(place) as file:
                files[name] = _described(name, place, file)
        if not files:
            raise DataError(
                "not-found", "There is no Parquet file", where=self._place, fix="Name a file, or a folder of files."
            )
        return files


def _found(place: Path | ObjectPath, inside: str = "") -> Iterator[tuple[str, Path | ObjectPath]]:
    """The files of a place, and what they are called in it, in the order of these names."""
    if place.is_file():
        yield place.name, place
        return
    manifest = TableFolder(place).manifest() if place.is_dir() else None
    if manifest is not None:
        for part in manifest.parts:
            yield f"{inside}{part.name}", TableFolder(place).part(part.name)
        return
    children: list[Any] = sorted(place.iterdir()) if place.is_dir() else []
    for child in children:
        if child.name.startswith(("_", ".")):
            continue
        if child.is_dir():
            yield from _found(child, f"{inside}{child.name}/")
        elif child.name.endswith(_SUFFIX):
            yield f"{inside}{child.name}", child


def _opened(place: Path | ObjectPath) -> BinaryIO:
    try:
        return place.open("rb")
    except OSError as error:
        raise DataError("bad-table", f"The file cannot be read: {error.strerror}", where=place) from error


def _described(name: str, place: Path | ObjectPath, file: BinaryIO) -> _File:
    try:
        footer = pq.ParquetFile(file).metadata
        groups = [footer.row_group(number) for number in range(footer.num_row_groups)]
        begins = [group.column(0).data_page_offset if group.num_columns else 0 for group in groups]
    except DAMAGE as error:
        raise _damaged(place, error) from error
    described = tuple((g.num_rows, g.total_byte_size, begin) for g, begin in zip(groups, begins))
    return _File(name, place, described, footer.serialized_size)


def _damaged(place: Path | ObjectPath, error: Exception) -> DataError:
    return DataError("bad-table", f"The file is no Parquet, or damaged: {error!s:.200}", where=place)


def _cut(file: _File) -> Iterator[tuple[int, int, int]]:
    """(first row group, the one behind the last, bytes) of each partition of a file; at least one."""
    first, size = 0, 0
    for number, (_, bytes_, _) in enumerate(file.row_groups):
        size += bytes_
        if size >= PARTITION_BYTES:
            yield first, number + 1, size
            first, size = number + 1, 0
    if first < len(file.row_groups) or not file.row_groups:
        yield first, len(file.row_groups), size
