"""The records of the output files of an export, as lines of JSON.

Many records at once go from bytes to text by `batch_json`, which needs numpy; a few, and odd ones, one by one. Law: the
lines, dead letters and errors are the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import TYPE_CHECKING

from ..core.change import DeadLetter
from ..core.errors import DataError
from ..formats.leveldb_log import gather
from ..formats.native.record_lines import record_lines
from .export_reader import BATCH_BYTES, RecordFile, decode_one, pays
from .line_question import LineBatch, Question

if TYPE_CHECKING:
    from ..formats.spans import Spans
    from .many_lines import ManyLines

FEW = 50
"""So many records that are read one by one are one batch; no more of them are better read so."""


class ExportLines:
    """Reads output files, one after the other; what small ones hold comes together.

    Args:
        question: Which documents are asked for, and what of them.
        batch_documents: The most records of one batch.
        few: Whether only the first lines are wanted.

    Attributes:
        documents: Records so far, wanted or not.
        record_bytes: Their bytes.
    """

    def __init__(self, question: Question, batch_documents: int, *, few: bool = False) -> None:
        self._question, self._count, self._few = question, batch_documents, few
        self.documents = self.record_bytes = 0
        self._many: ManyLines | None = None
        whole = not question.where and (question.mask is None or not question.mask.nested)
        self._compiled = record_lines(question.show) if whole else None
        self._held: list[tuple[RecordFile, Spans]] = []
        self._rows = self._bytes = 0

    def batches(self, files: Iterable[RecordFile]) -> Iterator[LineBatch]:
        """The lines, of some thousand records at once.

        Raises:
            DataError: `bad-export` for damage; what came before it was given before.
        """
        try:
            for file in files:
                with file:
                    yield from self._read(file)
        except DataError:
            yield from self._given()
            raise
        yield from self._given()

    def _read(self, file: RecordFile) -> Iterator[LineBatch]:
        if self._few or not pays(file.end):
            for taken in gather(file.records(0, None), min(FEW, self._count), BATCH_BYTES):
                self._count_records(len(taken), sum(len(record) for _, _, record in taken))
                yield self._alone((file, offset, record) for offset, _, record in taken)
            return
        for spans in file.spans(0, None):
            for begin in range(0, len(spans.start), self._count):
                part = spans.part(begin, begin + self._count)
                size = int(part.stop[-1] - part.start[0])
                if self._rows + len(part.start) > self._count or self._bytes + size > BATCH_BYTES:
                    yield from self._given()
                self._held.append((file, part))
                self._rows += len(part.start)
                self._bytes += size
                self._count_records(len(part.start), int((part.stop - part.start).sum()))
                if self._rows >= self._count:
                    yield from self._given()

    def _count_records(self, count: int, size: int) -> None:
        self.documents += count
        self.record_bytes += size

    def _given(self) -> Iterator[LineBatch]:
        held, rows = self._held, self._rows
        self._held, self._rows, self._bytes = [], 0, 0
        if rows >= FEW:
            yield self._together(held, rows)
        elif rows:
            yield self._alone((file, offset, record) for file, spans in held for offset, _, record in spans.records())

    def _alone(self, records: Iterable[tuple[RecordFile, int, bytes]]) -> LineBatch:
        taken = list(records)
        if self._compiled is None:
            answers = [self._one(*record) for record in taken]
        else:
            lines, rows, odd = self._compiled([record for _, _, record in taken])
            answers = [None] * len(taken)
            for row, line in zip(rows, lines):
                answers[row] = line
            for row in odd:
                answers[row] = self._one(*taken[row])
        return LineBatch.of((answer for answer in answers if answer is not None), len(answers))

    def _together(self, held: list[tuple[RecordFile, Spans]], count: int) -> LineBatch:
        if self._many is None:
            from .many_lines import ManyLines

            self._many = ManyLines(self._question)
        lines, rows, odd = self._many.lines([spans for _, spans in held])
        if not odd:
            return LineBatch(lines, [], count)
        items: dict[int, bytes | DeadLetter | None] = dict(zip(rows, lines))
        wrong, begin = set(odd), 0
        for file, spans in held:
            for row in (row for row in range(begin, begin + len(spans.start)) if row in wrong):
                ((offset, _, record),) = spans.part(row - begin, row - begin + 1).records()
                items[row] = self._one(file, offset, record)
            begin += len(spans.start)
        return LineBatch.of((item for _, item in sorted(items.items(), key=itemgetter(0)) if item is not None), count)

    def _one(self, file: RecordFile, offset: int, record: bytes) -> bytes | DeadLetter | None:
        question = self._question
        if question.where:
            found = decode_one(file, offset, record, question.look)
            if found is None or not (isinstance(found, DeadLetter) or question.where.matches(found.after or {})):
                return None
        found = decode_one(file, offset, record, question.show)
        return None if found is None else question.line(found)
