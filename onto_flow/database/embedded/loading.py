"""All documents of an export, or of any source, into an embedded database."""

from __future__ import annotations

from collections.abc import Iterable

from ...core.values import Document
from ..limits import checked_document, checked_path
from .database import EmbeddedDatabase
from .document_bytes import encode_document


def load(database: EmbeddedDatabase, documents: Iterable[tuple[str, Document]]) -> int:
    """Writes documents in one commit; a document that is there already is replaced, others stay.

    Returns:
        How many there were.

    Raises:
        DataError: What Firestore refuses, with the path, or what the documents' source raised; nothing is written then.
    """
    count = 0
    with database.writing() as writer:
        for path, fields in documents:
            data = encode_document(checked_document(path, fields))
            writer.put(checked_path(path), data, writer.newest(path))
            count += 1
        writer.finish()
    return count
