"""What the compiled decoder needs to know of Python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...core.values import GeoPoint, Reference, Vector
from ..entity_key import database_of
from ..typed_json import vector_of_map

if TYPE_CHECKING:
    from ..record_batch import Wanted


def new_decoder(compiled: Any, wanted: Wanted | None) -> Any:
    """A compiled decoder for the records of one export, with what it needs to know of Python.

    Args:
        compiled: The extension.
        wanted: Which collections and fields are wanted; `None`: all.
    """
    return compiled.Decoder(
        wanted=wanted,
        database_of=database_of,
        vector_of_map=vector_of_map,
        geopoint=GeoPoint,
        reference=Reference,
        vector=Vector,
    )
