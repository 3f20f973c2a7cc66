"""View tables read back, and view documents as they would come back: both as PostgreSQL writes its columns as text.

What a column makes of a value (a double, a moment in the session's time zone, jsonb with its own order of names) is for the
server to say: documents go through a temporary table of the same columns, so what is equal there is equal here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import islice
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Composed, Identifier

from ...core.errors import DataError
from ...core.values import Document
from ..base import FAILED, Table
from .connection import Connection, Database
from .rows import Column, columns_of, refused_path, row, text_line
from .tables import Relations, first, run, table_name, typed

PAGE = 1000
"""Rows that are read, or go through the temporary table, in one transaction."""

_PATH = "__path__"
_SHOWN = Identifier("pg_temp", "onto_flow_shown")


class PostgresTables:
    """The tables of a `postgresql:` sink.

    Their user needs to read them, and may make temporary tables, which PostgreSQL allows to all by default; nothing is
    written that outlives a transaction.

    Args:
        uri: As the sink has it.
    """

    def __init__(self, uri: str) -> None:
        self._database = Database(uri)

    def rows(self, table: Table) -> Iterator[tuple[str, Document, bool]]:
        """(path, columns as text, whether it is flagged) of all rows, page by page in the order of paths.

        Raises:
            DataError: `not-found`: there is no such table.
            EngineError: `sink-failed`: the database refuses; the table was written by another version of the view.
        """
        last = ""
        try:
            while page := self._database.transact(partial(_page, self, table, last)):
                yield from page
                last = page[-1][0]
        finally:
            self._database.close()

    def shown(self, table: Table, documents: Iterable[tuple[str, Document]]) -> Iterator[tuple[str, Document]]:
        """(path, columns as text) of documents, without those for which a table has no row."""
        waiting = ((path, document) for path, document in documents if not refused_path(path))
        try:
            while some := list(islice(waiting, PAGE)):
                yield from self._database.transact(partial(_through, table, some))
        finally:
            self._database.close()

    def schema(self, cursor: Cursor[Any]) -> str:
        """Where the tables are."""
        return self._database.schema or first(cursor, "SELECT current_schema()") or ""

    def missing(self, name: str) -> DataError:
        """What is said of a table that is not there."""
        return DataError("not-found", f"there is no table {name!r:.80}", where=self._database.shown)


def _page(tables: PostgresTables, table: Table, after: str, connection: Connection) -> list[tuple[str, Document, bool]]:
    columns, name = columns_of(table), table_name(table.collection)
    with connection.cursor() as cursor:
        relations = Relations(tables.schema(cursor))
        if not relations.has(cursor, name):
            raise tables.missing(name)
        flag, texts = Identifier(FAILED), _as_text(columns)
        chosen = f"SELECT {_PATH}, coalesce({{flag}}, false){{texts}} FROM {{table}}"  # noqa: S608 - identifiers
        paged = f'{chosen} WHERE {_PATH} > {{after}} COLLATE "C" ORDER BY {_PATH} COLLATE "C" LIMIT {PAGE}'
        source = Identifier(relations.schema, name)
        found = run(cursor, paged, flag=flag, texts=texts, table=source, after=after).fetchall()
    return [(path, _document(columns, values), failed) for path, failed, *values in found]


def _through(table: Table, some: list[tuple[str, Document]], connection: Connection) -> list[tuple[str, Document]]:
    columns = columns_of(table)
    with connection.cursor() as cursor:
        made = f"CREATE TEMPORARY TABLE {{shown}} (n serial, {_PATH} text{{typed}}) ON COMMIT DROP"
        run(cursor, made, shown=_SHOWN, typed=typed(columns))
        names = SQL(", ").join([Identifier(_PATH), *(Identifier(c.name) for c in columns)])
        with cursor.copy(SQL("COPY {} ({}) FROM STDIN").format(_SHOWN, names)) as copy:
            for path, document in some:
                copy.write(text_line(path, row(document, columns, table.view)[0]))
        chosen = f"SELECT {_PATH}{{texts}} FROM {{shown}} ORDER BY n"  # noqa: S608 - identifiers
        found = run(cursor, chosen, texts=_as_text(columns), shown=_SHOWN).fetchall()
    return [(path, _document(columns, values)) for path, *values in found]


def _as_text(columns: Iterable[Column]) -> Composed:
    """`, "name"::text` for each column."""
    return SQL("").join(SQL(", {}::text").format(Identifier(c.name)) for c in columns)


def _document(columns: Iterable[Column], values: Iterable[Any]) -> Document:
    return {column.name: value for column, value in zip(columns, values)}
