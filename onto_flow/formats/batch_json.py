"""The documents of a batch of records as lines of JSON, straight from their bytes: no values are made on the way.

All lines of a batch are put together at once, from pieces: constants, such as `"}, "name": {"stringValue": "`, of which
there are few, and what stands in the records. Where a piece stands is computed from the sizes of all that comes before it.

Law: a line is what `json_lines.line_of` makes of the document that `EntityDecoder` makes of the record; where a record is
odd, nothing is made of it here.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..core.field_mask import FieldMask
from .batch_mask import mask_levels
from .intern import Names
from .json_parts import EMPTY_MAP, TRUE, Arrays, Constants, Objects
from .json_values import contents, key_texts
from .record_batch import BOOLEAN, EMPTY, IN_VECTOR, MAPPING, Level, RecordBatch, Wanted
from .spans import Spans
from .typed_json import MAX_DEPTH, VECTOR_KEY
from .words import Ints


class JsonLines(NamedTuple):
    """Some documents.

    Attributes:
        lines: Their lines, with what ends them.
        rows: The numbers of their records.
        odd: The numbers of the records that are odd.
    """

    lines: list[bytes]
    rows: list[int]
    odd: list[int]


class JsonEncoder:
    """Makes lines of the records of one export, many at once.

    Args:
        wanted: Which collections and fields are wanted; `None`: all.
        mask: Which fields are shown; those that `wanted` names are its `names`.
    """

    def __init__(self, wanted: Wanted | None = None, mask: FieldMask | None = None) -> None:
        self._wanted, self._mask = wanted, mask
        self._names = Names()
        self._constants = Constants()

    def lines(self, records: Spans) -> JsonLines:
        """The lines of records, which `read_spans` gives.

        Example:
            >>> from onto_flow.formats.entity_writer import encode_entity
            >>> found = JsonEncoder().lines(Spans.of([encode_entity("users/u1", {"n": 1}), b"?"]))
            >>> found.lines, found.rows, found.odd
            ([b'{"path": "users/u1", "fields": {"n": {"integerValue": "1"}}}\\n'], [0], [1])
        """
        batch = RecordBatch(records, self._names, self._wanted)
        if self._mask is not None:
            mask_levels(batch, self._mask)
        levels: list[_Pieces] = []
        for depth in range(len(batch.levels) - 1, -1, -1):
            levels.insert(0, _Pieces(batch, depth, self._constants, levels[0] if levels else None))
        text, rows = _joined(batch, levels, self._constants), batch.rows
        lines = text.splitlines(keepends=True)
        _check_unicode(batch, text, lines)
        odd = np.flatnonzero(batch.odd).tolist()
        keep = ~batch.odd[rows]
        if not keep.all():
            lines, rows = [lines[n] for n in np.flatnonzero(keep).tolist()], rows[keep]
        return JsonLines(lines, rows.tolist(), odd)


class _Pieces:
    """The pieces of one level.

    Attributes:
        totals: How many pieces are in each entity.
        closing: Which constant closes each entity.
    """

    def __init__(self, batch: RecordBatch, depth: int, constants: Constants, inner: _Pieces | None) -> None:
        level = batch.levels[depth]
        arrays = _arrays(batch, level, depth)
        kind, maps = level.kind.copy(), level.rows(MAPPING)
        kind[level.rows(BOOLEAN)] += (TRUE - BOOLEAN) * batch.words.bytes[level.begin[level.rows(BOOLEAN)]]
        self._rows, self._contents = contents(batch, level)
        sizes = np.ones(len(kind), np.int64)
        sizes[self._rows] = 2
        self._full = np.zeros(0, np.int64)
        if inner is not None:
            self._full = np.flatnonzero(inner.totals)
            kind[maps[inner.totals == 0]] = EMPTY_MAP
            sizes[maps[self._full]] = 2 + inner.totals[self._full]
        self._maps = maps[self._full]
        self._before, tail = constants.before(batch.names.texts, level, kind, arrays)
        self._places(level, sizes, tail)

    def _places(self, level: Level, sizes: Ints, tail: Ints) -> None:
        counts = np.bincount(level.properties.entity, minlength=level.entities)
        behind = np.cumsum(counts)
        ends = np.cumsum(sizes)
        outer = np.concatenate([[0], ends])
        self.totals: Ints = outer[behind] - outer[behind - counts]
        self.closing: Ints = np.where(counts > 0, np.concatenate([tail, [0]])[behind - 1], 0)
        self._at = ends - sizes
        self._first = outer[behind - counts]
        self._entity = level.properties.entity
        self._sizes = sizes

    def put(self, pieces: Objects, start: Ints) -> tuple[Ints, Ints, Ints]:
        """Puts the pieces where they belong.

        Args:
            pieces: Where they go.
            start: Where those of each entity begin.

        Returns:
            Of the maps that are not empty: where the pieces in them begin, where they end, and their numbers.
        """
        at = self._at + (start - self._first)[self._entity]
        pieces[at] = self._before
        pieces[at[self._rows] + 1] = self._contents
        begin = at[self._maps]
        return begin + 1, begin + self._sizes[self._maps] - 1, self._full


def _joined(batch: RecordBatch, levels: list[_Pieces], constants: Constants) -> bytes:
    """All lines."""
    sizes = levels[0].totals + 4
    end = np.cumsum(sizes)
    begin = end - sizes
    pieces: Objects = np.empty(int(end[-1]) if len(end) else 0, object)
    pieces[begin] = constants.before_ids(batch.parents)[batch.parent[batch.rows]]
    pieces[begin + 1] = np.fromiter(key_texts(batch, batch.rows), object, len(begin))
    pieces[begin + 2] = constants.before_fields
    pieces[end - 1] = constants.closing_document[levels[0].closing]
    start = begin + 3
    for level, inner in zip(levels, [*levels[1:], None]):
        begins, ends, full = level.put(pieces, start)
        if inner is None:
            break
        pieces[ends] = constants.closing_map[inner.closing[full]]
        start = np.zeros(len(inner.totals), np.int64)
        start[full] = begins
    return b"".join(pieces.tolist())


def _arrays(batch: RecordBatch, level: Level, depth: int) -> Arrays:
    """The arrays of a level; documents with what JSON cannot say, or says in another way, become odd."""
    entity, number = level.properties.entity, level.number
    multiple, vector = level.properties.multiple == 1, level.kind == IN_VECTOR
    first = np.ones(len(number), bool)
    first[1:] = ~(multiple[1:] & multiple[:-1]) | (entity[1:] != entity[:-1]) | (number[1:] != number[:-1])
    last = np.append(first[1:], True)[: len(first)]
    wrong = (vector & ~multiple) | (multiple & (level.kind == EMPTY))
    wrong[1:] |= ~first[1:] & (vector[1:] != vector[:-1])
    if depth == MAX_DEPTH:
        wrong |= vector
    if depth and VECTOR_KEY in batch.names.texts:
        again = np.append(False, entity[1:] == entity[:-1])
        wrong |= again & (number == batch.names.texts.index(VECTOR_KEY))
    batch.odd[level.document[wrong]] = True
    twice = _twice(entity[first], number[first], len(batch.names.texts))
    batch.odd[level.documents[twice]] = True
    return Arrays(multiple, first, last)


def _twice(entity: Ints, number: Ints, names: int) -> Ints:
    """The entities with a name that occurs twice; most have their names in the order in which they were first seen."""
    back = (entity[1:] == entity[:-1]) & (number[1:] <= number[:-1])
    if not back.any():
        return np.zeros(0, np.int64)
    suspicious = np.zeros(int(entity[-1]) + 1, bool)
    suspicious[entity[1:][back]] = True
    rows = np.flatnonzero(suspicious[entity])
    key = np.sort(entity[rows] * names + number[rows])
    return key[1:][key[1:] == key[:-1]] // names


def _check_unicode(batch: RecordBatch, text: bytes, lines: list[bytes]) -> None:
    """Documents that are no Unicode text become odd: between any two values there is text that is."""
    try:
        text.decode()
    except UnicodeDecodeError:
        for row, line in zip(batch.rows.tolist(), lines):
            try:
                line.decode()
            except UnicodeDecodeError:
                batch.odd[row] = True
