"""Answers to queries: which documents match, where they stand in the order, and which lie between the cursors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..core.errors import UsageError
from ..core.field_path import MISSING, FieldPath, value_at
from ..core.predicate import query_key
from ..core.values import Document, Reference, path_order
from .query import NAME, Cursor, Query

T = TypeVar("T")
Place = tuple[Any, ...]
"""Where a document stands: a key for each field of the order."""


class Matcher:
    """The documents of a query, one by one.

    Example:
        >>> matcher = Matcher(Query.of("users").matching("age", ">", 17).ordered("age", descending=True))
        >>> places = {p: matcher.place(p, {"age": a}) for p, a in (("users/a", 18), ("users/b", 20), ("teams/c", 30))}
        >>> matcher.sorted((place, path) for path, place in places.items() if place)
        ['users/b', 'users/a']
    """

    def __init__(self, query: Query) -> None:
        self._query = query
        self._order = query.full_order
        self._named = NAME[0] in query.predicate.names
        self._start = self._cursor(query.start)
        self._end = self._cursor(query.end)

    def place(self, path: str, fields: Document) -> Place | None:
        """Where a document stands in the answer, without the limit; `None` where it is not in it."""
        query = self._query
        if not query.collection.matches(path):
            return None
        if query.where:
            seen = {**fields, NAME[0]: Reference(path)} if self._named else fields
            if not query.predicate.matches(seen):
                return None
        keys = []
        for order in self._order:
            if order.path == NAME:
                keys.append(path_order(path))
                continue
            value = value_at(fields, order.path)
            if value is MISSING:
                return None
            keys.append(query_key(value))
        place = tuple(keys)
        return place if self._is_between(place) else None

    def sorted(self, found: Iterable[tuple[Place, T]]) -> list[T]:
        """What belongs to places, in the order of the answer and up to its limit."""
        rows = list(found)
        for at in range(len(self._order) - 1, -1, -1):
            rows.sort(key=lambda row, at=at: row[0][at], reverse=self._order[at].descending)  # type: ignore[misc]
        return [item for _, item in rows[: self._query.limit]]

    def _is_between(self, place: Place) -> bool:
        if self._start is not None:
            side = self._compare(place, self._start[0])
            if side < 0 or (side == 0 and not self._start[1]):
                return False
        if self._end is not None:
            side = self._compare(place, self._end[0])
            if side > 0 or (side == 0 and self._end[1]):
                return False
        return True

    def _compare(self, place: Place, cursor: Place) -> int:
        """Below 0 where a place lies before the values of a cursor in the order, 0 where it has them."""
        for key, wanted, order in zip(place, cursor, self._order):
            if key != wanted:
                return -1 if (key < wanted) is not order.descending else 1
        return 0

    def _cursor(self, cursor: Cursor | None) -> tuple[Place, bool] | None:
        if cursor is None:
            return None
        keys = zip(cursor.values, self._order)
        return tuple(self._key(value, order.path) for value, order in keys), cursor.before

    def _key(self, value: Any, field: FieldPath) -> Any:
        return path_order(self.path_of(value)) if field == NAME else query_key(value)

    def path_of(self, value: Any) -> str:
        """The path that a value for `NAME` says: a reference, a path, or an id of the collection.

        Raises:
            UsageError: `wrong-usage` for anything else.
        """
        path = value.path if isinstance(value, Reference) else value
        collection = self._query.collection
        if isinstance(path, str) and "/" not in path and collection.top_level:
            path = f"{collection.pattern}/{path}"
        if not isinstance(path, str) or not collection.matches(path):
            raise UsageError("wrong-usage", f"{value!r:.200} is not the path of a document of {collection}")
        return path
