"""Documents -> the protobuf of change events (`google.events.cloud.firestore.v1`): what `event_body` reads."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import datetime
from typing import Any

from ..core.errors import DataError
from ..core.values import MAX_INTEGER, MIN_INTEGER, Document, GeoPoint, Reference, Vector, to_micros
from .names import full_name
from .typed_json import MAX_DEPTH, map_of_vector
from .wire import chunk, varint


def write_document(name: str, fields: Document | None, updated: int | None, database: str) -> bytes:
    """The message of a document.

    Args:
        name: Its full name.
        fields: Its fields; `None`: a side that only says which version it was. An empty document has a creation time.
        updated: Its update time in microseconds.
        database: What references without a database of their own point into.

    Raises:
        DataError: `bad-value`, `too-deep`.
    """
    out = chunk(b"\x0a", name.encode())
    out += b"".join(chunk(b"\x12", entry) for entry in _entries(fields or {}, database, 0))
    if fields is not None:
        out += chunk(b"\x1a", _time(updated or 0))
    return out if updated is None else out + chunk(b"\x22", _time(updated))


def _entries(fields: Document, database: str, depth: int) -> list[bytes]:
    return [chunk(b"\x0a", k.encode()) + chunk(b"\x12", _value(v, database, depth)) for k, v in fields.items()]


def _value(value: Any, database: str, depth: int) -> bytes:
    if isinstance(value, Vector):
        value = map_of_vector(value)
    if isinstance(value, dict):
        if depth >= MAX_DEPTH:
            raise DataError("too-deep", f"maps are nested deeper than {MAX_DEPTH} levels")
        return chunk(b"\x32", b"".join(chunk(b"\x0a", entry) for entry in _entries(value, database, depth + 1)))
    if isinstance(value, (list, tuple)):
        if any(isinstance(element, (list, tuple)) for element in value):
            raise DataError("bad-value", "an array in an array, which Firestore does not have")
        return chunk(b"\x4a", b"".join(chunk(b"\x0a", _value(element, database, depth)) for element in value))
    if isinstance(value, Reference):
        return chunk(b"\x2a", full_name(value.path, value.database or database).encode())
    put = _SCALARS.get(type(value))
    if put is None:
        raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")
    return put(value)


def _time(micros: int) -> bytes:
    seconds, rest = divmod(micros, 1_000_000)
    return (b"\x08" + varint(seconds) if seconds else b"") + (b"\x10" + varint(rest * 1000) if rest else b"")


def _integer(value: int) -> bytes:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise DataError("bad-value", f"{value!r:.80} does not fit 64 bits")
    return b"\x10" + varint(value)


def _point(value: GeoPoint) -> bytes:
    return chunk(b"\x42", struct.pack("<cdcd", b"\x09", value.latitude, b"\x11", value.longitude))


_SCALARS: dict[type, Callable[[Any], bytes]] = {
    type(None): lambda value: b"\x58\x00",
    bool: lambda value: b"\x08\x01" if value else b"\x08\x00",
    int: _integer,
    float: lambda value: struct.pack("<cd", b"\x19", value),
    str: lambda value: chunk(b"\x8a\x01", value.encode()),
    bytes: lambda value: chunk(b"\x92\x01", value),
    datetime: lambda value: chunk(b"\x52", _time(to_micros(value))),
    GeoPoint: _point,
}
