"""What the compiled decoders of events' fields need to make values, for each database."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from ...core.values import GeoPoint, Reference

Makers = tuple["str | None", type, type, Callable[[Any], Any], Callable[[str, Any], Any]]


@lru_cache(maxsize=64)
def makers(database: str | None) -> Makers:
    """How near references begin, and what makes references, geo points, vectors, and scalars of other forms."""
    from ..typed_json_decoder import scalar_value, vector_of_map

    parts = (database or "").split("/")
    known = len(parts) == 4 and (parts[0], parts[2]) == ("projects", "databases")
    near = f"{database}/documents/" if known else None
    return near, Reference, GeoPoint, vector_of_map, lambda kind, content: scalar_value(kind, content, database)
