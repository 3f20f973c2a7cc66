"""The judge finds what law 2 forbids, with and without a witness, and accepts what it allows."""

from __future__ import annotations

import math

import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.codec import encode
from onto_flow.core.values import Reference
from onto_flow.testing.histories import history_of
from onto_flow.testing.judge import Shown, judge_shown, timelines, unknown_version
from onto_flow.testing.judge_changes import Ledger, applied, judge_chain, judge_tables
from onto_flow.testing.shapes import Shape, plan_of

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))), show="few")
ROOT = {"r": [Reference("b/1"), Reference("b/2")], "n": 0}
START = 1_000_000


def document(*values):
    members = [{"p": f"b/{at}", "n": value} for at, value in enumerate(values, 1) if value is not None]
    return {"outV/a~1": {"s0": [{"p": "a/1", "n": 0}], "s1": members}}


def judged(history, *outputs, shape=VIA, witnesses=None):
    plan = plan_of(shape)
    shown = [Shown("V", "a/1", o, (witnesses or {}).get(at, {})) for at, o in enumerate(outputs)]
    return judge_shown(plan.views[0], shown, timelines(plan, history))


HISTORY = history_of(
    ("b/1", {"n": 1}), ("b/2", {"n": 1}), ("a/1", ROOT), ("b/1", {"n": 2}), ("b/2", {"n": 2}), exported=3
)


@pytest.mark.parametrize(
    "states",
    [
        [document(1, 1), document(2, 2)],
        [document(1, 1), document(2, 1), document(2, 2)],
        [document(1, 1), document(1, 2), document(2, 2)],
        [document(2, 2)],
    ],
)
def test_versions_that_only_grow_are_accepted_in_any_mix(states):
    assert judged(HISTORY, *states) is None


@pytest.mark.parametrize(
    "states",
    [
        [document(2, 1), document(1, 2)],
        [document(1, 3)],
        [document(1, None)],
        [document(1, 1), {}],
        [document(2, 2), document(2, 1)],
    ],
)
def test_states_that_never_were_or_go_backwards_are_found(states):
    assert "never was" in judged(HISTORY, *states)


def test_state_older_than_the_export_is_found():
    history = history_of(("b/1", {"n": 1}), ("b/2", {"n": 1}), ("a/1", ROOT), ("b/1", {"n": 2}), exported=4)
    assert judged(history, document(2, 1)) is None
    assert judged(history, document(1, 1)) is not None


def test_witness_that_is_too_new_does_not_condemn():
    versions = {"a/1": (START + 25, 0), "b/1": (START + 30, 0), "b/2": (START + 40, 0)}
    assert judged(HISTORY, document(2, 2), document(2, 2), witnesses={0: versions}) is None


def test_witness_cannot_excuse_what_goes_backwards():
    first = {"a/1": (START + 25, 0), "b/1": (START + 30, 0), "b/2": (START + 25, 0)}
    second = {**first, "b/1": (START + 25, 0)}
    assert judged(HISTORY, document(2, 1), document(1, 1), witnesses={0: first, 1: second}) is not None


def test_search_backtracks_where_several_versions_explain_a_state():
    """The first state has two explanations; only the one with the older version lets the second state follow."""
    history = history_of(
        ("a/1", {"k": "x", "n": 0}),
        ("b/1", {"k": "x", "n": 1}),
        ("b/1", {"k": "y"}),
        ("b/1", {"k": "x", "n": 2}),
        exported=1,
    )
    none = {"outV/a~1": {"s0": {"count": 1, "values": [0]}, "s1": {"count": 0, "values": []}}}
    one = {"outV/a~1": {"s0": {"count": 1, "values": [0]}, "s1": {"count": 1, "values": [1]}}}
    two = {"outV/a~1": {"s0": {"count": 1, "values": [0]}, "s1": {"count": 1, "values": [2]}}}
    assert judged(history, none, one, none, two, shape=ON) is None
    assert judged(history, none, one, none, one, shape=ON) is not None


def test_a_root_may_belong_to_its_own_slot_and_be_beyond_its_limit():
    shape = Shape("V", "outV", (("root", "a", -1, ()), ("on", "a", 0, ("k", "k"))), selections=((1, "", "", False, 1),))
    history = history_of(("a/0", {"k": "x", "n": 1}), ("a/1", {"k": "x", "n": 0}), ("a/0", {"k": "y"}), exported=2)
    root = {"p": "a/1", "n": 0}
    other = {"outV/a~1": {"s0": [root], "s1": [{"p": "a/0", "n": 1}]}}
    itself = {"outV/a~1": {"s0": [root], "s1": [root]}}
    assert judged(history, other, itself, shape=shape) is None
    assert judged(history, itself, other, shape=shape) is not None


def test_version_that_never_was_is_named():
    lines = timelines(plan_of(VIA), HISTORY)
    assert unknown_version(Shown("V", "a/1", {}, {"b/1": (7, 7)}), lines)
    assert unknown_version(Shown("V", "a/1", {}, {"b/1": (START + 30, 0), "b/9": (0, 0)}), lines) is None


def change(seq, old, new, epoch=0):
    return ViewChange("V", "outV/x", old, new, (1, epoch, seq))


def test_chain_of_old_and_new():
    good = [change(1, None, {"n": 1}), change(2, {"n": 1}, {"n": 1.0}), change(3, {"n": 1.0}, None)]
    assert list(judge_chain((c, False) for c in good)) == []
    for bad in (
        [change(1, None, {"n": 1}), change(1, {"n": 1}, {"n": 2})],
        [change(1, None, {"n": 1}), change(2, {"n": 2}, {"n": 3})],
        [change(1, None, {"n": math.nan}), change(2, {"n": math.nan}, {"n": math.nan})],
        [change(1, {"n": 1}, None)],
    ):
        assert list(judge_chain((c, False) for c in bad))


def test_chain_may_break_at_a_new_epoch_and_repeat_when_asked():
    changes = [
        (change(5, None, {"n": 1}), False),
        (change(2, {"n": 0}, {"n": 2}, epoch=1), False),
        (change(3, {"n": 2}, {"n": 2}, epoch=1), True),
    ]
    assert list(judge_chain(changes)) == []


def test_sink_keeps_the_highest_version_in_any_order():
    changes = [change(3, {"n": 2}, None), change(1, None, {"n": 1}), change(2, {"n": 1}, {"n": 2})]
    assert applied(changes) == {}
    assert applied(changes[1:]) == {"V": {"outV/x": {"n": 2}}}


def test_tables_are_compared_by_type():
    assert list(judge_tables({"V": {"a": {"n": 1}}}, {"V": {"a": {"n": 1}}})) == []
    assert len(list(judge_tables({"V": {"a": {"n": 1}, "b": {}}}, {"V": {"a": {"n": 1.0}, "c": {}}}))) == 3


def test_ledger_judges_groups_by_what_they_took():
    shape = Shape("V", "outV", (("root", "a", -1, ()),), key=0, accumulators=(("sum", 0, False, -1),))
    ledger = Ledger(plan_of(shape))
    group = encode("x")
    ledger.take("V", group, "a/1", 2, ((2,),))
    ledger.take("V", group, "a/1", 1, ((9,),))
    ledger.take("V", group, "a/2", 1, ((3,),))
    assert ledger.judge(group, change(1, None, {"sum0": 5})) is None
    assert ledger.judge(group, change(1, None, {"sum0": 12})) is not None
