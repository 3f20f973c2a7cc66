"""The suite for engines on Prism, which shuffles: each job in a process of its own, for it stalls at times and must be killed then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from test_beam import PRISM, kill_group
from test_beam_runners import Bounded

from onto_flow.core.change import Change
from onto_flow.core.codec import decode, encode
from onto_flow.core.values import Document
from onto_flow.engines.beam.coders import ChangeCoder
from onto_flow.plan.nodes import Plan
from onto_flow.plan.wire import from_json, to_json
from onto_flow.testing.engine_suite import Tables

pytestmark = [pytest.mark.beam, pytest.mark.long, pytest.mark.filterwarnings("ignore")]

SECONDS, TRIES = 300, 3


def run_here(place: str) -> None:
    """What the process does: the job of a file, its tables to another one."""
    plan, documents, snapshot, changes, coalesce, options = decode(Path(place).read_bytes())
    suite = Bounded()
    suite.coalesce, suite.options = coalesce, options
    tables = suite.run(from_json(plan), documents, snapshot, [ChangeCoder().decode(c) for c in changes])
    Path(f"{place}.tables").write_bytes(encode({view: dict(table) for view, table in tables.items()}))


def run_elsewhere(job: bytes, place: Path, seconds: int = SECONDS) -> Tables:
    """The tables of a job that runs in a process of its own, which is tried again when it stalls."""
    place.write_bytes(job)
    code = f"import test_beam_prism; test_beam_prism.run_here({str(place)!r})"
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    for left in range(TRIES, 0, -1):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code], env=environment, start_new_session=True
        )
        try:
            assert process.wait(seconds) == 0
            tables: Tables = decode(Path(f"{place}.tables").read_bytes())
            return tables
        except subprocess.TimeoutExpired:
            if left == 1:
                raise
        finally:
            kill_group(process)
    raise AssertionError


class TestPrism(Bounded):
    @pytest.fixture(autouse=True)
    def _program(self, tmp_path: Path) -> None:
        program = os.environ.get("ONTO_FLOW_PRISM") or shutil.which("prism")
        if program is None:
            pytest.skip(PRISM)
        self.place, self.options = tmp_path / "job", {"runner": "PrismRunner", "prism_location": program}

    def run(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]
    ) -> Tables:
        told = [ChangeCoder().encode(c) for c in changes]
        job = encode((to_json(plan), dict(documents), snapshot, told, self.coalesce, self.options))
        return run_elsewhere(job, self.place)


class TestPrismStepByStep(TestPrism):
    coalesce = False
    seed = 3
