import pyarrow as pa
import pytest

from onto_flow.core.errors import DataError
from onto_flow.formats.arrow_types import TYPE_KEY, WORDS, arrow_field, arrow_type, word_of


@pytest.mark.parametrize("word", WORDS)
def test_a_field_carries_its_word_through_arrow_and_ipc(word):
    parts = [arrow_field("integer", "integer")] if word in ("map", "mixed", "array") else []
    schema = pa.schema([arrow_field("f", word, parts)])
    again = pa.ipc.read_schema(schema.serialize())
    assert word_of(again.field("f")) == word
    assert again.field("f").type == arrow_type(word, parts)


def test_what_carries_no_word_is_what_its_arrow_type_suggests():
    suggested = {
        pa.uint8(): "integer",
        pa.float32(): "double",
        pa.large_string(): "string",
        pa.binary(4): "bytes",
        pa.timestamp("ns"): "timestamp",
        pa.list_(pa.int8(), 3): "array",
        pa.null(): "null",
    }
    assert {t: word_of(pa.field("f", t)) for t in suggested} == suggested


@pytest.mark.parametrize(
    ("field", "what"),
    [
        (pa.field("f", pa.decimal128(5)), "decimal128"),
        (pa.field("f", pa.int64(), metadata={TYPE_KEY: "integr"}), "Did you mean integer"),
    ],
)
def test_a_column_that_is_no_type_of_firestore_is_refused(field, what):
    with pytest.raises(DataError, match=what):
        word_of(field)


def test_a_word_that_is_none_is_refused():
    with pytest.raises(DataError, match="Did you mean geopoint"):
        arrow_type("geopint")


def test_an_array_without_known_elements_holds_nulls():
    assert word_of(arrow_type("array").value_field) == "null"
