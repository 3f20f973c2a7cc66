"""View documents by columns: what a table holds of many of them, without a dictionary for each.

Law: a column stands for one list of values, that which `rows` gives; it is how these are kept, and nothing more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, TypeAlias

from .change import ViewChange, ViewVersion


@dataclass(frozen=True, slots=True)
class Plain:
    """Values as they are.

    Attributes:
        values: Values of Firestore.
        kind: The kind of `core.types` that each of them is, unless it is `None`; `any` where they are of several kinds, or
            nobody has looked. What is `str` is Unicode text, and what is `int` has 64 bits.
    """

    values: Sequence[Any]
    kind: str = "any"

    def __len__(self) -> int:
        return len(self.values)

    def rows(self) -> Sequence[Any]:
        """The values."""
        return self.values


@dataclass(frozen=True, slots=True)
class Lists:
    """Arrays: how long each is, and the elements of all of them.

    Attributes:
        lengths: `None` where there is no array.
        items: The elements, one array's behind the other's.

    Example:
        >>> Lists([2, None, 0], Plain([7, 8])).rows()
        [[7, 8], None, []]
    """

    lengths: Sequence[int | None]
    items: Column

    def __len__(self) -> int:
        return len(self.lengths)

    def offsets(self) -> list[int]:
        """Where each array begins among the elements; at last, where all end."""
        return list(accumulate((n or 0 for n in self.lengths), initial=0))

    def rows(self) -> Sequence[Any]:
        """The arrays."""
        items = self.items.rows()
        places = zip(self.lengths, self.offsets())
        return [None if length is None else list(items[at : at + length]) for length, at in places]


@dataclass(frozen=True, slots=True)
class Maps:
    """Maps that all have the same keys: a column for each key.

    Attributes:
        there: Whether there is a map; `None`: everywhere. Where there is none, its parts are `None`.
        parts: At least one.

    Example:
        >>> Maps(None, {"name": Plain(["Ada", "Bob"]), "age": Plain([36, None])}).rows()
        [{'name': 'Ada', 'age': 36}, {'name': 'Bob', 'age': None}]
    """

    there: Sequence[bool] | None
    parts: Mapping[str, Column]

    def __len__(self) -> int:
        return len(next(iter(self.parts.values())))

    def rows(self) -> Sequence[Any]:
        """The maps."""
        names = tuple(self.parts)
        found = [dict(zip(names, values)) for values in zip(*(part.rows() for part in self.parts.values()))]
        return found if self.there is None else [one if there else None for one, there in zip(found, self.there)]


Column: TypeAlias = "Plain | Lists | Maps"


@dataclass(frozen=True, slots=True)
class ViewColumns:
    """New view documents of one view, each path once.

    Attributes:
        view: The view's name.
        paths: Where they lie.
        columns: Attribute, by its name in Firestore -> its values, one per path; every document has every attribute.
        version: Of all of them.
    """

    view: str
    paths: Sequence[str]
    columns: Mapping[str, Column]
    version: ViewVersion

    def __len__(self) -> int:
        return len(self.paths)

    def changes(self) -> Iterator[ViewChange]:
        """The same as view changes.

        Example:
            >>> [change.new for change in ViewColumns("V", ["v/1"], {"n": Plain([7])}, (0, 0, 1)).changes()]
            [{'n': 7}]
        """
        if not self.columns:
            return (ViewChange(self.view, path, None, {}, self.version) for path in self.paths)
        names = tuple(self.columns)
        rows = zip(*(column.rows() for column in self.columns.values()))
        return (
            ViewChange(self.view, path, None, dict(zip(names, row)), self.version)
            for path, row in zip(self.paths, rows)
        )
