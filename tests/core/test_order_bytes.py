import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.core.order_bytes import descending, order_bytes, path_part
from onto_flow.core.values import GeoPoint, Reference, Vector, order_key, path_order
from tests.core.test_codec import values
from tests.core.test_path_bytes import paths
from tests.core.test_values import IN_FIRESTORE_ORDER

close = st.sampled_from(
    [0, 0.0, -0.0, 1, 1.0, math.inf, -math.inf, math.nan, 5e-324, 2**53 + 1, 2.0**53, 2**63 - 1, -(2**63)]
)
numbers = st.integers(-(2**63), 2**63 - 1) | st.floats() | close | close.map(lambda n: [n, "\0"]) | st.text("\0\x01a")


@given(values | numbers, values | numbers)
def test_bytes_sort_as_values_do(one, other):
    a, b = order_bytes(one), order_bytes(other)
    assert (a < b) == (order_key(one) < order_key(other))
    assert (a == b) == (encode(one) == encode(other))
    assert (descending(a) < descending(b)) == (b < a)
    assert a == b or not a.startswith(b)


def test_bytes_of_a_value_of_each_type_rise():
    for lower, higher in pairwise(IN_FIRESTORE_ORDER):
        assert order_bytes(lower) < order_bytes(higher), (lower, higher)


def test_integers_and_doubles_between_them_are_compared_exactly():
    around = [
        2**62 - 1,
        2.0**62,
        2**62 + 1,
        2**62 + 1023,
        2.0**62 + 1024,
        2**63 - 1025,
        2.0**63 - 1024,
        2**63 - 1,
        2.0**63,
    ]
    assert sorted(around, key=order_bytes) == sorted(around)


@pytest.mark.parametrize("of", [lambda x: GeoPoint(x, 1.0), lambda x: Vector((x,)), lambda x: {"a": x}])
def test_doubles_inside_keep_their_order(of):
    inside = [math.nan, -math.inf, -1.0, -0.0, 0.0, 5e-324, math.inf]
    assert [order_bytes(of(x)) for x in inside] == sorted(order_bytes(of(x)) for x in inside)


@given(paths, paths)
def test_paths_end(one, other):
    assert (path_part(one) < path_part(other)) == (path_order(one) < path_order(other))
    assert one == other or not path_part(one).startswith(path_part(other))
    assert (order_bytes(Reference(one)) < order_bytes(Reference(other))) == (path_order(one) < path_order(other))


def test_what_is_no_value_is_refused():
    with pytest.raises(DataError, match="bad-value"):
        order_bytes(object())
