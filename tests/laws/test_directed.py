"""Named cases of law 1 to 6, each with its rule, on the local flow and under every interleaving where it is small enough."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from onto_flow.core.change import DeadLetter, ViewChange
from onto_flow.core.values import Document, Reference
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Event
from onto_flow.plan.compile import compile_plan
from onto_flow.plan.nodes import CodeRef, FieldPath, Relation, Slot, View
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import History, history_of
from onto_flow.testing.judge import applied
from onto_flow.testing.oracle import recompute
from onto_flow.testing.shapes import COLLECTIONS, Shape, plan_of
from tests.laws.interleavings import every_interleaving

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))))
CHAIN = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "b", 1, ("s",))))
BY = Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("r",))))
ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))
SELF = Shape("V", "outV", (("root", "a", -1, ()), ("via", "a", 0, ("r",))))
ROWS = Shape("V", "outV", (("root", "a", -1, ()),), show="root", paths="rows")
COUNTS = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows", key=0, accumulators=(("count", 0, False, -1),))
GROUPS = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("s",))), key=1, accumulators=(("count", 0, False, -1),))
CLAIMS = Shape("V", "outV", (("root", "a", -1, ()),), paths="field")
B1, B2 = Reference("b/1"), Reference("b/2")


class Flow:
    """A local flow, change by change."""

    def __init__(self, *shapes: Shape, snapshot: int | None = None, plan: Any = None, clock: Any = lambda: 0) -> None:
        self.plan = plan or plan_of(*shapes)
        self.flow = LocalFlow(self.plan, snapshot=snapshot, clock=clock)
        self.outputs: list[ViewChange | DeadLetter] = []
        self.version = 100

    def write(self, *writes: tuple[str, Document | None], version: int = 0) -> list[tuple[str, Any, Any]]:
        """One batch; (path, old, new) of what it shows."""
        events = []
        for path, fields in writes:
            self.version += 1
            events.append((path, Event((version or self.version, 0), fields)))
        return self.take(self.flow.process(events))

    def take(self, outputs: Sequence[ViewChange | DeadLetter]) -> list[tuple[str, Any, Any]]:
        self.outputs += outputs
        return [(o.path, o.old, o.new) for o in outputs if isinstance(o, ViewChange)]

    def letters(self) -> list[DeadLetter]:
        return [o for o in self.outputs if isinstance(o, DeadLetter)]

    @property
    def table(self) -> dict[str, Any]:
        return applied(o for o in self.outputs if isinstance(o, ViewChange)).get("V", {})


def run(shape: Shape, history: History, order: Sequence[int]) -> dict[str, Any]:
    flow = Flow(shape, snapshot=history.snapshot)
    flow.take(flow.flow.process([seed(c, history.snapshot) for c in history.seeds()]))
    for index in order:
        flow.take(flow.flow.process([event(history.change(index))]))
    assert flow.table == recompute(flow.plan, history.final)["V"]
    return flow.table


@pytest.mark.parametrize("named_by_delete", [False, True])
def test_delete_after_the_export_of_what_was_last_written_before_it_gets_through(named_by_delete):
    history = history_of(("b/1", {"n": 1}), ("a/1", {"r": [B1]}), ("b/1", None), exported=2, named_by_delete=named_by_delete)
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


@pytest.mark.parametrize("events", [[("b/1", {"r": [Reference("a/2")]})], [("b/1", None)], [("b/1", {"r": [Reference("a/2")]}), ("a/1", None)]])
def test_reverse_reference_moves_under_every_interleaving(events):
    start = [("a/1", {"n": 1}), ("a/2", {"n": 2}), ("b/1", {"r": [Reference("a/1")]})]
    assert every_interleaving(Case((BY,), history_of(*start, *events, exported=3))) > 5


@pytest.mark.parametrize("events", [[("b/1", {"k": "y"}), ("a/1", {"k": "y"})], [("b/1", {"k": "y"}), ("a/1", {"k": ["x", "y"]})], [("a/1", {"k": "y"}), ("b/1", None)]])
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


class Careful:
    """A view whose code fails on some documents."""

    @classmethod
    def evaluator(cls):
        return cls()

    def documents(self, members):
        [(path, root)] = members["s0"]
        if root.get("n") == "bad":
            raise ValueError("a bad one")
        return {f"outV/{path.replace('/', '~')}": {"n": root.get("n"), "s1": [p for p, _ in members["s1"]]}}


def parse_strictly(value):
    """References as `#1`; other values are errors."""
    if not value.startswith("#"):
        raise ValueError(f"not a reference: {value}")
    return f"b/{value[1:]}"


def careful_flow(parse: CodeRef | None = None) -> Flow:
    relation = Relation(FieldPath(("r",)), COLLECTIONS["b"], parse)
    slots = (Slot("s0", 0, "root", COLLECTIONS["a"]), Slot("s1", 1, "via", COLLECTIONS["b"], 0, many=True, relation=relation))
    view = View("V", "outV", CodeRef("careful", live=Careful), slots, ())
    return Flow(plan=compile_plan([view], [(c, None) for c in COLLECTIONS.values()]))


def test_failing_view_code_keeps_the_last_document_and_clears_later():
    flow = careful_flow()
    flow.write(("a/1", {"n": 1}))
    assert flow.write(("a/1", {"n": "bad"})) == []
    [letter] = flow.letters()
    assert (letter.key, letter.cleared) == ("view:V:a/1", False)
    assert "a bad one" in letter.reason
    assert "ValueError" in letter.stack
    assert flow.table == {"outV/a~1": {"n": 1, "s1": []}}
    assert flow.write(("a/1", {"n": 2})) == [("outV/a~1", {"n": 1, "s1": []}, {"n": 2, "s1": []})]
    assert flow.letters()[-1].cleared


def test_value_that_parse_refuses_refers_to_nothing_and_is_reported():
    flow = careful_flow(CodeRef("parse", live=parse_strictly))
    flow.write(("b/1", {"n": 1}), ("a/1", {"r": ["#1", "1"]}))
    assert flow.table["outV/a~1"]["s1"] == ["b/1"]
    [letter] = flow.letters()
    assert letter.key == "document:a/1"
    assert "not a reference: 1" in letter.reason


def test_event_older_than_the_horizon_without_state_is_a_dead_letter_and_not_applied():
    now = [0]
    flow = Flow(VIA, clock=lambda: now[0])
    now[0] = 30 * DAY
    flow.take(flow.flow.process([("a/1", Event((DAY, 0), {"n": 1}, DAY))]))
    [letter] = flow.letters()
    assert letter.reason.startswith("too-late")
    assert letter.payload == {"path": "a/1", "fields": {"n": 1}, "version": [DAY, 0]}
    assert flow.table == {}
    flow.take(flow.flow.process([("a/1", Event((29 * DAY, 0), {"n": 2}, 29 * DAY))]))
    assert flow.table["outV/a~1"]["s0"] == [{"p": "a/1", "n": 2}]


def test_tombstone_keeps_an_older_event_out_until_the_horizon():
    now = [0]
    flow = Flow(VIA, clock=lambda: now[0])
    flow.take(flow.flow.process([("a/1", Event((10, 0), {"n": 1}, 10))]))
    flow.take(flow.flow.process([("a/1", Event((20, 0), None, 20))]))
    now[0] = 7 * DAY
    flow.take(flow.flow.process([("a/1", Event((15, 0), {"n": 3}, 15))]))
    assert flow.table == {}
    assert flow.letters() == []
    now[0] = 9 * DAY
    flow.take(flow.flow.process([("a/1", Event((15, 0), {"n": 3}, 15))]))
    assert flow.table == {}
    assert flow.letters()[-1].reason.startswith("too-late")
