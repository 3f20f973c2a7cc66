"""Conditions, against an oracle that compares pairs by the rules as they are written down."""

import math
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.predicate import OPERATORS, Condition, Predicate
from onto_flow.core.values import GeoPoint, Reference, Vector

TIME = datetime(2024, 1, 1, tzinfo=timezone.utc)
plain = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2) | st.sampled_from([2**53, 2**53 + 1]),
    st.sampled_from([0.0, -0.0, 1.0, 1.5, -2.0, math.nan, math.inf, -math.inf, float(2**53)]),
    st.text(st.sampled_from("aé\U0001f600\uffff"), max_size=2),
    st.binary(max_size=2),
    st.sampled_from([TIME, TIME.replace(microsecond=1)]),
    st.sampled_from([Reference("a/b"), Reference("a/c"), Reference("a/__id9__"), Reference("a/__id10__")]),
    st.builds(GeoPoint, st.sampled_from([0.0, 1.0]), st.sampled_from([-0.0, 2.0])),
    st.lists(st.sampled_from([0.0, -0.0, 1.0]), max_size=2).map(lambda v: Vector(tuple(v))),
)
values = st.recursive(
    plain,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=4,
)
TYPES = (type(None), bool, (int, float), datetime, str, bytes, Reference, GeoPoint, list, Vector, dict)


def type_of(value):
    return next(n for n, types in enumerate(TYPES) if isinstance(value, types))


def compare(one, other):
    """-1, 0 or 1; types in Firestore's order."""
    if type_of(one) != type_of(other):
        return sign(type_of(one), type_of(other))
    if isinstance(one, (int, float)):
        if math.isnan(one) or math.isnan(other):
            return sign(not math.isnan(one), not math.isnan(other))
        return sign(one, other)
    if isinstance(one, str):
        return sign(one.encode(), other.encode())
    if isinstance(one, GeoPoint):
        return compare([one.latitude, one.longitude], [other.latitude, other.longitude])
    if isinstance(one, Vector):
        return sign(len(one.values), len(other.values)) or compare(list(one.values), list(other.values))
    if isinstance(one, Reference):
        return compare(list(map(part, one.path.split("/"))), list(map(part, other.path.split("/"))))
    if isinstance(one, list):
        return next((c for a, b in zip(one, other) if (c := compare(a, b))), sign(len(one), len(other)))
    if isinstance(one, dict):
        pairs = [[x for name in sorted(d) for x in (name, d[name])] for d in (one, other)]
        return compare(*pairs)
    return 0 if one is None else sign(one, other)


def part(segment):
    return int(segment[4:-2]) if segment.startswith("__id") else segment


def sign(one, other):
    return (one > other) - (one < other)


def expected(operator, found, value):
    if operator == "in":
        return any(compare(found, v) == 0 for v in value)
    if operator == "contains":
        return isinstance(found, list) and any(compare(v, value) == 0 for v in found)
    order = compare(found, value)
    if operator == "==":
        return order == 0
    if operator == "!=":
        return order != 0 and found is not None
    met = {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]
    return met and type_of(found) == type_of(value)


@given(values, values, st.lists(values, max_size=3))
def test_every_operator_is_as_the_oracle_says(found, value, more):
    for operator in OPERATORS:
        against = [value, *more] if operator == "in" else value
        condition = Condition(("f", "g"), operator, against)
        assert condition.matches({"f": {"g": found}}) is expected(operator, found, against), operator
        contained = condition.matches({"f": {"g": [*more, found]}})
        assert contained is expected(operator, [*more, found], against), operator


@pytest.mark.parametrize("operator", OPERATORS)
def test_what_is_missing_matches_nothing(operator):
    condition = Condition(("a", "b"), operator, [None] if operator == "in" else None)
    assert not any(condition.matches(d) for d in ({}, {"a": 1}, {"a": {}}, {"a": [{"b": None}]}, {"b": None}))


def test_of_several_conditions_all_must_be_met():
    both = Predicate([Condition(("a",), ">", 1), Condition(("b", "c"), "==", "x")])
    assert both.names == {"a", "b"}
    assert both.matches({"a": 2, "b": {"c": "x"}})
    assert not both.matches({"a": 2}) and not both.matches({"a": 1, "b": {"c": "x"}})
    assert Predicate().matches({}) and not Predicate()
