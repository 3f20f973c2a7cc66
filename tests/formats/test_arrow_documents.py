from datetime import datetime, timezone

import pyarrow as pa
import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.formats.arrow_documents import documents_of
from onto_flow.formats.arrow_types import ELEMENT, PATH, arrow_field

TIME = datetime(1, 1, 1, tzinfo=timezone.utc)
MICROS = -62135596800000000
PLAIN = {
    "integer": (-5, -5),
    "double": (-0.0, -0.0),
    "boolean": (False, False),
    "string": ("", ""),
    "bytes": (b"\xff", b"\xff"),
    "timestamp": (MICROS, TIME),
    "geopoint": ({"latitude": 1.5, "longitude": -0.0}, GeoPoint(1.5, -0.0)),
    "reference": (
        {"reference": "a/b", "database": "projects/p/databases/d"},
        Reference("a/b", "projects/p/databases/d"),
    ),
    "vector": ([1.0, float("nan")], Vector((1.0, float("nan")))),
    "null": (True, None),
}


def rows(columns):
    """Field -> values, as a batch's documents; one row in front is sliced away, so that offsets count."""
    fields, arrays = zip(*((field, values) for field, values in columns))
    count = len(arrays[0])
    arrays = [pa.array([values[0], *values], field.type) for field, values in zip(fields, arrays)]
    schema = pa.schema([pa.field(PATH, pa.string()), *fields])
    paths = pa.array([f"d/{i}" for i in range(count + 1)])
    return [fields for _, fields in documents_of(pa.record_batch([paths, *arrays], schema=schema).slice(1))]


@pytest.mark.parametrize("word", PLAIN)
def test_a_value_of_each_type_alone_in_a_map_in_an_array_and_mixed(word):
    given, value = PLAIN[word]
    member = arrow_field(word, word)
    mixed = arrow_field("mixed", "mixed", [member, arrow_field("map", "map", [arrow_field("k", "integer")])])
    found = rows(
        [
            (arrow_field("plain", word), [given, None]),
            (arrow_field("map", "map", [member]), [{word: given}, {word: None}]),
            (arrow_field("array", "array", [arrow_field(ELEMENT, word)]), [[given, None], []]),
            (mixed, [{word: given}, {"map": {"k": 7}}]),
        ]
    )
    assert same(found[0], {"plain": value, "map": {word: value}, "array": [value, None], "mixed": value})
    assert same(found[1], {"map": {}, "array": [], "mixed": {"k": 7}})


def test_mixed_values_are_told_apart_and_an_explicit_null_from_a_missing_field():
    mixed = arrow_field("f", "mixed", [arrow_field(word, word) for word in ("null", "integer", "double", "string")])
    values = [{"integer": 1}, {"double": 1.0}, {"string": "1"}, {"null": True}, None, {}]
    assert same(rows([(mixed, values)]), [{"f": 1}, {"f": 1.0}, {"f": "1"}, {"f": None}, {}, {}])
    with pytest.raises(DataError, match="2 types at once"):
        rows([(mixed, [{"integer": 1, "string": "1"}])])


def test_a_table_of_other_people_is_read_by_its_arrow_types():
    columns = [
        (pa.field("small", pa.uint8()), [200]),
        (pa.field("half", pa.float32()), [0.5]),
        (pa.field("word", pa.dictionary(pa.int8(), pa.string())), ["a"]),
        (pa.field("seconds", pa.timestamp("s")), [1]),
        (pa.field("nanos", pa.timestamp("ns", tz="Europe/Paris")), [1000]),
        (pa.field("three", pa.list_(pa.int16(), 3)), [[1, 2, None]]),
        (pa.field("nothing", pa.null()), [None]),
        (pa.field("row", pa.struct([("a", pa.large_string())])), [{"a": "x"}]),
    ]
    epoch = datetime(1970, 1, 1, tzinfo=timezone.utc)
    expected = {
        "small": 200,
        "half": 0.5,
        "word": "a",
        "seconds": epoch.replace(second=1),
        "nanos": epoch.replace(microsecond=1),
        "three": [1, 2, None],
        "row": {"a": "x"},
    }
    assert same(rows(columns), [expected])


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [
        (pa.field("f", pa.timestamp("ns")), 1, "would lose data"),
        (pa.field("f", pa.uint64()), 2**63, "not in range"),
        (pa.field("f", pa.timestamp("us")), 2**62, "cannot be read"),
        (pa.field("f", pa.date32()), 1, "date32"),
        (pa.field("f", pa.int64(), metadata={"onto_flow.type": "geopoint"}), 1, "cannot be read"),
        (pa.field("f", pa.list_(pa.struct([("a", pa.duration("s"))]))), [{"a": 1}], "duration"),
    ],
)
def test_what_would_change_or_has_no_type_is_refused_with_the_column(field, value, what):
    with pytest.raises(DataError, match=what) as error:
        rows([(field, [value])])
    assert error.value.code == "bad-value"
    assert "f" in str(error.value) or "'a'" in str(error.value)


def test_a_table_needs_a_path_for_each_row():
    with pytest.raises(DataError, match="__path__"):
        list(documents_of(pa.record_batch({"a": [1]})))
    with pytest.raises(DataError, match="no path"):
        list(documents_of(pa.record_batch({PATH: pa.array([None], pa.string())})))
    with pytest.raises(DataError, match="one name"):
        list(
            documents_of(
                pa.RecordBatch.from_arrays([pa.array(["a/b"]), pa.array([1]), pa.array([2])], [PATH, "x", "x"])
            )
        )
