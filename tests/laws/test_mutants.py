"""The suite finds every fault that is put into the operators on purpose."""

from __future__ import annotations

import sys

import pytest

from tests.laws.breaking import Fault, broken
from tests.laws.mutants import FAULTS, found_at_random, found_by_scenario


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_is_found(fault: Fault):
    assert found_by_scenario(fault) or (not fault.directed and found_at_random(fault, range(1000)))


@pytest.mark.long
@pytest.mark.parametrize("fault", [f for f in FAULTS if not f.directed], ids=lambda fault: fault.name)
def test_fault_is_found_by_random_histories_alone(fault: Fault):
    assert found_at_random(fault, range(6000))


def test_nothing_is_found_without_a_fault():
    nothing = Fault("none", ())
    assert found_by_scenario(nothing) == []
    assert found_at_random(nothing, range(20)) is None


def test_a_fault_is_gone_afterwards():
    before = sys.modules["onto_flow.operators.match"] if "onto_flow.operators.match" in sys.modules else None
    with broken(FAULTS[0]):
        import onto_flow.operators.match as faulty

        assert faulty is not before
    import onto_flow.operators.match as match

    assert match is not faulty
    assert before is None or match is before
