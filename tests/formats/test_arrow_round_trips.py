"""Documents -> Arrow by the rules of `arrow_types`, the obvious way -> documents: nothing is lost, nothing is cast."""

from datetime import datetime

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import fields as documents

from onto_flow.core.equality import same
from onto_flow.core.values import GeoPoint, Reference, Vector, to_micros
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.arrow_types import ELEMENT, PATH, arrow_field, word_of

WORDS = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "double",
    str: "string",
    bytes: "bytes",
    datetime: "timestamp",
    GeoPoint: "geopoint",
    Reference: "reference",
    Vector: "vector",
    list: "array",
    dict: "map",
}
PLAIN = {
    "null": lambda value: True,
    "timestamp": to_micros,
    "geopoint": lambda value: {"latitude": value.latitude, "longitude": value.longitude},
    "reference": lambda value: {"reference": value.path, "database": value.database},
    "vector": lambda value: list(value.values),
}


def field_of(name, values, in_array=False):
    """The field that holds these values."""
    values = [value for value in values if not (in_array and value is None)]
    words = sorted({WORDS[type(value)] for value in values})
    if len(words) > 1 or (words == ["null"] and not in_array):
        return arrow_field(name, "mixed", [member(word, word, values) for word in words])
    return member(name, words[0] if words else "null", values)


def member(name, word, values):
    chosen = [value for value in values if WORDS[type(value)] == word]
    if word == "array":
        return arrow_field(name, "array", [field_of(ELEMENT, [e for value in chosen for e in value], in_array=True)])
    if word == "map":
        names = sorted({key for value in chosen for key in value})
        return arrow_field(name, "map", [field_of(key, [v[key] for v in chosen if key in v]) for key in names])
    return arrow_field(name, word)


def put(value, field, in_array=False):
    word = word_of(field)
    if value is None and in_array:
        return None
    if word == "mixed":
        own = WORDS[type(value)]
        return {own: put(value, field.type.field(field.type.get_field_index(own)))}
    if word == "array":
        return [put(element, field.type.value_field, in_array=True) for element in value]
    if word == "map":
        inner = {field.type.field(i).name: field.type.field(i) for i in range(field.type.num_fields)}
        return {name: put(part, inner[name]) for name, part in value.items()}
    return PLAIN.get(word, lambda plain: plain)(value)


def batch_of(rows):
    names = sorted({name for row in rows for name in row} - {PATH})
    columns = [field_of(name, [row[name] for row in rows if name in row]) for name in names]
    arrays = [pa.array([put(row[f.name], f) if f.name in row else None for row in rows], f.type) for f in columns]
    paths = pa.array([f"d/{i}" for i in range(len(rows))], pa.string())
    return pa.record_batch([paths, *arrays], schema=pa.schema([pa.field(PATH, pa.string()), *columns]))


@given(st.lists(documents, min_size=1, max_size=3), st.integers(0, 2))
def test_arrow_gives_the_documents_back(rows, start):
    start = min(start, len(rows))
    found = list(documents_of(batch_of(rows).slice(start)))
    assert [path for path, _ in found] == [f"d/{i}" for i in range(start, len(rows))]
    for (_, fields), row in zip(found, rows[start:]):
        assert same(fields, row)
