"""What Firestore takes, and nothing else: paths, names, values, and how large and deep they may be.

| limit | |
|---|---|
| a document | 1 MiB, as Firestore counts it |
| maps and arrays | 20 levels; no array directly in an array |
| a field | 1 MiB less 89 bytes; its name 1,500 bytes, not empty, not `__x__` |
| a part of a path | 1,500 bytes, not `.`, `..`, `__x__` (but `__id7__`); 6 KiB in all, 100 collections deep |
| a vector | 2,048 numbers |
| all documents of a commit | 10 MiB |

Source: the Firestore documentation on quotas and limits, and on storage size.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timezone
from typing import Any

from ..core.errors import DataError
from ..core.keys import check_path
from ..core.values import MAX_INTEGER, MIN_INTEGER, Document, GeoPoint, Reference, Vector, numeric_id
from ..formats.native import extension

MAX_DOCUMENT_BYTES = 1 << 20
MAX_FIELD_BYTES = MAX_DOCUMENT_BYTES - 89
MAX_COMMIT_BYTES = 10 << 20
MAX_NAME_BYTES = 1500
MAX_PATH_BYTES = 6 << 10
MAX_DEPTH = 20
MAX_COLLECTIONS = 100
MAX_VECTOR = 2048
_RESERVED = re.compile("__.*__", re.DOTALL)
_OVERHEAD = 32


def checked_path(path: str) -> str:
    """The path of a document, if Firestore takes it.

    Raises:
        DataError: `bad-key`.

    Example:
        >>> checked_path("users/__id7__")
        'users/__id7__'
    """
    if not isinstance(path, str):
        raise DataError("bad-key", f"{path!r:.200} is not the path of a document", fix="Use collection/id, or deeper.")
    check_path(path)
    try:
        size = len(path.encode())
    except UnicodeEncodeError as error:
        raise DataError("bad-key", f"a path that is not Unicode text: {path!r:.200}") from error
    if size > MAX_PATH_BYTES or path.count("/") >= 2 * MAX_COLLECTIONS:
        raise DataError("bad-key", f"{path!r:.200} is longer or deeper than the path of a document may be")
    if "__" in path:
        for part in path.split("/"):
            if _RESERVED.fullmatch(part) and part != f"__id{numeric_id(part)}__":
                fix = "onto_flow.core.keys.document_id makes an id of any text."
                raise DataError("bad-key", f"{path!r:.200}: {part!r:.100} is reserved by Firestore", fix=fix)
    return path


def checked_document(path: str, fields: Document, *, any_names: bool = False) -> dict[str, Any]:
    """A copy of a document in the types of `core.values`, if Firestore takes it.

    Args:
        path: Where it lies.
        fields: Its values; tuples count as lists, times without a zone as UTC.
        any_names: Whether fields may have names that Firestore does not take.

    Raises:
        DataError: `bad-value`, `too-deep`; the field is named.
    """
    check = _Check(any_names)
    try:
        found = check.map(fields, 0)
    except DataError as error:
        field = ".".join(reversed(check.names))
        raise DataError(
            error.code, f"{field}: {error.what}" if field else error.what, where=path, fix=error.fix
        ) from error
    size = check.size + _name_size(path) + _OVERHEAD
    if size > MAX_DOCUMENT_BYTES:
        raise DataError("too-deep", f"a document of {size} bytes; the limit is {MAX_DOCUMENT_BYTES}", where=path)
    if size > MAX_FIELD_BYTES:
        _refuse_large(path, found)
    return found


def fits(path: str, fields: Document, room: int = 0) -> bool:
    """Whether Firestore surely takes a document as it is, so that nothing need be looked at one by one.

    Args:
        path: Where it lies.
        fields: Its values.
        room: Bytes that must be left for more fields.

    Returns:
        True only where `checked_document` gives an equal document; false where that is to look: at anything unusual, and
        always where no C was built.
    """
    native = extension()
    size = None if native is None else native.document_size(fields)
    return size is not None and size + room + _name_size(path) + _OVERHEAD <= MAX_FIELD_BYTES


def _refuse_large(path: str, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        size = len(value.encode() if isinstance(value, str) else value) if isinstance(value, (str, bytes)) else 0
        if size > MAX_FIELD_BYTES:
            what = f"{name}: a field of {size} bytes; the limit is {MAX_FIELD_BYTES}"
            raise DataError("too-deep", what, where=path)


def _name_size(path: str) -> int:
    return 16 + sum(len(part.encode()) + 1 for part in path.split("/"))


class _Check:
    """One document: its size so far, and after an error the names of the field, from the inside out."""

    def __init__(self, any_names: bool) -> None:
        self.size = 0
        self.names: list[str] = []
        self._any_names = any_names

    def map(self, value: Mapping[str, Any], depth: int) -> dict[str, Any]:
        found = {}
        size = 0
        for name, inner in value.items():
            size += _KNOWN_NAMES.get(name) or self._name(name)
            kind = type(inner)
            if kind is str and inner.isascii():
                size += len(inner) + 1
            elif kind is float or (kind is int and MIN_INTEGER <= inner <= MAX_INTEGER):
                size += 8
            else:
                try:
                    inner = self.value(inner, depth)
                except DataError:
                    self.names.append(name)
                    raise
            found[name] = inner
        self.size += size
        return found

    def _name(self, name: str) -> int:
        if not isinstance(name, str):
            raise DataError("bad-value", f"a map with a key that is not a string: {name!r:.80}")
        size = _text_size(name)
        if not self._any_names and (not name or size > MAX_NAME_BYTES + 1 or (name[:2] == "__" and _reserved(name))):
            raise DataError("bad-value", f"{name!r:.100} is not the name of a field", fix="Firestore refuses it.")
        if not self._any_names and len(_KNOWN_NAMES) < _MAX_KNOWN_NAMES and type(name) is str and size < 100:
            _KNOWN_NAMES[name] = size
        return size

    def value(self, value: Any, depth: int, in_array: bool = False) -> Any:
        kind = type(value)
        if kind is str:
            self.size += _text_size(value)
        elif value is None or kind is bool:
            self.size += 1
        elif kind is int:
            self.size += 8
            if not MIN_INTEGER <= value <= MAX_INTEGER:
                raise DataError("bad-value", f"an integer of {value.bit_length() + 1} bits; 64 is the limit")
        elif kind is float:
            self.size += 8
        elif kind is dict:
            return self.map(value, _below(depth))
        elif kind is list or kind is tuple:
            return self._array(value, _below(depth), in_array)
        else:
            return self._other(value, depth)
        return value

    def _array(self, value: Any, depth: int, in_array: bool) -> list[Any]:
        if in_array:
            raise DataError("bad-value", "an array in an array, which Firestore refuses", fix="Put a map between them.")
        return [self.value(element, depth, True) for element in value]

    def _other(self, value: Any, depth: int) -> Any:
        if isinstance(value, datetime):
            self.size += 8
            return _utc(value)
        if isinstance(value, bytes):
            self.size += len(value)
        elif isinstance(value, Reference):
            check_path(value.path)
            self.size += _name_size(value.path)
        elif isinstance(value, GeoPoint):
            self.size += 16
            if not (-90 <= value.latitude <= 90 and -180 <= value.longitude <= 180):
                raise DataError("bad-value", f"{value} is not on the earth")
        elif isinstance(value, Vector):
            self.size += 8 * len(value.values)
            if len(value.values) > MAX_VECTOR:
                raise DataError("bad-value", f"a vector of {len(value.values)} numbers; the limit is {MAX_VECTOR}")
        elif isinstance(value, Mapping):
            return self.map(value, _below(depth))
        else:
            raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")
        return value


_MAX_KNOWN_NAMES = 4096
_KNOWN_NAMES: dict[str, int] = {}
"""Names of fields that were checked already, and their sizes: documents share them."""


def _reserved(name: str) -> bool:
    return _RESERVED.fullmatch(name) is not None


def _text_size(text: str) -> int:
    if text.isascii():
        return len(text) + 1
    try:
        return len(text.encode()) + 1
    except UnicodeEncodeError as error:
        raise DataError("bad-value", f"a string that is not Unicode text: {text!r:.80}") from error


def _below(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise DataError("too-deep", f"maps and arrays nest deeper than {MAX_DEPTH} levels")
    return depth + 1


def _utc(value: datetime) -> datetime:
    if value.tzinfo is timezone.utc:
        return value
    return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)
