"""Exports into an embedded database and out of it again, in Python and with the tool."""

from __future__ import annotations

from contextlib import closing

import pytest

from onto_flow.cli import main
from onto_flow.core.equality import same
from onto_flow.core.errors import DataError
from onto_flow.core.writes import Write
from onto_flow.database import Query
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.database.embedded.loading import load
from onto_flow.demo import data
from onto_flow.formats.export_writer import write_export
from onto_flow.sources.firestore_export import FirestoreExport
from onto_flow.testing.source_suite import VALUES

DOCUMENTS = {**data.documents(), "values/all": VALUES, "a/missing/b/c": {"n": 1}}


def documents_of(source):
    found = {}
    for partition in source.partitions():
        with closing(source.open(partition)) as reader:
            while (batch := reader.next_batch()) is not None:
                found.update({c.path: c.after for c in batch})
    return found


def kept(file):
    with EmbeddedDatabase(file, create=False) as database:
        collections = ("users", "tickets", "meetings", "locations", "values", "a/missing/b")
        return {s.path: s.fields for name in collections for s in database.query(Query.of(name))}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("layout", ["emulator", "production"])
def test_an_export_goes_in_and_comes_out_again(folder, layout, capsys):
    write_export("export", DOCUMENTS.items(), layout=layout)
    assert main(["write", "sqlite:app.sqlite", "--source", "export"]) == 0
    assert capsys.readouterr().err == f"{len(DOCUMENTS)} documents -> sqlite:app.sqlite\n"
    assert same(kept("app.sqlite"), DOCUMENTS)
    assert main(["write", "again", "--source", "sqlite:app.sqlite", "--layout", layout, "--quiet"]) == 0
    assert same(documents_of(FirestoreExport("again")), DOCUMENTS)


def test_an_export_knows_the_commit_that_it_was_taken_at(folder):
    with EmbeddedDatabase("app.sqlite") as database:
        last = database.commit([Write.set("users/u1", {})]).time
    assert main(["write", "export", "--source", "sqlite:app.sqlite", "--quiet"]) == 0
    assert FirestoreExport("export").info().snapshot_time == last


def test_a_load_is_one_commit_over_what_is_there(tmp_path):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off") as database:
        before = database.commit(
            [Write.set("users/ada", DOCUMENTS["users/ada"]), Write.set("other/1", {}), Write.set("users/alan", {})]
        )
        assert load(database, DOCUMENTS.items()) == len(DOCUMENTS)
        changes = database.changes(before.time).next_batch()
        assert len({c.version for c in changes}) == 1
        assert {c.path for c in changes} == DOCUMENTS.keys() - {"users/ada"}
        assert database.get("other/1").exists


@pytest.mark.parametrize(
    "wrong", [("users/__x__", {}), ("users", {}), ("users/z", {"a": {1}}), ("users/z", {"t": "x" * (1 << 20)})]
)
def test_a_load_that_fails_writes_nothing(tmp_path, wrong):
    with EmbeddedDatabase(tmp_path / "app.sqlite", synchronous="off") as database:
        with pytest.raises(DataError):
            load(database, [*DOCUMENTS.items(), wrong])
        assert database.collections() == []


def test_a_line_that_is_none_stops_a_load(folder, capsys):
    (folder / "lines").write_text('{"path": "users/u1", "fields": {}}\n{"path": "users"}\n')
    assert main(["write", "sqlite:app.sqlite", "--source", "jsonl:lines"]) == 1
    assert "Nothing was written" in capsys.readouterr().err
    with EmbeddedDatabase("app.sqlite") as database:
        assert database.collections() == []


def test_cat_shows_a_database(folder, capsysbinary):
    with EmbeddedDatabase("app.sqlite") as database:
        database.commit([Write.set("users/u1", {"n": 1}), Write.set("users/u2", {"n": 2})])
    assert main(["cat", "sqlite:app.sqlite", "--collection", "users", "--where", "n > 1"]) == 0
    assert capsysbinary.readouterr().out == b'{"path": "users/u2", "fields": {"n": {"integerValue": "2"}}}\n'
