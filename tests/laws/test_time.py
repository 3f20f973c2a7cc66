"""The laws where time passes and code fails: expiries, ticks, failures, on the local flow and on the shuffling engine."""

from __future__ import annotations

import os
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onto_flow.core.values import Reference, from_micros
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import Shape
from onto_flow.testing.timed import local_complaints, run_seed, shuffled_complaints
from onto_flow.testing.timed_cases import Timed, random_timed

RANDOMS = st.randoms(use_true_random=False, note_method_calls=False)


@given(RANDOMS)
def test_the_local_table_is_the_recomputed_one_at_every_moment(random: Random):
    assert list(local_complaints(random_timed(random), Random(0))) == []


@given(RANDOMS)
def test_the_shuffling_engine_keeps_the_laws_while_time_passes(random: Random):
    assert list(shuffled_complaints(random_timed(random, most=15), Random(0))) == []


def test_many_timed_histories():
    assert [f"seed {s}: {found[0]}" for s in range(150) if (found := run_seed(s))] == []


@pytest.mark.long
def test_ten_thousand_timed_histories():
    first = int(os.environ.get("ONTO_FLOW_SEED", "1000000"))
    assert [f"seed {s}: {found[0]}" for s in range(first, first + 10_000) if (found := run_seed(s))] == []


ROOT = ("root", "a", -1, ())
LINKS = (ROOT, ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",)))
BACK = (ROOT, ("by", "b", 0, ("r",)), ("via", "c", 1, ("s",)))
MEET = (ROOT, ("on", "b", 0, ("k", "k")), ("by", "c", 1, ("r",)))


@pytest.mark.parametrize("slots", [LINKS, BACK, MEET])
@pytest.mark.parametrize("keys", [0, 1])
def test_what_hangs_on_an_expired_document_goes_and_comes_with_it(slots, keys):
    ends = from_micros(150)
    b = {"n": 1, "r": [Reference("a/1")], "s": Reference("c/1"), "k": 1, "u": ends}
    history = history_of(
        ("a/1", {"r": [Reference("b/1")], "k": 1, "n": 0}),
        ("c/1", {"n": 2, "r": [Reference("b/1")]}),
        ("b/1", b),
        ("c/1", {"n": 3, "r": [Reference("b/1")]}),
        ("b/1", {**b, "u": from_micros(250)}),
        ("c/1", {"n": 4, "r": [Reference("b/1")]}),
        exported=3,
    )
    case = Case((Shape("V", "outV", slots),), history)
    moments = ((1, 160), (5, 260)) if keys else ((0, 150), (3, 249), (6, 250))
    timed = Timed(case, ((1,),), (0,), "", 100, moments)
    for seed in range(5):
        assert list(local_complaints(timed, Random(seed))) == []
        assert list(shuffled_complaints(timed, Random(seed))) == []
