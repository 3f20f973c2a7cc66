"""Weights are split and added exactly, in any order; hashes of documents too."""

from __future__ import annotations

from fractions import Fraction
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from onto_flow.engines.credit import NOTHING, ONE, Credit, Sum, Weight, add, digest, split, total, unwrap, wrap

weights = st.builds(lambda m, e: total([Weight(m, e)]), st.integers(0, 1 << 80), st.integers(0, 200))


def value(weight: Weight) -> Fraction:
    return Fraction(weight.mantissa, 1 << weight.exponent)


@given(weights.filter(bool), st.integers(1, 300))
def test_parts_are_positive_and_add_up(weight: Weight, parts: int) -> None:
    found = split(weight, parts)
    assert len(found) == parts
    assert sum(map(value, found)) == value(weight)
    assert all(p.mantissa == weight.mantissa for p in found)


@given(st.lists(weights), st.randoms())
def test_sums_are_exact_in_any_order_and_have_one_form(given: list[Weight], random: Random) -> None:
    expected = total(given)
    random.shuffle(given)
    assert total(given) == expected
    assert value(expected) == sum(map(value, given))
    assert expected.mantissa % 2 or expected == NOTHING or not expected.exponent


@given(weights, st.binary())
def test_envelopes_give_back_what_they_hold(weight: Weight, message: bytes) -> None:
    assert unwrap(wrap(message, weight)) == (weight, message)


def test_a_weight_that_was_split_over_and_over_comes_back_whole() -> None:
    random = Random(1)
    under_way, back = [ONE] * 50, []
    while under_way:
        taken = [under_way.pop(random.randrange(len(under_way))) for _ in range(min(len(under_way), 3))]
        parts = split(total(taken), random.choice((1, 2, 3, 7)))
        goes_on = random.random() < 0.4
        (under_way if goes_on else back).extend(parts)
        assert value(total(back)) + value(total(under_way)) == 50
    assert total(back) == Weight(50, 0)


@given(st.lists(st.tuples(weights, st.integers(0, 3), st.sampled_from("ab")), max_size=8), st.randoms())
def test_credits_add_up_in_any_order(given: list[tuple[Weight, int, str]], random: Random) -> None:
    def sum_of(several: list[tuple[Weight, int, str]]) -> tuple[object, ...]:
        credit = Credit()
        for weight, shard, name in several:
            one = Credit(weight, {shard: 1}, {name: digest(f"{name}/{shard}", {"n": shard})})
            credit.add(Credit.decoded(one.encoded()))
        return credit.pack()

    expected = sum_of(given)
    random.shuffle(given)
    assert sum_of(given) == expected


def test_digests_tell_documents_apart_and_not_orders() -> None:
    one, two = digest("a/1", {"n": 1}), digest("a/2", {"n": 1})
    assert len({one, two, digest("a/1", {"n": 1.0}), digest("a/1", {"n": 2})}) == 4
    sums: dict[str, Sum] = {}
    for each in (one, two):
        add(sums, {"a": each})
    again: dict[str, Sum] = {}
    for each in (two, one):
        add(again, {"a": each})
    assert sums == again
    assert sums["a"].size == 2
