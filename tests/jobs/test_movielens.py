"""The movielens job on the real export: against figures of its own, and with a generated feed against the oracle."""

from __future__ import annotations

from datetime import datetime, timezone
from fractions import Fraction

import pytest

from jobs.movielens import run
from onto_flow import plan_views
from onto_flow.core.equality import same
from onto_flow.core.values import path_order
from onto_flow.run import start
from onto_flow.testing.oracle import recompute
from tests.jobs.feeds import documents_of, generated_feed, parquet_table, write_feed
from udfs.movielens import GenreStats, YearStats

EXPORTED_AT = datetime(2019, 1, 18, 4, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def movies(real_exports):
    return documents_of(real_exports / "movielens")


def test_the_tables_say_what_a_plain_loop_says(real_exports, movies, tmp_path):
    assert run("backfill", "--source", str(real_exports / "movielens"), "--sink", f"parquet:{tmp_path}") == 0
    by_genre, by_year = {}, {}
    for path, movie in movies.items():
        if path.startswith("movies/"):
            by_year.setdefault(movie["year"], []).append((path, movie))
            for genre in movie["genres"]:
                by_genre.setdefault(genre, []).append((path, movie))
    genres, years = parquet_table(tmp_path, "genreStats"), parquet_table(tmp_path, "yearStats")
    assert {r["genre"]: r["movies"] for r in genres.values()} == {g: len(m) for g, m in by_genre.items()}
    assert {r["year"]: r["movies"] for r in years.values()} == {y: len(m) for y, m in by_year.items()}
    for key, row in [(r["genre"], r) for r in genres.values()] + [(r["year"], r) for r in years.values()]:
        members = by_genre.get(key) or by_year[key]
        votes = sum(m.get("ratings") or 0 for _, m in members)
        total = sum(Fraction(m.get("total_rating") or 0) for _, m in members)
        assert (row["votes"], row["totalRating"]) == (votes, float(total))
        assert row["average"] == (float(total) / votes if votes else None)
    for genre in genres.values():
        rated = [(p, m) for p, m in by_genre[genre["genre"]] if m.get("ratings", 0) >= 50]
        best = sorted(rated, key=lambda e: (-e[1]["avg_rating"], path_order(e[0])))[:10]
        assert [b["title"] for b in genre["best"]] == [m["title"] for _, m in best]


def edit(chance, path, movie):
    """Moved years and genres, and votes."""
    after = dict(movie)
    after[chance.choice(["year", "poster"])] = str(chance.randint(1990, 1999))
    if chance.random() < 0.5 and after.get("ratings"):
        after["ratings"] += 1
        after["total_rating"] += chance.randint(1, 10) / 2
        after["avg_rating"] = after["total_rating"] / after["ratings"]
    if chance.random() < 0.3:
        after["genres"] = chance.sample(["Drama", "Comedy", "New", "Film-Noir"], k=2)
    return after


@pytest.mark.parametrize("changes", [1500, pytest.param(20_000, marks=pytest.mark.long)])
def test_a_generated_feed_ends_in_the_oracles_table(real_exports, movies, tmp_path, changes):
    feed, now = generated_feed(movies, changes, exported_at=EXPORTED_AT, edit=edit, collections=["movies"])
    done = start(
        [GenreStats, YearStats],
        source=str(real_exports / "movielens"),
        feed=write_feed(tmp_path / "feed.jsonl", feed),
        snapshot_time=EXPORTED_AT,
    )
    assert done.report.changes == len(feed) and not done.letters
    expected = recompute(plan_views(GenreStats, YearStats), now)
    for view, table in expected.items():
        assert same(dict(done.documents(view)), dict(table))
    assert "genreStats/New" in expected["GenreStats"]
