"""Timers of the embedded engine against a list that is searched."""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.engines.local.timers import Timers


@pytest.mark.parametrize("seed", range(20))
def test_the_earliest_time_of_a_key_counts_and_is_given_once(seed):
    random = Random(seed)
    timers, asked, now = Timers(), {}, 0
    for _ in range(200):
        if random.random() < 0.7:
            timer, at = ("ingest", f"users/u{random.randrange(9)}", "garbage"), now + random.randrange(1, 50)
            timers.set(at, *timer)
            asked[timer] = min(at, asked.get(timer, at))
        else:
            now += random.randrange(20)
            due = {t: at for t, at in asked.items() if at <= now}
            assert timers.is_due(now) is bool(due)
            given = list(timers.due(now))
            assert sorted(given) == sorted(due) and [asked[t] for t in given] == sorted(due.values())
            for timer in due:
                del asked[timer]
        assert len(timers) == len(asked)


def test_a_thousand_deletions_of_one_document_wait_once():
    timers = Timers()
    for at in range(1000):
        timers.set(100 + at, "ingest", "users/u1", "garbage")
    assert len(timers) == sum(map(len, timers._heaps.values())) == 1
    assert [list(timers.due(now)) for now in (99, 100, 5000)] == [[], [("ingest", "users/u1", "garbage")], []]
