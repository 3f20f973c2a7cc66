"""What a field may hold, by the kind that it is declared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from .values import GeoPoint, Reference, Vector

TYPES: Mapping[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "bytes": (bytes,),
    "timestamp": (datetime,),
    "geopoint": (GeoPoint,),
    "vector": (Vector,),
    "list": (list,),
    "map": (dict,),
    "relation": (Reference, str),
    "relations": (list,),
}
"""What fields of a kind may hold beside null; clients write whole doubles as integers. Other kinds may hold everything."""


def holds(kinds: Iterable[str], value: Any) -> bool:
    """Whether a value is of one of some kinds, each of `TYPES`; null is of any.

    Example:
        >>> holds(["float"], 1), holds(["float"], True), holds(["int", "str"], "1"), holds(["int"], None)
        (True, False, True, True)
    """
    if value is None:
        return True
    if isinstance(value, bool):
        return "bool" in kinds
    return any(isinstance(value, TYPES[kind]) for kind in kinds)
