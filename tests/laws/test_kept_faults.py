"""What is kept under change, broken on purpose: random getters and random histories find each of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import onto_flow.model.kept as kept
import onto_flow.model.kept_rows as kept_rows
import onto_flow.operators.carried_keys as carried_keys
import onto_flow.operators.drained.assemble as assemble
from onto_flow.core.native import in_python
from onto_flow.model.members import Many
from tests.laws.local import run_seed
from tests.laws.test_kept_views import complaint

FAULTS: dict[str, tuple[Any, str, Any, Callable[[int], Any]]] = {
    "rows that looked a document up are not made again": (
        kept_rows.KeptRows,
        "_concerned",
        lambda rows, changed: {path: None for slot, path in changed if slot == rows._program.slot},
        complaint,
    ),
    "a UDF is never called again": (kept, "_any_moved", lambda *_: False, complaint),
    "all elements are alike": (kept_rows.RowProgram, "alike", lambda *_: True, complaint),
    "a many slot has no documents": (
        kept.KeptView,
        "_seen",
        lambda view, slot: Many.of({}) if view._program.many[slot] else next(iter(view._slots[slot].values()), None),
        complaint,
    ),
    "a getter that reads slots is not called again": (kept.KeptView, "_read", lambda *_: "old", complaint),
    "members stand where they came": (kept.KeptView, "settle", lambda _: None, complaint),
    "a key that is closed takes nothing away": (assemble.DrainedAssemble, "_found_by", lambda *_: [], run_seed),
    "whatever is named belongs to a slot": (assemble.DrainedAssemble, "_belongs", lambda *_: True, run_seed),
    "join keys never change": (carried_keys, "_takes_over", lambda *_: True, run_seed),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name, monkeypatch):
    owner, attribute, instead, run = FAULTS[name]
    with in_python():
        monkeypatch.setattr(owner, attribute, instead)
        assert any(_complains(run, seed) for seed in range(40))


def _complains(run: Callable[[int], Any], seed: int) -> bool:
    try:
        return bool(run(seed))
    except Exception:
        return True
