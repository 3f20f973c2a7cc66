"""What is asked of a source that gives lines: which documents, and which of their fields."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from traceback import format_exception
from typing import NamedTuple, TypeAlias

from ..core.change import Change, DeadLetter
from ..core.collection import Collection, Projection
from ..core.errors import DataError, UsageError
from ..core.field_mask import FieldMask
from ..core.field_path import FieldPath, read_field_paths
from ..core.predicate import Condition, Predicate
from ..formats.json_lines import line_of
from ..formats.where import read_condition

Wanted: TypeAlias = "Callable[[str], tuple[bool, frozenset[str] | None]]"
"""Given the path of a collection: whether its documents are wanted, and which of their fields (`None`: all)."""


class LineBatch(NamedTuple):
    """What a source gave for some documents.

    Attributes:
        lines: The lines, with what ends them.
        letters: What became of those that cannot be read.
        documents: How many documents were looked at.
    """

    lines: list[bytes]
    letters: list[DeadLetter]
    documents: int

    @classmethod
    def of(cls, items: Iterable[bytes | DeadLetter], documents: int) -> LineBatch:
        """Sorts out what is a line and what is none."""
        batch = cls([], [], documents)
        for item in items:
            if isinstance(item, bytes):
                batch.lines.append(item)
            else:
                batch.letters.append(item)
        return batch


class Question:
    """Which documents are asked for, and what of them.

    Args:
        collection: The path of a collection (`users`, `prices/{symbol}/daily`), or a `Collection`; by default all.
        where: Conditions that documents must all meet, as text (see `formats.where`) or as values.
        fields: The fields that are shown, as text (`name, address.city`) or as paths; by default all.

    Raises:
        UsageError: `wrong-usage` for what cannot be understood, with the column.
    """

    def __init__(
        self,
        *,
        collection: str | Collection | None = None,
        where: Iterable[str | Condition] = (),
        fields: str | Iterable[FieldPath] | None = None,
    ) -> None:
        self.collection = _collection(collection) if isinstance(collection, str) else collection
        self.where = Predicate(read_condition(c) if isinstance(c, str) else c for c in where)
        paths = read_field_paths(fields) if isinstance(fields, str) else fields
        self.mask = None if paths is None else FieldMask(paths)

    @cached_property
    def show(self) -> Wanted | None:
        """What is shown."""
        return self._wanted(None if self.mask is None else self.mask.names)

    @cached_property
    def look(self) -> Wanted | None:
        """What the conditions look at."""
        return self._wanted(self.where.names)

    @property
    def _names(self) -> frozenset[str] | None:
        return None if self.mask is None else self.mask.names | self.where.names

    def _wanted(self, names: frozenset[str] | None) -> Wanted | None:
        collection = self.collection
        if collection is None:
            return None if names is None else lambda parent: (True, names)
        return lru_cache(maxsize=10_000)(lambda parent: (collection.matches(f"{parent}/x"), names))

    @property
    def projection(self) -> Projection | None:
        """What is read, for sources that take this; with fields alone there is no collection to name."""
        if self.collection is None:
            return None
        return Projection(((self.collection, None if self._names is None else tuple(self._names)),))

    def answer(self, found: Change | DeadLetter) -> bytes | DeadLetter | None:
        """The line of what a source gave; `None` when it was not asked for."""
        if isinstance(found, Change):
            if self.collection is not None and not self.collection.matches(found.path):
                return None
            if not self.where.matches(found.after or {}):
                return None
        return self.line(found)

    def line(self, found: Change | DeadLetter) -> bytes | DeadLetter:
        """The line of a document that is asked for; a dead letter when it has none."""
        if isinstance(found, DeadLetter):
            return found
        fields = found.after or {}
        try:
            return line_of(found.path, fields if self.mask is None else self.mask.apply(fields))
        except DataError as error:
            reason = f"{error.code}: {error.what} ({error.where})"
            return DeadLetter(f"document:{found.path}", reason, "".join(format_exception(error)))


def _collection(path: str) -> Collection:
    try:
        return Collection(path)
    except DataError as error:
        raise UsageError("wrong-usage", error.what, fix=error.fix) from error
