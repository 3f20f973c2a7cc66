"""The suite for engines on Prism, which shuffles: each job in a process of its own, for it stalls at times and must be killed then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.coders import VarIntCoder
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.transforms.userstate import ReadModifyWriteStateSpec
from test_beam import PRISM, kill_group
from test_beam_runners import Bounded

from onto_flow.core.change import Change
from onto_flow.core.codec import decode, encode
from onto_flow.core.values import Document
from onto_flow.engines.beam.coders import ChangeCoder
from onto_flow.engines.beam.runners import UNSPLIT
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


class Count(beam.DoFn):
    """How many elements of the key have come, slowly."""

    HELD = ReadModifyWriteStateSpec("held", VarIntCoder())

    def process(self, element: tuple[str, int], held: Any = beam.DoFn.StateParam(HELD)) -> Iterator[str]:
        count = (held.read() or 0) + 1
        time.sleep(0.4)
        held.write(count)
        yield str(count)


def count_here(place: str) -> None:
    """What the process does: eight elements of one key are counted, with the options of a file."""
    options = decode(Path(place).read_bytes())
    with beam.Pipeline(options=PipelineOptions.from_dictionary(options)) as pipeline:
        given = beam.Create([("a", n) for n in range(8)], reshuffle=False).with_output_types(tuple[str, int])
        counts = pipeline | given | beam.ParDo(Count()).with_output_types(str)
        _ = counts | beam.io.WriteToText(f"{place}.counts", shard_name_template="")
    found = sorted(map(int, Path(f"{place}.counts").read_text().split()))
    Path(f"{place}.tables").write_bytes(encode(found))


def run_elsewhere(job: bytes, place: Path, what: str = "run_here", seconds: int = SECONDS) -> Any:
    """What a job tells that runs in a process of its own, which is tried again when it stalls."""
    place.write_bytes(job)
    code = f"import test_beam_prism; test_beam_prism.{what}({str(place)!r})"
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    for left in range(TRIES, 0, -1):
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code], env=environment, start_new_session=True
        )
        try:
            assert process.wait(seconds) == 0
            return decode(Path(f"{place}.tables").read_bytes())
        except subprocess.TimeoutExpired:
            if left == 1:
                raise
        finally:
            kill_group(process)
    raise AssertionError


@pytest.fixture
def prism() -> dict[str, Any]:
    """The options of a job on Prism."""
    program = os.environ.get("ONTO_FLOW_PRISM") or shutil.which("prism")
    if program is None:
        pytest.skip(PRISM)
    return {"runner": "PrismRunner", "prism_location": program}


def test_prism_loses_state_unless_it_is_told_not_to_split(prism: dict[str, Any], tmp_path: Path) -> None:
    """It splits where nothing comes for a while: not each time on a busy machine.

    Should the first fail, Prism has been mended, and `keep_keys_whole` may go.
    """
    split = (run_elsewhere(encode(prism), tmp_path / f"split{n}", "count_here") for n in range(2 * TRIES))
    assert any(counts != list(range(1, 9)) for counts in split)
    told = {**prism, "experiments": [UNSPLIT]}
    assert run_elsewhere(encode(told), tmp_path / "whole", "count_here") == list(range(1, 9))


class TestPrism(Bounded):
    @pytest.fixture(autouse=True)
    def _program(self, prism: dict[str, Any], tmp_path: Path) -> None:
        self.place, self.options = tmp_path / "job", prism

    def run(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]
    ) -> Tables:
        told = [ChangeCoder().encode(c) for c in changes]
        job = encode((to_json(plan), dict(documents), snapshot, told, self.coalesce, self.options))
        tables: Tables = run_elsewhere(job, self.place)
        return tables


class TestPrismStepByStep(TestPrism):
    coalesce = False
    seed = 3
