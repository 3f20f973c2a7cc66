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
from onto_flow.operators.accumulators import ABELIAN, Average, Count, Own, Sum
from onto_flow.plan.nodes import Accumulator, CodeRef
from onto_flow.testing.shape_code import PARITY

numbers = st.one_of(
    st.integers(-(2**40), 2**40), st.floats(), st.sampled_from([0.1, -0.0, math.inf, -math.inf, math.nan, 5e-324])
)


ALL = {
    kind: make(Accumulator("a", kind, bounds=(0.0, 1, 2.5), code=CodeRef("x:PARITY", PARITY)))
    for kind, make in ABELIAN.items()
}


def state_of(values, total=None):
    total = total or Sum()
    state = total.create()
    for value in values:
        state = total.add(state, value)
    return state


@pytest.mark.parametrize("kind", ALL)
@given(kept=st.lists(numbers), taken_back=st.lists(numbers), random=st.randoms(use_true_random=False))
def test_retract_undoes_add_in_any_order(kind, kept, taken_back, random):
    total = ALL[kind]
    steps = [(total.add, v) for v in (*kept, *taken_back)] + [(total.retract, v) for v in taken_back]
    random.shuffle(steps)
    state = total.create()
    for act, value in steps:
        state = act(state, value)
    assert state == state_of(kept, total)
    assert decode_state(encode_state(state)) == state


@pytest.mark.parametrize("kind", ALL)
@given(left=st.lists(numbers), middle=st.lists(numbers), right=st.lists(numbers))
def test_merge_is_the_state_of_both_in_any_order(kind, left, middle, right):
    total = ALL[kind]
    a, b, c = (state_of(values, total) for values in (left, middle, right))
    assert total.merge(a, b) == total.merge(b, a) == state_of([*left, *right[:0], *middle], total)
    assert total.merge(total.merge(a, b), c) == total.merge(a, total.merge(b, c))
    assert total.merge(a, total.create()) == a


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


def test_count_counts():
    count = Count()
    assert count.result(count.merge(count.add(count.create(), True), count.retract(count.create(), True))) == 0


@given(st.lists(numbers))
def test_average_is_the_exact_one_rounded_once(values):
    average = Average()
    found = average.result(state_of(values, average))
    if not values:
        assert found is None
    elif all(map(math.isfinite, values)):
        assert same(found, float(sum(map(Fraction, values), Fraction(0)) / len(values)) + 0.0)
    else:
        assert not math.isfinite(found)


class Strict:
    """Refuses negative numbers."""

    def create(self):
        return 0

    def add(self, state, number):
        if number < 0:
            raise ValueError("negative")
        return state + number

    def retract(self, state, number):
        return state - number if number != 13 else 1 // 0

    def merge(self, left, right):
        return left + right

    def result(self, state):
        return state


@given(st.permutations([(1, 5), (1, -1), (-1, -1), (1, 2), (-1, 2), (1, -2), (-1, -2), (1, 7)]))
def test_row_that_own_code_fails_on_is_put_aside_until_it_is_taken_back(steps):
    own = Own(Accumulator("a", "own", code=CodeRef("x:y", Strict())))
    state = own.create()
    for weight, value in sorted(steps, key=lambda step: -step[0]):
        state = (own.add if weight > 0 else own.retract)(state, value)
        if state[1]:
            with pytest.raises(DataError, match="a: add failed: ValueError: negative"):
                own.result(state)
    assert own.result(decode_state(encode_state(state))) == 12


def test_retract_that_fails_is_put_aside_until_the_row_comes_again():
    own = Own(Accumulator("a", "own", code=CodeRef("x:y", Strict())))
    failed = own.retract(own.add(own.create(), 13), 13)
    with pytest.raises(DataError, match="a: retract failed: ZeroDivisionError"):
        own.result(failed)
    assert own.result(own.add(failed, 13)) == 13


def test_rows_put_aside_are_merged():
    own = Own(Accumulator("a", "own", code=CodeRef("x:y", Strict())))
    bad, good = own.add(own.create(), -1), own.add(own.create(), 3)
    assert own.merge(bad, bad)[1] == bad[1] * 2
    with pytest.raises(DataError):
        own.result(own.merge(good, bad))
    assert own.result(own.retract(own.merge(good, bad), -1)) == 3
    taken_back = own.retract(own.add(own.create(), 13), 13)
    assert own.merge(taken_back, own.add(own.create(), 13))[1] == taken_back[1]
