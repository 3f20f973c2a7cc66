"""One Parquet file that shows a table and still holds the bytes of the tables before it.

Most readers open a path twice: for the footer, then for the data (Polars, DuckDB, pyarrow given a file). When the file is
replaced in between, they look for the pages of the old footer in the new file. So the new file has these pages, at the
same places: the reader sees the whole older table. Only the newest footer, at the end, tells new readers where to look.

The rows are written in row groups, each from its own small Arrow table: one is held.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from .kept_ranges import FIRST, Range, decode_ranges, encode_ranges, places

KEPT = b"onto_flow.kept"
"""The key of a file's metadata that tells which ranges of older versions it holds."""

_COPY_BYTES = 8 << 20
_NOTHING = memoryview(bytes(1 << 20))
_NO_COPY = (errno.ENOSYS, errno.EXDEV, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM, errno.EBADF)
"""Why a file system may refuse to copy by itself."""


class TooLarge(Exception):
    """The pages of a table have more bytes than are allowed."""


class _Full(Exception):
    """A gap is too small."""


@dataclass(frozen=True)
class Present:
    """A file that is there.

    Attributes:
        metadata: Its keys and values.
        schema: Its columns.
        own: The range of its own pages, replaced at the time zero.
        kept: The ranges of older versions, the newest first.
    """

    metadata: Mapping[bytes, bytes]
    schema: pa.Schema
    own: Range
    kept: Sequence[Range] = field(default=())


def look_at(file: Any) -> Present:
    """What an open file holds.

    Raises:
        pyarrow.ArrowException: It is no Parquet file.
    """
    footer = pq.ParquetFile(file)
    size = os.fstat(file.fileno()).st_size
    metadata = footer.metadata.metadata or {}
    kept = decode_ranges(metadata.get(KEPT, b"[]"), size)
    return Present(metadata, footer.schema_arrow, _pages(footer.metadata), kept)


def _pages(metadata: Any) -> Range:
    start, end = 0, 0
    for row_group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(row_group).column(number)
            first = min(filter(None, (chunk.dictionary_page_offset, chunk.data_page_offset)))
            start, end = min(start or first, first), max(end, first + chunk.total_compressed_size)
    return Range(start, end, 0.0) if end else Range(FIRST, FIRST, 0.0)


def write_file(
    new: Path,
    before: Any,
    kept: Sequence[Range],
    schema: pa.Schema,
    row_groups: Callable[[], Iterable[pa.Table]],
    *,
    guess: int,
    limit: int,
) -> None:
    """Writes a table beside what is kept of the versions before.

    Args:
        new: The file to make.
        before: The file of the version before, open for reading; or none.
        kept: Ranges of it that the new file shall have at the same places.
        schema: The columns; its metadata becomes the file's.
        row_groups: Gives the rows, possibly more than once.
        guess: How many bytes they may need.
        limit: How many they may have at most.

    Raises:
        TooLarge: They have more.
        OSError: It cannot be written.
    """
    told = schema.with_metadata({**(schema.metadata or {}), KEPT: encode_ranges(kept).encode()})
    for start, end in places(kept, guess):
        with new.open("wb") as file:
            out = _Placed(file.fileno(), start + limit, end)
            try:
                with _writer(out, told) as (sink, writer):
                    _pass_over(sink, out, start)
                    out.bounded = True
                    for rows in row_groups():
                        writer.write_table(rows, row_group_size=max(len(rows), 1))
                    out.bounded = False
                    _pass_over(sink, out, max([sink.tell(), *(one.end for one in kept)]))
            except _Full:
                continue
            for one in kept:
                _copy(before.fileno(), file.fileno(), one)
            file.flush()
            os.fsync(file.fileno())
            return


@contextmanager
def _writer(out: _Placed, schema: pa.Schema) -> Iterator[tuple[Any, Any]]:
    """A stream and a writer of pages into it; when writing fails, what it still wants to say goes nowhere."""
    sink = pa.PythonFile(out, mode="w")
    writer = pq.ParquetWriter(sink, schema, write_page_checksum=True)
    try:
        yield sink, writer
    except BaseException:
        out.lost = True
        raise
    finally:
        writer.close()


def _pass_over(sink: Any, out: _Placed, place: int) -> None:
    """Leaves a gap. Arrow counts the bytes that it wrote, and does not ask the file where it is: it writes the gap too."""
    out.gap = True
    while sink.tell() < place:
        sink.write(_NOTHING[: place - sink.tell()])
    out.gap = False


class _Placed(io.RawIOBase):
    """A file with gaps, whose pages must not go beyond a place.

    Attributes:
        bounded: Whether what comes now is pages.
        gap: Whether what comes now is passed over.
        lost: Whether what comes now goes nowhere.
    """

    def __init__(self, descriptor: int, limit: int, end: int | None) -> None:
        self._descriptor = descriptor
        self._at = 0
        self._limit, self._end = limit, end
        self.bounded = self.gap = self.lost = False

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        size = len(view)
        if self.lost:
            return size
        if self.gap:
            self._at += size
            return size
        if self.bounded and self._at + size > self._limit:
            raise TooLarge
        if self.bounded and self._end is not None and self._at + size > self._end:
            raise _Full
        while view:
            written = os.pwrite(self._descriptor, view, self._at)
            self._at += written
            view = view[written:]
        return size


def _copy(source: int, target: int, one: Range) -> None:
    """The bytes of a range, at the same place; where the file system can, shared with the file before."""
    at = one.start
    while at < one.end:
        count = min(one.end - at, _COPY_BYTES)
        copied = _copy_some(source, target, count, at)
        if not copied:
            raise OSError(errno.EIO, f"the table before ends at byte {at}")
        at += copied


def _copy_some(source: int, target: int, count: int, at: int) -> int:
    try:
        return os.copy_file_range(source, target, count, at, at)
    except AttributeError:  # not on this system
        pass
    except OSError as error:
        if error.errno not in _NO_COPY:
            raise
    return os.pwrite(target, os.pread(source, count, at), at)
