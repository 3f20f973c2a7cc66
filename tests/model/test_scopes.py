"""Names of a view: which value a parameter gets, and whether an attribute belongs to a root, a row or a group."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import pytest

from onto_flow import DomainModel, Reference, Store, ViewModel, agg, attrs, computed, operator, root, udf
from onto_flow.core.codec import encode
from onto_flow.core.errors import DataError
from onto_flow.testing.oracle import recompute


class Movie(DomainModel):
    class Meta:
        collection_name = "movies"

    genres: list = attrs.list
    year: int = attrs.int
    votes: int = attrs.int
    rating: float = attrs.float
    director = attrs.relation("Movie")


class MovieStore(Store):
    movie = root(Movie)


class TagYear(NamedTuple):
    tag_name: str
    year: int


class Stats(ViewModel):
    class Meta:
        collection_name = "stats"

    LIMIT = 2
    store: MovieStore

    @computed
    def title(self) -> str:
        return f"movie {self.store.movie.doc_id}"

    @operator.expand
    @classmethod
    def tag(cls, movie: Movie) -> Iterable[str]:
        return movie.genres[: cls.LIMIT]

    @udf
    @staticmethod
    def shouted(tag: str, title: str) -> str:
        return f"{tag.upper()} of {title}"

    @udf
    @staticmethod
    def decade(year: int) -> int:
        return year // 10 * 10

    @udf
    @staticmethod
    def of_row_and_key(decade: int, movie: Movie) -> str:
        return f"{movie.doc_id} in {decade}"

    @operator.key
    @classmethod
    def tag_year(cls, tag: str, movie: Movie) -> TagYear | None:
        return TagYear(tag, movie.year) if movie.year else None

    movies = agg.count()
    votes = agg.sum(lambda movie: movie.votes)
    rating = agg.sum(lambda movie: movie.rating)
    shouts = agg.collect(lambda shouted: shouted)
    places = agg.collect(lambda of_row_and_key: of_row_and_key)
    years = agg.collect(lambda year: year)
    whole = agg.collect(lambda tag_year: tag_year)
    directors = agg.collect(lambda movie: movie.director)
    odd = agg.collect(lambda movie: movie.votes + 1)

    @udf
    @staticmethod
    def mean(votes: int, movies: int) -> float:
        return votes / movies

    @udf
    @staticmethod
    def label(mean: float, tag_year: TagYear, decade: int) -> str:
        return f"{tag_year.tag_name} {decade}: {mean}"

    @computed
    def many_movies(self) -> bool:
        return self.movies > 1

    @udf
    @staticmethod
    def constant() -> int:
        return 7

    @udf
    @staticmethod
    def _hidden(movies: int) -> int:
        return movies


def rows(**fields):
    return Stats.evaluator().rows({"movie": [("movies/m", fields)]})


def test_rows_see_slots_computed_attributes_the_element_and_the_key():
    found = rows(genres=["a", "b", "c"], year=1994, votes=3, director=Reference("movies/d"))
    assert list(found) == [encode(("a", 1994)), encode(("b", 1994))]
    (row,) = found[encode(("b", 1994))]
    assert row == (
        True,
        3,
        None,
        (None, "B of movie m"),
        (None, "m in 1990"),
        (None, 1994),
        (None, {"tagName": "b", "year": 1994}),
        (None, Reference("movies/d")),
        (None, 4),
    )


def test_a_key_of_none_gives_no_row():
    assert rows(genres=["a"], votes=1) == {}


def test_a_group_has_key_parts_accumulators_and_what_is_computed_of_them():
    results = [2, 7, 1.5, ["A"], [], [1994], [], [], []]
    path, document = Stats.evaluator().result(encode(("b", 1994)), results)
    assert path == "stats/b|=1994"
    assert list(document) == [
        "tagName",
        "year",
        "decade",
        "movies",
        "votes",
        "rating",
        "shouts",
        "places",
        "years",
        "whole",
        "directors",
        "odd",
        "mean",
        "label",
        "manyMovies",
        "constant",
    ]
    assert document["label"] == "b 1990: 3.5" and document["manyMovies"] is True and document["decade"] == 1990


def test_columns_are_typed_by_the_field_that_is_collected_or_summed():
    schema = {name: str(type_) for name, type_ in Stats.plan().views[0].schema}
    assert schema["votes"] == "int" and schema["rating"] == "float"
    assert schema["shouts"] == "list[str]" and schema["years"] == "list[int]"
    assert schema["directors"] == "list[reference]" and schema["odd"] == "list[any?]"
    assert schema["tagName"] == "str" and schema["year"] == "int"


def test_a_sum_of_a_field_declared_int_refuses_a_double():
    with pytest.raises(DataError, match=r"Stats.votes: a sum of integers was given 2.5"):
        rows(genres=["a"], year=1994, votes=2.5)


def test_a_udf_that_changes_a_result_does_not_change_the_document():
    class Sorted(ViewModel):
        class Meta:
            collection_name = "sorted"

        store: MovieStore

        @operator.key
        @classmethod
        def year(cls, movie: Movie) -> int:
            return movie.year

        votes = agg.collect(lambda movie: movie.votes)

        @udf
        @staticmethod
        def best(votes: list[int]) -> int:
            votes.sort()
            return votes.pop()

    _, document = Sorted.evaluator().result(encode(1994), [[3, 1, 2]])
    assert document["votes"] == [3, 1, 2] and document["best"] == 3


def test_two_evaluators_share_nothing_and_keep_nothing():
    first, second = Stats.evaluator(), Stats.evaluator()
    members = {"movie": [("movies/m", {"genres": ["a"], "year": 1994, "votes": 1})]}
    before = first.rows(members)
    assert second.rows({"movie": [("movies/m", {"genres": ["a"], "year": 1994, "votes": 5})]}) != before
    assert first.rows(members) == before


def test_parameters_by_name_alone_and_with_defaults():
    class Odd(ViewModel):
        class Meta:
            collection_name = "odd"

        store: MovieStore

        @udf
        @staticmethod
        def by_name(*, movie: Movie, limit: int = 3) -> int:
            return movie.votes + limit

        @udf
        @staticmethod
        def skipped(limit: int = 3, by_name: int = 0) -> int:
            return limit + by_name

    assert Odd.evaluator().documents({"movie": [("movies/m", {"votes": 1})]}) == {"odd/m": {"byName": 4, "skipped": 7}}


def test_a_slot_and_an_attribute_of_one_name_are_told_apart_where_nothing_names_them():
    class Same(ViewModel):
        class Meta:
            collection_name = "same"

        store: MovieStore

        @computed
        def movie(self) -> str:
            return self.store.movie.doc_id

    assert Same.evaluator().documents({"movie": [("movies/m", {})]}) == {"same/m": {"movie": "m"}}


class Day(DomainModel):
    class Meta:
        path = "prices/{symbol}/daily/{date}"

    symbol: str = attrs.part
    date: str = attrs.part


class DayStore(Store):
    day = root(Day)


class SymbolStats(ViewModel):
    class Meta:
        collection_name = "symbolStats"

    store: DayStore

    @operator.filter
    @classmethod
    def this_century(cls, day: Day) -> bool:
        return day.date >= "2000"

    @operator.key
    @classmethod
    def symbol(cls, day: Day) -> str:
        return day.symbol

    dates = agg.collect(lambda day: day.date, order_by=lambda day: day.date, descending=True)
    early = agg.count(where=lambda day: day.date < "2025-01-02")
    ids = agg.collect(lambda day: day.doc_id, order_by=lambda day: day.symbol)


def test_parts_of_a_path_serve_wherever_an_attribute_does_and_are_typed():
    schema = {name: str(type_) for name, type_ in SymbolStats.plan().views[0].schema}
    assert schema == {"symbol": "str", "dates": "list[str]", "early": "int", "ids": "list[str]"}
    dates = ("2025-01-03", "2025-01-01", "1999-12-31")
    documents = {f"prices/{symbol}/daily/{date}": {} for symbol in "AB" for date in dates}
    day = {"dates": ["2025-01-03", "2025-01-01"], "early": 1, "ids": ["2025-01-01", "2025-01-03"]}
    expected = {f"symbolStats/{symbol}": {"symbol": symbol, **day} for symbol in "AB"}
    assert recompute(SymbolStats.plan(), documents) == {"SymbolStats": expected}
