"""Both JSON parsers give the same: values, and what they refuse."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from onto_flow.core.errors import DataError
from onto_flow.formats import json_text
from onto_flow.formats.json_text import MAX_JSON_DEPTH, parse_json

TEXTS = [
    b"", b"{", b"[1,]", b"01", b"1.", b"NaN", b"-Infinity", b"[" * 5000, b"\xff", b"\xef\xbb\xbf{}", b'"\xed\xa0\x80"', b'"\\ud800"', b'"\\ud83d\\udc19"',
    b"-0", b"-0.0", b"1e400", b"1e-400", b"123456789012345678901", b"-9223372036854775809", b"18446744073709551616", b'{"a":1,"b":2,"a":3}',
    '"ü"'.encode("utf-16"), b"null", b" \n1\t", b'"\t"', b"1" + b"0" * 5000, b'"\\u0000"', b"1 2", b"9007199254740993",
]  # fmt: skip
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def outcome(data, numbers):
    try:
        return repr(parse_json(data, numbers=numbers))
    except DataError as error:
        return error.code


def both(data, numbers=True):
    quick = json_text.orjson
    assert quick is not None
    first = outcome(data, numbers)
    json_text.orjson = None
    try:
        return first, outcome(data, numbers)
    finally:
        json_text.orjson = quick


@pytest.mark.parametrize("data", TEXTS, ids=lambda d: repr(d[:20]))
def test_odd_texts_are_read_alike(data):
    first, second = both(data)
    assert first == second


@given(values)
@example({"a": [2**64, -0.0, "\ud800"]})
def test_values_are_read_alike_and_come_back(value):
    first, second = both(json.dumps(value).encode())
    assert first == second == repr(json.loads(json.dumps(value)))


@given(st.binary(max_size=40) | st.text(alphabet='{}[]":,0123456789.eE+-\\u/ \n', max_size=30).map(str.encode))
def test_any_bytes_are_read_alike(data):
    first, second = both(data)
    assert first == second


@pytest.mark.parametrize("numbers", [False, True])
def test_text_is_nested_to_one_depth(numbers):
    for depth, code in (
        (MAX_JSON_DEPTH, "["),
        (MAX_JSON_DEPTH + 1, "bad-change"),
        (1010, "bad-change"),
        (100_000, "bad-change"),
    ):
        for first in both(b"[" * depth + b"]" * depth, numbers):
            assert first[:1] == code[:1], depth
    wide = b"[" + b"[]," * 5000 + b"[]]"
    assert both(wide)[0] == both(wide)[1] != "bad-change"


def test_integers_beyond_64_bits_stay_where_numbers_are_values():
    assert parse_json(b"[123456789012345678901]", numbers=True) == [123456789012345678901]
    assert parse_json("[1]") == [1]
