"""The job of the flex template: its parameters are the tool's, and are described as Dataflow asks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs import template
from onto_flow.cli import _parser
from onto_flow.formats.events import EventReader

TEMPLATE = Path(template.__file__).with_suffix(".json")
EXAMPLES = {
    "views": ("udfs.stocks:StockPage", "rm -rf"),
    "source": ("gs://bucket/exports/1", "exports/1"),
    "sink": ("firestore://project/(default)", "table"),
    "feed": ("pubsub://project/changes", "changes"),
    "seeds": ("gs://bucket/seeds/1", "seeds"),
    "snapshot_time": ("2026-05-01T12:00:00Z", "yesterday"),
    "dead_letters": ("pubsub://project/letters", "letters.sqlite"),
    "max_writes_per_second": ("500", "many"),
    "write_budget_per_day": ("20000", "-1"),
    "generation": ("1764158400000000", "now"),
}


def parameters():
    return {p["name"]: p for p in json.loads(TEMPLATE.read_text())["parameters"]}


def test_each_parameter_is_described():
    for name, parameter in parameters().items():
        assert set(parameter) <= {"name", "label", "helpText", "isOptional", "regexes", "paramType", "enumOptions"}
        assert re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_-]*", name)
        assert parameter["label"]
        assert parameter["helpText"].endswith(".")


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_forms_of_parameters(name):
    good, bad = EXAMPLES[name]
    (form,) = parameters()[name]["regexes"]
    assert re.fullmatch(form, good)
    assert not re.fullmatch(form, bad)


def test_each_parameter_is_one_of_the_tool():
    assert set(parameters()) == {*EXAMPLES, "format"}
    assert {n for n, p in parameters().items() if p.get("isOptional")} == set(template.OPTIONAL)
    known = _parser().parse_args(["run", "udfs.stocks", "--source=a", "--sink=b", "--feed=c"])
    of_the_engine = {"seeds"}
    assert set(parameters()) <= {*vars(known), *of_the_engine}
    formats = {option["value"] for option in parameters()["format"]["enumOptions"]}
    assert all(EventReader(name) for name in formats)


def test_it_runs_on_beam(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    documents = tmp_path / "documents.jsonl"
    line = {
        "path": "movies/1",
        "fields": {"title": {"stringValue": "Dune"}, "genres": {"arrayValue": {"values": [{"stringValue": "scifi"}]}}},
    }
    documents.write_text(json.dumps(line) + "\n")
    arguments = [
        "--views=udfs.movielens:GenreStats",
        f"--source=jsonl:{documents}",
        f"--sink=jsonl:{tmp_path / 'views'}",
    ]
    assert template.run(arguments) == 0
    written = [json.loads(line) for line in (tmp_path / "views").read_text().splitlines()]
    assert [w["view"] for w in written] == ["GenreStats"]
