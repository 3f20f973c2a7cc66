"""What a field may hold, by the kind that it is declared with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def values_at(value: Any, steps: Sequence[str]) -> list[Any]:
    """The values at some steps into a document, `*` for each element of an array; what leads nowhere is left out.

    Example:
        >>> values_at({"lines": [{"n": [1]}, {}, 7, {"n": 2}]}, ("lines", "*", "n"))
        [[1], 2]
    """
    found = [value]
    for step in steps:
        if step == "*":
            found = [element for v in found if isinstance(v, list) for element in v]
        else:
            found = [v[step] for v in found if isinstance(v, dict) and step in v]
    return found


def shown_path(steps: Sequence[str]) -> str:
    """Where that is, as text.

    Example:
        >>> shown_path(("lines", "*", "n")), shown_path(("lines", "*"))
        ('lines[].n', 'lines[]')
    """
    return ".".join(steps).replace(".*", "[]")
