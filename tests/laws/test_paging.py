"""Hot keys on the embedded engine: a change that many ask for is told page by page, and the laws hold in between."""

from __future__ import annotations

import pytest

from onto_flow.core.change import Change, ViewChange
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event
from onto_flow.engines.local.flow import LocalFlow
from tests.laws import local

MEETINGS, PAGE = 50, 7


@pytest.mark.parametrize("page", [1, 2])
@pytest.mark.parametrize("first", range(0, 200, 50))
def test_the_laws_hold_while_changes_are_told_in_pages(page: int, first: int):
    for seed in range(first, first + 50):
        assert local.run_seed(seed, page=page) == [], seed


@pytest.mark.long
def test_the_laws_hold_while_changes_are_told_in_pages_for_long():
    for seed in range(200, 20_000):
        assert local.run_seed(seed, page=1 + seed % 2) == [], seed


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
    changes(flow, ("users/u", {**RENAMED[1], "lastName": "Lovelace"}), time=3)
    last = {}
    while flow.timer_is_due:
        last.update({c.path: c.new["attending"][0]["name"] for c in changes(flow)})
    assert len(last) == MEETINGS and set(last.values()) == {"Ada Lovelace"}


def test_a_round_that_was_cut_off_begins_again_from_its_state(flow):
    changes(flow, RENAMED, time=2)
    changes(flow)
    states = flow.state.states["MeetingSession.match.users"]["users/u"]
    kept = states["round"].pack()
    assert kept == (("users/u",), None, ()), "the state of a round does not grow with who is to be told"
    states["round"] = kept
    told = set()
    while flow.timer_is_due:
        told |= {c.path for c in changes(flow)}
    assert len(told) >= MEETINGS - 2 * PAGE
