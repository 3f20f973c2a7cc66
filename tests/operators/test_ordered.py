"""Byte strings in order: what a sorted list holds, in blocks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.operators import ordered
from onto_flow.operators.ordered import Ordered

items = st.binary(max_size=2)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(ordered, "BLOCK", 2)


@given(st.sets(items), st.lists(items, max_size=60))
def test_it_is_the_sorted_list_whatever_comes_and_goes(start, toggled):
    found, expected = Ordered(start), set(start)
    for item in toggled:
        if item in expected:
            found.remove(item)
        else:
            found.add(item)
        expected ^= {item}
        assert list(found) == sorted(expected)
        assert found.first(3) == sorted(expected)[:3]
        assert max(map(len, found._blocks)) <= 2 * ordered.BLOCK
    for item in sorted(expected):
        found.remove(item)
    found.add(b"again")
    assert list(found) == [b"again"]
