"""Documents -> Arrow record batches, one by one: the inverse of `arrow_documents`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pyarrow as pa

from ..core.errors import DataError
from ..core.values import WORD_OF_TYPE, Document, to_micros
from .arrow_shape import Shape
from .arrow_types import PATH, word_of
from .typed_json import encode_value

_PLAIN: dict[str, Callable[[Any], Any]] = {
    "null": lambda value: True,
    "timestamp": to_micros,
    "geopoint": lambda value: {"latitude": value.latitude, "longitude": value.longitude},
    "reference": lambda value: {"reference": value.path, "database": value.database},
    "vector": lambda value: list(value.values),
}


def batch_of(rows: Sequence[tuple[str, Document]], schema: pa.Schema | None = None) -> pa.RecordBatch:
    """A record batch of documents.

    Args:
        rows: Paths and fields.
        schema: Its columns; by default those that hold all that occurs. Fields that it does not name are left out.

    Raises:
        DataError: `bad-value` for a value that its column cannot hold.

    Example:
        >>> batch_of([("rooms/a", {"size": 3}), ("rooms/b", {"size": "big"})]).to_pylist()[1]
        {'__path__': 'rooms/b', 'size': {'integer': None, 'string': 'big'}}
    """
    if schema is None:
        shape = Shape()
        for _, fields in rows:
            shape.add(fields)
        schema = shape.schema()
    columns = [pa.array([path for path, _ in rows], pa.string())]
    for one in schema:
        if one.name != PATH:
            columns.append(pa.array([_put_in(path, fields, one) for path, fields in rows], one.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _put_in(path: str, fields: Document, one: pa.Field[Any]) -> Any:
    return put(fields[one.name], one, f"{path}, {one.name}") if one.name in fields else None


def put(value: Any, one: pa.Field[Any], where: str, *, in_array: bool = False) -> Any:
    """A value as pyarrow takes it for a field.

    Raises:
        DataError: `bad-value` when the field cannot hold it.
    """
    if value is None and in_array:
        return None
    word, own = word_of(one), WORD_OF_TYPE[type(value)]
    if word == "json":
        return json.dumps(encode_value(value), ensure_ascii=False)
    if word == "mixed":
        at = one.type.get_field_index(own)
        if at < 0:
            raise misfit(own, one, where)
        return {own: put(value, one.type.field(at), where)}
    if word != own:
        raise misfit(own, one, where)
    if word == "array":
        return [put(item, one.type.value_field, f"{where}[]", in_array=True) for item in value]
    if word == "map":
        inner = {one.type.field(i).name: one.type.field(i) for i in range(one.type.num_fields)}
        return {name: put(item, inner[name], f"{where}.{name}") for name, item in value.items() if name in inner}
    return _PLAIN.get(word, lambda plain: plain)(value)


def misfit(word: str, one: pa.Field[Any], where: str) -> DataError:
    """What is said of a value of a type that its column does not hold."""
    return DataError(
        "bad-value",
        f"The value is of type {word}; its column holds {word_of(one)}: {one.type!s:.100}",
        where=where,
        fix="Give a schema whose column holds both, or none: then it is inferred.",
    )
