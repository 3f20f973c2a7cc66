"""How many faults `check_view` finds: some in the short tier, all of them in the long one."""

from __future__ import annotations

import pytest

from tests.laws.checked.suite import BROKEN, find

QUICK = (
    "no left",
    "subscription as presence",
    "old key not told",
    "a batch is shown event by event",
    "an import outranks later changes",
    "what should go stays",
    "rows are taken back as they are now",
    "memory: the last write wins",
    "UsesRandom",
    "CachedByPath",
    "FilterRaises",
)
SECONDS, ENOUGH, FEW = 60.0, 0.95, 6


@pytest.mark.parametrize("name", QUICK)
def test_a_fault_is_found_with_few_changes(name):
    [broken] = [b for b in BROKEN if b.name == name]
    found = find(broken, SECONDS)
    assert found.complaint
    assert found.changes <= FEW
    assert found.again


def test_there_are_enough_faults_of_every_part():
    assert len(BROKEN) >= 60
    assert len({b.name for b in BROKEN}) == len(BROKEN)
    assert {b.part for b in BROKEN} == {"operators", "engine", "sinks", "view"}


@pytest.mark.long
def test_nearly_all_faults_are_found_with_few_changes():
    results = []
    for broken in BROKEN:
        results.append(find(broken, SECONDS))
        print(results[-1].line(), flush=True)
    missed = [r.broken.name for r in results if not r.complaint]
    assert len(missed) <= len(BROKEN) * (1 - ENOUGH), missed
    found = [r for r in results if r.complaint]
    assert sum(r.changes <= FEW for r in found) >= len(found) * ENOUGH
