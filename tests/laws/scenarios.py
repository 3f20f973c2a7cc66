"""Directed scenarios: orders that random tests meet once in 20,000 histories or never, each with its rule.

Every scenario passes with the rules and fails when its own rule is broken (`mutants.FAULTS`).
"""

from __future__ import annotations

from random import Random

from onto_flow.core.change import ViewChange
from onto_flow.core.codec import encode
from onto_flow.core.values import Reference
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.messages import Event, Republish
from onto_flow.operators.record import Record
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.oracle import recompute
from onto_flow.testing.shapes import Shape, plan_of
from onto_flow.testing.simulation import Setting, complaints
from tests.laws.hand import LATE, LOOSE, TIGHT, YOUNG, Hand

ON = Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))
BOTH = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("on", "b", 0, ("k", "k"))))
X, Y = encode(("x",)), encode(("y",))
G, K = LOOSE.keep_uncovered, LOOSE.keep_left


def check(hand: Hand) -> None:
    """At rest the table is the recomputed one."""
    hand.rest()
    assert hand.table() == recompute(hand.engine.plan, hand.known)[hand.name]


def close_gap_and_open_again() -> None:
    """A document leaves a key while the root does not ask for it: the next answer says so (`left`)."""
    hand = Hand(ON)
    hand.load(a1={"k": "x"}, b1={"k": "x", "n": 1})
    hand.write("a/1", {"k": "z"})
    hand.drain()
    hand.write("b/1", None)
    hand.drain()
    hand.write("a/1", {"k": "x"})
    hand.drain()
    assert hand.slot("a/1", "s1") == []
    check(hand)


def left_against_garbage() -> None:
    """Root leaves a key, document leaves it, a short-lived `left` expires, root returns: K must outlive G."""
    hand = Hand(ON)
    hand.load(a1={"k": "x"}, b1={"k": "x", "n": 1})
    hand.write("a/1", {"k": "z"})
    hand.drain()
    hand.write("b/1", None)
    hand.drain()
    hand.wait(G + LATE - 1, fire=lambda operator, kind: not operator.endswith("assemble"))
    hand.write("a/1", {"k": "x"})
    hand.drain()
    assert hand.slot("a/1", "s1") == []
    check(hand)


def an_older_version_arrives_within_young() -> None:
    """The news that a document left overtakes an older version of it: the register must wait for that (G > L)."""
    hand = Hand(ON)
    hand.load(a1={"k": "x"})
    hand.write("b/1", {"k": "x", "n": 1})
    hand.step("match.s1", X)
    hand.keep("assemble", "a/1")
    hand.write("b/1", {"k": "y", "n": 2})
    hand.drain()
    hand.wait(YOUNG - 1)
    hand.give()
    check(hand)


def another_key_renews_the_time_to_live() -> None:
    """Failure (1): the same version again by another key must renew the register's time, its answer is still to come."""
    hand = Hand(ON, TIGHT)
    hand.load(a1={"k": "x"}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "y", "n": 2})
    hand.step("match.s1", X)
    hand.step("assemble", "a/1")
    late = hand.engine.queues["V.match.s1"].pop(Y)
    hand.wait(YOUNG - 5)
    hand.write("a/1", {"k": ["x", "y"]})
    hand.step("assemble", "a/1")
    hand.step("match.s1", Y)
    hand.keep("assemble", "a/1")
    hand.engine.queues["V.match.s1"][Y] = late
    hand.wait(YOUNG - 1)
    hand.drain()
    hand.wait(TIGHT.keep_uncovered + 1)
    hand.give()
    check(hand)


def departures_bring_no_fields() -> None:
    """Failure (1b): an old departure must not bring back what the record has dropped, nor make it hold."""
    hand = Hand(ON)
    hand.load(a1={"k": "y"}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "y", "n": 2})
    hand.drain()
    hand.write("b/1", {"k": "z", "n": 3})
    hand.drain()
    hand.wait(G + 2)
    hand.write("a/1", {"k": ["x", "y"], "n": 7})
    hand.drain()
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 7}], "s1": []}
    check(hand)


def gone_is_awaited() -> None:
    """Law 2: what is known only from a departure may be a member at that version; its key is about to deliver it."""
    hand = Hand(ON)
    hand.load(a1={"k": "y", "n": 1}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "y", "n": 2})
    hand.step("match.s1", X)
    hand.keep("match.s1", Y)
    hand.write("a/1", {"k": ["x", "y"], "n": 2})
    hand.drain()
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 1}], "s1": []}
    hand.give()
    hand.drain()
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 2}], "s1": [{"p": "b/1", "n": 2}]}
    check(hand)


def a_reference_waits_for_its_answer() -> None:
    """HOLD, with preloaded state: never half-joined; what was shown stays until the new key has been answered."""
    hand = Hand(Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)))))
    hand.load(b1={"n": 1}, b2={"n": 2}, a1={"r": ["b/1"], "n": 1})
    hand.write("a/1", {"r": ["b/2"], "n": 2})
    hand.step("assemble", "a/1")
    hand.step("match.s1", "b/1")
    hand.step("assemble", "a/1")
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 1}], "s1": [{"p": "b/1", "n": 1}]}
    hand.drain()
    assert hand.table()["outV/a~1"] == {"s0": [{"p": "a/1", "n": 2}], "s1": [{"p": "b/2", "n": 2}]}
    check(hand)


def an_answer_to_nothing_is_forgotten() -> None:
    """Failure (2): an end that overtakes its answer leaves nothing open."""
    hand = Hand(ON)
    hand.load(a1={"k": "z"})
    hand.write("a/1", {"k": "x"})
    hand.step("match.s1", X)
    hand.keep("assemble", "a/1")
    hand.write("a/1", {"k": "z"})
    hand.drain()
    hand.give()
    hand.rest()
    record = Record.of(hand.engine.store.open("V.assemble", "a/1")["record"])
    assert record.open == {1: {encode(("z",)): 1}}
    check(hand)


def a_page_says_what_an_answer_would_say() -> None:
    """Failure (4): a departure that waits for its page must not come as a member, with the fields of then."""
    hand = Hand(ON, page=1)
    hand.load(a1={"k": ["x"]}, a2={"k": ["x", "y"]}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "y", "n": 2})
    hand.drain()
    hand.page("match.s1")
    hand.drain()
    hand.write("b/1", {"k": "w", "n": 3})
    hand.drain()
    hand.wait(G + 1, fire=lambda operator, kind: kind == "garbage")
    hand.page("match.s1")
    hand.drain()
    assert hand.slot("a/2", "s1") == []
    check(hand)


def a_tombstone_outlives_its_round() -> None:
    """Failure (3): nothing that left is forgotten while a round is under way, however late its pages are."""
    hand = Hand(ON, page=1)
    hand.load(a1={"k": "x"}, a2={"k": "x"}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "x", "n": 2})
    hand.drain()
    hand.write("b/1", {"k": "z", "n": 3})
    hand.drain()
    hand.wait(K + 1, fire=lambda operator, kind: kind == "garbage")
    check(hand)


def a_round_hears_of_what_changes_meanwhile() -> None:
    """A document changes again while a round tells of it: those who had their page hear of it in the next round."""
    hand = Hand(ON, page=1)
    hand.load(a1={"k": "x"}, a2={"k": "x"}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "x", "n": 2})
    hand.drain()
    hand.page("match.s1")
    hand.drain()
    hand.write("b/1", {"k": "x", "n": 3})
    check(hand)


def an_end_during_a_round_carries_its_news() -> None:
    """A root that leaves before its page came, for a key that has forgotten the departure, hears of it at the end."""
    hand = Hand(ON, page=1)
    hand.load(a1={"k": "x"}, a2={"k": "x"}, b1={"k": ["x", "y"], "n": 1})
    hand.write("b/1", {"k": "z", "n": 2})
    hand.drain()
    hand.wait(K + 1, fire=lambda operator, kind: kind == "garbage")
    for root in ("a/1", "a/2"):
        hand.write(root, {"k": "y"})
    hand.drain()
    assert (hand.slot("a/1", "s1"), hand.slot("a/2", "s1")) == ([], [])
    check(hand)


def gone_under_an_open_via_key_becomes_missing() -> None:
    """Failure (4b): very late news of a departure takes the place of a document whose via key forgot its deletion."""
    hand = Hand(BOTH, page=1)
    hand.load(a1={"k": "x", "r": []}, a2={"k": "x", "r": []}, b1={"k": "x", "n": 1})
    hand.write("b/1", {"k": "y", "n": 2})
    hand.drain()
    hand.write("b/1", None)
    hand.drain()
    hand.wait(K + 1, fire=lambda operator, kind: kind == "garbage")
    for root in ("a/1", "a/2"):
        hand.write(root, {"k": "x", "r": ["b/1"], "n": 9})
    hand.drain()
    hand.page("match.s2")
    hand.page("match.s2")
    check(hand)


def a_deletion_is_a_departure_of_its_via_key() -> None:
    """Failure (4b): the answer for a deleted document says at which version it was deleted."""
    hand = Hand(BOTH)
    hand.load(a1={"k": "x", "r": []}, b1={"k": "x", "n": 1})
    hand.write("a/1", {"k": "z", "r": []})
    hand.drain()
    hand.write("b/1", None)
    hand.drain()
    hand.write("a/1", {"k": "z", "r": ["b/1"]})
    hand.drain()
    assert hand.slot("a/1", "s1") == []
    check(hand)


def a_deletion_and_a_subscription_in_one_batch() -> None:
    """Drained: an answer names what left in its own step, or the root keeps what it knows from an ending key."""
    plan = plan_of(ON)
    flow = LocalFlow(plan)
    flow.process([("b/1", Event((1, 0), {"k": ["x", "y"], "n": 1})), ("a/1", Event((2, 0), {"k": "x"}))])
    [change] = flow.process([("b/1", Event((3, 0), None)), ("a/1", Event((4, 0), {"k": "y"}))])
    assert isinstance(change, ViewChange)
    assert change.new == {"s0": [{"p": "a/1", "n": None}], "s1": []}


def a_group_that_forgot_its_path_is_published_again() -> None:
    """After a restore a row that was made and unmade since the snapshot goes: its owner is asked by path."""
    hand = Hand(Shape("V", "outV", (("root", "a", -1, ()),), key=0, accumulators=(("count", 0, False, -1),)))
    hand.engine.enqueue("V.aggregate", encode("u"), Republish("outV/u"))
    hand.step("aggregate", encode("u"))
    [emitted] = hand.engine.trace.emitted
    assert (emitted.change.path, emitted.change.new, emitted.change.version) == ("outV/u", None, (1, 0, 1))


def an_unread_field_changes_nothing() -> None:
    """Projection: a change in no field that a view reads stops at ingest."""
    hand = Hand(BOTH)
    hand.load(a1={"k": "x", "r": ["b/1"], "x": 1}, b1={"k": "x", "n": 1, "x": 1})
    hand.write("a/1", {"k": "x", "r": ["b/1"], "x": 2})
    hand.write("b/1", {"k": "x", "n": 1, "x": 2})
    assert hand.waiting() == []
    check(hand)


def an_id_of_a_path_meets_a_field() -> None:
    """`on` over ids: the part of a path is no other id of it, also where the document above does not exist."""
    hand = Hand(
        Shape("V", "outV", (("root", "a", -1, ()), ("on", "d", 0, ("k", "part")), ("on", "b", 1, ("id", "id"))))
    )
    hand.load(a1={"k": "1"}, b1={"n": 1}, b2={"n": 2})
    hand.write("b/1/d/2", {"n": 3})
    hand.write("b/9/d/1", {"n": 4})
    hand.drain()
    assert hand.slot("a/1", "s1") == ["b/1/d/2"]
    assert hand.slot("a/1", "s2") == ["b/2"]
    hand.write("a/1", {"k": ["9", None]})
    hand.drain()
    assert hand.slot("a/1", "s1") == ["b/9/d/1"]
    check(hand)


def what_a_slot_does_not_hold_asks_for_nothing() -> None:
    """A document that fails `where` has no parent keys; `where` compares with those parents that a document meets."""
    slots = (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("on", "c", 1, ("k", "k")))
    shape = Shape("V", "outV", slots, selections=((1, "shown", "", False, -1), (2, "alike", "", False, -1)))
    history = history_of(
        ("c/1", {"k": 1, "k2": "x", "n": 7}),
        ("b/1", {"k": 1, "k2": "y", "n": 1}),
        ("b/2", {"k": 2, "k2": "x", "n": 2}),
        ("b/3", {"k": 1, "k2": "x", "n": "hide"}),
        ("a/1", {"r": [Reference("b/1"), Reference("b/2"), Reference("b/3")]}),
        ("b/2", {"k": 3, "k2": "x", "n": "hide"}),
    )
    assert complaints(Case((shape,), history), Setting(), Random(1)) == []


def a_view_reads_another_one() -> None:
    """A relay keeps the highest version, and tells its readers what came, changed and went."""
    first = Shape("V", "outV", (("root", "a", -1, ()),), show="root", filtered=True)
    second = Shape("W", "outW", (("root", "o", -1, ()), ("on", "b", 0, ("n", "k"))))
    history = history_of(
        ("b/1", {"k": 2, "n": 7}), *(("a/1", {"n": n}) for n in (1, 2, 3, "hide", 2, 1, 2, 3, 2)), exported=1
    )
    for schedule in range(60):
        assert complaints(Case((second, first), history), Setting(delivery="late"), Random(schedule)) == []


def a_phantom_comes_and_goes() -> None:
    """A root that does not exist shows, and asks for what its path alone asks for, while documents lie below it."""
    slots = (("root", "b", -1, ("phantom",)), ("by", "d", 0, ("up",)), ("on", "c", 0, ("part", "k")))
    changes = [("c/1", {"k": "1"}), ("b/1/d/1", {"n": 1}), ("b/1", {"n": 2}), ("b/1", None), ("b/1/d/1", None)]
    for length in range(2, 6):
        history = history_of(*changes[:length])
        assert complaints(Case((Shape("V", "outV", slots),), history), Setting(), Random(length)) == []


SCENARIOS = {
    scenario.__name__: scenario
    for scenario in (
        close_gap_and_open_again,
        left_against_garbage,
        an_older_version_arrives_within_young,
        another_key_renews_the_time_to_live,
        departures_bring_no_fields,
        gone_is_awaited,
        a_reference_waits_for_its_answer,
        an_answer_to_nothing_is_forgotten,
        a_page_says_what_an_answer_would_say,
        a_tombstone_outlives_its_round,
        a_round_hears_of_what_changes_meanwhile,
        an_end_during_a_round_carries_its_news,
        gone_under_an_open_via_key_becomes_missing,
        a_deletion_is_a_departure_of_its_via_key,
        a_deletion_and_a_subscription_in_one_batch,
        a_group_that_forgot_its_path_is_published_again,
        an_unread_field_changes_nothing,
        an_id_of_a_path_meets_a_field,
        what_a_slot_does_not_hold_asks_for_nothing,
        a_view_reads_another_one,
        a_phantom_comes_and_goes,
    )
}
