import math
import random
from datetime import datetime, timezone

import pytest

from onto_flow.core.errors import DataError
from onto_flow.core.values import GeoPoint, Reference, Vector, from_micros, order_key, path_order, to_micros

IN_FIRESTORE_ORDER = [
    None,
    False,
    True,
    math.nan,
    -math.inf,
    -1,
    -0.0,
    0.0,
    1,
    1.0,
    2**53,
    2**53 + 1,
    math.inf,
    datetime(1969, 1, 1, tzinfo=timezone.utc),
    datetime(2024, 1, 1, tzinfo=timezone.utc),
    "",
    "A",
    "a",
    "é",
    "😀",
    b"",
    b"\x00",
    Reference("a/b"),
    Reference("a/b/c/d"),
    Reference("a/c"),
    GeoPoint(-1.0, 5.0),
    GeoPoint(1.0, 0.0),
    [],
    [1],
    [1, 2],
    [2],
    Vector((9.0,)),
    Vector((1.0, 1.0)),
    {},
    {"a": 1},
    {"a": 1, "b": 0},
    {"a": 2},
    {"b": 0},
]


def test_values_sort_as_firestore_sorts_them():
    shuffled = list(IN_FIRESTORE_ORDER)
    random.Random(7).shuffle(shuffled)
    assert list(map(repr, sorted(shuffled, key=order_key))) == list(map(repr, IN_FIRESTORE_ORDER))


def test_an_unknown_type_has_no_order():
    with pytest.raises(DataError, match="bad-value"):
        order_key(object())


@pytest.mark.parametrize("micros", [0, -1, 1, -62135596800000000, 253402300799999999])
def test_times_keep_their_microseconds(micros):
    assert to_micros(from_micros(micros)) == micros


def test_a_naive_time_counts_as_utc():
    assert to_micros(datetime(1970, 1, 1, 0, 0, 2)) == 2_000_000


def test_numeric_ids_come_first_and_by_number():
    paths = ["c/b", "c/__id12__", "c/__id-3__", "c/__id2__", "c/__idx__"]
    assert sorted(paths, key=path_order) == ["c/__id-3__", "c/__id2__", "c/__id12__", "c/__idx__", "c/b"]
