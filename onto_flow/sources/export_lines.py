"""The records of one output file of an export, as lines of JSON.

Many records at once go from bytes to text by `batch_json`, which needs numpy; a few, and odd ones, one by one. Law: the
lines, dead letters and errors are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..core.change import DeadLetter
from ..formats.leveldb_log import gather
from .export_reader import BATCH_BYTES, RecordFile, decode_one, pays
from .line_question import LineBatch, Question

if TYPE_CHECKING:
    from ..formats.spans import Spans

FEW = 100
"""So few records are better read one by one."""


class ExportLines:
    """The lines of one output file.

    Args:
        file: The file.
        question: Which documents are asked for, and what of them.
        batch_documents: The most records of one batch.
        few: Whether only the first lines are wanted.
    """

    def __init__(self, file: RecordFile, question: Question, batch_documents: int, *, few: bool = False) -> None:
        self._file, self._question, self._count = file, question, batch_documents
        self._many = not few and pays(file.end)

    def batches(self) -> Iterator[LineBatch]:
        """The lines, of some thousand records at once.

        Raises:
            DataError: `bad-export` for damage; what came before it was given before.
        """
        if not self._many:
            for taken in gather(self._file.records(0, None), FEW, BATCH_BYTES):
                yield LineBatch([item for offset, _, record in taken for item in self._one(offset, record)], len(taken))
            return
        many = _Many(self._question)
        for spans in self._file.spans(0, None):
            for begin in range(0, len(spans.start), self._count):
                part = spans.part(begin, begin + self._count)
                yield LineBatch(self._items(many, part), len(part.start))

    def _items(self, many: _Many, records: Spans) -> list[bytes | DeadLetter]:
        if len(records.start) < FEW:
            return [item for offset, _, record in records.records() for item in self._one(offset, record)]
        lines, rows, odd = many.lines(records)
        if not odd:
            return [*lines]
        items: dict[int, bytes | DeadLetter] = dict(zip(rows, lines))
        for row in odd:
            ((offset, _, record),) = records.part(row, row + 1).records()
            items.update((row, item) for item in self._one(offset, record))
        return [items[row] for row in sorted(items)]

    def _one(self, offset: int, record: bytes) -> Iterator[bytes | DeadLetter]:
        question = self._question
        if question.where:
            found = decode_one(self._file, offset, record, question.look)
            if found is None or not (isinstance(found, DeadLetter) or question.where.matches(found.after or {})):
                return
        found = decode_one(self._file, offset, record, question.show)
        if found is not None:
            yield question.line(found)


class _Many:
    """Thousands of records at once: those that meet the conditions, then the lines of them."""

    def __init__(self, question: Question) -> None:
        from ..formats.batch_documents import BatchDecoder
        from ..formats.batch_json import JsonEncoder

        self._question = question
        self._encoder = JsonEncoder(question.show, question.mask if question.mask and question.mask.nested else None)
        self._decoder = BatchDecoder()

    def lines(self, records: Spans) -> tuple[list[bytes], list[int], list[int]]:
        """The lines, the numbers of their records, and those of the odd ones."""
        if not self._question.where:
            return self._encoder.lines(records)
        import numpy as np

        matches = self._question.where.matches
        _, documents, rows, odd = self._decoder.decode(records, self._question.look)
        met = [row for row, fields in zip(rows, documents) if matches(fields)]
        found = self._encoder.lines(records.take(np.array(met, np.int64)))
        odd += [met[row] for row in found.odd]
        return found.lines, [met[row] for row in found.rows], sorted(odd)
