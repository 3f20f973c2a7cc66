"""Values in slots -> Arrow arrays: values of one kind, in order, each in its slot, null elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .column_groups import Groups
from .words import Bools, Ints


def there_of(slots: Ints, count: int) -> Bools:
    """Which of so many slots are filled."""
    there = np.zeros(count, bool)
    there[slots] = True
    return there


def index_of(number: Ints, slots: Ints, count: int) -> Any:
    """Numbers in their slots, in order; nulls elsewhere."""
    if len(slots) == count:
        return pa.array(number)
    index = np.zeros(count, np.int64)
    index[slots] = number
    return pa.array(index, mask=~there_of(slots, count))


def spread(dense: Any, slots: Ints, count: int) -> Any:
    """Values in their slots, in order; nulls elsewhere."""
    return dense if len(slots) == count else dense.take(index_of(np.arange(len(slots)), slots, count))


def bitmap(there: Bools) -> Any:
    """The buffer that says which values there are; none where all are."""
    return None if there.all() else pa.py_buffer(np.packbits(there, bitorder="little"))


def struct(type_: Any, there: Bools, children: list[Any]) -> Any:
    """A struct of these children, null where nothing is there."""
    return pa.Array.from_buffers(type_, len(there), [bitmap(there)], children=children)


def _fixed(values: NDArray[Any], slots: Ints, count: int, type_: Any) -> Any:
    """Values of a fixed width in their slots."""
    valid = None
    if len(slots) != count:
        dense, values = values, np.zeros(count, values.dtype)
        values[slots] = dense
        valid = bitmap(there_of(slots, count))
    if values.dtype == np.bool_:
        values = np.packbits(values, bitorder="little")
    return pa.Array.from_buffers(type_, count, [valid, pa.py_buffer(values)])


def _bits(groups: Groups, rows: Ints, slots: Ints, count: int, type_: Any) -> Any:
    return _fixed(groups.bits[rows], slots, count, type_)


def _null(groups: Groups, rows: Ints, slots: Ints, count: int, type_: Any) -> Any:
    return _fixed(np.ones(len(rows), bool), slots, count, type_)


def _boolean(groups: Groups, rows: Ints, slots: Ints, count: int, type_: Any) -> Any:
    return _fixed(groups.batch.words.bytes[groups.level.begin[rows]] == 1, slots, count, type_)


def _geopoint(groups: Groups, rows: Ints, slots: Ints, count: int, type_: Any) -> Any:
    begin, words = groups.level.begin[rows], groups.batch.words
    sides = [_fixed(words.doubles(begin + at), slots, count, pa.float64()) for at in (1, 10)]
    return struct(type_, there_of(slots, count), sides)


def _reference(groups: Groups, rows: Ints, slots: Ints, count: int, type_: Any) -> Any:
    number = index_of(groups.reference_number[rows], slots, count)
    return struct(type_, there_of(slots, count), [side.take(number) for side in groups.references])


MAKE: dict[str, Callable[[Groups, Ints, Ints, int, Any], Any]] = {
    "null": _null,
    "boolean": _boolean,
    "integer": _bits,
    "double": _bits,
    "timestamp": _bits,
    "geopoint": _geopoint,
    "reference": _reference,
}
