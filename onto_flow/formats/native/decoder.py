"""What the compiled decoder needs to know of Python, and what it gives."""

from __future__ import annotations

from typing import Any

from ...core.values import Document, GeoPoint, Reference, Vector
from ..entity import database_of
from ..lockstep_log import Spans
from ..record_batch import Wanted
from ..typed_json import vector_of_map


def new_decoder(extension: Any, wanted: Wanted | None) -> Any:
    """A decoder for the records of one export.

    Args:
        extension: The compiled module.
        wanted: Which collections and fields are wanted; `None`: all.
    """
    return extension.Decoder(
        wanted=wanted,
        database_of=database_of,
        vector_of_map=vector_of_map,
        geopoint=GeoPoint,
        reference=Reference,
        vector=Vector,
    )


class NativeDecoder:
    """Documents, as `batch_documents.BatchDecoder` makes them.

    Args:
        extension: The compiled module.
        wanted: Which collections and fields are wanted; `None`: all.
    """

    def __init__(self, extension: Any, wanted: Wanted | None = None) -> None:
        self._decoder = new_decoder(extension, wanted)

    def decode(self, records: Spans) -> tuple[list[str], list[Document], list[int], list[int]]:
        """Paths and fields; the numbers of their records; the numbers of the records that are odd."""
        found: tuple[list[str], list[Document], list[int], list[int]] = self._decoder.documents(
            records.words.data, records.start, records.stop
        )
        return found
