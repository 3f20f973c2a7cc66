"""The fields of one version of a document, as the embedded engine hands them from stage to stage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .compact import pattern
from .native import compiled


class Fields(dict[str, Any]):
    """Fields that carry what was worked out from them, so that it is worked out once per version.

    Both attributes are caches and nothing more: a plain dict of the same fields means the same everywhere, and is what
    comes back from bytes.

    Attributes:
        joined: The document's join keys (`operators.joins`). Versions whose keys are equal share one object, so that "no
            join key changed" is an `is`.
        made: The object that user code reads, `None` until it is made (`model.objects`).

    Example:
        >>> fields = Fields({"name": "Ada"})
        >>> fields.joined = fields.made = None
        >>> fields == {"name": "Ada"}
        True
    """

    __slots__ = ("joined", "made")

    joined: tuple[Any, ...] | None
    made: Any


def fields_of(fields: Mapping[str, Any]) -> Fields:
    """Fields like some others; in C those with the same names share them, which is half the memory of each.

    Example:
        >>> fields_of({"name": "Ada"})
        {'name': 'Ada'}
    """
    return Fields(fields)


in_python = fields_of
if compiled() is not None:
    fields_of = compiled().fields_of(Fields, pattern)
