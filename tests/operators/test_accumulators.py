"""Accumulators: a state depends only on the rows that are in it, and its result is the exact one."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.codec import decode_state, encode_state
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.operators.accumulators import Collect, Count, Sum
from onto_flow.plan.nodes import Accumulator

numbers = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(), st.sampled_from([0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324])
)


def state_of(values):
    total = Sum()
    state = total.create()
    for value in values:
        state = total.add(state, value)
    return state


@given(st.lists(numbers), st.lists(numbers), st.randoms(use_true_random=False))
def test_retract_undoes_add_in_any_order(kept, taken_back, random):
    total = Sum()
    steps = [(total.add, v) for v in (*kept, *taken_back)] + [(total.retract, v) for v in taken_back]
    random.shuffle(steps)
    state = total.create()
    for act, value in steps:
        state = act(state, value)
    assert state == state_of(kept)
    assert decode_state(encode_state(state)) == state


@given(st.lists(numbers), st.lists(numbers))
def test_merge_is_the_state_of_both(left, right):
    assert Sum().merge(state_of(left), state_of(right)) == state_of([*left, *right])


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_sum_of_doubles_is_exact_and_rounded_once(values):
    exact = sum(map(Fraction, values), Fraction(0))
    try:
        expected = float(exact)
    except OverflowError:
        expected = math.inf if exact > 0 else -math.inf
    assert same(Sum().result(state_of(values)), expected + 0.0)


def test_sum_keeps_integers_and_refuses_what_is_too_large_or_no_number():
    assert same(Sum().result(state_of([1, 2])), 3)
    assert same(Sum().result(state_of([1, 2.0])), 3.0)
    assert same(Sum().result(state_of([])), 0)
    with pytest.raises(DataError, match="64 bits"):
        Sum().result(state_of([2**63 - 1, 1]))
    for wrong in (True, "1", None):
        with pytest.raises(DataError):
            state_of([wrong])


def test_opposite_infinities_are_no_number_until_one_is_taken_back():
    state = state_of([math.inf, -math.inf, 1])
    assert math.isnan(Sum().result(state))
    assert Sum().result(Sum().retract(state, -math.inf)) == math.inf


@given(
    st.lists(st.tuples(st.sampled_from(["a/1", "a/2", "a/__id3__"]), st.tuples(numbers, numbers))),
    st.randoms(use_true_random=False),
)
def test_collect_depends_on_no_order(contributions, random):
    for descending in (False, True):
        collect = Collect(Accumulator("c", "collect", descending=descending))
        shuffled = random.sample(contributions, len(contributions))
        assert same(collect.result(contributions), collect.result(shuffled))


def test_count_counts():
    count = Count()
    assert count.result(count.merge(count.add(count.create(), True), count.retract(count.create(), True))) == 0
