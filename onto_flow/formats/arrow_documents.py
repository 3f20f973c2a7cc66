"""Arrow record batches -> documents: the inverse of reading an export as Arrow.

The words of `arrow_types` say what a column is; one without a word is what its Arrow type suggests. A null is a field that
the document does not have, a `mixed` value has the one member that is not null, and nothing is cast where that could
change it: a time with nanoseconds is refused.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..core.errors import DataError
from ..core.values import Document, GeoPoint, Reference, Vector, from_micros
from .arrow_types import PATH, word_of
from .names import split_name
from .typed_json import decode_value

_Array: TypeAlias = Any  # pyarrow's, whose kinds have methods that its own annotations do not know

_ABSENT: Any = object()
"""What stands for a field that a document does not have."""


def documents_of(batch: pa.RecordBatch) -> Iterator[tuple[str, Document]]:
    """Path and fields of each row; the paths are the column `__path__`.

    Raises:
        DataError: `bad-value` for a batch without paths, a type or a value that Firestore does not have.

    Example:
        >>> batch = pa.RecordBatch.from_pydict({"__path__": ["users/a", "users/b"], "age": [3, None]})
        >>> list(documents_of(batch))
        [('users/a', {'age': 3}), ('users/b', {})]
    """
    if PATH not in batch.schema.names:
        raise DataError(
            "bad-value",
            f"The table has no column {PATH!r}",
            fix="Give each row the path of its document, such as users/u1.",
        )
    if len(set(batch.schema.names)) != len(batch.schema.names):
        raise DataError("bad-value", "Two columns of the table have one name")
    columns = [(f.name, _values(batch.column(i), f, f.name)) for i, f in enumerate(batch.schema) if f.name != PATH]
    for row, path in enumerate(batch.column(PATH).to_pylist()):
        if not isinstance(path, str):
            raise DataError("bad-value", f"{PATH} is {path!r:.80}, which is no path")
        yield path, {name: values[row] for name, values in columns if values[row] is not _ABSENT}


def _values(array: _Array, field: pa.Field[Any], where: str) -> Sequence[Any]:
    """The values of a column or of what is inside it; `_ABSENT` for what is null."""
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
        field = pa.field(field.name, array.type, metadata=field.metadata)
    try:
        return _READERS[word_of(field)](array, where)
    except DataError:
        raise
    except (pa.ArrowException, AttributeError, KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise DataError("bad-value", f"The column cannot be read: {error!s:.200}", where=where) from error


def _plain(array: _Array, _: str) -> Sequence[Any]:
    return [_ABSENT if value is None else value for value in array.to_pylist()]


def _integer(array: _Array, where: str) -> Sequence[Any]:
    return _plain(array.cast(pa.int64()), where)


def _double(array: _Array, where: str) -> Sequence[Any]:
    return _plain(array.cast(pa.float64()), where)


def _timestamp(array: _Array, where: str) -> Sequence[Any]:
    micros = array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.int64())
    return [value if value is _ABSENT else from_micros(value) for value in _plain(micros, where)]


def _null(array: _Array, where: str) -> Sequence[Any]:
    return [None if value is True else _ABSENT for value in array.to_pylist()]


def _vector(array: _Array, where: str) -> Sequence[Any]:
    return [value if value is _ABSENT else Vector(tuple(value)) for value in _plain(array, where)]


def _geopoint(array: _Array, where: str) -> Sequence[Any]:
    return [v if v is _ABSENT else GeoPoint(v["latitude"], v["longitude"]) for v in _plain(array, where)]


def _reference(array: _Array, where: str) -> Sequence[Any]:
    if not pa.types.is_struct(array.type):
        return [v if v is _ABSENT else _named(v) for v in _plain(array, where)]
    return [v if v is _ABSENT else Reference(v["reference"], v["database"]) for v in _plain(array, where)]


def _named(name: str) -> Reference[Any]:
    database, path = split_name(name)
    return Reference(path, database)


def _json(array: _Array, where: str) -> Sequence[Any]:
    return [v if v is _ABSENT else decode_value(json.loads(v), None, where) for v in _plain(array, where)]


def _array(array: _Array, where: str) -> Sequence[Any]:
    """Elements that are null are nulls: an array has no place for what is missing."""
    values = _values(array.flatten(), array.type.value_field, f"{where}[]")
    elements = iter(None if value is _ABSENT else value for value in values)
    lengths = pc.list_value_length(array).to_pylist()
    return [_ABSENT if n is None else [next(elements) for _ in range(n)] for n in lengths]


def _members(array: _Array, where: str) -> list[tuple[str, Sequence[Any]]]:
    fields = [array.type.field(i) for i in range(array.type.num_fields)]
    return [(f.name, _values(part, f, f"{where}.{f.name}")) for f, part in zip(fields, array.flatten())]


def _map(array: _Array, where: str) -> Sequence[Any]:
    members = _members(array, where)
    return [
        {name: values[row] for name, values in members if values[row] is not _ABSENT} if valid else _ABSENT
        for row, valid in enumerate(array.is_valid().to_pylist())
    ]


def _mixed(array: _Array, where: str) -> Sequence[Any]:
    rows = zip(*(values for _, values in _members(array, where))) if array.type.num_fields else ()
    out = []
    for row in rows:
        found = [value for value in row if value is not _ABSENT]
        if len(found) > 1:
            raise DataError("bad-value", f"A value has {len(found)} types at once: {found!r:.80}", where=where)
        out.append(found[0] if found else _ABSENT)
    return out or [_ABSENT] * len(array)


_READERS: dict[str, Callable[[_Array, str], Sequence[Any]]] = {
    "integer": _integer,
    "double": _double,
    "boolean": _plain,
    "string": _plain,
    "bytes": _plain,
    "timestamp": _timestamp,
    "geopoint": _geopoint,
    "reference": _reference,
    "vector": _vector,
    "array": _array,
    "map": _map,
    "null": _null,
    "json": _json,
    "mixed": _mixed,
}
