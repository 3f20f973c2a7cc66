"""Logical types: what an attribute of a view is, for tables, schemas and APIs; every neighbour maps to and from these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Type:
    """A logical type.

    Attributes:
        kind: `bool int float str bytes timestamp geopoint reference vector list struct map any`.
        optional: Whether `None` belongs to it.
        items: For `list`, the one type of its elements.
        fields: For `struct`, names (as in Firestore) and types.
    """

    kind: str
    optional: bool = False
    items: tuple[Type, ...] = ()
    fields: tuple[tuple[str, Type], ...] = ()

    def __str__(self) -> str:
        inner = ""
        if self.items:
            inner = f"[{self.items[0]}]"
        elif self.fields:
            inner = "{" + ", ".join(f"{name}: {type_}" for name, type_ in self.fields) + "}"
        return f"{self.kind}{inner}{'?' if self.optional else ''}"


ANY = Type("any", optional=True)

Schema = tuple[tuple[str, Type], ...]
"""The attributes of a view document, by their Firestore names."""
