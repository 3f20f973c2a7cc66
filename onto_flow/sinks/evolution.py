"""Which changes of a table's columns its readers do not notice: those that only add.

A new column, also inside a struct, is fine, and the column of flags comes and goes. A column that goes, or gets another
type, breaks whoever reads it: that is refused unless it is asked for.
"""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from ..core.errors import DataError, EngineError
from ..formats.arrow_types import word_of
from .base import FAILED

ADD, REPLACE = "add", "replace"
MODES = (ADD, REPLACE)


def refuse_breaking(before: pa.Schema, after: pa.Schema, table: str, where: object) -> None:
    """Lets only columns be added.

    Args:
        before: The columns of the table that is there.
        after: Those that it shall have.
        table: How it is called in the error.
        where: Where it lies.

    Raises:
        EngineError: `sink-failed`, with what would break.
    """
    what = _broken([field for field in before if field.name != FAILED], list(after), "")
    if what:
        raise EngineError(
            "sink-failed",
            f"The table of {table} that is there has other columns: {what}, which breaks whoever reads it",
            where=where,
            fix="Write to another place, or give the option evolve=replace: then the new table replaces the old one.",
        )


def _broken(before: list[Any], after: list[Any], inside: str) -> str:
    now = {field.name: field for field in after}
    for field in before:
        name = f"{inside}{field.name}"
        if field.name not in now:
            return f"{name} goes"
        what = _changed(field, now[field.name], name)
        if what:
            return what
    return ""


def _changed(before: Any, after: Any, name: str) -> str:
    was, is_ = _word(before), _word(after)
    if was != is_:
        return f"{name} was {was} and becomes {is_}"
    if was == "array":
        return _changed(before.type.value_field, after.type.value_field, f"{name}[]")
    if was == "map":
        return _broken(_members(before.type), _members(after.type), f"{name}.")
    return "" if before.type == after.type else f"{name} was {before.type} and becomes {after.type}"


def _word(field: Any) -> str:
    try:
        return word_of(field)
    except DataError:
        return str(field.type)


def _members(type_: Any) -> list[Any]:
    return [type_.field(i) for i in range(type_.num_fields)]
