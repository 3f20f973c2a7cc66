"""The collector beside a feed: what it sets aside, when it looks at everything, and that cycles of user code go."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest

from onto_flow.engines import collector
from onto_flow.engines.collector import PRESSING, Collector
from onto_flow.engines.local import Engine
from onto_flow.engines.steady import steady
from tests.engines.test_local import Scripted, documents, job

ROOT = Path(__file__).parents[2]
ROOMS, ROUNDS, MORE_ROUNDS = 500, 30, 60
FOLLOWED = f"""
from onto_flow.engines import collector
from tests.engines.cyclic_views import most_alive
collector.YOUNG, collector.GROWN_IN_CYCLES = 500, 50_000
print(*most_alive({ROOMS}, {{rounds}}))
"""


class Blocks:
    """The memory in use, as a test says it."""

    def __init__(self, monkeypatch):
        self.count = 10_000
        monkeypatch.setattr(collector, "YOUNG", 1000)
        monkeypatch.setattr(collector, "GROWN", 8000)
        monkeypatch.setattr(collector, "GROWN_IN_CYCLES", 1000)
        monkeypatch.setattr(collector.sys, "getallocatedblocks", lambda: self.count)


@pytest.fixture
def blocks(monkeypatch):
    return Blocks(monkeypatch)


@pytest.fixture
def steered(blocks):
    with steady() as found:
        yield found


def test_what_is_still_there_after_two_looks_is_set_aside(steered):
    before = gc.get_freeze_count()
    kept = [[number] for number in range(5000)]
    assert gc.get_freeze_count() - before > len(kept) - 2 * 1000 - 500
    assert steered.whole_looks == 0


@pytest.mark.parametrize(("idle", "grown"), [(True, 10_000), (False, PRESSING * 10_000)])
def test_everything_is_looked_at_after_enough_growth(steered, blocks, idle, grown):
    gc.collect(0)
    blocks.count += grown - 1
    steered.between(idle=idle)
    assert steered.whole_looks == 0
    gc.collect(0)
    blocks.count += 1
    steered.between(idle=idle)
    assert steered.whole_looks == 1
    gc.collect(0)
    steered.between(idle=idle)  # counted from there
    assert steered.whole_looks == 1


def test_growth_counts_sooner_where_cycles_are_seen(steered, blocks, monkeypatch):
    monkeypatch.setattr(collector, "CYCLES", 100)
    for _ in range(200):
        cycle = []
        cycle.append(cycle)
    del cycle
    gc.collect(0)
    blocks.count += 2500  # a quarter
    steered.between(idle=True)
    assert steered.whole_looks == 1


def test_nothing_is_counted_where_nothing_was_looked_at(blocks):
    steered = Collector()
    blocks.count += 10**9
    steered.between(idle=True)
    assert steered.whole_looks == 0


def test_a_job_lets_it_look_between_batches_and_where_nothing_waits(monkeypatch):
    told = []
    monkeypatch.setattr(Collector, "between", lambda self, *, idle: told.append(idle))
    first, *others = documents()
    Engine().run(job(Scripted(others), Scripted([first], []))[0])
    assert told == [False, True, True]


@pytest.mark.parametrize("rounds", [ROUNDS, MORE_ROUNDS])
def test_getters_that_make_cycles_leave_memory_bounded(rounds):
    """Each round leaves two nodes for each room that an evaluation made, and two that its old document had kept."""
    code = FOLLOWED.format(rounds=rounds)
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    of_evaluations, of_documents, whole_looks = map(int, run.stdout.split())
    assert of_evaluations < 4 * ROOMS, run.stdout
    assert 2 * ROOMS < of_documents < 24 * ROOMS, run.stdout
    assert whole_looks > 0, run.stdout
