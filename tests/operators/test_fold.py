"""Folds: what is shown is what the oracle makes of the rows that are there, however they came and went."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode_state, encode_state
from onto_flow.core.equality import same
from onto_flow.operators import kept, ordered
from onto_flow.operators.fold import Accumulators, Fold
from onto_flow.plan.nodes import Accumulator, CodeRef
from onto_flow.testing.oracle_folds import result_of
from onto_flow.testing.shape_code import PARITY

numbers = st.sampled_from([0, 1, 1.0, 2, -0.0, 0.0, 0.1, 10**16, math.nan, math.inf, 3, 4, 5])
values = numbers | st.sampled_from([True, None, "a", "b", [1], {"a": 1}])
pairs = st.tuples(values, values.filter(lambda v: v is not None))
SOME = (
    Accumulator("count", "count"),
    Accumulator("least", "min"),
    Accumulator("last", "last"),
    Accumulator("best", "top_k", limit=3),
    Accumulator("all", "collect"),
    Accumulator("greatest", "max"),
    Accumulator("first", "first"),
    Accumulator("different", "count_distinct"),
    Accumulator("some", "collect", descending=True, limit=2),
    Accumulator("odd", "own", code=CodeRef("x:PARITY", PARITY)),
    Accumulator("mean", "avg"),
    Accumulator("bins", "histogram", bounds=(0.0, 1, 2.5)),
)
_PAIR = ("last", "first", "top_k", "collect")
row = st.tuples(*(st.none() | (pairs if a.kind in _PAIR else numbers) for a in SOME))
rows = st.lists(row, max_size=2)
changes = st.lists(st.tuples(st.sampled_from(["a/1", "a/2", "a/__id3__", "a/1/b/1", "a/10"]), rows), max_size=25)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(kept, "SPARE", 1)
    monkeypatch.setattr(ordered, "BLOCK", 2)


def expected(held):
    flat = [(member, r) for member, several in held.items() for r in several]
    return [result_of(a, [(member, r[at]) for member, r in flat if r[at] is not None]) for at, a in enumerate(SOME)]


@pytest.mark.parametrize("in_order", [True, False])
@given(steps=st.lists(changes, max_size=5))
def test_results_are_those_of_the_rows_that_are_there(in_order, steps):
    accumulators = Accumulators(SOME)
    states, entries, indexes = accumulators.create(), {}, {}
    held = {}
    for step in steps:
        fold = Fold(accumulators, states, entries, indexes if in_order else None)
        for member, new in step:
            fold.change(member, held.get(member, ()), new)
            held[member] = new
        fold.settle()
        assert same(fold.results(), expected(held))
        if not in_order:
            states, entries = decode_state(encode_state([states, tuple(entries.items())]))
            entries = dict(entries)
    fold = Fold(accumulators, states, entries, indexes if in_order else None)
    for member, old in held.items():
        fold.change(member, old, ())
    fold.settle()
    assert entries == {}
    assert states == accumulators.create()


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 30)), max_size=80))
def test_first_keys_are_the_smallest_whatever_comes_and_goes(toggled):
    """A queue: what is first goes, so that the keys in the group's own state run out and are found again."""
    accumulators = Accumulators((Accumulator("first", "first"), Accumulator("three", "collect", limit=3)))
    for indexes in ({}, None):
        states, entries, held = accumulators.create(), {}, Counter()
        for take_first, n in toggled:
            fold = Fold(accumulators, states, entries, indexes)
            n = min(held) if take_first and held else n
            row = (((n, n), (n, n)),)
            if held[n]:
                fold.change("a/1", row, ())
                del held[n]
            else:
                fold.change("a/1", (), row)
                held[n] = 1
            fold.settle()
            assert fold.results() == [min(held, default=None), sorted(held)[:3]]


def test_row_that_comes_and_goes_in_one_step_touches_nothing():
    class Untouched(dict):
        def __setitem__(self, key, value):
            raise AssertionError(key)

        __delitem__ = __getitem__ = __setitem__

    accumulators = Accumulators((Accumulator("least", "min"), Accumulator("all", "collect")))
    fold = Fold(accumulators, accumulators.create(), Untouched(), {})
    row = ((1, ("a", "b")),)
    fold.change("a/1", (), row)
    fold.change("a/1", row, row)
    fold.change("a/1", row, ())
    fold.settle()


def test_removal_of_another_row_never_looks_for_the_first_ones_again(monkeypatch):
    accumulators = Accumulators((Accumulator("three", "top_k", limit=3),))
    states, entries = accumulators.create(), {}
    fold = Fold(accumulators, states, entries, None)
    for n in range(100):
        fold.change(f"a/{n}", (), (((n, n),),))
    fold.settle()
    assert len(states[0][1]) == 3 + kept.SPARE, "the state of the group does not grow with it"
    monkeypatch.setattr(kept.Keeps, "keys", lambda *_: 1 // 0)
    for n in range(90):
        fold.change(f"a/{n}", (((n, n),),), ())
        fold.settle()
    assert fold.results() == [[99, 98, 97]]
