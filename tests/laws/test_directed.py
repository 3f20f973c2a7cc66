"""Named cases of law 1 to 6, each with its rule, on the local flow and under every interleaving where it is small enough."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import pytest

from onto_flow.core.change import ViewChange
from onto_flow.core.values import Reference
from onto_flow.engines.base import event, seed
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import History, history_of
from onto_flow.testing.oracle import recompute
from onto_flow.testing.shapes import Shape
from onto_flow.testing.simulation import Setting, complaints
from tests.laws.flow import Flow
from tests.laws.interleavings import every_interleaving

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))))
CHAIN = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "b", 1, ("s",))))
BY = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))
SELF = Shape("V", "outV", (("root", "a", -1, ()), ("via", "a", 0, ("r",))))
ROWS = Shape("V", "outV", (("root", "a", -1, ()),), show="root", paths="rows")
COUNTS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows", key=0, accumulators=(("count", 0, False, -1),))
GROUPS = Shape(
    "V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("s",))), key=1, accumulators=(("count", 0, False, -1),)
)
CLAIMS = Shape("V", "outV", (("root", "a", -1, ()),), paths="field")
B1, B2 = Reference("b/1"), Reference("b/2")


def run(shape: Shape, history: History, order: Sequence[int]) -> dict[str, Any]:
    flow = Flow(shape, snapshot=history.snapshot)
    flow.take(flow.flow.process([seed(c, history.snapshot) for c in history.seeds()]))
    for index in order:
        flow.take(flow.flow.process([event(history.change(index))]))
    assert flow.table == recompute(flow.plan, history.final)["V"]
    return flow.table


@pytest.mark.parametrize("named_by_delete", [False, True])
def test_delete_after_the_export_of_what_was_last_written_before_it_gets_through(named_by_delete):
    history = history_of(
        ("b/1", {"n": 1}), ("a/1", {"r": [B1]}), ("b/1", None), exported=2, named_by_delete=named_by_delete
    )
    assert run(VIA, history, [2, 0, 1])["outV/a~1"]["s1"] == []


def test_delete_before_the_export_does_not_undo_a_later_creation():
    history = history_of(("a/1", {"n": 1}), ("a/1", None), ("a/1", {"n": 2}), exported=3)
    assert run(VIA, history, [0, 1, 2, 1]) == {"outV/a~1": {"s0": [{"p": "a/1", "n": 2}], "s1": []}}


def test_late_older_source_after_a_newer_one_still_gets_through():
    """The version of a view document is not made of its sources' versions."""
    flow = Flow(VIA)
    flow.write(("a/1", {"r": [B1]}), version=100)
    flow.write(("a/1", {"r": [B1], "n": 1}), version=900)
    assert flow.write(("b/1", {"n": 2}), version=5)
    assert flow.table["outV/a~1"]["s1"] == [{"p": "b/1", "n": 2}]
    versions = [o.version for o in flow.outputs if isinstance(o, ViewChange)]
    assert versions == sorted(set(versions))


def test_newest_member_leaves_and_the_view_goes_on():
    flow = Flow(ON)
    flow.write(("a/1", {"k": 1}), ("b/1", {"k": 1}))
    flow.write(("b/2", {"k": 1}), version=10**9)
    [(_, _, new)] = flow.write(("b/2", {"k": 2}), version=10**9 + 1)
    assert [m["p"] for m in new["s1"]] == ["b/1"]


@pytest.mark.parametrize(
    "events",
    [
        [("a/1", {"r": [B2]}), ("b/2", {"n": 9})],
        [("a/1", {"r": [B2]}), ("b/1", {"n": 9})],
        [("a/1", {"r": [B2]}), ("b/2", None)],
        [("a/1", {"r": [B2]}), ("b/1", None)],
        [("a/1", {"r": [B2]}), ("a/1", {"r": [B1]})],
        [("a/1", {"r": [B1, B2]}), ("a/1", {"r": [B2]})],
        [("a/1", None), ("a/1", {"r": [B2]})],
        [("a/1", {"r": [B2]}), ("b/2", {"n": 9}), ("b/1", None)],
        [("a/1", {"r": [B2]}), ("b/2", {"n": 9}), ("a/1", {"r": [B1]})],
    ],
)
def test_reference_moves_from_one_document_to_another_under_every_interleaving(events):
    start = [("b/1", {"n": 1}), ("b/2", {"n": 2}), ("a/1", {"r": [B1]})]
    assert every_interleaving(Case((VIA,), history_of(*start, *events, exported=3))) > 30


@pytest.mark.parametrize(
    "events",
    [[("b/1", {"r": [Reference("a/2")]})], [("b/1", None)], [("b/1", {"r": [Reference("a/2")]}), ("a/1", None)]],
)
def test_reverse_reference_moves_under_every_interleaving(events):
    start = [("a/1", {"n": 1}), ("a/2", {"n": 2}), ("b/1", {"r": [Reference("a/1")]})]
    assert every_interleaving(Case((BY,), history_of(*start, *events, exported=3))) >= 3


@pytest.mark.parametrize(
    "events",
    [
        [("b/1", {"k": "y"}), ("a/1", {"k": "y"})],
        [("b/1", {"k": "y"}), ("a/1", {"k": ["x", "y"]})],
        [("a/1", {"k": "y"}), ("b/1", None)],
    ],
)
def test_equal_fields_change_under_every_interleaving(events):
    start = [("b/1", {"k": "x", "n": 1}), ("a/1", {"k": "x"})]
    assert every_interleaving(Case((ON,), history_of(*start, *events, exported=2))) > 30


def test_same_target_through_two_parents_stays_until_the_last_one_leaves():
    shared = Reference("b/9")
    flow = Flow(CHAIN)
    flow.write(("b/9", {"n": 9}), ("b/1", {"s": shared}), ("b/2", {"s": shared}), ("a/1", {"r": [B1, B2]}))
    flow.write(("b/1", {"s": None}))
    assert flow.table["outV/a~1"]["s2"] == [{"p": "b/9", "n": 9}]
    [(_, _, new)] = flow.write(("b/9", {"n": 10}))
    assert new["s2"] == [{"p": "b/9", "n": 10}]
    flow.write(("b/2", {"s": None}))
    assert flow.table["outV/a~1"]["s2"] == []


def test_document_that_refers_to_itself_shows_one_version_of_itself():
    flow = Flow(SELF)
    flow.write(("a/1", {"r": [Reference("a/1")], "n": 1}))
    [(_, _, new)] = flow.write(("a/1", {"r": [Reference("a/1")], "n": 2}))
    assert new == {"s0": [{"p": "a/1", "n": 2}], "s1": [{"p": "a/1", "n": 2}]}
    assert flow.write(("a/1", None)) == [("outV/a~1", new, None)]


def test_reference_to_a_document_that_does_not_exist_is_an_answer():
    flow = Flow(VIA)
    [(_, _, new)] = flow.write(("a/1", {"r": [B1, Reference("b/9")]}))
    assert new["s1"] == []
    [(_, _, new)] = flow.write(("b/1", {"n": 1}))
    assert new["s1"] == [{"p": "b/1", "n": 1}]


def test_root_is_deleted_and_created_again_with_a_higher_version():
    flow = Flow(VIA)
    flow.write(("b/1", {"n": 1}), ("a/1", {"r": [B1]}))
    assert flow.write(("a/1", None))[0][2] is None
    flow.write(("b/1", {"n": 2}))
    assert flow.table == {}
    [(_, old, new)] = flow.write(("a/1", {"r": [B1]}))
    assert old is None
    assert new["s1"] == [{"p": "b/1", "n": 2}]
    versions = [o.version for o in flow.outputs if isinstance(o, ViewChange)]
    assert versions == sorted(set(versions))


def test_group_moves_with_all_its_members():
    flow = Flow(GROUPS)
    flow.write(("b/1", {"n": "g"}), ("a/1", {"s": B1}), ("a/2", {"s": B1}))
    assert flow.table == {"outV/g": {"count0": 2}}
    flow.write(("b/1", {"n": "h"}))
    assert flow.table == {"outV/h": {"count0": 2}}


def test_two_keys_on_one_path_the_smallest_shows_and_the_loser_never_deletes():
    flow = Flow(CLAIMS)
    flow.write(("a/2", {"n": "p"}))
    flow.write(("a/1", {"n": "p"}))
    assert flow.table["outV/p"]["s0"] == [{"p": "a/1", "n": "p"}]
    assert flow.letters()[-1].reason.startswith("path-claimed")
    assert flow.write(("a/2", {"n": "q"})) == [("outV/q", None, {"s0": [{"p": "a/2", "n": "q"}]})]
    assert flow.letters()[-1].cleared
    assert flow.table["outV/p"]["s0"] == [{"p": "a/1", "n": "p"}]


def test_winner_that_leaves_hands_the_path_over():
    flow = Flow(CLAIMS)
    flow.write(("a/1", {"n": "p"}), ("a/2", {"n": "p"}))
    [(path, old, new)] = flow.write(("a/1", None))
    assert (path, old["s0"][0]["p"], new["s0"][0]["p"]) == ("outV/p", "a/1", "a/2")


def test_change_of_an_unread_field_shows_nothing():
    flow = Flow(VIA)
    flow.write(("a/1", {"n": 1, "x": 1}))
    assert flow.write(("a/1", {"n": 1, "x": 2})) == []
    assert flow.write(("a/1", {"n": 1.0, "x": 2})) != []


def test_rows_are_compared_one_by_one():
    flow = Flow(ROWS)
    flow.write(("a/1", {"t": ["u", "v"], "n": 1}))
    changes = flow.write(("a/1", {"t": ["v", "w"], "n": 1}))
    assert sorted((path, new is None) for path, _, new in changes) == [("outV/a~1|u", True), ("outV/a~1|w", False)]


def test_rows_of_one_root_in_one_group_are_a_multiset():
    flow = Flow(COUNTS)
    flow.write(("a/1", {"t": ["u", "u", "v"]}), ("a/2", {"t": ["u"]}))
    assert flow.table == {"outV/u": {"count0": 3}, "outV/v": {"count0": 1}}
    flow.write(("a/1", {"t": ["u"]}))
    assert flow.table == {"outV/u": {"count0": 2}}


@pytest.mark.parametrize("mode", ["outbox", "epoch"])
@pytest.mark.parametrize("delivery", ["ordered", "shuffled"])
def test_sink_that_was_written_before_a_crash_ends_right_after_a_replay_in_another_order(mode, delivery):
    history = history_of(
        ("b/1", {"n": 1}),
        ("b/2", {"n": 2}),
        ("a/1", {"r": [B1]}),
        ("a/1", {"r": [B2]}),
        ("b/2", {"n": 3}),
        ("a/1", None),
        ("a/1", {"r": [B1, B2]}),
        ("b/1", None),
        exported=3,
    )
    for schedule in range(100):
        assert complaints(Case((VIA,), history), Setting(mode, delivery), Random(schedule)) == []
