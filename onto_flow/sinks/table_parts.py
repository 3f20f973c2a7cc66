"""A table as immutable parts: what is larger than one file may be, or lies in an object store.

A publication writes new files and then replaces the manifest; a reader that has the manifest before finds its files for a
grace. What a crash leaves has no name in a manifest: nobody reads it, and a later run takes it away. One row group is held
as Arrow, and what the store's own upload buffers.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from contextlib import suppress

import pyarrow as pa
import pyarrow.parquet as pq

from ..formats.table_folder import TableFolder
from ..formats.table_manifest import Manifest, Part, Replaced, made_at, part_name

PART_BYTES = 64 << 20
"""A part ends behind the row group that reaches this size."""

GARBAGE_SECONDS = 3600.0
"""So old is a file without a place in the manifest before it is taken away: no publication takes longer."""


def write_parts(folder: TableFolder, schema: pa.Schema, row_groups: Iterable[pa.Table], now: float) -> tuple[Part, ...]:
    """New files with the rows of a table, at least one; they belong to it when a manifest names them.

    When it fails, what it wrote goes.
    """
    token, groups = uuid.uuid4().hex[:16], iter(row_groups)
    parts: list[Part] = []
    rows = next(groups, None)
    names: list[str] = []
    try:
        while rows is not None or not parts:
            names.append(part_name(int(now * 1000), token, len(parts)))
            file, make_safe = folder.create_part(names[-1])
            count = 0
            with file:
                sink = pa.PythonFile(file, mode="w")
                with pq.ParquetWriter(sink, schema, write_page_checksum=True) as writer:
                    while rows is not None and sink.tell() < PART_BYTES:
                        writer.write_table(rows, row_group_size=max(len(rows), 1))
                        count, rows = count + len(rows), next(groups, None)
                size = sink.tell()
            make_safe()
            parts.append(Part(names[-1], count, size))
        folder.sync_parts()
    except BaseException:
        remove(folder, names)
        raise
    return tuple(parts)


def next_manifest(
    before: Manifest | None, parts: tuple[Part, ...], generation: int, publication: int, *, now: float, grace: float
) -> tuple[Manifest, list[str]]:
    """The manifest of a publication, and the files that nobody may still be reading.

    Args:
        before: The manifest now.
        parts: The new files.
        generation, publication: Of the new table.
        now: Seconds.
        grace: Seconds that a reader may take.
    """
    older: Sequence[Replaced] = ()
    if before is not None:
        older = (Replaced(tuple(p.name for p in before.parts), now), *before.replaced)
    kept = tuple(one for one in older if now - one.at < grace)
    gone = [name for one in older if one not in kept for name in one.names]
    return Manifest(generation, publication, parts, kept), gone


def remove(folder: TableFolder, names: Iterable[str]) -> None:
    """Takes files away; one that stays is garbage, which a later run takes away."""
    for name in names:
        with suppress(Exception):
            folder.remove_part(name)


def remove_garbage(folder: TableFolder, manifest: Manifest | None, now: float) -> None:
    """Takes away the parts that no manifest names, if they are so old that no publication is still writing them."""
    named = manifest.names() if manifest is not None else set()
    ages = {name: now - made for name in folder.parts() if (made := made_at(name)) is not None and name not in named}
    remove(folder, [name for name, age in ages.items() if age > GARBAGE_SECONDS])
