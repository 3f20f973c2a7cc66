"""`Meta.strict`: a document with fields of other types than declared does not count, and has a dead letter."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ..core.errors import DataError
from ..core.values import GeoPoint, Reference, Vector

_TYPES: Mapping[str, tuple[type, ...]] = {
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
"""What fields of a kind may hold beside null; clients write whole doubles as integers. `any`, and what `parse` reads, may
hold everything."""


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
        allowed = _TYPES.get(attribute.kind)
        value = fields.get(attribute.field)
        if value is None or allowed is None or getattr(attribute, "parse", None) is not None:
            continue
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            what = f"{path}: {attribute.field} is declared {attribute.kind}, and holds {type(value).__name__}"
            raise DataError("wrong-type", what, where=path)
