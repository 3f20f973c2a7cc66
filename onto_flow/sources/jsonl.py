"""Files of JSON lines: documents as `onto-flow cat` prints them, and change events; `-` is standard input."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path
from traceback import format_exception
from typing import Any, Protocol

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.errors import DataError
from ..core.values import Document
from ..formats.events import MAX_EVENT_BYTES, EventReader
from ..formats.json_text import parse_json
from ..formats.mapping import load_mapping
from ..formats.names import split_name
from ..formats.one_kind import OneKind
from ..formats.typed_json import decode_fields
from .base import Partition, SourceInfo, count_of
from .lines import Lines

BATCH_LINES = 1000
MAX_LINE_BYTES = MAX_EVENT_BYTES
PAYLOAD_BYTES = 64 << 10
"""How much of a line that cannot be read goes to the dead letters."""

MAX_KEY = 2000
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

    def _open(self, lines: _LinesOf, resume: bytes | None) -> JsonLinesReader:
        if self.file == _STDIN:
            stdin = Lines(sys.stdin.buffer, 0, MAX_LINE_BYTES)
            return JsonLinesReader(stdin, lines, "standard input", self.batch_lines)
        offset, line, count, state = decode(resume) if resume else (0, 0, 0, {})
        lines.restore(state)
        try:
            file = open(self.file, "rb")  # noqa: SIM115 - the reader closes it
        except OSError as error:
            raise _no_file(self.file, error) from error
        reader = JsonLinesReader(Lines(file, offset, MAX_LINE_BYTES), lines, self.file, self.batch_lines)
        reader.line, reader.documents_read = line, count
        return reader


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
        return self._open(_Documents(self.database, projection), resume)


class JsonLinesFeed(_JsonLinesFile):
    """Change events, one a line, in any format of `formats.events`, or read by a mapping.

    Args:
        file: The file, or `-`; standard input is read from where it is, whatever the resume point: versions tell
            what was applied already.
        format: What all lines are (`cloudevents`, `background`, `changelog`, `debezium`); by default each line tells.
        mapping: A file that says how to read messages that a team made up (`formats.mapping`).
        batch_lines: The most lines of one batch.
    """

    def __init__(
        self,
        file: str | Path,
        *,
        format: str = "",
        mapping: str | Path | None = None,
        batch_lines: int | str = BATCH_LINES,
    ) -> None:
        super().__init__(file, batch_lines)
        self._format = format
        self._mapping = load_mapping(mapping) if mapping else None
        self._joined = False
        self._reader()

    def _reader(self) -> EventReader:
        return EventReader(self._format, self._mapping)

    def info(self) -> SourceInfo:
        """It ends with the file."""
        return SourceInfo(kind="jsonl-feed")

    def follows(self, snapshot: int | None) -> None:
        """See `sources.base.Follower`."""
        self._joined = snapshot is not None

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> JsonLinesReader:
        """Begins to read the file."""
        return self._open(_Events(self._reader(), projection, self._joined), resume)


class _LinesOf(Protocol):
    """What lines are: `letter` begins the keys of their dead letters, `code` is what is wrong with them by default."""

    letter: str
    code: str

    def read(self, line: bytes) -> Change | None: ...

    def name(self, line: bytes) -> str: ...

    def state(self) -> dict[str, str]: ...

    def restore(self, state: dict[str, str]) -> None: ...


class _Documents:
    letter, code = "document", "bad-document"

    def __init__(self, database: str | None, projection: Projection | None) -> None:
        self.database = database
        self.projection = projection

    def name(self, line: bytes) -> str:
        try:
            content = parse_json(line)
            name = content.get("path", content.get("name"))
        except (DataError, AttributeError):
            return ""
        return name if isinstance(name, str) else ""

    def read(self, line: bytes) -> Change | None:
        content = parse_json(line)
        if not isinstance(content, dict):
            raise DataError("bad-document", f"Not a JSON object: {content!r:.80}")
        name: Any = content.get("path", content.get("name"))
        database, path = split_name(name)
        fields = content.get("fields") or {}
        if self.projection is not None:
            if not self.projection.wants(path):
                return None
            names = self.projection.fields(path)
            if names is not None and isinstance(fields, dict):
                fields = {k: v for k, v in fields.items() if k in names}
        return Change(path, None, decode_fields(fields, database or self.database, "$.fields"), BELOW_EVENTS, None)

    def state(self) -> dict[str, str]:
        return {}

    def restore(self, state: dict[str, str]) -> None:
        """There is none."""


class _Events:
    letter, code = "event", "bad-change"

    def __init__(self, reader: EventReader, projection: Projection | None, joined: bool) -> None:
        self._reader, self._projection, self._joined = reader, projection, joined
        self._kinds = OneKind(joined=joined)

    def name(self, line: bytes) -> str:
        return self._reader.event_id(line)

    def read(self, line: bytes) -> Change | None:
        kind, change = self._reader.read(line)
        if change is None:
            return None
        self._kinds.check(kind, change.path)
        if self._projection is None:
            return change
        names = self._projection.fields(change.path)
        if not self._projection.wants(change.path):
            return None
        return change._replace(before=_only(change.before, names), after=_only(change.after, names))

    def state(self) -> dict[str, str]:
        return self._kinds.state

    def restore(self, state: dict[str, str]) -> None:
        self._kinds = OneKind(state, joined=self._joined)


def _only(fields: Document | None, names: frozenset[str] | None) -> Document | None:
    if fields is None or names is None:
        return fields
    return {k: v for k, v in fields.items() if k in names}


class JsonLinesReader:
    """Reads lines; a bad one becomes a dead letter and reading goes on.

    Attributes:
        documents_read: Lines so far, empty ones not counted.
        line: The number of the last line.
    """

    def __init__(self, lines: Lines, content: _LinesOf, name: str, batch_lines: int) -> None:
        self.documents_read = 0
        self.line = 0
        self._lines = lines
        self._content = content
        self._name = name
        self._batch = batch_lines

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next lines; empty while a pipe has none."""
        batch: list[Change | DeadLetter] = []
        size = 0
        while len(batch) < self._batch and size < MAX_LINE_BYTES:
            line = self._lines.next()
            if line is None:
                return batch if batch or not self._lines.ended else None
            self.line += 1
            size += len(line)
            if line.strip():
                self.documents_read += 1
                item = self._item(line)
                if item is not None:
                    batch.append(item)
        return batch

    def _item(self, line: bytes) -> Change | DeadLetter | None:
        try:
            if self._lines.cut:
                raise DataError("bad-change", f"A line of more than {MAX_LINE_BYTES} bytes")
            return self._content.read(line)
        except DataError as error:
            where = f"line {self.line} of {self._name}" + (f", {error.where}" if error.where else "")
            if error.code == "mixed-feeds":
                raise DataError(error.code, error.what, where=where, fix=error.fix) from error
            letter, name = self._content.letter, "" if self._lines.cut else self._content.name(line)
            key = f"{letter}:{name or f'line {self.line} of {self._name}'}"[:MAX_KEY]
            code = error.code if error.code == "thin-event" else self._content.code
            reason = f"{code}: {error.what} ({where})"
            return DeadLetter(key, reason, "".join(format_exception(error)), line[:PAYLOAD_BYTES])

    def next_wake(self) -> datetime | None:
        """Soon, while a pipe has nothing to read."""
        return None if self._lines.ended else datetime.now(timezone.utc) + _POLL

    def snapshot(self) -> bytes:
        """The offset behind the last line, its number, how many lines were read, and what the lines so far tell."""
        return encode((self._lines.offset, self.line, self.documents_read, self._content.state()))

    def close(self) -> None:
        """Closes the file, but not standard input."""
        self._lines.close()
