"""The laws as properties: generated views and histories, on the local flow and on the shuffling engine."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from random import Random

import pytest
from hypothesis import given

from onto_flow.testing import simulation
from onto_flow.testing.cases import Case
from onto_flow.testing.simulation import MODES, Setting
from onto_flow.testing.strategies import cases
from tests.laws import local

HISTORIES, CHUNK = 50_000, 1000


@given(cases())
def test_local_table_is_the_recomputed_one_after_every_batch(case: Case):
    assert list(local.complaints(case, Random(0))) == []


@pytest.mark.parametrize("mode", sorted(set(MODES)))
@given(case=cases(most=25))
def test_shuffling_engine_keeps_the_laws(mode: str, case: Case):
    assert simulation.complaints(case, Setting(mode), Random(0)) == []


@pytest.mark.parametrize("page", [1, 2])
@given(case=cases(most=25))
def test_paged_fan_out_keeps_the_laws(page: int, case: Case):
    assert simulation.complaints(case, Setting(page=page), Random(0)) == []


def test_many_histories():
    assert failures(simulation.run_seed, range(500)) == []
    assert failures(local.run_seed, range(300)) == []


def failures(run: Callable[[int], list[str]], seeds: range) -> list[str]:
    """What fails, shrunk where the shuffling engine ran it."""
    found = []
    for seed in seeds:
        if complaints := run(seed):
            shrunk = simulation.explain(seed) if run is simulation.run_seed else ""
            found.append(f"seed {seed} of {run.__module__}: {complaints[0]}\n{shrunk}")
    return found


def chunk(start: int) -> list[str]:
    """Some seeds, on both engines."""
    seeds = range(start, start + CHUNK)
    return failures(simulation.run_seed, seeds) + failures(local.run_seed, seeds)


@pytest.mark.long
def test_fifty_thousand_histories():
    """`ONTO_FLOW_SEED` moves the range, for a search beyond the usual one."""
    first = int(os.environ.get("ONTO_FLOW_SEED", "1000000"))
    with ProcessPoolExecutor(2) as processes:
        found = [f for fs in processes.map(chunk, range(first, first + HISTORIES, CHUNK)) for f in fs]
    assert found == []
