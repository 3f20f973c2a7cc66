"""Firestore's types in Arrow: the words, the Arrow type of each, and the metadata that tells them apart.

| word | Arrow |
|---|---|
| integer, double, boolean, string, bytes | int64, double, bool, string, binary |
| timestamp | timestamp[us, UTC] |
| geopoint | struct<latitude: double, longitude: double> |
| reference | struct<reference: string, database: string>; the database is null where it is the document's own |
| vector | list<double> |
| array, map | list of its elements, struct of its fields |
| null | bool: true is an explicit null |
| mixed | struct with one member for each type that occurs, named by its word |
| json | string: any value, as JSON in Firestore's typed form; no member of a mixed one |

A field carries its word as metadata under `onto_flow.type`. A null is a field that the document does not have; an
explicit null shows only where the field is `null`, or is `mixed` and has the member `null`. In an array, where nothing
can be missing, a null is a null. Source: Arrow's columnar format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from ..core.errors import DataError, did_you_mean

TYPE_KEY = "onto_flow.type"
"""The key of a field's metadata that holds its word."""

PATH = "__path__"
"""The column of paths, relative to the database's root; always the first."""

ELEMENT = "item"
"""The name of an array's element field."""

_PLAIN: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "geopoint": pa.struct([("latitude", pa.float64()), ("longitude", pa.float64())]),
    "reference": pa.struct([("reference", pa.string()), ("database", pa.string())]),
    "vector": pa.list_(pa.float64()),
    "null": pa.bool_(),
    "json": pa.string(),
}
WORDS = (*_PLAIN, "map", "array", "mixed")


def arrow_type(word: str, parts: Sequence[pa.Field[Any]] = ()) -> pa.DataType:
    """The Arrow type of a word.

    Args:
        word: One of `WORDS`.
        parts: The fields of a map, the members of a mixed type, or the one element of an array; made by `arrow_field`.

    Raises:
        DataError: `bad-value` for a word that is none.

    Example:
        >>> str(arrow_type("timestamp"))
        'timestamp[us, tz=UTC]'
    """
    if word in ("map", "mixed"):
        return pa.struct(list(parts))
    if word == "array":
        return pa.list_(parts[0] if parts else arrow_field(ELEMENT, "null"))
    if word not in _PLAIN:
        raise DataError("bad-value", f"{word!r:.80} is no type of Firestore", fix=did_you_mean(str(word), WORDS))
    return _PLAIN[word]


def arrow_field(name: str, word: str, parts: Sequence[pa.Field[Any]] = ()) -> pa.Field[Any]:
    """A field of this name and word.

    Example:
        >>> mixed = arrow_field("size", "mixed", [arrow_field(word, word) for word in ("integer", "string")])
        >>> str(mixed.type), word_of(mixed)
        ('struct<integer: int64, string: string>', 'mixed')
    """
    return pa.field(name, arrow_type(word, parts), metadata={TYPE_KEY: word})


def word_of(field: pa.Field[Any]) -> str:
    """The word of a field: its metadata's, or that which its Arrow type suggests.

    Raises:
        DataError: `bad-value` for an Arrow type that Firestore has nothing for.

    Example:
        >>> word_of(pa.field("n", pa.int32())), word_of(pa.field("m", pa.struct([("a", pa.string())])))
        ('integer', 'map')
    """
    told = (field.metadata or {}).get(TYPE_KEY.encode())
    if told is not None:
        word: str = told.decode(errors="replace")
        if word not in WORDS:
            raise DataError(
                "bad-value", f"Column {field.name!r} says it is {word!r:.80}", fix=did_you_mean(word, WORDS)
            )
        return word
    for fits, suggested in _SUGGESTED:
        if fits(field.type):
            return suggested
    raise DataError(
        "bad-value",
        f"Column {field.name!r} is {field.type}, which Firestore has no type for",
        fix="Cast it to one of the types of onto_flow.formats.arrow_types.",
    )


def _is_text(type_: pa.DataType) -> bool:
    return pa.types.is_string(type_) or pa.types.is_large_string(type_) or str(type_) == "string_view"


def _is_bytes(type_: pa.DataType) -> bool:
    binary = pa.types.is_binary(type_) or pa.types.is_large_binary(type_) or pa.types.is_fixed_size_binary(type_)
    return binary or str(type_) == "binary_view"


def _is_list(type_: pa.DataType) -> bool:
    return pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_)


_SUGGESTED = (
    (pa.types.is_integer, "integer"),
    (pa.types.is_floating, "double"),
    (pa.types.is_boolean, "boolean"),
    (_is_text, "string"),
    (_is_bytes, "bytes"),
    (pa.types.is_timestamp, "timestamp"),
    (pa.types.is_struct, "map"),
    (_is_list, "array"),
    (pa.types.is_null, "null"),
)
