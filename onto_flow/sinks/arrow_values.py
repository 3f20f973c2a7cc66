"""Arrow arrays of plain values, from their bytes.

`pyarrow.array` of a list looks at each value for its type, and imports pandas where that is installed, which takes longer
than a backfill of many thousand documents. Here the type is known: the arrays are laid out by the standard library.

Law: the array is that of `pyarrow.array(values, type)`.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from itertools import accumulate
from typing import Any

import pyarrow as pa


def array_of(values: Sequence[Any], kind: str, arrow: Any) -> Any:
    """An array.

    Args:
        values: Each `None`, or of the kind.
        kind: A kind of `core.types`; `any` where it is not known.
        arrow: The type of the array; that of the kind.

    Raises:
        OverflowError: Text or bytes of more than 2 GiB.

    Example:
        >>> array_of(["a", None, "bc"], "str", pa.string()).to_pylist()
        ['a', None, 'bc']
    """
    lay_out = _LAY_OUT.get(kind)
    if lay_out is None:
        return pa.array(values, arrow)
    valid = None
    if None in values:
        valid = bitmap([v is not None for v in values])
        values = [_NOTHING[kind] if v is None else v for v in values]
    return pa.Array.from_buffers(arrow, len(values), [valid, *lay_out(values)])


def bitmap(flags: Sequence[bool]) -> Any:
    """A buffer with a bit for each flag."""
    return flags_of(flags).buffers()[1]


def flags_of(flags: Sequence[bool]) -> Any:
    """An array of booleans."""
    octets = pa.Array.from_buffers(pa.uint8(), len(flags), [None, pa.py_buffer(bytes(flags))])
    return octets.cast(pa.bool_())


def offsets_of(lengths: Iterable[int]) -> Any:
    """An array of where each of some pieces begins, one behind the other, and where the last ends.

    Raises:
        OverflowError: They do not fit in 31 bits.
    """
    places = array("i", accumulate(lengths, initial=0))
    return pa.Array.from_buffers(pa.int32(), len(places), [None, pa.py_buffer(places)])


def _text(values: Sequence[str]) -> list[Any]:
    joined = "".join(values)
    if joined.isascii():
        return [offsets_of(map(len, values)).buffers()[1], pa.py_buffer(joined.encode())]
    return _octets([value.encode() for value in values])


def _octets(values: Sequence[bytes]) -> list[Any]:
    return [offsets_of(map(len, values)).buffers()[1], pa.py_buffer(b"".join(values))]


_LAY_OUT: dict[str, Callable[[Sequence[Any]], list[Any]]] = {
    "str": _text,
    "bytes": _octets,
    "bool": lambda values: [bitmap(values)],
    "int": lambda values: [pa.py_buffer(array("q", values))],
    "float": lambda values: [pa.py_buffer(array("d", values))],
}
_NOTHING: dict[str, Any] = {"str": "", "bytes": b"", "bool": False, "int": 0, "float": 0.0}
