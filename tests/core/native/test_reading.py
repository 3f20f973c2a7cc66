"""References read in C are those that Python reads."""

from __future__ import annotations

from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.native import compiled
from onto_flow.core.values import Reference
from onto_flow.operators import joins

pytestmark = pytest.mark.usefixtures("compiled")

PATHS = st.sampled_from(["a/1", "a/2", "b/1", "a/1/c/2", "a/", "a", "", "a/\N{SNOWMAN}", "ab/1"])
REFERENCES = st.builds(Reference, PATHS, st.sampled_from([None, None, None, "projects/p/databases/d"]))
VALUES = st.none() | PATHS | REFERENCES | st.integers()
FIELDS = st.fixed_dictionaries({}, optional={"r": VALUES | st.lists(VALUES) | st.lists(REFERENCES), "s": VALUES})


def otherwise(path, fields):
    return (f"otherwise {path}", *fields)


def in_python(*given_):
    with mock.patch.object(joins, "compiled", lambda: None):
        return joins._reading(*given_)


@given(FIELDS)
def test_they_are_the_same(fields):
    read = joins._reading("r", "a/", otherwise)
    assert type(read) is not type(in_python)
    assert read("d/1", fields) == in_python("r", "a/", otherwise)("d/1", fields)


def test_what_it_cannot_take_is_an_error_and_no_crash():
    read = joins._reading("r", "a/", otherwise)
    for given_ in ((), ("a",), ("a", {}, 1)):
        with pytest.raises(TypeError):
            read(*given_)
    assert read("d/1", []) == ("otherwise d/1",)
    for parts in (
        1,
        (),
        (Reference, "r", "a/", 1),
        (1, "r", "a/", len),
        (Reference, 1, "a/", len),
        (int, "r", "a/", len),
    ):
        with pytest.raises((TypeError, AttributeError)):
            compiled().reading(parts)
