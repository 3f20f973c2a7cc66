import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_round_trips import values

from onto_flow.core.equality import same
from onto_flow.core.errors import UsageError
from onto_flow.core.predicate import OPERATORS, Condition
from onto_flow.core.values import GeoPoint, Reference
from onto_flow.formats.typed_json import encode_value
from onto_flow.formats.where import read_condition

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    lambda inner: st.dictionaries(st.sampled_from(["a", "b c"]), inner, max_size=2),
    max_leaves=4,
)


@given(plain | st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([o for o in OPERATORS if o != "in"]))
def test_a_value_is_json(value, operator):
    for space in ("", " "):
        text = f"`x y`.z {operator}{space or ' ' * operator.isalpha()}{json.dumps(value)}{space}"
        found = read_condition(text)
        assert (found.path, found.operator) == (("x y", "z"), operator)
        assert same(found.value, value)


@given(values, st.lists(values, max_size=3))
def test_a_value_is_typed_json_too(value, more):
    assert same(read_condition(f"f == {json.dumps(encode_value(value))}").value, value)
    assert same(read_condition(f"f in {json.dumps([encode_value(v) for v in more])}").value, more)


def test_typed_json_may_stand_inside():
    found = read_condition('f == {"a": {"timestampValue": "2024-05-01T00:00:00Z"}, "b": [{"integerValue": "1"}, 2.0]}')
    assert found.value["a"].year == 2024
    assert same(found.value["b"], [1, 2.0])
    assert same(read_condition('f contains {"referenceValue": "users/u"}').value, Reference("users/u"))
    assert same(read_condition('f in [{"geoPointValue": {"latitude": 1, "longitude": 2}}]').value, [GeoPoint(1.0, 2.0)])
    assert same(
        read_condition('f == {"mapValue": {"fields": {"nullValue": {"nullValue": null}}}}').value, {"nullValue": None}
    )
    assert read_condition("in in [[1], [2]]") == Condition(("in",), "in", [[1], [2]])


@pytest.mark.parametrize(
    ("text", "column", "what"),
    [
        ("", 1, "The name of a field is wanted"),
        ("a", 2, "A comparison is wanted"),
        ("a = 1", 3, "A comparison is wanted"),
        ("a-b == 1", 2, "A comparison is wanted"),
        ("a inx [1]", 3, "A comparison is wanted"),
        ("a ==", 5, "A value in JSON is wanted"),
        ("a == Ada", 6, "A value in JSON is wanted"),
        ('a == "Ada', 6, "A value in JSON is wanted"),
        ("a == NaN", 6, 'NaN is written {"doubleValue": "NaN"}'),
        ("a == -Infinity", 6, '-Infinity is written {"doubleValue": "-Infinity"}'),
        ("a == 1e999", 6, "1e999 does not fit 64 bits"),
        ("a == 1" + "0" * 5000, 6, "A value in JSON is wanted"),
        ("a == 1 and b == 2", 8, "Something stands behind the value"),
        ("a in 1", 6, "in wants a list"),
        ("a ==  9223372036854775808", 7, "does not fit 64 bits"),
        ('a == {"timestampValue": "yesterday"}', 6, "is not an RFC 3339 time"),
        ('a == {"integrValue": "1"}', 6, "Did you mean integerValue?"),
        ('a in [{"vectorValue": [1]}]', 6, "'vectorValue' is no type"),
        ('a == {"b": {"' + "x" * 900_000 + 'Value": 1}}', 6, "is no type"),
        ("a == [[1]]", 6, "an array in an array"),
        ("a in [[[1]]]", 6, "an array in an array"),
        ('a == "\\ud800"', 6, "not Unicode text"),
        ("a == " + "[" * 100_000, 6, "nested too deep"),
        ("a == " + '{"a":' * 100 + "1" + "}" * 100, 6, "nested deeper than 20 levels"),
        ("a == " + " " * 2_000_000, 1_048_577, "too long"),
    ],
)
def test_an_error_says_what_and_where(text, column, what):
    with pytest.raises(UsageError) as raised:
        read_condition(text)
    assert what in raised.value.what
    assert raised.value.where.startswith(f"column {column} of ")
    assert len(str(raised.value)) < 1200
