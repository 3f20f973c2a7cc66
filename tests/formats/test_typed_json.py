import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Reference, Vector, to_micros
from onto_flow.formats.times import parse_micros, parse_time
from onto_flow.formats.typed_json import decode_fields, decode_value, encode_fields, encode_value

DATABASE = "projects/p/databases/(default)"


@pytest.mark.parametrize(
    ("typed", "value"),
    [
        ({"nullValue": "NULL_VALUE"}, None),
        ({"integerValue": 7}, 7),
        ({"integerValue": "-9223372036854775808"}, -(2**63)),
        ({"doubleValue": 2}, 2.0),
        ({"doubleValue": "-Infinity"}, float("-inf")),
        ({"geoPointValue": {}}, GeoPoint(0.0, 0.0)),
        ({"geoPointValue": {"longitude": 1}}, GeoPoint(0.0, 1.0)),
        ({"arrayValue": {}}, []),
        ({"mapValue": {}}, {}),
        ({"mapValue": {"fields": {}}}, {}),
        ({"bytesValue": ""}, b""),
        ({"referenceValue": f"{DATABASE}/documents/a/b/c/d"}, Reference("a/b/c/d")),
        ({"referenceValue": "projects/q/databases/d/documents/a/b"}, Reference("a/b", "projects/q/databases/d")),
        ({"referenceValue": "a/b"}, Reference("a/b")),
    ],
)
def test_every_form_that_rest_may_send_is_read(typed, value):
    assert same(decode_value(typed, DATABASE), value)


def test_times_are_read_with_any_digits_and_offsets():
    texts = [
        "2024-05-01T00:00:00Z",
        "2024-05-01T00:00:00.000000999Z",
        "2024-05-01T02:00:00.0+02:00",
        "2024-05-01t00:00:00z",
    ]
    assert len({decode_value({"timestampValue": t}) for t in texts}) == 1


def test_a_vector_travels_as_a_map():
    typed = encode_value(Vector((1.0, -0.0)))
    assert typed["mapValue"]["fields"]["__type__"] == {"stringValue": "__vector__"}
    assert same(decode_value(typed), Vector((1.0, -0.0)))


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"a": 1}, "$.a"),
        ({"a": {}}, "$.a"),
        ({"a": [0]}, "$.a"),
        ({"a": [5]}, "$.a"),
        ({"a": "x"}, "$.a"),
        ({"a": {"arrayValue": {"values": [[5]]}}}, "$.a[0]"),
        ({"a": {"integerValue": "1", "stringValue": "1"}}, "$.a"),
        ({"a": {"floatValue": 1}}, "$.a"),
        ({"a": {"integerValue": "1.0"}}, "$.a"),
        ({"a": {"integerValue": "9223372036854775808"}}, "$.a"),
        ({"a": {"integerValue": True}}, "$.a"),
        ({"a": {"integerValue": " 1"}}, "$.a"),
        ({"a": {"doubleValue": "nan"}}, "$.a"),
        ({"a": {"doubleValue": True}}, "$.a"),
        ({"a": {"doubleValue": 10**400}}, "$.a"),
        ({"a": {"doubleValue": float("inf")}}, "$.a"),
        ({"a": {"booleanValue": 1}}, "$.a"),
        ({"a": {"nullValue": 0}}, "$.a"),
        ({"a": {"stringValue": "\ud800"}}, "$.a"),
        ({"a": {"bytesValue": "AA=A"}}, "$.a"),
        ({"a": {"bytesValue": "é"}}, "$.a"),
        ({"a": {"timestampValue": "2024-05-01"}}, "$.a"),
        ({"a": {"timestampValue": "2024-13-01T00:00:00Z"}}, "$.a"),
        ({"a": {"timestampValue": "0001-01-01T00:00:00+01:00"}}, "$.a"),
        ({"a": {"timestampValue": 5}}, "$.a"),
        ({"a": {"geoPointValue": {"lat": 1}}}, "$.a"),
        ({"a": {"referenceValue": "a"}}, "$.a"),
        ({"a": {"referenceValue": "a/\ud800"}}, "$.a"),
        ({"a": {"referenceValue": 5}}, "$.a"),
        ({"a": {"arrayValue": {"values": {}}}}, "$.a"),
        ({"a": {"arrayValue": {"value": []}}}, "$.a"),
        ({"a": {"arrayValue": {"values": [{"arrayValue": {}}]}}}, "$.a"),
        ({"a": {"mapValue": {"fields": {"b": {"arrayValue": {"values": [{"nullValue": None}, 1]}}}}}}, "$.a.b[1]"),
        ({"a": {"mapValue": {"fields": []}}}, "$.a"),
        ([], "$"),
    ],
)
def test_anything_else_is_an_error_that_says_where(fields, where):
    with pytest.raises(DataError) as error:
        decode_fields(fields)
    assert (error.value.code, error.value.where) == ("bad-value", where)


@pytest.mark.parametrize("value", [2**63, object(), [[1]], {"a": {1: 2}}, "\ud800", {"\ud800": 1}])
def test_what_firestore_does_not_have_is_not_written(value):
    with pytest.raises(DataError, match="bad-value"):
        encode_fields({"v": value})


def test_maps_nest_twenty_levels_and_no_more():
    typed, value = {"mapValue": {}}, {}
    for _ in range(19):
        typed, value = {"mapValue": {"fields": {"m": typed}}}, {"m": value}
    assert decode_value(typed) == value
    assert encode_value(value) == typed
    with pytest.raises(DataError, match="too-deep"):
        decode_value({"mapValue": {"fields": {"m": typed}}})
    with pytest.raises(DataError, match="too-deep"):
        encode_value({"m": value})


def test_references_are_full_names_where_a_database_is_known():
    fields = {"near": Reference("a/b"), "far": Reference("a/b", "projects/q/databases/d")}
    assert encode_fields(fields, DATABASE)["near"] == {"referenceValue": f"{DATABASE}/documents/a/b"}
    for database in (DATABASE, None):
        assert decode_fields(encode_fields(fields, database), database) == fields


@pytest.mark.parametrize(
    "text",
    ["2024-05-01T12:00:59.999999Z", "2024-05-01T12:00:60.000000Z", "2024-05-01T24:00:00.000000Z", "2024-02-30T12:00:00.000000Z", "2024-05-01T12:00: 1.000000Z",
     "2024-05-01T12:00:00.00000²Z", "2024-05-01T12:00:00.000000z", "2024-05-01t12:00:00.000000Z", "0001-01-01T00:00:00.000001Z", "2024-05-01T12:00:00.5+02:00",
     "2024-W18-3T12:00:00.000000Z", "20240501T12:00:00.000000000Z", 5, None],
)  # fmt: skip
def test_microseconds_are_read_as_times_are(text):
    try:
        expected = to_micros(parse_time(text))
    except DataError as error:
        with pytest.raises(DataError) as again:
            parse_micros(text)
        assert again.value.code == error.code
    else:
        assert parse_micros(text) == expected
