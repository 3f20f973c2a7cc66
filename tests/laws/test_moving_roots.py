"""Roots that move with many documents on the embedded engine: they are told page by page, and show one whole state after the other."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import Change, ViewChange
from onto_flow.core.codec import encode
from onto_flow.core.values import Reference
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.record import Record
from onto_flow.testing.shapes import Shape, plan_of
from tests.laws import local

MANY, PAGE = 50, 7
SLOTS = (("root", "a", -1, ()), ("on", "b", 0, ("k", "k")), ("via", "c", 1, ("s",)))
WHOLE = Shape("V", "outV", SLOTS)
FOLDED = Shape("V", "outV", SLOTS, show="root", over=(("count", 1, False, -1, -1, -1), ("sum", 1, False, -1, 2, -1)))


def changes(flow, *documents, time):
    found = flow.process([event(Change(p, None, f, (time, 0))) for p, f in documents])
    return [c for c in found if isinstance(c, ViewChange)]


def member(number, key="x"):
    return f"b/{number:03}", {"k": key, "s": Reference(f"c/{number // 5:03}"), "n": 1}


def loaded(shape, root=("a/1", {"k": "y"})):
    flow = LocalFlow(plan_of(shape), page=PAGE)
    behind = [(f"c/{n:03}", {"n": n}) for n in range(MANY // 5)]
    changes(flow, *behind, *map(member, range(MANY)), ("a/2", {"k": "x"}), root, time=1)
    return flow


def rest(flow):
    """The changes of each batch until all pages have come."""
    told = []
    while flow.timer_is_due:
        told.append(changes(flow, time=0))
    return told


def held(flow, root="a/1"):
    return Record.of(flow.state.states["V.assemble"][root].get("record"))


@pytest.fixture(params=[WHOLE, FOLDED], ids=["whole", "folded"])
def shape(request):
    return request.param


def test_a_root_comes_to_a_large_key_page_by_page_and_is_shown_once(shape):
    flow = loaded(shape)
    sizes = [len(held(flow).reg)]
    told = [changes(flow, ("a/1", {"k": "x"}), time=2)]
    while flow.timer_is_due:
        sizes.append(len(held(flow).reg))
        told.append(changes(flow, time=0))
    assert len(told) == 1 + -(-MANY // PAGE)
    assert all(0 <= after - before <= 2 * PAGE for before, after in zip(sizes, sizes[1:])), (
        "documents, and what they lead to"
    )
    assert [len(batch) for batch in told] == [0] * (len(told) - 1) + [1]
    assert told[-1][0].new == flow_shows(shape, "a/1")


def flow_shows(shape, root):
    """What a root shows that was there from the start."""
    flow = loaded(shape, (root, {"k": "x"}))
    return held(flow, root).last[f"outV/a~{root[2:]}"]


def test_a_root_leaves_a_large_key_page_by_page(shape):
    flow = loaded(shape, ("a/1", {"k": "x"}))
    told = [changes(flow, ("a/1", {"k": "y"}), time=2)]
    sizes = []
    while flow.timer_is_due:
        sizes.append(len(held(flow).reg))
        told.append(changes(flow, time=0))
    assert all(before - after <= 2 * PAGE for before, after in zip(sizes, sizes[1:]))
    assert [len(batch) for batch in told] == [0] * (len(told) - 1) + [1]
    assert list(held(flow).reg) == ["a/1"]
    assert all(
        "a/1" not in cells["subs"]
        for n in (1, 2)
        for k, cells in flow.state.states[f"V.match.s{n}"].items()
        if k != encode(("y",))
    )


def test_a_root_that_goes_is_gone_at_once_and_comes_back_whole(shape):
    flow = loaded(shape, ("a/1", {"k": "x"}))
    assert [c.new for c in changes(flow, ("a/1", None), time=2)] == [None]
    changes(flow, time=0)
    came = [*changes(flow, ("a/1", {"k": "x"}), time=3), *(c for batch in rest(flow) for c in batch)]
    assert [c.new for c in came] == [flow_shows(shape, "a/1")]


def test_changes_in_between_are_shown_with_the_whole(shape):
    flow = loaded(shape)
    changes(flow, ("a/1", {"k": "x"}), time=2)
    changes(flow, time=0)
    early, late, gone = (
        (member(0)[0], {**member(0)[1], "n": 7}),
        (member(49)[0], {**member(49)[1], "n": 8}),
        member(1, "z"),
    )
    told = [changes(flow, early, late, gone, member(99), time=3), *rest(flow)]
    mine = [c for batch in told for c in batch if c.path == "outV/a~1"]
    assert len(mine) == 1
    other = held(flow, "a/2").last["outV/a~2"]
    assert {**mine[0].new, "s0": 0} == {**other, "s0": 0}


@pytest.mark.parametrize("batches", range(1, 8))
@pytest.mark.parametrize("key", ["x", "y"])
def test_a_root_goes_on_moving_from_its_bytes(shape, batches, key):
    other = {"x": "y", "y": "x"}[key]
    flow = loaded(shape, ("a/1", {"k": key}))
    changes(flow, ("a/1", {"k": other}), time=2)
    for _ in range(batches - 1):
        assert changes(flow, time=0) == []
    flow = local.restart(flow, Random(1), plan_of(shape), None, PAGE)
    assert [len(batch) for batch in rest(flow)][-1] == 1
    assert list(local.not_at_rest(flow, plan_of(shape), documents(other))) == []


def documents(key):
    behind = {f"c/{n:03}": {"n": n} for n in range(MANY // 5)}
    return {**behind, **dict(map(member, range(MANY))), "a/2": {"k": "x"}, "a/1": {"k": key}}


def test_a_root_turns_round(shape):
    flow = loaded(shape)
    changes(flow, ("a/1", {"k": "x"}), time=2)
    changes(flow, time=0)
    changes(flow, ("a/1", {"k": "y"}), time=3)
    changes(flow, time=0)
    changes(flow, ("a/1", {"k": "x"}), time=4)
    assert [c.path for batch in rest(flow) for c in batch] == ["outV/a~1"]
    assert list(local.not_at_rest(flow, plan_of(shape), documents("x"))) == []


def test_what_leaves_before_its_page_goes_though_another_key_had_told_it(shape):
    """`b/999` is in both keys when the root goes from one to the other, and leaves that before its page."""
    flow = loaded(shape)
    fields = {"s": Reference("c/000"), "n": 1}
    changes(flow, ("b/999", {**fields, "k": ["x", "y"]}), time=2)
    changes(flow, ("a/1", {"k": "x"}), time=3)
    changes(flow, ("b/999", {**fields, "k": "z"}), time=4)
    rest(flow)
    assert list(local.not_at_rest(flow, plan_of(shape), {**documents("x"), "b/999": {**fields, "k": "z"}})) == []


def test_a_document_that_leaves_before_its_page_for_a_key_that_owes_it_is_waited_for():
    assert local.run_wide_seed(4012, page=1) == []


def test_others_are_told_while_a_root_moves(shape):
    flow = loaded(shape)
    changes(flow, ("a/1", {"k": "x"}), time=2)
    [change] = changes(flow, (member(30)[0], None), time=3)
    assert change.path == "outV/a~2"
    assert flow.timer_is_due


@pytest.mark.parametrize("first", range(0, 500, 100))
def test_the_laws_hold_where_roots_move_with_many_documents(first: int):
    for seed in range(first, first + 100):
        assert local.run_wide_seed(seed, page=1 + seed % 2) == [], seed
