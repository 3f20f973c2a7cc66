"""Histories of hot keys find every fault that is put into the pages of a drained engine on purpose."""

from __future__ import annotations

import importlib

import pytest

from tests.laws.breaking import Fault, broken
from tests.laws.faults_of_pages import FAULTS_OF_PAGES, FAULTS_OF_PARTS

SEEDS = 400


def found(fault: Fault, run: str) -> int | None:
    """The first seed whose run complains."""
    with broken(fault):
        local = importlib.import_module("tests.laws.local")
        for seed in range(SEEDS):
            try:
                if getattr(local, run)(seed, page=1 + seed % 2):
                    return seed
            except Exception:
                return seed
    return None


@pytest.mark.parametrize("fault", FAULTS_OF_PAGES, ids=lambda fault: fault.name)
def test_a_fault_in_pages_is_found(fault: Fault):
    assert found(fault, "run_hot_seed") is not None


@pytest.mark.parametrize("fault", FAULTS_OF_PARTS, ids=lambda fault: fault.name)
def test_a_fault_in_parts_is_found(fault: Fault):
    assert found(fault, "run_wide_seed") is not None
