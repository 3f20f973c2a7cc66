"""The swapi job: against a plain loop, and with a generated feed against the oracle; on a small export and on the real one."""

from __future__ import annotations

import pytest

from jobs.swapi import VIEWS, run
from onto_flow import plan_views
from onto_flow.cli import main
from onto_flow.core.equality import same
from onto_flow.core.values import path_order
from onto_flow.formats.export_writer import write_export
from onto_flow.testing.oracle import recompute
from tests.jobs.feeds import documents_of, generated_feed, jsonl_tables, parquet_table, write_feed
from tests.jobs.small import EXPORTED_AT, edit_galaxy, galaxy, new_in_galaxy
from udfs.swapi import FilmPage, PersonPage

TABLES = {"FilmPage": "filmPages", "PersonPage": "personPages"}


@pytest.fixture
def small_export(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_export(tmp_path / "export", galaxy().items())
    return tmp_path / "export"


@pytest.fixture
def real_export(real_exports, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return real_exports / "swapi"


def expected_tables(documents):
    """Both tables by plain loops over all documents."""

    def of(collection):
        found = [(path, fields) for path, fields in documents.items() if path.startswith(f"{collection}/")]
        return sorted(found, key=lambda e: path_order(e[0]))

    def with_urls(collection, urls):
        found = []
        for url in dict.fromkeys(urls):
            found += [fields for _, fields in of(collection) if fields["url"] == url]
        return found

    films, people = {}, {}
    for path, film in of("films"):
        characters = []
        for person in with_urls("people", film["characters"]):
            home = [p["name"] for _, p in of("planets") if p["url"] == person.get("homeworld")]
            characters.append(
                {
                    "name": person["name"],
                    "birthYear": person.get("birth_year"),
                    "homeworld": home[-1] if home else None,
                }
            )
        films[path.replace("films/", "filmPages/")] = {
            "title": film["title"],
            "episode": film["episode_id"],
            "director": film["director"],
            "releaseDate": film["release_date"],
            "people": characters,
            "planets": [p["name"] for p in with_urls("planets", film["planets"])],
            "species": [s["name"] for s in with_urls("species", film["species"])],
        }
    for path, person in of("people"):
        seen = [f for _, f in of("films") if f["url"] in person.get("films", ())]
        home = [p["name"] for _, p in of("planets") if p["url"] == person.get("homeworld")]
        people[path.replace("people/", "personPages/")] = {
            "name": person["name"],
            "birthYear": person.get("birth_year"),
            "homeworld": home[0] if home else None,
            "films": [
                {"episode": f["episode_id"], "title": f["title"]} for f in sorted(seen, key=lambda f: f["episode_id"])
            ],
        }
    return {"FilmPage": films, "PersonPage": people}


def check_backfill(export, folder):
    assert run("backfill", "--source", str(export), "--sink", f"parquet:{folder}") == 0
    expected = expected_tables(documents_of(export))
    for view, collection in TABLES.items():
        assert parquet_table(folder, collection) == expected[view]
    return expected


def check_feed(export, folder, changes):
    """Through the tool to both sinks, against the oracle and against plain loops."""
    feed, now = generated_feed(
        documents_of(export), changes, exported_at=EXPORTED_AT, edit=edit_galaxy, new=new_in_galaxy
    )
    file, at = write_feed(folder / "feed.jsonl", feed), EXPORTED_AT.isoformat()
    ends = ["--source", str(export), "--sink", f"parquet:{folder / 'tables'}", "--feed", file, "--snapshot-time", at]
    assert run("maintain", *ends) == 0
    to_lines = ["--sink", f"jsonl:{folder / 'changes.jsonl'}", "--snapshot-time", at]
    assert main(["run", VIEWS, "--source", str(export), "--feed", f"jsonl:{file}?batch_lines=60", *to_lines]) == 0
    expected, lines = recompute(plan_views(FilmPage, PersonPage), now), jsonl_tables(folder / "changes.jsonl")
    assert same(expected, expected_tables(now))
    for view, collection in TABLES.items():
        assert same(parquet_table(folder / "tables", collection), expected[view])
        assert same(lines[view], expected[view])


def test_tables_of_a_small_export(small_export, tmp_path):
    pages = check_backfill(small_export, tmp_path / "tables")
    homes = [c["homeworld"] for film in pages["FilmPage"].values() for c in film["people"]]
    assert None in homes and len(set(homes)) > 2
    assert any(len(film["planets"]) > 3 for film in pages["FilmPage"].values()), "two planets of one URL both show"


def test_tables_of_the_real_export(real_export, tmp_path):
    pages = check_backfill(real_export, tmp_path / "tables")
    menace = next(film for film in pages["FilmPage"].values() if film["title"] == "The Phantom Menace")
    assert (len(menace["people"]), len(menace["planets"]), len(menace["species"])) == (34, 3, 20)
    luke = next(person for person in pages["PersonPage"].values() if person["name"] == "Luke Skywalker")
    assert luke["homeworld"] == "Tatooine" and [f["episode"] for f in luke["films"]] == [3, 4, 5, 6]


def test_a_feed_after_a_small_export(small_export, tmp_path):
    check_feed(small_export, tmp_path, 400)


@pytest.mark.parametrize("changes", [600, pytest.param(10_000, marks=pytest.mark.long)])
def test_a_feed_after_the_real_export(real_export, tmp_path, changes):
    check_feed(real_export, tmp_path, changes)
