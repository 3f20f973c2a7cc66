"""What of a view document Firestore takes: a value that it refuses is null, a document that it refuses is none."""

from __future__ import annotations

from typing import Any

from ...core.errors import DataError
from ...core.fence import FENCE
from ...core.values import Document
from ...database.limits import checked_document, checked_path, fits
from .fence import Flags, encode, fence_of

_LARGEST = {FENCE: fence_of((1 << 62, 1 << 62, 1 << 62), Flags(failed=True, misfit=True))}
_FENCE_BYTES = 100
"""At most of that one."""


def fitting(path: str, document: Document | None) -> tuple[bytes | None, str | None]:
    """(canonical bytes, what does not fit) of a view document.

    Example:
        >>> fitting("v/1", {"n": 1})[1], fitting("v/1", {"n": 1, "m": {"__x__": 2}})[1]
        (None, "bad-value: m: '__x__' is not the name of a field")
        >>> fitting("v/__x__", {"n": 1})[0] is None
        True
    """
    if document is None:
        return None, None
    try:
        checked_path(path)
    except DataError as error:
        return None, _reason(error)
    if fits(path, document, _FENCE_BYTES) and FENCE not in document:
        return encode(document), None
    try:
        whole = checked_document(path, {**document, **_LARGEST})
    except DataError:
        return _least(path, document)
    del whole[FENCE]
    return encode(whole), None


def _least(path: str, document: Document) -> tuple[bytes | None, str | None]:
    """What of a document fits that does not as it is."""
    found, misfit = _fields(path, document)
    try:
        checked_document(path, {**found, **_LARGEST})
    except DataError as error:
        return None, misfit or _reason(error)
    return encode(found), misfit


def _fields(path: str, document: Document) -> tuple[dict[str, Any], str | None]:
    """The document with null for each value that does not fit."""
    try:
        return checked_document(path, document), None
    except DataError:
        found, misfit = dict[str, Any](), None
    for name, value in document.items():
        try:
            found |= checked_document(path, {name: value})
        except DataError as error:
            misfit = misfit or _reason(error)
            if _is_name(path, name):
                found[name] = None
    return found, misfit


def _is_name(path: str, name: str) -> bool:
    try:
        checked_document(path, {name: None})
    except DataError:
        return False
    return True


def _reason(error: DataError) -> str:
    return f"{error.code}: {error.what}"
