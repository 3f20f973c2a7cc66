"""`inspect` and `infer` as a user runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onto_flow import cli
from onto_flow.demo import data
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.typed_json import decode_fields

GOLDEN = Path(__file__).parents[1] / "golden"


@pytest.fixture
def room(tmp_path, monkeypatch):
    write_export(tmp_path / "export", sorted(data.documents().items()), snapshot_time=data.EXPORTED_AT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")


def test_inspect_prints_tables_that_fit_the_terminal(room, capsys):
    assert cli.main(["inspect", "export"]) == 0
    out, err = capsys.readouterr()
    assert (out, err) == ((GOLDEN / "inspect_meeting_room.txt").read_text(), "")


def test_inspect_prints_json(room, capsys):
    assert cli.main(["inspect", "export", "--json", "--collection", "users", "--no-examples"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert ([c["path"] for c in found["collections"]], found["documents"]) == (["users"], 16)
    assert "Ada" not in json.dumps(found)


def test_a_collection_that_is_not_there_is_wrong_usage(room, capsys):
    assert cli.main(["inspect", "export", "--collection", "user"]) == 2
    assert "Did you mean users?" in capsys.readouterr().err


def test_documents_that_cannot_be_read_are_told_and_make_exit_code_3(room, capsys, tmp_path):
    (tmp_path / "d.jsonl").write_text('{"path": "a/1", "fields": {}}\n{"path": "a/2", "fields": {"n": 1}}\n')
    assert cli.main(["inspect", "jsonl:d.jsonl"]) == 3
    assert "1 document cannot be read" in capsys.readouterr().out
    assert cli.main(["infer", "jsonl:d.jsonl"]) == 3


def test_infer_prints_a_module_that_backfills_its_export(room, capsys, tmp_path):
    assert cli.main(["infer", "export"]) == 0
    text = capsys.readouterr().out
    assert text == (GOLDEN / "inferred_meeting_room.py.txt").read_text()
    (tmp_path / "inferred_models.py").write_text(text)
    assert cli.main(["backfill", "inferred_models.py:MeetingView", "--source", "export", "--sink", "jsonl:out"]) == 0
    new = [decode_fields(json.loads(line)["new"]) for line in (tmp_path / "out").read_text().splitlines()]
    assert {"status": "in-session", "locationName": "Attic", "ticketsCount": 3, "usersCount": 3} in new


def test_infer_takes_a_root(room, capsys):
    assert cli.main(["infer", "export", "--root", "users", "--collection", "users", "--collection", "tickets"]) == 0
    out = capsys.readouterr().out
    assert "tickets = many(Ticket, by=Ticket.user)" in out
    assert "Meeting" not in out


def test_what_an_encoding_lacks_becomes_an_escape(room, tmp_path, monkeypatch):
    import io
    import sys

    (tmp_path / "d.jsonl").write_text('{"path": "世/1", "fields": {}}\n')
    out = io.TextIOWrapper(io.BytesIO(), "ascii")
    monkeypatch.setattr(sys, "stdout", out)
    assert cli.main(["inspect", "jsonl:d.jsonl"]) == 0
    out.flush()
    assert b"\\u4e16" in out.buffer.getvalue()
