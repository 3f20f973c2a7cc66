"""The Star Wars tables: one document per film and one per person.

In the export (`films/{id}`, `people/{id}`, `planets/{id}`, `species/{id}`) ids are random. Documents refer to each other by
URL, alone and in lists, and each has its own in `url`; so the slots are reached by `on`. Some homeworlds lead nowhere.
Names are written with underscores there, so they are not converted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, many, one, root


class Film(DomainModel):
    """A film, and the URLs of what is in it."""

    class Meta:
        collection_name = "films"
        convert_names = False

    url: str = attrs.str
    title: str = attrs.str
    episode_id: int = attrs.int
    director: str = attrs.str
    release_date: str = attrs.str
    characters: list[str] = attrs.list(default=())
    planets: list[str] = attrs.list(default=())
    species: list[str] = attrs.list(default=())


class Person(DomainModel):
    """A person, the URLs of the films, and that of the homeworld."""

    class Meta:
        collection_name = "people"
        convert_names = False

    url: str = attrs.str
    name: str = attrs.str
    birth_year: str | None = attrs.str
    homeworld: str | None = attrs.str
    films: list[str] = attrs.list(default=())


class Planet(DomainModel):
    """A planet."""

    class Meta:
        collection_name = "planets"
        convert_names = False

    url: str = attrs.str
    name: str = attrs.str


class Species(DomainModel):
    """A species."""

    class Meta:
        collection_name = "species"
        convert_names = False

    url: str = attrs.str
    name: str = attrs.str


class FilmStore(Store):
    """A film, what is in it, and where its people come from."""

    film = root(Film)
    people = many(Person, on=(Film.characters, Person.url))
    homeworlds = many(Planet, on=(Person.homeworld, Planet.url))
    planets = many(Planet, on=(Film.planets, Planet.url))
    species = many(Species, on=(Film.species, Species.url))


class PersonStore(Store):
    """A person, the films, and the homeworld."""

    person = root(Person)
    films = many(Film, on=(Person.films, Film.url))
    homeworld = one(Planet, on=(Person.homeworld, Planet.url))


@dataclass(frozen=True)
class Character:
    """A person in a film."""

    name: str
    birth_year: str | None
    homeworld: str | None


@dataclass(frozen=True)
class Appearance:
    """A film of a person."""

    episode: int
    title: str


WithUrl = TypeVar("WithUrl", Person, Planet, Species)


def in_order(urls: Iterable[str], documents: Iterable[WithUrl]) -> list[WithUrl]:
    """Documents in the order in which a list of URLs names them; those of one URL by path.

    Example:
        >>> planets = [Planet("planets/1", {"url": "/a"}), Planet("planets/2", {"url": "/b"})]
        >>> in_order(["/b", "/c", "/a", "/b"], planets)
        [Planet('planets/2'), Planet('planets/1')]
    """
    place: dict[str, int] = {}
    for url in urls:
        place.setdefault(url, len(place))
    return sorted(documents, key=lambda document: place[document.url])


class FilmPage(ViewModel):
    """One document per film, with its people, planets and species in the film's own order."""

    class Meta:
        collection_name = "filmPages"

    store: FilmStore

    @computed
    def title(self) -> str:
        """The title."""
        return self.store.film.title

    @computed
    def episode(self) -> int:
        """The number of the episode."""
        return self.store.film.episode_id

    @computed
    def director(self) -> str:
        """Who directed it."""
        return self.store.film.director

    @computed
    def release_date(self) -> str:
        """The day of its release."""
        return self.store.film.release_date

    @computed
    def people(self) -> list[Character]:
        """Its people, and where they come from."""
        homes = {planet.url: planet.name for planet in self.store.homeworlds}
        people = in_order(self.store.film.characters, self.store.people)
        return [Character(p.name, p.birth_year, homes.get(p.homeworld or "")) for p in people]

    @computed
    def planets(self) -> list[str]:
        """The names of its planets."""
        return [planet.name for planet in in_order(self.store.film.planets, self.store.planets)]

    @computed
    def species(self) -> list[str]:
        """The names of its species."""
        return [species.name for species in in_order(self.store.film.species, self.store.species)]


class PersonPage(ViewModel):
    """One document per person, with films and homeworld."""

    class Meta:
        collection_name = "personPages"

    store: PersonStore

    @computed
    def name(self) -> str:
        """The name."""
        return self.store.person.name

    @computed
    def birth_year(self) -> str | None:
        """The year of birth, before or after the battle of Yavin."""
        return self.store.person.birth_year

    @computed
    def homeworld(self) -> str | None:
        """The name of the planet, where there is one."""
        planet = self.store.homeworld
        return None if planet is None else planet.name

    @computed
    def films(self) -> list[Appearance]:
        """The films, by episode."""
        films = sorted(self.store.films, key=lambda film: film.episode_id)
        return [Appearance(film.episode_id, film.title) for film in films]
