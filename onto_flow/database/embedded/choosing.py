"""Which index answers a query with the least reading, of those that are there.

Law: any of them gives the answer, and so does reading the collection; the choice decides only how much is read. Entries are
counted in the index, without reading documents, and never further than to the best choice so far.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from ..query import Query
from .index_keys import Part
from .indexes import is_large, size_of

PAGE = 500
"""How many documents are read in one go, so that nobody's long read holds the file."""

_SORTED = 10
"""So many times the limit are read and sorted rather than looked for in the order."""

_ANY = 1 << 40


def best_of(
    connection: sqlite3.Connection,
    known: Sequence[tuple[int, Part]],
    query: Query,
    collections: Sequence[str],
    *,
    by_path: bool,
) -> tuple[int, Part] | None:
    """The index to read, and which part of it; `None`: the collection itself.

    Args:
        connection: Of a reader.
        known: Indexes that are there, and the parts that would do, those that mostly lead to few documents first.
        query: The query.
        collections: The paths of its collections.
        by_path: Whether the collection gives the answer in its order, up to its limit.
    """
    if len(collections) > 1:
        return next((choice for choice in known if choice[1].made), None)
    if len(known) == 1 and known[0][1].made and not by_path:
        return known[0]
    collection, limit = collections[0], query.limit
    best, fewest = None, PAGE if by_path else _ANY
    for index, part in known:
        if part.ordered and limit is not None:
            continue
        size = size_of(connection, index, part, collection, fewest)
        if size <= fewest and (part.made or _pays(connection, collection, size)):
            best, fewest = (index, part), size
    stops = next((choice for choice in known if choice[1].ordered), None) if limit is not None else None
    if stops is None or limit is None:
        return best
    if best is None or {condition.path for condition in query.where} <= {stops[1].field}:
        return stops
    # Of N documents in the order `fewest` are in the answer at most, so about limit * N / fewest are read.
    is_little = fewest <= limit * _SORTED or is_large(connection, collection, fewest * fewest // limit)
    return best if is_little else stops


def _pays(connection: sqlite3.Connection, collection: str, size: int) -> bool:
    """Whether so many documents are less than half of a collection."""
    return is_large(connection, collection, 2 * size)
