"""The values of a batch of records as pieces of JSON, kind by kind.

Law: a piece is what `json.dumps` writes of what `typed_json` makes of the value, without what is the same for all values
of the kind.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Callable, Iterator
from json.encoder import encode_basestring
from typing import TypeAlias

import numpy as np

from .batch_documents import FIRST_TIME, LAST_TIME
from .batch_numbers import double_texts
from .batch_references import targets_of
from .batch_times import time_texts
from .json_parts import Objects
from .names import full_name
from .record_batch import (
    BYTES,
    DOUBLE,
    GEOPOINT,
    IN_VECTOR,
    INTEGER,
    REFERENCE,
    STRING,
    TIMESTAMP,
    Level,
    RecordBatch,
)
from .words import Ints

_Pieces: TypeAlias = "list[bytes] | Iterator[bytes]"


def contents(batch: RecordBatch, level: Level) -> tuple[Ints, Objects]:
    """The values of a level that have a piece of their own: their rows, and the pieces.

    Documents with values that cannot be read become odd; what their pieces are does not matter then.
    """
    pieces: Objects = np.empty(len(level.kind), object)
    some = np.zeros(len(level.kind), bool)
    for kind, read in _READ.items():
        rows = level.rows(kind)
        if len(rows):
            pieces[rows] = np.fromiter(read(batch, level, rows), object, len(rows))
            some[rows] = True
    rows = np.flatnonzero(some)
    return rows, pieces[rows]


def quoted(batch: RecordBatch, document: Ints, begin: Ints, end: Ints) -> list[bytes]:
    """Texts without the quotation marks around them.

    Whether those that need no escapes are Unicode text is left to be seen.

    Args:
        batch: The records.
        document: Which of them each text is in.
        begin: Where the texts begin.
        end: Where they end.
    """
    data = batch.words.data
    found = [data[a:b] for a, b in zip(begin.tolist(), end.tolist())]
    for n in np.flatnonzero(batch.words.escaped(begin, end)).tolist():
        try:
            found[n] = _escaped(found[n].decode())
        except UnicodeDecodeError:
            batch.odd[document[n]] = True
            found[n] = b""
    return found


def _escaped(text: str) -> bytes:
    return encode_basestring(text)[1:-1].encode()


def key_texts(batch: RecordBatch, rows: Ints) -> list[bytes]:
    """The ids of documents; those without one become odd."""
    keys = batch.keys
    begin = keys.id[rows]
    found = quoted(batch, rows, begin, begin + keys.id_size[rows])
    for n in np.flatnonzero(keys.kind[rows]).tolist():
        found[n] = (batch.ids(rows[n : n + 1])[0] or "/").encode()
    if b"/" in b"".join(found):
        batch.odd[[row for row, text in zip(rows.tolist(), found) if b"/" in text]] = True
    return found


def _strings(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    begin = level.begin[rows]
    return quoted(batch, level.document[rows], begin, begin + level.size(rows))


def _integers(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    numbers, good = batch.words.integers(level.begin[rows], level.properties.size[rows] - 1)
    batch.odd[level.document[rows[~good]]] = True
    return repr(numbers.tolist())[1:-1].encode().split(b", ")


def _doubles(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    return double_texts(batch.words.doubles(level.begin[rows]))


def _timestamps(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    micros, good = batch.words.integers(level.begin[rows], level.properties.size[rows] - 1)
    good &= (micros >= FIRST_TIME) & (micros <= LAST_TIME)
    batch.odd[level.document[rows[~good]]] = True
    return time_texts(np.where(good, micros, 0))


def _bytes(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    data, begin = batch.words.data, level.begin[rows]
    ends = begin + level.size(rows)
    return (b2a_base64(data[a:b], newline=False) for a, b in zip(begin.tolist(), ends.tolist()))


def _points(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    begin = level.begin[rows]
    sides = (double_texts(batch.words.doubles(begin + offset)) for offset in (1, 10))
    return (b'{"latitude": %b, "longitude": %b}' % point for point in zip(*sides))


def _references(batch: RecordBatch, level: Level, rows: Ints) -> _Pieces:
    targets = targets_of(batch, level, rows)
    batch.odd[level.document[rows[~targets.good]]] = True
    found = np.full(len(rows), b"", object)
    parents, names = targets.parents, targets.databases
    columns = zip(targets.parent.tolist(), targets.ids, targets.database.tolist())
    made = (encode_basestring(full_name(f"{parents[p]}/{i}", names[d])).encode() for p, i, d in columns)
    found[targets.rows] = np.fromiter(made, object, len(targets.rows))
    return found.tolist()


_READ: dict[int, Callable[[RecordBatch, Level, Ints], _Pieces]] = {
    STRING: _strings,
    INTEGER: _integers,
    DOUBLE: _doubles,
    IN_VECTOR: _doubles,
    TIMESTAMP: _timestamps,
    BYTES: _bytes,
    GEOPOINT: _points,
    REFERENCE: _references,
}
