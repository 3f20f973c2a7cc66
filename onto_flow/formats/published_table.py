"""Reading a published table: one file, or the parts that its manifest names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ..core.errors import DataError
from .table_folder import TableFolder
from .table_manifest import Manifest

DAMAGE = (OSError, ValueError, KeyError, OverflowError, pa.ArrowException)
"""What a file raises that is no Parquet, or damaged."""

ATTEMPTS = 20
"""How often a table is read again when it is replaced, and what it was is gone, before it was read."""


def read_table(uri: str, *, columns: Sequence[str] | None = None) -> Any:
    """The last publication of a table, whole; checksums are compared.

    Args:
        uri: The folder of the table: a path, or a URL that fsspec knows; `parquet:` may stand before it.
        columns: Which columns; by default all.

    Returns:
        A `pyarrow.Table`.

    Raises:
        DataError: `not-found` where there is no table; `bad-table` for one that is damaged.
    """
    folder = TableFolder(str(uri).removeprefix("parquet:"))
    for _ in range(ATTEMPTS):
        manifest = folder.manifest()
        try:
            table = _read_file(folder, columns) if manifest is None else _read_parts(folder, manifest, columns)
        except DAMAGE as error:
            if folder.manifest() == manifest:
                raise _damaged(folder, error) from error
            continue
        if table is not None:
            return table
        if folder.manifest() is None and not (folder.file and folder.file.exists()):
            fix = "Name the folder of a table, such as tables/rooms."
            raise DataError("not-found", "There is no published table", where=folder, fix=fix)
    raise DataError("bad-table", "The table is replaced faster than it can be read", where=folder)


def _read_file(folder: TableFolder, columns: Sequence[str] | None) -> pa.Table | None:
    if folder.file is None:
        return None
    try:
        with folder.file.open("rb") as file:
            return _read(file, columns)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _read_parts(folder: TableFolder, manifest: Manifest, columns: Sequence[str] | None) -> pa.Table:
    tables = []
    for part in manifest.parts:
        with folder.part(part.name).open("rb") as file:
            rows = _read(file, columns)
        if len(rows) != part.rows:
            raise DataError("bad-table", f"{part.name} has {len(rows)} rows and shall have {part.rows}")
        tables.append(rows)
    return pa.concat_tables(tables)


def _read(file: BinaryIO, columns: Sequence[str] | None) -> pa.Table:
    names = None if columns is None else list(columns)
    return pq.ParquetFile(file, page_checksum_verification=True).read(columns=names)


def _damaged(folder: TableFolder, error: Exception) -> DataError:
    if isinstance(error, DataError) and error.code == "bad-table":
        return error
    return DataError(
        "bad-table", f"The table cannot be read: {error!s:.300}", where=folder, fix="Publish the table again."
    )
