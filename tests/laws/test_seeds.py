"""Failures that random histories found, by the seed that found them first and as the order that was behind it.

A seed means another history whenever a generator changes, so each failure is also kept as a case by hand.
"""

from __future__ import annotations

from random import Random

import pytest

from onto_flow.core.values import Reference
from onto_flow.testing.cases import Case
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import Shape
from onto_flow.testing.simulation import Setting, complaints
from tests.laws import local, scenarios

COUNTED = (("count", 0, False, -1), ("sum", 1, False, -1), ("collect", 1, False, 2))


def test_seed_2281_deletion_and_subscription_in_one_batch():
    """Drained, a document left a key in the batch in which a root first asked for the key: no answer named it."""
    scenarios.a_deletion_and_a_subscription_in_one_batch()


@pytest.mark.parametrize("schedule", range(150))
def test_seed_363_group_made_and_unmade_since_the_snapshot(schedule: int):
    """Aggregate did not publish a group again whose path it had forgotten with the restore."""
    shape = Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("s",))), key=0, accumulators=COUNTED)
    root = {"s": Reference("b/1")}
    history = history_of(
        ("b/1", {"n": 1}),
        ("a/1", {"n": "g", **root}),
        ("a/1", {"n": "h", **root}),
        ("a/1", None),
        ("a/1", {"n": "i", **root}),
    )
    assert complaints(Case((shape,), history), Setting("epoch", "ordered"), Random(schedule)) == []


@pytest.mark.parametrize("schedule", range(150))
def test_seed_4698_second_crash_with_rows_to_publish_again_under_way(schedule: int):
    """A snapshot held a request to publish again; after the next restore it published what the row was at the snapshot."""
    shape = Shape("V", "outV", (("root", "a", -1, ()),), paths="rows")
    texts = (["u", "v"], ["u"], [], ["v"], ["u", "v"], [])
    history = history_of(*(("a/1", {"t": t, "n": n}) for n, t in enumerate(texts)))
    assert complaints(Case((shape,), history), Setting("epoch", "late"), Random(schedule)) == []


def test_local_seeds_that_failed():
    for seed in (2281, 2346):
        assert local.run_seed(seed) == []
