"""`same` in C against `same` in Python."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core import equality
from onto_flow.core.errors import DataError
from onto_flow.core.fields import Fields
from onto_flow.core.values import GeoPoint, Reference, Vector
from onto_flow.testing.sink_suite import VALUES

pytestmark = pytest.mark.usefixtures("compiled")

ODD = st.sampled_from(
    [0.0, -0.0, float("nan"), 1, 1.0, True, False, None, 2**63 - 1, 2**70, "", b"", "é", (), [], {}, (1,), [1], [1, 2], {"a": 1},
     {"a": 2}, {"b": 1}, Fields({"a": 1}), Reference("a/b"), Reference("a/b", ""), Reference("a/b", "projects/p/databases/d"),
     Reference("a/c"), GeoPoint(0.0, 1.0), GeoPoint(-0.0, 1.0), Vector((1.0,)), {"a": [{"b": Reference("x/y")}]}, object]
)  # fmt: skip
FORMS = st.recursive(
    ODD | VALUES,
    lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.sampled_from("ab"), inner),
)


def said(what, left, right):
    try:
        return what(left, right)
    except (DataError, TypeError) as error:
        return str(error)


def test_it_is_compiled():
    assert equality.same is not equality.in_python


@given(FORMS, FORMS)
def test_both_say_the_same(left, right):
    assert said(equality.same, left, right) == said(equality.in_python, left, right)


@given(FORMS)
def test_a_copy_is_the_same(value):
    again = copied(value)
    assert said(equality.same, value, again) == said(equality.in_python, value, again)


def copied(value):
    if isinstance(value, dict):
        return {n: copied(v) for n, v in value.items()}
    if type(value) in (list, tuple):
        return type(value)(map(copied, value))
    return Reference(value.path, value.database) if isinstance(value, Reference) else value


def deep(levels):
    value = [1]
    for _ in range(levels):
        value = [value]
    return value


def test_what_is_too_deep_is_an_error_and_no_crash():
    with pytest.raises(RecursionError):
        equality.same(deep(100_000), deep(100_000))
