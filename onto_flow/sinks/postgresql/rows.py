"""View documents as lines of COPY, and what of them does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ...core.change import ViewVersion
from ...core.errors import EngineError
from ...core.types import Type
from ...core.values import Document
from ..base import Table
from ..fitting import MISFITS
from .literals import Literal, Refused, copied, copied_literal, sql_type

NULL = r"\N"
MAX_PATH_BYTES = 2600
"""The index of the primary key holds no more than 2,704 bytes of a row."""


@dataclass(frozen=True)
class Column:
    """A column of a view table.

    Attributes:
        name: The attribute's name in Firestore.
        type_: Its logical type.
        sql: The column's type, as PostgreSQL shows it.
        literal: A value, never `None`, as the text of that type, escaped for COPY.
    """

    name: str
    type_: Type
    sql: str
    literal: Literal


def columns_of(table: Table) -> tuple[Column, ...]:
    """The columns of a view's attributes.

    Raises:
        EngineError: `sink-failed` for a name inside a struct that is no text.
    """
    return tuple(_column(table, name, type_) for name, type_ in table.schema)


def _column(table: Table, name: str, type_: Type) -> Column:
    try:
        return Column(name, type_, sql_type(type_), copied_literal(type_))
    except MISFITS as error:
        raise EngineError(
            "sink-failed", f"{table.view}.{name!r:.80} cannot be a column: {error}", fix="Rename it."
        ) from error


def copy_line(
    path: str, version: ViewVersion, values: Sequence[str], *, gone: bool = False, failed: bool = False
) -> str:
    r"""A line of COPY: path, version, whether the document is gone, whether it is flagged, and the columns.

    Example:
        >>> copy_line("rooms/a", (1, 0, 7), ["3"])
        'rooms/a\t{1,0,7}\tf\tf\t3\n'
    """
    generation, epoch, seq = version
    flags = ["t" if flag else "f" for flag in (gone, failed)]
    return "\t".join([copied(path), f"{{{generation},{epoch},{seq}}}", *flags, *values]) + "\n"


def text_line(path: str, values: Sequence[str]) -> str:
    """A line of COPY: a path and the columns."""
    return "\t".join([copied(path), *values]) + "\n"


def row(document: Document, columns: tuple[Column, ...], view: str) -> tuple[list[str], str]:
    """The values of a document in COPY's form, and what of the document does not fit (empty: all does).

    Example:
        >>> columns = columns_of(Table("Room", "rooms", (("seats", Type("int")),)))
        >>> row({"seats": 3}, columns, "Room"), row({"seats": "three"}, columns, "Room")
        ((['3'], ''), (['\\\\N'], "Room.seats is declared as int and holds 'three'"))
    """
    values, misfit, shown = [], "", 0
    for column in columns:
        value = document.get(column.name)
        if value is None:
            values.append(NULL)
            continue
        shown += 1
        try:
            values.append(column.literal(value))
        except MISFITS as error:
            values.append(NULL)
            misfit = misfit or _misfit(view, column, value, error)
    if shown < len(document):
        unknown = document.keys() - {column.name for column in columns}
        if unknown:
            misfit = misfit or f"{view} has no attribute {min(unknown)!r} in its schema"
    return values, misfit


def _misfit(view: str, column: Column, value: Any, error: Exception) -> str:
    if isinstance(error, Refused):
        return f"{view}.{column.name} holds {value!r:.80}: {error}"
    return f"{view}.{column.name} is declared as {column.type_} and holds {value!r:.80}"


def refused_path(path: str) -> str:
    """Why a table cannot have a row for this path; empty where it can."""
    if "\0" in path:
        return "its path has a NUL character, which PostgreSQL has no place for"
    try:
        size = len(path) if path.isascii() else len(path.encode())
    except UnicodeEncodeError:
        return "its path is not Unicode text"
    return f"its path has {size:,} bytes; a primary key holds {MAX_PATH_BYTES:,}" if size > MAX_PATH_BYTES else ""
