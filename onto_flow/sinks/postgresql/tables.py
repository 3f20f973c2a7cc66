"""The tables of PostgreSQL that a view table needs, and the statements that move it from one publication to the next.

| table | holds |
|---|---|
| named after the view's collection | `__path__`, `__version__`, `__failed__`, the attributes; the live documents |
| `__onto_flow_tables__` | which tables are ours, and the generation that wrote each: the fence |
| `__onto_flow_tombstones__` | versions of deletions: what is older does not come back |
| `__onto_flow_misfits__` | the rows that lack a value which did not fit: each has a dead letter |

Law: all that a publication changes is changed in one transaction, which holds the locks of the fence.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

from psycopg import Cursor
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from ...core.errors import EngineError
from ..base import FAILED, Table
from .rows import Column

TOMBSTONE_DAYS = 8
"""How long a deletion fences: the late horizon."""
LOCK_SECONDS = 30
"""How long to wait, when a job begins, for others who hold a lock on a table that needs a column."""
MAX_NAME_BYTES = 63

_FENCE, _TOMBSTONES, _MISFITS = "__onto_flow_tables__", "__onto_flow_tombstones__", "__onto_flow_misfits__"
_OUR_TABLES = {
    _FENCE: 'name text COLLATE "C" PRIMARY KEY, collection text NOT NULL, columns text[] NOT NULL, '
    "generation bigint NOT NULL, published_at timestamptz",
    _TOMBSTONES: 'name text COLLATE "C", path text COLLATE "C", version bigint[] NOT NULL, '
    "deleted_at timestamptz NOT NULL, PRIMARY KEY (name, path)",
    _MISFITS: 'name text COLLATE "C", path text COLLATE "C", version bigint[] NOT NULL, PRIMARY KEY (name, path)',
}
_RESERVED = re.compile(r"__.*__", re.DOTALL)
_SYSTEM = frozenset({"tableoid", "xmin", "cmin", "xmax", "cmax", "ctid"})


def table_name(collection: str) -> str:
    """The table of a collection: its own name where PostgreSQL has it, else its beginning and a checksum.

    Example:
        >>> table_name("meetingSessions"), table_name("a/{x}/b"), table_name("x" * 80)[43:47]
        ('meetingSessions', 'a/{x}/b', 'xxx~')
    """
    raw = collection.encode("utf-8", "surrogatepass")
    fine = len(raw) <= MAX_NAME_BYTES and "\0" not in collection and not _RESERVED.fullmatch(collection)
    if fine and raw.decode("utf-8", "replace") == collection:
        return collection
    kept = raw.replace(b"\0", b"%00").decode("utf-8", "replace").encode()[: MAX_NAME_BYTES - 17]
    return f"{kept.decode(errors='ignore')}~{hashlib.sha256(raw).hexdigest()[:16]}"


class Relations:
    """The tables of one schema."""

    def __init__(self, schema: str) -> None:
        self.schema = schema
        self.fence, self.tombstones, self.misfits = (Identifier(schema, n) for n in (_FENCE, _TOMBSTONES, _MISFITS))

    def create(self, cursor: Cursor[Any]) -> None:
        """Makes the schema and our own tables where they are not there."""
        # Two jobs that begin together make the same tables.
        run(cursor, "SELECT pg_advisory_xact_lock(hashtextextended({key}, 0))", key=f"onto_flow {self.schema}")
        if not first(cursor, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = {name})", name=self.schema):
            run(cursor, "CREATE SCHEMA {schema}", schema=Identifier(self.schema))
        for name, columns in _OUR_TABLES.items():
            if self._relation(cursor, name) is None:
                run(cursor, f"CREATE TABLE {{table}} ({columns})", table=Identifier(self.schema, name))

    def prepare(self, cursor: Cursor[Any], name: str, table: Table, columns: Sequence[Column]) -> int:
        """Makes a view's table where it is not there; returns the generation that wrote it, 0 where none did.

        Raises:
            EngineError: `sink-failed` for a table that is not ours, and for attributes that cannot be columns.
        """
        _check_names(table, columns)
        chosen = "SELECT collection, generation FROM {fence} WHERE name = {name}"
        known = run(cursor, chosen, fence=self.fence, name=name).fetchone()
        relation = self._relation(cursor, name)
        if (relation is not None and known is None) or (known is not None and known[0] != _shown(table.collection)):
            raise EngineError(
                "sink-failed",
                f"a table {name!r} is there, and it is not the table of collection {table.collection!r:.80}",
                fix="Add ?schema=NAME to the sink's URI (a schema that is not there is made), or rename the collection.",
            )
        if relation is None:
            run(cursor, _CREATE, table=Identifier(self.schema, name), typed=typed(columns))
        return 0 if known is None else int(known[1])

    def evolve(self, cursor: Cursor[Any], name: str, table: Table, columns: Sequence[Column]) -> None:
        """Adds the columns that a table lacks, and records what the view's columns are.

        Raises:
            EngineError: `sink-failed` for a column of another type, or of an attribute that the view no longer has.
        """
        identifier = Identifier(self.schema, name)
        there = dict(run(cursor, _COLUMNS, relation=self._relation(cursor, name)).fetchall())
        recorded = first(cursor, "SELECT columns FROM {fence} WHERE name = {name}", fence=self.fence, name=name) or []
        _check_columns(table, identifier.as_string(), columns, there, recorded)
        wanted = {FAILED: "boolean"} | {c.name: c.sql for c in columns}
        missing = {name: sql for name, sql in wanted.items() if name not in there}
        if missing:
            run(cursor, "SET LOCAL lock_timeout = {limit}", limit=f"{LOCK_SECONDS}s")
            added = SQL(", ").join(
                SQL("ADD COLUMN {} {}").format(Identifier(n), SQL(sql)) for n, sql in missing.items()
            )
            run(cursor, "ALTER TABLE {table} {added}", table=identifier, added=added)
        names = [c.name for c in columns]
        run(cursor, _RECORD, fence=self.fence, name=name, collection=_shown(table.collection), columns=names)

    def drop_old_tombstones(self, cursor: Cursor[Any]) -> None:
        """Forgets deletions that are older than the horizon."""
        old = "DELETE FROM {tombstones} WHERE deleted_at < now() - make_interval(days => {days})"
        run(cursor, old, tombstones=self.tombstones, days=TOMBSTONE_DAYS)

    def lock(self, cursor: Cursor[Any], names: Sequence[str]) -> dict[str, int]:
        """Locks the fences of tables until the transaction ends; returns the generation that wrote each."""
        chosen = "SELECT name, generation FROM {fence} WHERE name = ANY({names}) ORDER BY name FOR UPDATE"
        return {str(n): int(generation) for n, generation in run(cursor, chosen, fence=self.fence, names=list(names))}

    def record(self, cursor: Cursor[Any], names: Sequence[str], generation: int) -> None:
        """Says that a generation has just published some tables."""
        published = "UPDATE {fence} SET generation = {generation}, published_at = now() WHERE name = ANY({names})"
        run(cursor, published, fence=self.fence, generation=generation, names=list(names))

    def has(self, cursor: Cursor[Any], name: str) -> bool:
        """Whether there is a table of this name."""
        return self._relation(cursor, name) is not None

    def _relation(self, cursor: Cursor[Any], name: str) -> Any:
        return first(cursor, _RELATION, schema=self.schema, name=name)


_CREATE = (
    'CREATE TABLE {table} (__path__ text COLLATE "C" PRIMARY KEY, __version__ bigint[] NOT NULL, '
    "__failed__ boolean{typed})"
)
_RELATION = (
    "SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
    "WHERE nspname = {schema} AND relname = {name}"
)
_COLUMNS = (
    "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute "
    "WHERE attrelid = {relation} AND attnum > 0 AND NOT attisdropped"
)
_RECORD = (
    "INSERT INTO {fence} AS held VALUES ({name}, {collection}, {columns}, 0) ON CONFLICT (name) "
    "DO UPDATE SET columns = excluded.columns WHERE held.columns <> excluded.columns"
)


def run(cursor: Cursor[Any], statement: str, **parts: Any) -> Any:
    """Executes a statement whose parts are identifiers and SQL, or else values, which become literals.

    Values do not travel as parameters: a per cent sign in an identifier would count as the place of one.
    """
    quoted = {name: part if isinstance(part, Composable) else Literal(part) for name, part in parts.items()}
    return cursor.execute(SQL(statement).format(**quoted))


def first(cursor: Cursor[Any], statement: str, **parts: Any) -> Any:
    """The first value of the first row that a statement gives; `None` where it gives none."""
    row = run(cursor, statement, **parts).fetchone()
    return None if row is None else row[0]


def _shown(collection: str) -> str:
    """A collection's name as text that PostgreSQL has."""
    return collection.encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")


def typed(columns: Sequence[Column]) -> Composed:
    """`, "name" type` for each column."""
    return SQL("").join(SQL(", {} {}").format(Identifier(c.name), SQL(c.sql)) for c in columns)


def _check_names(table: Table, columns: Sequence[Column]) -> None:
    for column in columns:
        name = column.name
        if _RESERVED.fullmatch(name) or name in _SYSTEM:
            raise _unnameable(table, name, "PostgreSQL or the sink has a column of this name of its own")
        if "\0" in name or not name or len(name.encode("utf-8", "surrogatepass")) > MAX_NAME_BYTES:
            raise _unnameable(table, name, f"a column's name is text of 1 to {MAX_NAME_BYTES} bytes without NUL")
        if name.encode("utf-8", "replace").decode() != name:
            raise _unnameable(table, name, "it is not Unicode text")


def _unnameable(table: Table, name: str, why: str) -> EngineError:
    return EngineError("sink-failed", f"{table.view}.{name!r:.80} cannot be a column: {why}", fix="Rename it.")


def _check_columns(
    table: Table, shown: str, columns: Sequence[Column], there: dict[str, str], recorded: Sequence[str]
) -> None:
    again = "then start a new job: it fills the table again"
    for column in columns:
        held = there.get(column.name, column.sql)
        if held != column.sql:
            name = Identifier(column.name).as_string()
            raise EngineError(
                "sink-failed",
                f"{table.view}.{column.name} is now {column.type_} ({column.sql}), and its column in {shown} is {held}",
                fix=f"ALTER TABLE {shown} DROP COLUMN {name}; {again}. Or give the sink another ?schema=.",
            )
    wanted = {column.name for column in columns}
    for name in recorded:
        if name in there and name not in wanted:
            raise EngineError(
                "sink-failed",
                f"{table.view} no longer has the attribute {name!r}, and {shown} has its column",
                fix=f"ALTER TABLE {shown} DROP COLUMN {Identifier(name).as_string()}; {again}. "
                "Or give the sink another ?schema=.",
            )
