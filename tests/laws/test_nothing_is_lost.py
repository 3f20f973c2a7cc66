"""Law 6 on the local flow: what fails goes to the dead letters, the rest goes on, and what is too late is never applied."""

from __future__ import annotations

from onto_flow.operators.base import DAY
from onto_flow.operators.messages import Event
from onto_flow.plan.compile import compile_plan
from onto_flow.plan.nodes import CodeRef, Relation, Slot, View
from onto_flow.plan.places import FieldPath
from onto_flow.testing.shapes import COLLECTIONS, Shape
from tests.laws.flow import Flow

VIA = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",))))


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
    slots = (
        Slot("s0", 0, "root", COLLECTIONS["a"]),
        Slot("s1", 1, "via", COLLECTIONS["b"], 0, many=True, relation=relation),
    )
    view = View("V", "outV", CodeRef("careful", live=Careful), slots, ())
    return Flow(plan=compile_plan([view], [(c, None) for c in COLLECTIONS.values()]))


def test_failing_view_code_keeps_the_last_document_and_clears_later():
    flow = careful_flow()
    flow.write(("a/1", {"n": 1}))
    good = {"n": 1, "s1": []}
    assert flow.write(("a/1", {"n": "bad"})) == [("outV/a~1", good, good)]
    assert flow.outputs[-1].failed, "readers see that it is the last good one"
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
