"""Broken on purpose: every fault of the protocol's list, as a change of our own source, and what finds it.

Directed scenarios and random histories, of the shuffling engine and of the local flow, have to find each of them. `python -m tests.laws.mutants [SEEDS]` looks for all of them with that many random seeds and all scenarios.
"""

from __future__ import annotations

import importlib
import sys
import traceback

from tests.laws.breaking import Fault, broken
from tests.laws.faults_before import FAULTS_BEFORE
from tests.laws.faults_behind import FAULTS_BEHIND
from tests.laws.faults_of_meter import FAULTS_OF_METER

FAULTS = (*FAULTS_BEFORE, *FAULTS_BEHIND, *FAULTS_OF_METER)


def found_by_scenario(fault: Fault) -> list[str]:
    """The directed scenarios that fail."""
    with broken(fault):
        scenarios = importlib.import_module("tests.laws.scenarios").SCENARIOS
        return [name for name, scenario in scenarios.items() if _complains(scenario)]


def found_at_random(fault: Fault, seeds: range) -> str | None:
    """The first seed whose run complains, local or shuffled; `None` when all pass."""
    with broken(fault):
        simulation = importlib.import_module("onto_flow.testing.simulation")
        local = importlib.import_module("tests.laws.local")
        for seed in seeds:
            if _complains(simulation.run_seed, seed, fault.mode):
                return f"seed:{seed}"
            if not fault.mode and _complains(local.run_seed, seed):
                return f"local:{seed}"
    return None


def _complains(run: object, *args: object) -> bool:
    assert callable(run)
    try:
        return bool(run(*args))
    except Exception:
        return True


def main(seeds: int) -> None:
    """Prints what finds each fault."""
    for fault in FAULTS:
        scenarios: list[str] = []
        try:
            scenarios = found_by_scenario(fault)
            found = found_at_random(fault, range(seeds))
        except (AssertionError, SyntaxError):
            traceback.print_exc(limit=1)
            found = "NO LONGER APPLIES"
        print(f"{found or '-':12} {fault.name}: {', '.join(scenarios)}", flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 500)
