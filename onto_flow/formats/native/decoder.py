"""Who makes documents of many records: the compiled decoder where it was built, else steps of whole arrays.

Law: the documents are the same; both leave to the decoder of single records what they do not know.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from ...core.values import Document
from ..batch_documents import BatchDecoder
from ..record_batch import Wanted
from ..spans import Spans
from . import extension
from .compiled import new_decoder

Decoded: TypeAlias = "tuple[list[str], list[Document], list[int], list[int]]"
"""Paths and fields; the numbers of their records; the numbers of the records that are odd."""


def document_decoder(wanted: Wanted | None = None) -> Callable[[Spans], Decoded]:
    """The decoder of the records of one export.

    Args:
        wanted: Which collections and fields are wanted; `None`: all.

    Example:
        >>> from onto_flow.formats.entity_writer import encode_entity
        >>> document_decoder()(Spans.of([encode_entity("users/u1", {"n": 1}), b"?"]))
        (['users/u1'], [{'n': 1}], [0], [1])
    """
    compiled = extension()
    if compiled is None:
        return partial(BatchDecoder().decode, wanted=wanted)
    decoder = new_decoder(compiled, wanted)
    return lambda records: decoder.documents(records.words.data, records.start, records.stop)
