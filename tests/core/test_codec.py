import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode, decode_state, encode, encode_state
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.value_bytes import MAX_DEPTH
from onto_flow.core.values import EPOCH, GeoPoint, Reference, Vector, order_key

doubles = st.floats(allow_nan=True)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | doubles
    | st.text(st.characters(exclude_categories=("Cs",)), max_size=8)
    | st.binary(max_size=8)
    | st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30)).map(lambda t: t.replace(tzinfo=timezone.utc))
    | st.builds(GeoPoint, doubles, doubles)
    | st.sampled_from([Reference("users/u1"), Reference("users/u1", "projects/p/databases/d"), Reference("a/b/c/d")])
    | st.lists(doubles, max_size=3).map(lambda v: Vector(tuple(v)))
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abé", max_size=2), inner, max_size=3)
)


@given(values)
def test_decode_gives_back_what_was_encoded(value):
    assert encode(decode(encode(value))) == encode(value)
    assert order_key(decode(encode(value))) == order_key(value)


@pytest.mark.parametrize("special", [math.nan, -0.0, 0.0, math.inf])
@pytest.mark.parametrize("of", [float, lambda x: GeoPoint(x, 1.0), lambda x: Vector((x,)), lambda x: [x]])
def test_special_doubles_are_equal_to_themselves_alone(special, of):
    again = float(str(special))
    assert same(of(special), of(again)) and order_key(of(special)) == order_key(of(again))
    for other in {math.nan, -0.0, 1.0} - {special}:
        if repr(other) != repr(special):
            assert not same(of(special), of(other)) and order_key(of(special)) != order_key(of(other))


@given(values, values)
def test_values_are_same_exactly_when_their_order_and_type_agree(left, right):
    assert same(left, right) == (order_key(left) == order_key(right)) == (encode(left) == encode(right))


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        (1, 1.0, False),
        (1, True, False),
        (0.0, -0.0, False),
        (math.nan, -math.nan, True),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ([1, 2], [2, 1], False),
        ("a", b"a", False),
        (None, 0, False),
        (Reference("a/b"), "a/b", False),
        (Reference("a/b"), Reference("a/b", "projects/p/databases/d"), False),
        (EPOCH, EPOCH.astimezone(timezone(timedelta(hours=2))), True),
    ],
)
def test_equality_is_by_type_and_content(left, right, equal):
    assert same(left, right) is equal


@pytest.mark.parametrize("n", [0, 1, -1, 127, 128, -128, -129, 255, 256, 2**63 - 1, -(2**63), 2**2000, -(2**2000) + 1])
def test_integers_of_any_size_come_back(n):
    assert decode(encode(n)) == n


def test_a_double_keeps_its_bits():
    assert math.copysign(1, decode(encode(-0.0))) == -1


@pytest.mark.parametrize("value", [{1: 2}, {"a": object()}, {1, 2}, "\ud800"])
def test_what_firestore_does_not_have_is_refused(value):
    with pytest.raises(DataError, match="bad-value"):
        encode(value)


def test_depth_is_bounded():
    value: list = []
    for _ in range(MAX_DEPTH):
        value = [value]
    with pytest.raises(DataError, match="too-deep"):
        encode(value)


@given(st.binary(max_size=40))
def test_foreign_bytes_give_a_clean_error_or_a_value(data):
    try:
        decode(data)
    except (DataError, OverflowError, RecursionError):
        pass


def test_left_over_bytes_are_an_error():
    with pytest.raises(DataError, match="left after"):
        decode(encode(1) + b"x")


def test_state_of_another_format_is_refused_with_its_version():
    assert decode_state(encode_state({"a": 1})) == {"a": 1}
    with pytest.raises(DataError, match="state of format 63; this release reads 1"):
        decode_state(b"\x63" + encode(1))


def test_state_bytes_are_fixed_by_golden_bytes():
    value = (1, -1, "é", None, True, 0.5, [b"x"], {"k": GeoPoint(1.0, 2.0)}, Reference("a/b"), EPOCH, Vector((1.0,)))
    assert encode_state(value).hex() == (
        "010d0b0301010301ff0502c3a900020"
        "43fe00000000000000b01060178"
        "0c0105016b083ff00000000000004000000000000000"
        "090503612f620500070000000000000000"
        "0a013ff0000000000000"
    )
