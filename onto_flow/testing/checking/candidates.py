"""What is tried of each kind of value: few, so that values meet, and the edges among them."""

from __future__ import annotations

import enum
import math
import typing
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from ...core.values import GeoPoint, Reference, Vector
from ...model.annotations import SCALARS, without_none

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=timezone.utc)
CANDIDATES: Mapping[str, tuple[Any, ...]] = {
    "str": ("a", "b", "c", "", "1", "é"),
    "int": (0, 1, 2, 3, -1, 2**53 + 1),
    "float": (0.1, 0.2, 0.3, 1.5, -0.0, 1, 2, 1e16, -1e16, math.nan, math.inf),
    "bool": (True, False),
    "bytes": (b"", b"\x00\xff"),
    "timestamp": (NOON, NOON + timedelta(microseconds=1), NOON - timedelta(days=400)),
    "geopoint": (GeoPoint(1.5, -0.0), GeoPoint(-90.0, 180.0)),
    "vector": (Vector((1.0, -0.0)), Vector(())),
    "map": ({}, {"a": 1}, {"a": {"b": None}}),
    "any": (1, 1.0, True, "a", None, "1", [1, "a"], {"a": 1}),
}
"""What is tried of each kind, edges among them: equal numbers of other types, sums that rounding would change."""

OTHER_TYPES: tuple[Any, ...] = (7, "x", 1.0, True, [1], {"a": 1}, Reference("none/1"), [None])

KINDS_OF = {scalar: kind for scalar, kind in SCALARS.items() if kind in CANDIDATES}


def fits(value: Any, kind: str) -> bool:
    """Whether a constant may stand for a value of a kind."""
    if kind in ("int", "float"):
        return isinstance(value, (int, float)) and not (kind == "int" and isinstance(value, float))
    return isinstance(value, str) if kind == "str" else kind == "any"


def literals(annotation: Any) -> list[Any]:
    """The values that an annotation names one by one."""
    annotation, _ = without_none(annotation)
    if typing.get_origin(annotation) is Literal:
        return list(typing.get_args(annotation))
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return [member.value for member in annotation]
    return []
