"""The documents of a source as lines of JSON: what `onto-flow cat` prints."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from datetime import datetime, timezone
from typing import Protocol, runtime_checkable

from ..core.change import DeadLetter
from ..core.collection import Collection
from ..core.errors import DataError
from ..core.field_path import FieldPath
from ..core.path_bytes import path_bytes
from ..core.predicate import Condition
from .base import Source
from .line_question import LineBatch, Question
from .sorted_lines import SortedLines

SORT_MEMORY = 64 << 20
_GIVEN = 2000


@runtime_checkable
class LineSource(Protocol):
    """A source that makes lines itself, quicker than by way of values."""

    def line_batches(self, question: Question, *, most: int | None = None) -> Iterator[LineBatch]:
        """The lines; `most` says how many of the first are wanted."""


class DocumentLines:
    """Documents, one a line, in UTF-8: `{"path": "users/u1", "fields": {"name": {"stringValue": "Ada"}}}`.

    Law: a line has all that the document has, or all of the fields that were asked for; `jsonl:` reads it back.

    Args:
        source: Any source of documents.
        collection: The path of a collection (`users`, `prices/{symbol}/daily`), or a `Collection`; by default all.
        where: Conditions that documents must all meet, such as `age >= 18` (see `onto_flow.formats.where`).
        fields: The fields that are shown, `name, address.city`; by default all. Others are not decoded.
        limit: How many documents at most; reading ends with them.
        sort: In Firestore's document order, instead of the source's.
        sort_memory: Bytes, about, that sorting holds; what is more goes to temporary files.
        dead_letters: Is given what cannot be decoded; by default that is an error.
        progress: Is told, now and then, how many documents were looked at.

    Raises:
        UsageError: `wrong-usage` for a condition or a field that cannot be understood, with the column.

    Example:
        >>> import tempfile
        >>> from onto_flow.formats.export_writer import write_export
        >>> from onto_flow.sources.firestore_export import FirestoreExport
        >>> place = tempfile.mkdtemp()
        >>> write_export(place, [("users/b", {"age": 5}), ("users/a", {"age": 50}), ("users/c", {"age": "?"})])
        3
        >>> [*DocumentLines(FirestoreExport(place), where=["age < 60"], sort=True, limit=1)]
        [b'{"path": "users/a", "fields": {"age": {"integerValue": "50"}}}\\n']
    """

    def __init__(
        self,
        source: Source,
        *,
        collection: str | Collection | None = None,
        where: Iterable[str | Condition] = (),
        fields: str | Iterable[FieldPath] | None = None,
        limit: int | None = None,
        sort: bool = False,
        sort_memory: int = SORT_MEMORY,
        dead_letters: Callable[[DeadLetter], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._source = source
        self._question = Question(collection=collection, where=where, fields=fields)
        self._limit, self._sort, self._memory = limit, sort, sort_memory
        self._dead_letters, self._progress = dead_letters, progress

    def __iter__(self) -> Iterator[bytes]:
        """The lines, each with what ends it."""
        return (line for lines in self.batches() for line in lines)

    def batches(self) -> Iterator[list[bytes]]:
        """The lines, many at once.

        Raises:
            DataError: `bad-export` for a damaged file, and what a document is refused for, unless `dead_letters` takes it.
        """
        if self._limit is not None and self._limit <= 0:
            return
        with closing(self._lines()) as batches:
            yield from self._sorted(batches) if self._sort else _first(batches, self._limit)

    def _lines(self) -> Generator[list[bytes], None, None]:
        documents = 0
        most = None if self._sort else self._limit
        with closing(_line_batches(self._source, self._question, most)) as batches:
            for batch in batches:
                documents += batch.documents
                if self._progress is not None:
                    self._progress(documents)
                for letter in batch.letters:
                    if self._dead_letters is None:
                        raise DataError(
                            "bad-document", letter.reason, where=letter.key, fix="Give dead_letters to go on."
                        )
                    self._dead_letters(letter)
                yield batch.lines

    def _sorted(self, batches: Iterator[list[bytes]]) -> Iterator[list[bytes]]:
        with SortedLines(self._memory, self._limit) as lines:
            for batch in batches:
                lines.add((path_bytes(path_of(line)), line) for line in batch)
            given: list[bytes] = []
            for line in lines.sorted():
                given.append(line)
                if len(given) == _GIVEN:
                    yield given
                    given = []
            yield given


def path_of(line: bytes) -> str:
    """The path of the document that a line is.

    Example:
        >>> path_of(b'{"path": "users/\\\\"u1\\\\"", "fields": {}}')
        'users/"u1"'
    """
    text = line[9 : line.index(b'", "fields": ') + 1]
    if b"\\" in text:
        path: str = json.loads(text)
        return path
    return text[1:-1].decode()


def _first(batches: Iterator[list[bytes]], limit: int | None) -> Iterator[list[bytes]]:
    left = limit
    for batch in batches:
        if left is not None:
            batch = batch[:left]
            left -= len(batch)
        yield batch
        if left == 0:
            return


def _line_batches(source: Source, question: Question, most: int | None) -> Generator[LineBatch, None, None]:
    if isinstance(source, LineSource):
        yield from source.line_batches(question, most=most)
        return
    for partition in source.partitions():
        with closing(source.open(partition, projection=question.projection)) as reader:
            before = 0
            while (batch := reader.next_batch()) is not None:
                wake = None if batch else reader.next_wake()
                if wake is not None:
                    time.sleep(max((wake - datetime.now(timezone.utc)).total_seconds(), 0))
                answers = map(question.answer, batch)
                yield LineBatch.of((a for a in answers if a is not None), reader.documents_read - before)
                before = reader.documents_read
