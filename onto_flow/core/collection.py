"""Which documents a model stands for: a collection by its path, or every collection of one name."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .errors import DataError

_PART = re.compile(r"\{[^{}/]*\}")


@dataclass(frozen=True)
class Collection:
    """A pattern over document paths.

    Attributes:
        pattern: `users`, `stocks/{symbol}/daily` (ids in braces are free), or with `group` the name of a collection
            wherever it lies.
        group: Whether `pattern` is the name of a collection group.

    Example:
        >>> Collection("stocks/{symbol}/daily").matches("stocks/A/daily/2024-01-02")
        True
        >>> Collection("daily", group=True).matches("prices/A/daily/2024-01-02"), Collection("users").matches("a/b/users/c")
        (True, False)
    """

    pattern: str
    group: bool = False

    def __post_init__(self) -> None:
        parts = self.pattern.split("/")
        if not all(parts) or len(parts) % 2 == 0 or (self.group and len(parts) > 1):
            raise DataError(
                "bad-key", f"{self.pattern!r} is not the path of a collection", fix="Use users or a/{id}/b."
            )

    @cached_property
    def _parts(self) -> tuple[str | None, ...]:
        return tuple(None if _PART.fullmatch(p) else p for p in self.pattern.split("/"))

    def matches(self, path: str) -> bool:
        """Whether a document with this path belongs to the collection."""
        if self._plain:
            head, _, tail = path.partition("/")
            return head == self.pattern and "/" not in tail and bool(tail)
        parts = path.split("/")
        if self.group:
            return len(parts) % 2 == 0 and parts[-2] == self.pattern
        mine = self._parts
        return len(parts) == len(mine) + 1 and all(m is None or m == p for m, p in zip(mine, parts))

    @cached_property
    def _plain(self) -> bool:
        return not self.group and "/" not in self.pattern

    @property
    def top_level(self) -> bool:
        """Whether the ids of its documents alone tell them apart."""
        return not self.group and all(p is not None for p in self._parts)

    def ids(self, path: str) -> tuple[str, ...]:
        """The ids along a path that make it unique in the collection: the free ones, then its own."""
        parts = path.split("/")
        if self.group:
            return tuple(parts[1::2])
        return (*(p for m, p in zip(self._parts, parts) if m is None), parts[-1])

    @cached_property
    def id_count(self) -> int:
        """How many ids `ids` gives; 0 where they do not tell the path: of collections of one name, or several."""
        return 0 if self.group else 1 + self._parts.count(None)

    def path_of(self, ids: Sequence[str]) -> str:
        """The path whose ids these are, of which there must be `id_count`.

        Example:
            >>> Collection("stocks/{symbol}/daily").path_of(("A", "2024-01-02"))
            'stocks/A/daily/2024-01-02'
        """
        free = iter(ids)
        return "/".join([*(next(free) if part is None else part for part in self._parts), ids[-1]])

    def __str__(self) -> str:
        return f"**/{self.pattern}" if self.group else self.pattern


@dataclass(frozen=True)
class CollectionSet(Collection):
    """Several collections as one: the documents of models that have a base in common.

    Example:
        >>> parties = CollectionSet.of((Collection("people"), Collection("companies")))
        >>> str(parties), parties.matches("people/p1"), parties.matches("teams/t1"), parties.ids("people/p1")
        ('people | companies', True, False, ('people', 'p1'))
    """

    members: tuple[Collection, ...] = ()

    @classmethod
    def of(cls, members: tuple[Collection, ...]) -> CollectionSet:
        """The set of some collections."""
        return cls(" | ".join(map(str, members)), members=members)

    def __post_init__(self) -> None:
        """The members were checked."""

    def matches(self, path: str) -> bool:
        """Whether a document with this path belongs to one of them."""
        return any(member.matches(path) for member in self.members)

    @property
    def top_level(self) -> bool:
        """Ids alone do not tell which collection is meant."""
        return False

    def ids(self, path: str) -> tuple[str, ...]:
        """The whole path: collections may have ids in common."""
        return tuple(path.split("/"))

    @property
    def id_count(self) -> int:
        """Paths have different lengths."""
        return 0

    def __str__(self) -> str:
        return self.pattern


def members_of(collection: Collection) -> tuple[Collection, ...]:
    """A collection, or the several that it stands for."""
    return collection.members if isinstance(collection, CollectionSet) else (collection,)


@dataclass(frozen=True)
class Projection:
    """What a plan reads: collections, and of each the top-level fields; `None` stands for all fields.

    Example:
        >>> read = Projection(((Collection("users"), ("name",)), (Collection("tickets"), None)))
        >>> read.fields("users/u1"), read.fields("notes/n1"), read.wants("tickets/t1"), read.fields("tickets/t1")
        (frozenset({'name'}), frozenset(), True, None)
    """

    collections: tuple[tuple[Collection, tuple[str, ...] | None], ...]

    def wants(self, path: str) -> bool:
        """Whether any collection holds this path."""
        return any(collection.matches(path) for collection, _ in self.collections)

    def fields(self, path: str) -> frozenset[str] | None:
        """The top-level fields that are read of this document; `None` for all."""
        found: set[str] = set()
        for collection, names in self.collections:
            if collection.matches(path):
                if names is None:
                    return None
                found.update(names)
        return frozenset(found)
