"""Reads of an embedded database as of one commit."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from itertools import islice

from ...core.collection import Collection
from ...core.errors import EngineError
from ...core.path_bytes import path_bytes
from ...core.values import from_micros
from ..answers import Matcher, Place
from ..base import Snapshot
from ..limits import checked_path
from ..query import NAME, Query
from .choosing import PAGE, best_of
from .document_bytes import decode_document
from .file import File
from .index_keys import Key, Part, is_exact, keys_of, parts_of
from .indexes import INDEX_UP_TO, Entry, Indexes, index_of, is_large, page_of
from .rows import State, Version, as_of, by_id, key_of, newest, snapshot, state_of

_BEHIND = chr(ord("/") + 1)
_ROWS = """SELECT d.number, d.id, v.id, v.time, v.created, v.path, v.data, v.previous
    FROM documents d JOIN versions v ON v.id = d.version WHERE d.collection = ?"""
_UP, _DOWN = " ORDER BY d.number, d.id LIMIT ?", " ORDER BY d.number DESC, d.id DESC LIMIT ?"
_PAGE = {
    (False, False): _ROWS + _UP,
    (False, True): _ROWS + _DOWN,
    (True, False): _ROWS + " AND (d.number, d.id) > (?, ?)" + _UP,
    (True, True): _ROWS + " AND (d.number, d.id) < (?, ?)" + _DOWN,
}
"""The statement for a page, by whether it begins behind a key, and whether it goes down."""


def expired(file: File, what: str) -> EngineError:
    """The error for a place of which the versions are forgotten."""
    fix = "Read the documents again; keep changes for longer: ?keep_days=30."
    return EngineError("feed-expired", f"{what} is older than what the database keeps", where=file.path, fix=fix)


class Reading:
    """Reads as of a position.

    Args:
        file: The file.
        at: The position; the last commit when left out.
        index_from: A collection of more documents has an index made for a field that a query asks for; `None`: none is
            made, as where this thread is the writer.
    """

    def __init__(self, file: File, at: State | None = None, *, index_from: int | None = None) -> None:
        self._file = file
        self._index_from = index_from
        if at is None:
            with file.reading() as connection:
                at = state_of(connection)
        self.at = at
        self.time = from_micros(at.time)

    def get_many(self, paths: Sequence[str]) -> list[Version | None]:
        """The versions of some documents."""
        for path in paths:
            checked_path(path)
        with self._file.reading() as connection:
            found = [as_of(connection, newest(connection, path), self.at.position) for path in paths]
            self._refuse_forgotten(connection)
        return found

    def query(self, query: Query) -> Iterator[Snapshot]:
        """The answer to a query."""
        matcher = Matcher(query)
        if query.limit == 0:
            return
        collections = self.collections_of(query.collection)
        chosen = self._chosen(query, collections)
        if chosen is not None:
            yield from self._again(matcher.sorted(self._indexed(query, matcher, collections, *chosen)))
            return
        if query.full_order[0].path == NAME and query.collection.top_level:
            found = self._in_order(query, matcher)
            if query.where or query.end:
                found = (s for s in found if matcher.place(s.path, s.fields or {}) is not None)
            yield from islice(found, query.limit)
            return
        placed: list[tuple[Place, int]] = []
        for collection in collections:
            for version in self.scan(collection):
                place = matcher.place(version.path, decode_document(version.data or b""))
                if place is not None:
                    placed.append((place, version.id))
        yield from self._again(matcher.sorted(placed))

    def _chosen(self, query: Query, collections: Sequence[str]) -> tuple[int, Part] | None:
        """The index that finds the answer with the least reading, and which part of it."""
        name = query.collection.pattern.rpartition("/")[2]
        parts = list(parts_of(query))
        if not parts or name.startswith("{"):
            return None
        by_path = query.full_order[0].path == NAME and query.limit is not None and query.collection.top_level
        with self._file.reading() as connection:
            known = [(index, p) for p in parts if (index := index_of(connection, name, p.field)) is not None]
            if known and collections:
                return best_of(connection, known, query, collections, by_path=by_path)
            least = self._index_from
            if by_path or least is None or not any(is_large(connection, c, least) for c in collections):
                return None
            if not parts[0].made or any(is_large(connection, c, INDEX_UP_TO) for c in collections):
                return None
        with self._file.writing_at_once() as writer:
            if writer is None or not Indexes(writer).make(name, parts[0].field):
                return None
            made = index_of(writer, name, parts[0].field)
        return None if made is None else (made, parts[0])

    def _indexed(
        self, query: Query, matcher: Matcher, collections: Sequence[str], index: int, part: Part
    ) -> list[tuple[Place, int]]:
        """Where the documents of an answer stand, and the ids of their versions."""
        placed: dict[int, Place] = {}
        order = query.full_order
        by_path_then = len(order) == 2 and order[1].path == NAME and order[0].descending == order[1].descending
        page = min(PAGE, query.limit + 1) if part.ordered and query.limit and by_path_then else PAGE
        for collection in collections:
            mine: dict[int, Place] = {}
            last: Key | None = None
            for key, version in self._entries(index, part, collection, page):
                # Documents with one key lie in the order of their paths.
                ends = part.ordered and (key != last or (by_path_then and is_exact(key)))
                if ends and query.limit is not None and len(mine) >= query.limit:
                    break
                last, fields = key, decode_document(version.data or b"")
                place = matcher.place(version.path, fields)
                if place is not None and key in keys_of(fields, part.field):
                    mine[version.id] = place
            placed.update(mine)
        return [(place, id) for id, place in placed.items()]

    def _entries(self, index: int, part: Part, collection: str, page: int) -> Iterator[tuple[Key, Version]]:
        """The documents as of this reading that a part of an index leads to, with the key that did."""
        for between in part.ranges:
            after: Entry | None = None
            while True:
                with self._file.reading() as connection:
                    rows = page_of(connection, index, collection, between, after, descending=part.descending, page=page)
                    found = [(key, as_of(connection, version, self.at.position)) for key, version in rows]
                    self._refuse_forgotten(connection)
                yield from ((entry[:2], version) for entry, version in found if version is not None)
                if len(found) < page:
                    break
                after = found[-1][0]

    def _in_order(self, query: Query, matcher: Matcher) -> Iterator[Snapshot]:
        """The documents of a collection in the order of a query by path, from where it begins."""
        collection, cursor = query.collection.pattern, query.start
        after = None if cursor is None else matcher.path_of(cursor.values[0])
        if after is not None and cursor is not None and cursor.before:
            yield from (s for s in self.snapshots([after]) if s.exists)
        page = PAGE if query.limit is None or query.where else min(PAGE, query.limit + 1)
        for version in self.scan(collection, after=after, descending=query.full_order[0].descending, page=page):
            yield snapshot(version.path, version, self.time)

    def snapshots(self, paths: Sequence[str]) -> list[Snapshot]:
        """Some documents, in the order of their paths."""
        return [snapshot(path, version, self.time) for path, version in zip(paths, self.get_many(paths))]

    def scan(
        self, collection: str, *, after: str | None = None, descending: bool = False, page: int = PAGE
    ) -> Iterator[Version]:
        """The documents of one collection, by path."""
        key = None if after is None else key_of(after)[1:]
        while True:
            versions, key = self.page(collection, key, descending=descending, page=page)
            yield from versions
            if key is None:
                return

    def page(
        self, collection: str, key: tuple[int | str, str] | None, *, descending: bool = False, page: int = PAGE
    ) -> tuple[list[Version], tuple[int | str, str] | None]:
        """Some documents of a collection behind a key, and the key behind them; `None` at the end."""
        text = _PAGE[key is not None, descending]
        with self._file.reading() as connection:
            rows = connection.execute(text, (collection, *(key or ()), page)).fetchall()
            versions = [as_of(connection, Version(*row[2:]), self.at.position) for row in rows]
            self._refuse_forgotten(connection)
        last = (rows[-1][0], rows[-1][1]) if len(rows) == page else None
        return [v for v in versions if v is not None], last

    def collections_of(self, wanted: Collection) -> list[str]:
        """The paths of the collections that a pattern means, in the order of paths."""
        if wanted.top_level:
            return [wanted.pattern]
        name = wanted.pattern.rpartition("/")[2]
        with self._file.reading() as connection:
            found = [p for (p,) in connection.execute("SELECT path FROM collections WHERE name = ?", (name,))]
        return sorted((p for p in found if wanted.matches(f"{p}/id")), key=path_bytes)

    def all_collections(self) -> list[str]:
        """The paths of all collections that ever had a document, in the order of paths."""
        with self._file.reading() as connection:
            return sorted((p for (p,) in connection.execute("SELECT path FROM collections")), key=path_bytes)

    def below(self, prefix: str) -> list[str]:
        """The paths of collections, with documents, that begin with a prefix and `/`; all for an empty prefix."""
        text, values = "SELECT path FROM collections", []
        if prefix:
            text, values = f"{text} WHERE path > ? AND path < ?", [f"{prefix}/", f"{prefix}{_BEHIND}"]
        with self._file.reading() as connection:
            found = [p for (p,) in connection.execute(text, values)]
        return [p for p in sorted(found, key=path_bytes) if next(self.scan(p, page=20), None) is not None]

    def _again(self, ids: Sequence[int]) -> Iterator[Snapshot]:
        """Documents by the ids of their versions."""
        for at in range(0, len(ids), PAGE):
            with self._file.reading() as connection:
                found = [by_id(connection, id) for id in ids[at : at + PAGE]]
                self._refuse_forgotten(connection)
            yield from (snapshot(v.path, v, self.time) for v in found if v is not None)

    def _refuse_forgotten(self, connection: sqlite3.Connection) -> None:
        """Raises: EngineError: some of what was read just now may have been forgotten before."""
        if self.at.position < state_of(connection).floor:
            raise expired(self._file, "this reading")
