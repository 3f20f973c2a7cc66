"""The public transforms of Beam: their examples, and what they promise beside them."""

from __future__ import annotations

import doctest
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

import onto_flow
import onto_flow.beam as public
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import Attendee, MeetingSession
from onto_flow.engines.beam import cells, elements, routing, rows, udfs
from onto_flow.engines.beam.engine import IN_PROCESS
from onto_flow.formats.export_writer import write_export

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def export(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("beam") / "export"
    write_export(place, demo.documents().items())
    return str(place)


@pytest.mark.parametrize("module", [public, elements, routing, rows, udfs, cells], ids=lambda m: m.__name__)
def test_examples(module, export: str, tmp_path: Path) -> None:
    given = {
        "beam": beam,
        "RUNNER": IN_PROCESS,
        "EXPORT": export,
        "FOLDER": str(tmp_path),
        "MeetingSession": MeetingSession,
        "Attendee": Attendee,
        "PipelineOptions": PipelineOptions,
        "onto_flow": onto_flow,
    }
    failures, _ = doctest.testmod(module, extraglobs=given)
    assert not failures
