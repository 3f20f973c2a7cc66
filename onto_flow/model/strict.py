"""`Meta.strict`: a document with fields of other types than declared does not count, and has a dead letter."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from ..core.collection import Collection
from ..core.errors import DataError
from ..core.kinds import TYPES, holds, shown_path
from ..plan.nodes import Kinds
from .inner import MapsAttribute


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
    for steps, value, kind in _wrong(model, fields, ()):
        what = f"{path}: {shown_path(steps)} is declared {kind}, and holds {type(value).__name__}"
        raise DataError("wrong-type", what, where=path)


def _wrong(model: Any, fields: Mapping[str, Any], steps: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any, str]]:
    """(where, value, kind) of each value of another type than declared, also in maps that have models."""
    for attribute in model._attributes.values():
        kind, value = checked_kind(attribute), fields.get(attribute.field)
        here = (*steps, attribute.field)
        if kind is None or value is None:
            continue
        if not holds((kind,), value):
            yield here, value, kind
        elif isinstance(attribute, MapsAttribute):
            elements, here = (value, (*here, "*")) if kind == "list" else ([value], here)
            for element in elements:
                if isinstance(element, dict):
                    yield from _wrong(attribute.target, element, here)
                elif element is not None:
                    yield here, element, "map"


def kinds_of(models: Iterable[Any]) -> tuple[Kinds, ...]:
    """What fields may hold, by collection; of several models with a field in common, any may be right."""
    found: dict[Collection, dict[tuple[str, ...], set[str | None]]] = {}
    for model in models:
        fields = found.setdefault(model._collection, {})
        for steps, kind in _declared(model, (), ()):
            fields.setdefault(steps, set()).add(kind)
    return tuple(
        (
            collection,
            tuple((n, tuple(sorted(k for k in kinds if k))) for n, kinds in fields.items() if None not in kinds),
        )
        for collection, fields in found.items()
    )


def _declared(
    model: Any, steps: tuple[str, ...], around: tuple[Any, ...]
) -> Iterator[tuple[tuple[str, ...], str | None]]:
    """(where, kind) of all that is declared; maps that hold maps of their own model are looked into once."""
    for attribute in model._attributes.values():
        here = (*steps, attribute.field)
        yield here, checked_kind(attribute)
        if isinstance(attribute, MapsAttribute) and attribute.target not in around:
            if attribute.kind == "list":
                here = (*here, "*")
                yield here, "map"
            yield from _declared(attribute.target, here, (*around, attribute.target))
