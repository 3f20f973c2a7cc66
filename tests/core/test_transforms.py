from __future__ import annotations

import math
from datetime import datetime, timezone

import pytest

from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.transforms import SERVER_TIME, ArrayRemove, ArrayUnion, Increment, Maximum, Minimum
from onto_flow.core.values import MAX_INTEGER, MIN_INTEGER

NOW = datetime(2024, 5, 1, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("transform", "old", "new"),
    [
        (Increment(1), None, 1),
        (Increment(1), True, 1),
        (Increment(1), 2.5, 3.5),
        (Increment(0.5), 2, 2.5),
        (Increment(1), MAX_INTEGER, MAX_INTEGER),
        (Increment(-1), MIN_INTEGER, MIN_INTEGER),
        (Maximum(3), None, 3),
        (Maximum(3), 3.0, 3.0),
        (Maximum(4), 3.0, 4),
        (Maximum(0.0), -0.0, -0.0),
        (Maximum(math.nan), 3, math.nan),
        (Maximum(3), math.nan, math.nan),
        (Minimum(3), 3.0, 3.0),
        (Minimum(2), 3.0, 2),
        (Minimum(2), "text", 2),
        (Minimum(math.nan), 3, math.nan),
        (ArrayUnion(1, 1.0, "a"), None, [1, "a"]),
        (ArrayUnion(1.0, math.nan, None), [1, math.nan, None], [1, math.nan, None]),
        (ArrayUnion({"k": 1}), [{"k": 1.0}], [{"k": 1.0}]),
        (ArrayRemove(1.0, None), [1, 2, None, 1.0, "a"], [2, "a"]),
        (ArrayRemove(1), {"a": 1}, []),
        (SERVER_TIME, 3, NOW),
    ],
)
def test_a_field_becomes_what_firestore_makes_of_it(transform, old, new):
    assert same(transform.apply(old, NOW), new)


def test_an_array_is_not_changed_in_place():
    old = [1, 2]
    ArrayUnion(3).apply(old, NOW)
    ArrayRemove(1).apply(old, NOW)
    assert old == [1, 2]


@pytest.mark.parametrize("value", ["1", None, True])
def test_only_numbers_are_added(value):
    with pytest.raises(DataError, match="takes a number"):
        Increment(value)


def test_transforms_are_values():
    assert ArrayUnion(1, "a") == ArrayUnion(1, "a") != ArrayRemove(1, "a")
    assert Increment(1) == Increment(1) != Maximum(1)
    assert repr(ArrayUnion(1, "a")) == "ArrayUnion(1, 'a')"
