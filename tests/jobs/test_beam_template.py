"""The job of the flex template: its parameters are the tool's, and are described as Dataflow asks."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from jobs import template
from onto_flow.cli import _parser

TEMPLATE = Path(template.__file__).with_suffix(".json")
EXAMPLES = {
    "views": ("udfs.stocks:StockPage", "rm -rf"),
    "source": ("gs://bucket/exports/1", "exports/1"),
    "sink": ("firestore://project/(default)", "table"),
}


def parameters():
    return {p["name"]: p for p in json.loads(TEMPLATE.read_text())["parameters"]}


def test_each_parameter_is_described():
    for name, parameter in parameters().items():
        assert set(parameter) <= {"name", "label", "helpText", "isOptional", "regexes"}
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
    assert set(parameters()) == set(EXAMPLES)
    given = [f"--{name}={good}" for name, (good, _) in EXAMPLES.items() if name != "views"]
    known, unknown = _parser().parse_known_args(["backfill", "udfs.stocks", *given])
    assert unknown == []
    assert known.source == "gs://bucket/exports/1"


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
