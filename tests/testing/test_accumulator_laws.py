"""check_accumulator finds each way to be wrong, and lets the right one pass."""

from __future__ import annotations

import pytest

from onto_flow.testing import check_accumulator


class Total:
    """Right: a sum of integers."""

    def create(self):
        return 0

    def add(self, state, value):
        return state + value

    def retract(self, state, value):
        return state - value

    def merge(self, left, right):
        return left + right

    def result(self, state):
        return state


class Floats(Total):
    """Rounds, so that the order of values counts."""

    def create(self):
        return 0.0


class Forgetful(Total):
    def retract(self, state, value):
        return 0


class Last(Total):
    def add(self, state, value):
        return value

    def retract(self, state, value):
        return 0


class LeftAlone(Total):
    def merge(self, left, right):
        return left


class InPlace(Total):
    def create(self):
        return [0]

    def add(self, state, value):
        state[0] += value
        return state

    def retract(self, state, value):
        return [state[0] - value]

    def merge(self, left, right):
        return [left[0] + right[0]]


class Sets(Total):
    def create(self):
        return frozenset()

    def add(self, state, value):
        return state | {value}


class Fails(Total):
    def result(self, state):
        return 1 / state


def test_a_right_one_passes():
    check_accumulator(Total(), [0, 1, -1, 2**70, 3])


@pytest.mark.parametrize(
    ("wrong", "values", "says"),
    [
        (
            Floats(),
            [0.1, 0.2, 0.3],
            r"Floats: retract does not undo add: after adding \[0.1, 0.2\] and taking 0.1 back",
        ),
        (Forgetful(), [1, 2], r"Forgetful: retract does not undo add: after adding \[1, 1\] and taking 1 back"),
        (Last(), [1, 2], r"Last: retract does not undo add: after adding \[1, 1\]"),
        (LeftAlone(), [1], r"LeftAlone: merge of \[\] and \[1\] is not the state of both"),
        (InPlace(), [1], r"InPlace: a state was changed in place: \[1\] to \[2\]"),
        (Sets(), [1], r"Sets: the state frozenset\(\) is not made of plain values"),
    ],
    ids=lambda v: type(v).__name__,
)
def test_a_wrong_one_is_found_with_few_values(wrong, values, says):
    with pytest.raises(AssertionError, match=says):
        check_accumulator(wrong, values)


def test_a_result_that_raises_is_not_hidden():
    with pytest.raises(ZeroDivisionError):
        check_accumulator(Fails(), [1])
