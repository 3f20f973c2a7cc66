"""The provider file of Beam YAML runs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
import yaml
from apache_beam.yaml import yaml_transform

import onto_flow
from onto_flow.demo import data as demo
from onto_flow.engines.beam.engine import IN_PROCESS
from onto_flow.formats import encode_change
from onto_flow.formats.export_writer import write_export

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

PROVIDERS = Path(onto_flow.__file__).parent / "engines" / "beam" / "providers.yaml"
VIEW = "onto_flow.demo.meeting_room:MeetingSession"

PIPELINE = """
pipeline:
  transforms:
    - {{type: ReadExport, name: Read, config: {{uri: "{export}"}}}}
    - {{type: Backfill, name: Sessions, input: Read.documents, config: {{views: "{view}", shards: 2}}}}
    - type: Create
      name: Messages
      config: {{elements: {messages}}}
    - {{type: Maintain, name: Live, input: Messages, config: {{views: "{view}"}}}}
    - type: MapToFields
      name: SessionText
      input: Sessions.views
      config: {{language: python, fields: {{line: "path + ' ' + str(len(attending))"}}}}
    - {{type: MapToFields, name: LiveText, input: Live.views, config: {{language: python, fields: {{line: path}}}}}}
    - {{type: MapToFields, name: LetterText, input: Live.dead_letters, config: {{language: python, fields: {{line: reason}}}}}}
    - {{type: WriteToText, name: W1, input: SessionText, config: {{path: "{folder}/sessions"}}}}
    - {{type: WriteToText, name: W2, input: LiveText, config: {{path: "{folder}/live"}}}}
    - {{type: WriteToText, name: W3, input: LetterText, config: {{path: "{folder}/letters"}}}}
"""


def lines(folder: Path, name: str) -> list[str]:
    return sorted(line for file in folder.glob(f"{name}*") for line in file.read_text().splitlines())


@pytest.mark.long  # loading Beam YAML takes most of its time
def test_the_provider_file(tmp_path: Path) -> None:
    write_export(tmp_path / "export", demo.documents().items())
    events = [
        encode_change(onto_flow.Change(p, None, f, (1_700_000_000_000_000, 0))) for p, f in demo.documents().items()
    ]
    messages = json.dumps([{"payload": json.dumps(event)} for event in events] + [{"payload": "nonsense"}])
    text = PIPELINE.format(export=tmp_path / "export", folder=tmp_path, view=VIEW, messages=messages)
    providers = yaml.safe_load(PROVIDERS.read_text())
    with beam.Pipeline(runner=IN_PROCESS) as pipeline:
        yaml_transform.expand_pipeline(pipeline, yaml.safe_dump({**yaml.safe_load(text), "providers": providers}))
    assert lines(tmp_path, "sessions") == ["meetingSessions/retro 2", "meetingSessions/standup 2"]
    assert lines(tmp_path, "live") == ["meetingSessions/retro", "meetingSessions/standup"]
    assert [line[:10] for line in lines(tmp_path, "letters") if line[:4] == "bad-"] == ["bad-change"]
