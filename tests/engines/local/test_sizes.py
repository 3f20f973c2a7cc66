"""The estimate of what keys take, beside what they do take."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter

import pytest
from test_kept import Kept

from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.native import compiled
from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed

MEETINGS, TICKETS = 100, 8


def documents():
    for n in range(MEETINGS * TICKETS):
        names = {"firstName": f"First name {n}", "lastName": f"Last {n}", "organization": f"Organization {n % 50}"}
        yield f"users/u{n}", {**names, "hearingAidRequested": n % 3 == 0}
        yield f"tickets/t{n}", {"role": "guest", "attendance": True, "user": Reference(f"users/u{n}")}
    for n in range(MEETINGS):
        tickets = [Reference(f"tickets/t{n * TICKETS + i}") for i in range(TICKETS)]
        yield f"meetings/m{n}", {"title": f"Meeting {n}", "status": "in-session", "tickets": tickets}


@pytest.mark.skipif(compiled() is None, reason="compact cells are compiled: ./setup.sh builds them")
def test_the_estimate_of_keys_that_are_used_is_what_they_take_or_somewhat_more(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    kept.flow.process([seed(Change(p, None, f, BELOW_EVENTS), None) for p, f in documents()])
    kept.commit()
    kept.open()
    changes = [Change(f"users/u{n}", None, {"lastName": f"N{n}"}, (5, n), None) for n in range(MEETINGS * TICKETS)]
    events = [event(c) for c in changes]
    first, rest = events[:TICKETS], events[TICKETS:]
    kept.flow.process(first)  # what is made once
    gc.collect()
    before = kept.state.bytes_in_memory()
    tracemalloc.start()
    outputs = len(kept.flow.process(rest))
    kept.commit()
    gc.collect()
    took, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    held = Counter({name: len(states) for name, states in kept.state.states.items()})
    assert outputs == MEETINGS - 1 and held["MeetingSession.assemble"] == MEETINGS
    estimate = kept.state.bytes_in_memory() - before
    assert 0.9 * took <= estimate <= 2 * took
    kept.store.close()
