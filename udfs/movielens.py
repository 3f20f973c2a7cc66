"""The movielens tables: one document per genre and one per year.

The export (`movies/{id}`) has `ratings` (how many), `total_rating` (their sum) and `avg_rating`; some movies lack all
three. Names are written with underscores there, so they are not converted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from onto_flow import DomainModel, Store, ViewModel, agg, attrs, operator, root, udf

BEST_OF = 10
ENOUGH_RATINGS = 50


class Movie(DomainModel):
    """A movie and its ratings."""

    class Meta:
        collection_name = "movies"
        convert_names = False

    title: str = attrs.str
    year: str = attrs.str
    genres: list[str] = attrs.list(default=())
    ratings: int | None = attrs.int
    total_rating: float | None = attrs.float
    avg_rating: float | None = attrs.float


class MovieStore(Store):
    """One movie."""

    movie = root(Movie)


@dataclass(frozen=True)
class Best:
    """A movie in the list of the best."""

    title: str
    average: float
    votes: int


def best_of(movie: Movie) -> Best:
    """What the list of the best shows of a movie that is rated enough."""
    assert movie.avg_rating is not None
    assert movie.ratings is not None
    return Best(movie.title, movie.avg_rating, movie.ratings)


def is_rated_enough(movie: Movie) -> bool:
    """Whether a movie's average says something: at least 50 ratings."""
    return (movie.ratings or 0) >= ENOUGH_RATINGS and movie.avg_rating is not None


class GenreStats(ViewModel):
    """One document per genre: how many movies, their rating weighted by votes, and the ten best."""

    class Meta:
        collection_name = "genreStats"

    store: MovieStore

    @operator.expand
    @classmethod
    def tag(cls, movie: Movie) -> Iterable[str]:
        """Each genre of the movie."""
        return movie.genres

    @operator.key
    @classmethod
    def genre(cls, tag: str) -> str:
        """The genre."""
        return tag

    movies = agg.count()
    votes = agg.sum(lambda movie: movie.ratings, type=int)
    total_rating = agg.sum(lambda movie: movie.total_rating, type=float)
    best = agg.collect(
        best_of,
        where=is_rated_enough,
        order_by=lambda movie: movie.avg_rating,
        descending=True,
        limit=BEST_OF,
    )

    @udf
    @staticmethod
    def average(total_rating: float, votes: int) -> float | None:
        """The average rating of a vote."""
        return total_rating / votes if votes else None


class YearStats(ViewModel):
    """One document per year: how many movies, and their rating weighted by votes."""

    class Meta:
        collection_name = "yearStats"

    store: MovieStore

    @operator.key
    @classmethod
    def year(cls, movie: Movie) -> str:
        """The year."""
        return movie.year

    movies = agg.count()
    votes = agg.sum(lambda movie: movie.ratings, type=int)
    total_rating = agg.sum(lambda movie: movie.total_rating, type=float)

    @udf
    @staticmethod
    def average(total_rating: float, votes: int) -> float | None:
        """The average rating of a vote."""
        return total_rating / votes if votes else None
