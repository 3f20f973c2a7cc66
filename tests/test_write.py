"""`onto-flow write`, and the round trip with `cat`, run as a user runs them."""

from __future__ import annotations

import io
import json
import os
import shlex
import subprocess
import sys
import tempfile
import tracemalloc
from datetime import datetime, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow.cli import main
from onto_flow.core.change import Change
from onto_flow.core.equality import same
from onto_flow.core.values import Reference
from onto_flow.formats.export_layout import find_export
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.json_lines import line_of
from onto_flow.sources.document_lines import DocumentLines
from onto_flow.sources.firestore_export import FirestoreExport
from tests.formats.test_round_trips import fields, paths

PROJECT = Path(__file__).parent.parent
ALLTYPES = PROJECT / "tests" / "data" / "alltypes"
TOOL = shlex.join([sys.executable, "-m", "onto_flow.cli"])
LAYOUTS = ("emulator", "production")


def documents_of(place):
    source = FirestoreExport(place)
    found = []
    for partition in source.partitions():
        reader = source.open(partition)
        while (batch := reader.next_batch()) is not None:
            found += batch
        reader.close()
    assert all(isinstance(change, Change) for change in found)
    return [(change.path, change.after) for change in found]


def shell(line, folder, code=0):
    paths = os.pathsep.join([str(PROJECT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line.replace("onto-flow", TOOL)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


def written(lines, target, *options, code=0):
    """Writes lines in this process."""
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(b"".join(lines)))
    try:
        assert main(["write", str(target), "--quiet", *options]) == code
    finally:
        sys.stdin = before


@pytest.mark.parametrize("layout", LAYOUTS)
def test_cat_and_write_through_a_pipe_give_every_type_back(tmp_path, layout):
    said = shell(f"onto-flow cat {ALLTYPES} | onto-flow write copy --layout {layout}", tmp_path)
    expected, found = documents_of(ALLTYPES), documents_of(tmp_path / "copy")
    assert said.stderr == f"{len(expected)} documents -> copy\n"
    assert [path for path, _ in found] == [path for path, _ in expected]
    assert all(same(mine, theirs) for (_, mine), (_, theirs) in zip(found, expected))
    assert find_export(tmp_path / "copy").emulator == (layout == "emulator")
    again = shell("onto-flow cat copy", tmp_path).stdout
    assert again == shell(f"onto-flow cat {ALLTYPES}", tmp_path).stdout


@settings(max_examples=25)
@given(st.dictionaries(paths, fields, max_size=5), st.sampled_from(LAYOUTS))
def test_any_documents_come_back(documents, layout):
    with tempfile.TemporaryDirectory() as folder:
        write_export(f"{folder}/a", documents.items(), project="projects/p/databases/(default)")
        written(DocumentLines(FirestoreExport(f"{folder}/a")), f"{folder}/b", "--layout", layout)
        found = documents_of(f"{folder}/b")
    assert [path for path, _ in found] == list(documents)
    assert all(same(after, documents[path]) for path, after in found)


def test_options_go_to_the_export(tmp_path):
    line = line_of("users/u", {"boss": Reference("users/v"), "far": Reference("users/w", "projects/q/databases/d")})
    near = (
        b'{"path": "users/n", "fields": {"boss": {"referenceValue": "projects/shop/databases/eu/documents/users/v"}}}\n'
    )
    options = ("--project", "shop", "--database", "eu", "--snapshot-time", "2024-05-01T12:00:00Z")
    written([line, b"\n", near], tmp_path / "e", *options)
    source = FirestoreExport(tmp_path / "e")
    assert source.info().snapshot_time == datetime(2024, 5, 1, 12, tzinfo=timezone.utc)
    assert documents_of(tmp_path / "e") == [
        ("users/u", {"boss": Reference("users/v"), "far": Reference("users/w", "projects/q/databases/d")}),
        ("users/n", {"boss": Reference("users/v")}),
    ]
    [output] = (tmp_path / "e").rglob("output-0")
    assert b"dev~shop" in output.read_bytes() and b"eu" in output.read_bytes()


def test_nothing_becomes_an_empty_export(tmp_path):
    written([], tmp_path / "e")
    assert documents_of(tmp_path / "e") == []


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"not json", "Not JSON text"),
        (b'{"path": "users/u", "fields": {"n": {"integerValue": "x"}}}', "$.fields.n"),
        (b'{"path": "users", "fields": {}}', "users"),
        (b'{"fields": {}}', "is not the name of a document"),
        (b'{"path": "users/u", "fields": {"a": {"stringValue"', "Not JSON text"),
        (b"[" * 100_000, "nested"),
        (b'{"path": "users/u", "fields": {"t": {"timestampValue": "yesterday"}}}', "yesterday"),
    ],
)
def test_a_bad_line_is_one_error_with_its_number_and_leaves_nothing(tmp_path, capsys, line, says):
    good = line_of("users/a", {"n": 1})
    written([good, good, line], tmp_path / "e", code=1)
    error = capsys.readouterr().err
    assert "line 3 of standard input" in error and says in error and "Nothing was written" in error
    assert error.count("\n") <= 3
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_is_not_overwritten(tmp_path, capsys):
    written([line_of("users/a", {"n": 1})], tmp_path / "e")
    written([line_of("users/a", {"n": 2})], tmp_path / "e", code=2)
    assert "is not empty" in capsys.readouterr().err
    assert documents_of(tmp_path / "e") == [("users/a", {"n": 1})]


def test_wrong_options_are_told(tmp_path, capsys):
    written([line_of("users/a", {})], tmp_path / "e", "--snapshot-time", "noon", code=2)
    assert "RFC 3339" in capsys.readouterr().err
    written([line_of("users/a", {})], tmp_path / "e", "--project", "a/b", code=2)
    assert "names no database" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_that_pauses_is_waited_for(tmp_path):
    line = json.dumps({"path": "users/u", "fields": {}})
    shell(f"(echo '{line}'; sleep 0.3; echo '{line.replace('users/u', 'users/v')}') | onto-flow write e", tmp_path)
    assert [path for path, _ in documents_of(tmp_path / "e")] == ["users/u", "users/v"]


def test_memory_is_that_of_a_batch(tmp_path, monkeypatch):
    line = line_of("users/u", {"text": "x" * 40_000})
    (tmp_path / "lines").write_bytes(line * 1500)
    with (tmp_path / "lines").open() as file:
        monkeypatch.setattr(sys, "stdin", file)
        tracemalloc.start()
        assert main(["write", str(tmp_path / "e"), "--quiet"]) == 0
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 40_000_000 < (tmp_path / "lines").stat().st_size
