"""Arrow of one schema -> the same values under a wider one: more fields, more types of a field."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from .arrow_types import arrow_field, word_of


def conform(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch under a schema that holds all that its own one does, such as that of a merged `Shape`.

    Example:
        >>> from onto_flow.formats.arrow_rows import batch_of
        >>> wide = batch_of([("r/a", {"n": 1}), ("r/b", {"n": "one", "x": True})]).schema
        >>> conform(batch_of([("r/a", {"n": 1})]), wide).to_pylist()
        [{'__path__': 'r/a', 'n': {'integer': 1, 'string': None}, 'x': None}]
    """
    if batch.schema.equals(schema, check_metadata=True):
        return batch
    have = {f.name: (batch.column(i), f) for i, f in enumerate(batch.schema)}
    columns = [_widened(*have[f.name], f) if f.name in have else pa.nulls(batch.num_rows, f.type) for f in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def canonical(one: pa.Field[Any]) -> pa.Field[Any]:
    """The field as `arrow_types` has it, for one whose type suggests what it is: int64 for an int32.

    Raises:
        DataError: `bad-value` for a type that Firestore does not have.

    Example:
        >>> canonical(pa.field("n", pa.list_(pa.int8()))).type
        ListType(list<item: int64>)
    """
    word = word_of(one)
    type_: Any = one.type
    if word == "array":
        return arrow_field(one.name, word, [canonical(type_.value_field)])
    if word in ("map", "mixed"):
        return arrow_field(one.name, word, [canonical(type_.field(i)) for i in range(type_.num_fields)])
    return arrow_field(one.name, word)


def same_numbers(wide: Any, narrow: Any) -> bool:
    """Whether arrays hold the same numbers after a cast to a narrower floating type, which Arrow lets round.

    Example:
        >>> [same_numbers(pa.array([x]), pa.array([x], pa.float32())) for x in (0.5, 0.1)]
        [True, False]
    """
    if wide.type.equals(narrow.type):
        return True
    if pa.types.is_floating(wide.type) and pa.types.is_floating(narrow.type):
        first, second = (a.to_numpy(zero_copy_only=False).astype("f8") for a in (wide, narrow))
        return bool((first == second).sum() + ((first != first) & (second != second)).sum() == len(first))
    if pa.types.is_struct(wide.type):
        return all(map(same_numbers, wide.flatten(), narrow.flatten()))
    return same_numbers(wide.flatten(), narrow.flatten()) if hasattr(wide, "flatten") else True


def _widened(array: Any, own: pa.Field[Any], wide: pa.Field[Any]) -> Any:
    if own.with_name(wide.name).equals(wide, check_metadata=True):
        return array
    word, target = word_of(own), word_of(wide)
    if array.null_count == len(array):
        return pa.nulls(len(array), wide.type)
    if target == "mixed":
        children = _members(array, own) if word == "mixed" else {word: (array, own)}
    elif target == "map":
        children = _members(array, own)
    else:
        child = _widened(array.values, own.type.value_field, wide.type.value_field)
        return pa.Array.from_buffers(wide.type, len(array), array.buffers()[:2], children=[child])
    parts = [wide.type.field(i) for i in range(wide.type.num_fields)]
    widened = [_widened(*children[p.name], p) if p.name in children else pa.nulls(len(array), p.type) for p in parts]
    validity = None if not array.null_count else array.is_valid().buffers()[1]
    return pa.Array.from_buffers(wide.type, len(array), [validity], children=widened)


def _members(array: Any, own: pa.Field[Any]) -> dict[str, tuple[Any, pa.Field[Any]]]:
    fields = [own.type.field(i) for i in range(own.type.num_fields)]
    return {f.name: (array.field(i), f) for i, f in enumerate(fields)}
