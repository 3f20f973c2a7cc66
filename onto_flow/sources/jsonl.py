"""Files of JSON lines: documents as `onto-flow cat` prints them, and change events; `-` is standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import BinaryIO

from ..core.change import Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.options import count_of
from ..formats.events import MAX_EVENT_BYTES
from .base import Partition, SourceInfo
from .event_options import EventOptions
from .line_contents import PAYLOAD_BYTES, DocumentContents, LineContents, unreadable
from .lines import Lines
from .thin_events import Item, Thin

BATCH_LINES = 1000
MAX_LINE_BYTES = MAX_EVENT_BYTES
_STDIN = "-"
_POLL = timedelta(milliseconds=50)


class _JsonLinesFile:
    def __init__(self, file: str | Path, batch_lines: int | str = BATCH_LINES) -> None:
        self.file = str(file)
        self.batch_lines = count_of("batch_lines", batch_lines)

    def partitions(self) -> Sequence[Partition]:
        """The file is one partition."""
        if self.file == _STDIN:
            return [Partition(_STDIN)]
        try:
            return [Partition(self.file, os.stat(self.file).st_size)]
        except OSError as error:
            raise _no_file(self.file, error) from error

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """A file stays as it is."""

    def _open(self, lines: LineContents, resume: bytes | None) -> JsonLinesReader:
        if self.file == _STDIN:
            stdin = Lines(sys.stdin.buffer, 0, MAX_LINE_BYTES)
            return JsonLinesReader(stdin, lines, "standard input", self.batch_lines)
        offset, line, count, state = decode(resume) if resume else (0, 0, 0, {})
        lines.restore(state)
        try:
            file = open(self.file, "rb")  # noqa: SIM115 - the reader closes it
        except OSError as error:
            raise _no_file(self.file, error) from error
        if not _goes_on(file, offset):
            file.close()
            what = (
                f"{self.file!r} has no line that begins at byte {offset}, where reading is to go on: it is another file"
            )
            fix = "Give the file that was read before; lines may have been added to it. Or begin again."
            raise DataError("resume-lost", what, fix=fix)
        reader = JsonLinesReader(Lines(file, offset, MAX_LINE_BYTES), lines, self.file, self.batch_lines)
        reader.line, reader.documents_read = line, count
        return reader


def _goes_on(file: BinaryIO, offset: int) -> bool:
    """Whether a line may begin at a byte: the file has it, and behind the end of a line unless the last one had none."""
    if not offset or not file.seekable():
        return True
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, offset - 1))
    return size == offset or (size > offset and file.read(1) == b"\n")


def _no_file(name: str, error: OSError) -> DataError:
    return DataError("not-found", f"The file {name!r} cannot be read: {error.strerror}")


class JsonLines(_JsonLinesFile):
    """Documents, one a line: `{"path": "users/u1", "fields": {"name": {"stringValue": "Ada"}}}`.

    Args:
        file: The file, or `-`; standard input is read from where it is, whatever the resume point.
        database: `projects/P/databases/D`: full names of references into it become paths.
        batch_lines: The most lines of one batch.
    """

    def __init__(self, file: str | Path, *, database: str | None = None, batch_lines: int | str = BATCH_LINES) -> None:
        super().__init__(file, batch_lines)
        self.database = database

    def info(self) -> SourceInfo:
        """Nobody counted the lines; any event is newer than they are."""
        return SourceInfo(kind="jsonl", ranks_below_events=True)

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> JsonLinesReader:
        """Begins to read the file."""
        return self._open(DocumentContents(self.database, projection), resume)


class JsonLinesFeed(_JsonLinesFile):
    """Change events, one a line, in any format of `formats.events`, or read by a mapping.

    Args:
        file: The file, or `-`; standard input is read from where it is, whatever the resume point: versions tell
            what was applied already.
        format, mapping, database: See `EventOptions`.
        batch_lines: The most lines of one batch.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        format: str = "",
        mapping: str | Path | None = None,
        database: str = "",
        batch_lines: int | str = BATCH_LINES,
    ) -> None:
        super().__init__(file, batch_lines)
        self._options = EventOptions(format, mapping, database)

    def info(self) -> SourceInfo:
        """It ends with the file."""
        return SourceInfo(kind="jsonl-feed")

    def follows(self, snapshot: int | None) -> None:
        """See `sources.base.Follower`."""
        self._options.joined = snapshot is not None

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> JsonLinesReader:
        """Begins to read the file."""
        return self._open(self._options.contents(projection), resume)


class JsonLinesReader:
    """Reads lines; a bad one becomes a dead letter and reading goes on.

    Attributes:
        documents_read: Lines so far, empty ones not counted.
        line: The number of the last line.
    """

    def __init__(self, lines: Lines, content: LineContents, name: str, batch_lines: int) -> None:
        self.documents_read = 0
        self.line = 0
        self._lines = lines
        self._content = content
        self._name = name
        self._batch = batch_lines

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next lines; empty while a pipe has none."""
        batch: list[Item | Thin] = []
        size = 0
        while len(batch) < self._batch and size < MAX_LINE_BYTES:
            line = self._lines.next()
            if line is None:
                return self._content.resolved(batch) if batch or not self._lines.ended else None
            self.line += 1
            size += len(line)
            if line.strip():
                self.documents_read += 1
                item = self._item(line)
                if item is not None:
                    batch.append(item)
        return self._content.resolved(batch)

    def _item(self, line: bytes) -> Item | Thin | None:
        try:
            if self._lines.cut:
                raise DataError("bad-change", f"A line of more than {MAX_LINE_BYTES} bytes")
            return self._content.read(line)
        except DataError as error:
            where = f"line {self.line} of {self._name}"
            name = "" if self._lines.cut else self._content.name(line)
            return unreadable(self._content, error, name or where, where, line[:PAYLOAD_BYTES])

    def next_wake(self) -> datetime | None:
        """Soon, while a pipe has nothing to read."""
        return None if self._lines.ended else datetime.now(timezone.utc) + _POLL

    def snapshot(self) -> bytes:
        """The offset behind the last line, its number, how many lines were read, and what the lines so far tell."""
        return encode((self._lines.offset, self.line, self.documents_read, self._content.state()))

    def close(self) -> None:
        """Closes the file, but not standard input."""
        self._lines.close()
