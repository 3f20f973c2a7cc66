"""`Meta.strict`: a document with fields of other types than declared does not count, and has a dead letter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..core.collection import Collection
from ..core.errors import DataError
from ..core.kinds import TYPES, holds
from ..plan.nodes import Kinds


def checked_kind(attribute: Any) -> str | None:
    """The kind that a field is declared with, where it says what the field may hold: `any` and `parse` do not."""
    open_to_all = attribute.kind not in TYPES or getattr(attribute, "parse", None) is not None
    return None if open_to_all else attribute.kind


def refuse_wrong_types(model: Any, path: str, fields: Mapping[str, Any]) -> None:
    """Refuses a document with a declared field of another type; missing fields and nulls are no types.

    Raises:
        DataError: `wrong-type`, with the path and the first such field.

    Example:
        >>> from onto_flow.demo.meeting_room import Ticket
        >>> refuse_wrong_types(Ticket, "tickets/t1", {"role": "guest", "attendance": 1})
        Traceback (most recent call last):
        onto_flow.core.errors.DataError: [wrong-type] tickets/t1: attendance is declared bool, and holds int
          at tickets/t1
    """
    for attribute in model._attributes.values():
        kind = checked_kind(attribute)
        value = fields.get(attribute.field)
        if kind is not None and not holds((kind,), value):
            what = f"{path}: {attribute.field} is declared {kind}, and holds {type(value).__name__}"
            raise DataError("wrong-type", what, where=path)


def kinds_of(models: Iterable[Any]) -> tuple[Kinds, ...]:
    """What fields may hold, by collection; of several models with a field in common, any may be right."""
    found: dict[Collection, dict[str, set[str | None]]] = {}
    for model in models:
        fields = found.setdefault(model._collection, {})
        for attribute in model._attributes.values():
            fields.setdefault(attribute.field, set()).add(checked_kind(attribute))
    return tuple(
        (
            collection,
            tuple((n, tuple(sorted(k for k in kinds if k))) for n, kinds in fields.items() if None not in kinds),
        )
        for collection, fields in found.items()
    )
