"""Thousands of records at once: those that meet the conditions, then the lines of them. Needs numpy."""

from __future__ import annotations

import numpy as np

from ..formats.native.decoder import document_decoder
from ..formats.native.lines import line_encoder
from ..formats.spans import Spans
from .line_question import Question


class ManyLines:
    """Makes lines of the records of one export."""

    def __init__(self, question: Question) -> None:
        mask = question.mask
        self._where = question.where
        self._lines = line_encoder(question.show, mask if mask is not None and mask.nested else None)
        self._documents = document_decoder(question.look)

    def lines(self, parts: list[Spans]) -> tuple[list[bytes], list[int], list[int]]:
        """The lines of records, the numbers of these records, and those of the odd ones; numbers go on from part to part."""
        records = Spans.joined(parts)
        if not self._where:
            return self._lines(records)
        _, documents, rows, odd = self._documents(records)
        met = [row for row, fields in zip(rows, documents) if self._where.matches(fields)]
        if not met:
            return [], [], odd
        found = self._lines(records.take(np.array(met, np.int64)))
        return found.lines, [met[row] for row in found.rows], [*odd, *(met[row] for row in found.odd)]
