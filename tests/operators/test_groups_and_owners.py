"""aggregate and own: they end the same in any order, drained or not, and forget only what is too old to come back."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.codec import encode
from onto_flow.core.equality import same
from onto_flow.operators.messages import CaughtUp, Claim, Republish, Rows
from onto_flow.testing.judge_changes import applied
from onto_flow.testing.shapes import Shape, plan_of
from tests.operators.bench import Bench

COLLECTED = (("count", 0, False, -1), ("sum", 0, False, -1), ("collect", 0, False, 2))
GROUP = encode("g")


def plan(accumulators=COLLECTED):
    return plan_of(Shape("V", "outV", (("root", "a", -1, ()),), key=0, accumulators=accumulators))


def owned():
    return Bench(plan_of(Shape("V", "outV", (("root", "a", -1, ()),), paths="field")), "V.own")


def shown(bench: Bench):
    return applied(o for o in bench.emitted if isinstance(o, ViewChange)).get("V", {})


def row(n):
    return ((True, n, (n, n)),)


@pytest.mark.parametrize("accumulators", [COLLECTED, COLLECTED[:2]])
def test_group_ends_the_same_in_any_order_and_drained(accumulators):
    width = len(accumulators)
    for seed in range(80):
        random = Random(seed)
        messages = []
        for root in ("a/1", "a/2", "a/3"):
            old = None
            for number in range(1, random.randint(2, 7)):
                new = (
                    None
                    if random.random() < 0.3
                    else tuple(r[:width] for r in row(random.choice((1, 2.5, 0.1)))) * random.randint(1, 2)
                )
                if not same(old, new):
                    messages.append(Rows(root, number, old, new))
                    old = new
        drained = Bench(plan(accumulators), "V.aggregate", drained=True)
        for message in messages:
            drained.step(GROUP, message)
        shuffled = Bench(plan(accumulators), "V.aggregate")
        for message in random.sample(
            [*messages, *random.sample(messages, len(messages) // 3)], len(messages) + len(messages) // 3
        ):
            shuffled.step(GROUP, message)
        assert same(shown(drained), shown(shuffled)), seed


def test_late_message_of_a_member_that_left_is_dropped_until_its_tombstone_goes():
    bench = Bench(plan(), "V.aggregate", keep_left=900, young=10, keep_uncovered=100)
    bench.step(GROUP, Rows("a/1", 2, row(1), None))
    bench.step(GROUP, Rows("a/1", 1, None, row(1)))
    assert shown(bench) == {}
    bench.timer(GROUP, "garbage", 899)
    assert bench.timers == {(GROUP, "garbage"): 900}
    bench.timer(GROUP, "garbage", 900)
    assert not bench.cells(GROUP).get("members")


def test_number_of_a_group_survives_that_it_is_empty():
    bench = Bench(plan(), "V.aggregate", drained=True)
    for number in range(1, 4):
        bench.step(GROUP, Rows("a/1", 2 * number - 1, None, row(1)))
        bench.step(GROUP, Rows("a/1", 2 * number, row(1), None))
    versions = [o.version for o in bench.emitted]
    assert versions == sorted(set(versions))
    assert len(versions) == 6


def test_silent_group_shows_when_it_has_caught_up():
    bench = Bench(plan(), "V.aggregate")
    bench.silent = True
    bench.step(GROUP, Rows("a/1", 1, None, row(1)))
    assert bench.emitted == []
    bench.step(GROUP, CaughtUp())
    assert shown(bench)["outV/g"]["count0"] == 1


@pytest.mark.parametrize("kind", ["aggregate", "own"])
def test_row_that_nobody_remembers_is_published_again_as_none(kind):
    bench, key = (Bench(plan(), "V.aggregate"), GROUP) if kind == "aggregate" else (owned(), "outV/g")
    bench.step(key, Republish("outV/g"))
    assert [(o.path, o.new) for o in bench.emitted if isinstance(o, ViewChange)] == [("outV/g", None)]


def test_owner_ends_with_the_smallest_root_in_any_order():
    messages = [Claim(f"a/{r}", n, {"of": r, "n": n} if (r + n) % 4 else None) for r in (1, 2, 3) for n in (1, 2, 3)]
    for seed in range(60):
        random, bench = Random(seed), owned()
        for message in random.sample([*messages, *messages], 18):
            bench.step("outV/g", message)
        assert shown(bench) == {"outV/g": {"of": 2, "n": 3}}, seed


def test_owner_reports_the_others_and_takes_that_back():
    bench = owned()
    bench.step("outV/g", Claim("a/2", 1, {"n": 2}), Claim("a/1", 1, {"n": 1}))
    [letter] = [o for o in bench.emitted if isinstance(o, DeadLetter)]
    assert "a/1 shows" in letter.reason
    assert "a/2" in letter.reason
    bench.step("outV/g", Claim("a/2", 2, None))
    assert bench.emitted[-1] == DeadLetter(letter.key, "", cleared=True)
