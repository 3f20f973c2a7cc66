"""A document as a line of JSON: `{"path": "users/u1", "fields": {...}}`, the fields as REST's typed values."""

from __future__ import annotations

import json

from ..core.values import Document
from .typed_json import encode_fields


def line_of(path: str, fields: Document) -> bytes:
    """The line, with what ends it, in UTF-8.

    Raises:
        DataError: As `encode_fields`.

    Example:
        >>> line_of("users/u1", {"name": "Zoë"}).decode()
        '{"path": "users/u1", "fields": {"name": {"stringValue": "Zoë"}}}\\n'
    """
    return json.dumps({"path": path, "fields": encode_fields(fields)}, ensure_ascii=False).encode() + b"\n"
