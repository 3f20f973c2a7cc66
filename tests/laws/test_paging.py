"""Hot keys on the embedded engine: a change that many ask for is told page by page, and the laws hold in between."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.change import Change, ViewChange
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event
from onto_flow.engines.local import flow as local_flow
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.operators.drained import match
from onto_flow.operators.drained.paging import PagedStep
from onto_flow.testing.shapes import Shape, plan_of
from tests.laws import local

MEETINGS, PAGE = 50, 7


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_the_laws_hold_while_changes_are_told_in_pages(page: int, first: int):
    for seed in range(first, first + 50):
        assert local.run_seed(seed, page=page) == [], seed


@pytest.mark.parametrize("first", range(0, 500, 100))
def test_the_laws_hold_where_documents_of_many_roots_move_go_and_come_back(first: int):
    for seed in range(first, first + 100):
        assert local.run_hot_seed(seed, page=1 + seed % 2) == [], seed


def test_a_root_that_comes_to_a_key_holds_while_another_one_owes_it_a_document():
    assert local.run_hot_seed(1471, most=30, page=2) == []


@pytest.mark.parametrize("seed", [907, 4197])
def test_a_document_that_several_keys_tell_of_is_shown_at_one_version(seed: int):
    assert local.run_hot_seed(seed, most=30, page=2) == []


@pytest.mark.long
@pytest.mark.parametrize("run", [local.run_seed, local.run_hot_seed, local.run_wide_seed])
def test_the_laws_hold_while_changes_are_told_in_pages_for_long(run):
    for seed in range(500, 20_000):
        assert run(seed, page=1 + seed % 2) == [], seed


def crowd():
    """One user in every meeting."""
    yield "users/u", {"firstName": "Ada", "lastName": "King", "organization": "A", "hearingAidRequested": False}
    for n in range(MEETINGS):
        yield f"tickets/{n:03}", {"attendance": True, "role": "guest", "user": Reference("users/u")}
        yield f"meetings/{n:03}", {"status": "open", "tickets": [Reference(f"tickets/{n:03}")]}


def changes(flow, *documents, time=0):
    found = flow.process([event(Change(p, None, f, (time, 0))) for p, f in documents])
    return [c for c in found if isinstance(c, ViewChange)]


@pytest.fixture
def flow():
    flow = LocalFlow(MeetingSession.plan(), page=PAGE)
    assert len(changes(flow, *crowd(), time=1)) == MEETINGS
    return flow


RENAMED = ("users/u", {"firstName": "Ada", "lastName": "Byron", "organization": "A", "hearingAidRequested": False})


def test_no_batch_has_more_than_a_page_and_all_are_told(flow):
    told = [changes(flow, RENAMED, time=2)]
    while flow.timer_is_due:
        told.append(changes(flow))
    assert max(map(len, told)) <= PAGE and len(told) >= MEETINGS // PAGE
    paths = [c.path for batch in told for c in batch]
    assert sorted(paths) == [f"meetingSessions/{n:03}" for n in range(MEETINGS)]
    assert all(c.new["attending"][0]["name"] == "Ada Byron" for batch in told for c in batch)


def test_others_do_not_wait_for_the_pages(flow):
    changes(flow, RENAMED, time=2)
    [change] = [
        c for c in changes(flow, ("meetings/049", {"status": "closed", "tickets": []}), time=3) if "049" in c.path
    ]
    assert change.new["attending"] == []
    assert flow.timer_is_due


def test_a_second_change_joins_the_next_round(flow):
    changes(flow, RENAMED, time=2)
    changes(flow)
    told = [changes(flow, ("users/u", {**RENAMED[1], "lastName": "Lovelace"}), time=3), *all_pages(flow)]
    last = {c.path: c.new["attending"][0]["name"] for batch in told for c in batch}
    assert len(last) == MEETINGS and set(last.values()) == {"Ada Lovelace"}


def test_the_state_of_a_round_does_not_grow_with_who_is_to_be_told(flow):
    changes(flow, RENAMED, time=2)
    changes(flow)
    kept = flow.state.states["MeetingSession.match.users"]["users/u"]["round"].pack()
    assert kept == (0, 1, ((0, (("users/u", ()),)),))


BOTH = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)), ("via", "c", 1, ("s",))))
ROOTS = [f"a/{n:03}" for n in range(MEETINGS)]


@pytest.fixture
def chain():
    """Roots of one hot document, which leads to another one."""
    flow = LocalFlow(plan_of(BOTH), page=PAGE)
    start = [(root, {"r": [Reference("b/1")]}) for root in ROOTS]
    leads = [("b/1", {"s": Reference("c/1")}), ("c/1", {"n": 1}), ("c/2", {"n": 2})]
    assert len(changes(flow, *start, *leads, time=1)) == MEETINGS
    return flow


def all_pages(flow):
    told = []
    while flow.timer_is_due:
        told.append(changes(flow))
    return told


def shown(told):
    return {
        c.path.rpartition("~")[2]: [[m["p"] for m in c.new[s]] for s in ("s1", "s2")] for batch in told for c in batch
    }


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"s": Reference("c/2")}, [["b/1"], ["c/2"]]),
        ({}, [["b/1"], []]),
        (None, [[], []]),
        ({"s": Reference("c/9")}, [["b/1"], []]),
    ],
)
def test_what_a_hot_document_leads_to_changes_page_by_page(chain, change, expected):
    told = [changes(chain, ("b/1", change), time=2), *all_pages(chain)]
    assert max(map(len, told)) <= PAGE and sum(map(len, told)) == MEETINGS
    assert shown(told) == {root[2:]: expected for root in ROOTS}


def test_a_hot_document_comes_back_page_by_page(chain):
    changes(chain, ("b/1", None), time=2)
    all_pages(chain)
    told = [changes(chain, ("b/1", {"s": Reference("c/2")}), time=3), *all_pages(chain)]
    assert max(map(len, told)) <= PAGE
    assert shown(told) == {root[2:]: [["b/1"], ["c/2"]] for root in ROOTS}


@pytest.mark.parametrize("other", ["y", "z"])
def test_a_document_leaves_a_hot_key_and_comes_to_another_one(other):
    flow = LocalFlow(plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k"))))), page=PAGE)
    start = [(root, {"k": ["x", "y"]}) for root in ROOTS]
    changes(flow, *start, ("b/1", {"k": "x", "n": 1}), time=1)
    told = [changes(flow, ("b/1", {"k": other, "n": 2}), time=2), *all_pages(flow)]
    assert max(map(len, told)) <= PAGE
    assert {tuple(m["n"] for m in c.new["s1"]) for batch in told for c in batch} == ({(2,)} if other == "y" else {()})
    assert sum(map(len, told)) == MEETINGS, "nobody is shown that it is nowhere"


def test_no_step_sends_more_than_a_page(chain, monkeypatch):
    sizes = []

    class Counted(PagedStep):
        def page(self):
            before = sum(len(m) for queue in chain.queues.values() for m in queue.values())
            super().page()
            after = sum(len(m) for queue in chain.queues.values() for m in queue.values())
            sizes.append(after - before)

    monkeypatch.setattr(match, "PagedStep", Counted)
    changes(chain, ("b/1", {"s": Reference("c/2")}), time=2)
    all_pages(chain)
    assert len(sizes) == MEETINGS // PAGE + 1 and max(sizes) <= PAGE + 2, (
        "a message for each root, and two subscriptions"
    )


def test_a_root_that_leaves_in_the_middle_takes_its_subscriptions_along(chain):
    changes(chain, ("b/1", {"s": Reference("c/2")}), time=2)
    changes(chain, (ROOTS[0], {"r": []}), (ROOTS[-1], {"r": []}), time=3)
    all_pages(chain)
    subs = chain.state.states["V.match.s2"]
    assert "c/1" not in {k for k, cells in subs.items() if cells.get("subs")}
    assert set(subs["c/2"]["subs"]) == set(ROOTS[1:-1])


def test_a_key_that_ends_for_one_document_is_still_asked_for_by_another():
    """`a/1` hears of `b/2` from an `on` key before its `via` key has a page for it; then `b/1` lets go of what both ask for."""
    kinds = (("on", "b", 0, ("k", "k")), ("via", "b", 0, ("r",)), ("via", "c", 2, ("s",)))
    flow = LocalFlow(plan_of(Shape("V", "outV", (("root", "a", -1, ()), *kinds))), page=2)
    both = [Reference("b/1"), Reference("b/2")]
    roots = [("a/2", {"r": both}), ("a/3", {"r": both}), ("a/1", {"r": both, "k": "x"})]
    behind = [("c/1", {"n": 1}), ("c/2", {"n": 2})]
    changes(flow, *behind, ("b/1", {"s": Reference("c/1")}), ("b/2", {"k": "x", "n": 1}), *roots, time=1)
    changes(flow, ("b/1", {"s": Reference("c/2")}), time=2)
    told = [changes(flow, ("b/2", {"k": "x", "n": 2, "s": Reference("c/1")}), time=3), *all_pages(flow)]
    shown = [c.new for batch in told for c in batch if c.path == "outV/a~1"]
    assert [m["p"] for m in shown[-1]["s3"]] == ["c/1", "c/2"]
    assert all("c/1" in [m["p"] for m in new["s3"]] for new in shown)


@pytest.mark.parametrize("restarts", [False, True])
def test_a_root_that_comes_to_a_key_which_a_document_has_left_holds_until_the_other_one_tells_it(restarts):
    """`b/1` has moved from `y` to `x`, which has not told `a/1` yet, when that asks for `y`; another page comes first."""
    plan = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("on", "b", 0, ("k", "k")))))
    flow = LocalFlow(plan, page=2)
    roots = [(f"a/{n}", {"k": ["x", "z"]}) for n in (2, 3, 4, 1)]
    changes(flow, ("b/1", {"k": "y", "n": 1}), ("b/9", {"k": "z", "n": 1}), *roots, time=1)
    changes(flow, ("b/9", {"k": "z", "n": 2}), time=2)
    changes(flow, ("b/1", {"k": "x", "n": 2}), time=3)
    if restarts:
        flow = local.restart(flow, Random(0), plan, None, 2)
    told = [changes(flow, ("a/1", {"k": ["x", "y", "z"], "n": 9}), time=4), *all_pages(flow)]
    shown = [[m["p"] for m in c.new["s1"]] for batch in told for c in batch if c.new["s0"][0] == {"p": "a/1", "n": 9}]
    assert shown and all("b/1" in paths for paths in shown)


def test_many_hot_keys_take_turns(flow):
    """One page a batch, whatever waits."""
    others = [(f"users/{n}", RENAMED[1]) for n in range(3)]
    for n in range(3):
        tickets = [
            (f"tickets/{n}x{m:03}", {"user": Reference(f"users/{n}"), "attendance": True}) for m in range(MEETINGS)
        ]
        meetings = [(f"meetings/{n}x{m:03}", {"tickets": [Reference(tickets[m][0])]}) for m in range(MEETINGS)]
        changes(flow, *tickets, *meetings, time=2)
    told = [changes(flow, *others, time=3), *all_pages(flow)]
    assert max(map(len, told)) <= PAGE
    assert sum(map(len, told)) == 3 * MEETINGS
    firsts = {c.path.rpartition("/")[2][0] for batch in told[:4] for c in batch}
    assert firsts == {"0", "1", "2"}


def test_all_rounds_are_known_after_a_restart_however_many_timers_wait(chain, monkeypatch):
    hot = [(f"b/{n}", {"s": Reference("c/1")}) for n in range(2, 5)]
    changes(chain, *hot, *((root, {"r": [Reference(path) for path, _ in hot]}) for root in ROOTS), time=2)
    changes(chain, *((path, {"s": Reference("c/2")}) for path, _ in hot), time=3)
    monkeypatch.setattr(local_flow, "TIMERS", 1)
    flow = local.restart(chain, Random(1), plan_of(BOTH), None, PAGE)
    changes(flow)
    assert {key for _, key in flow._operators["V.assemble"].untold.rounds} == {path for path, _ in hot}


@pytest.mark.parametrize("batches", range(1, 10))
def test_a_round_goes_on_from_its_bytes(chain, batches):
    told = [changes(chain, ("b/1", {"s": Reference("c/2")}), time=2)]
    told += [changes(chain) for _ in range(batches - 1)]
    told += all_pages(local.restart(chain, Random(1), plan_of(BOTH), None, PAGE))
    paths = [c.path for batch in told for c in batch]
    assert len(paths) == MEETINGS == len(set(paths)), "nobody is told twice"


@pytest.mark.parametrize("page", [1, 2])
def test_a_round_ends_though_the_process_is_killed_after_each_page(page):
    """What was looked at in vain before the kill is not all that is looked at after it."""
    flow, plan = LocalFlow(plan_of(BOTH), page=page), plan_of(BOTH)
    changes(flow, *((root, {"r": [Reference("b/1")]}) for root in ROOTS), ("b/1", {"n": 1}), time=1)
    told = [changes(flow, ("b/1", None), time=2)]
    for _ in range(2 * MEETINGS):
        flow = local.restart(flow, Random(len(told)), plan, None, page)
        told.append(changes(flow))
    assert not flow.timer_is_due
    assert len({c.path for batch in told for c in batch}) == MEETINGS
