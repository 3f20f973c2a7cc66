"""The one field that this package adds to view documents in a shared database: their fence.

Law: a model never sees it: sources and feeds leave it out, and no attribute may have its name.
"""

from __future__ import annotations

from .values import Document

FENCE = "_onto"
"""The field that says which version of a view document this is; `sinks.firestore` writes it."""


def without_fence(fields: Document) -> Document:
    """The fields of a document as models see them; the same object where there is no fence.

    Example:
        >>> without_fence({"name": "Ada", "_onto": {"g": 1, "e": 0, "s": 2}})
        {'name': 'Ada'}
    """
    return {n: v for n, v in fields.items() if n != FENCE} if FENCE in fields else fields
