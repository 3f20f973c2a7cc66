"""Path and fields -> EntityProto, byte for byte as Firestore's emulator writes it."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from ..core.errors import DataError
from ..core.keys import check_path
from ..core.values import MAX_INTEGER, MIN_INTEGER, Document, GeoPoint, Reference, Vector, to_micros
from .entity_parts import BLOB, EMPTY_LIST, KEY_PATH, MAP, NONE, POINT, REFERENCE_PATH, VECTOR, WHEN, PathTags
from .names import DATABASE, DEFAULT_DATABASE
from .typed_json import MAX_DEPTH, map_of_vector
from .wire import chunk, varint

_NUMERIC_ID = re.compile(r"__id(-?\d+)__")
_NO_KEY = b"\x6a\x04\x6a\x00\x72\x00"
_NO_GROUP = b"\x82\x01\x00"
_double = struct.Struct("<d").pack

_Value = tuple[int, bytes]
"""A meaning, and the bytes of a value."""


def encode_entity(path: str, fields: Document, database: str = DEFAULT_DATABASE, *, location: str = "dev") -> bytes:
    """The record of a document.

    Args:
        path: Relative to the database's root.
        fields: Values as in `core.values`.
        database: `projects/P/databases/D`; references without a database of their own point into it.
        location: The marker before the project's id; `dev` is the emulator.

    Raises:
        DataError: `bad-value` for a value that Firestore does not have, `too-deep`, `bad-key`.

    Example:
        >>> encode_entity("ids/123", {"a": 1}, "projects/demo-exp/databases/(default)").hex()
        '6a1c6a0c6465767e64656d6f2d657870720c0b120369647322033132330c7a091a016120002a02080182010c0b120369647322033132330c'
    """
    elements = _elements(check_path(path), KEY_PATH)
    app, name = _app(database, location)
    key = chunk(b"\x6a", app) + chunk(b"\x72", b"".join(elements)) + (chunk(b"\xba\x01", name) if name else b"")
    properties = _properties(fields, _Context(database, location), 0)
    return chunk(b"\x6a", key) + properties + chunk(b"\x82\x01", elements[0])


class _Context:
    def __init__(self, database: str, location: str) -> None:
        self.database = database
        self.location = location

    def value(self, value: Any, depth: int) -> _Value:
        if value is None:
            return NONE, b""
        put = _PUT.get(type(value))
        if put is not None:
            return put(value)
        if isinstance(value, Reference):
            return NONE, self.reference(value)
        if isinstance(value, dict):
            return MAP, chunk(b"\x1a", self.map(value, depth + 1))
        if isinstance(value, Vector):
            return MAP, chunk(b"\x1a", self.map(map_of_vector(value), depth + 1))
        if isinstance(value, (list, tuple)):
            raise DataError("bad-value", "an array in an array, which Firestore does not have", fix="Put it in a map.")
        for cls, put in _PUT.items():
            if isinstance(value, cls):
                return put(value)
        raise DataError("bad-value", f"{type(value).__name__} is not a value of Firestore: {value!r:.80}")

    def map(self, fields: Document, depth: int) -> bytes:
        if depth > MAX_DEPTH:
            raise DataError("too-deep", f"maps are nested deeper than {MAX_DEPTH} levels")
        return _NO_KEY + _properties(fields, self, depth) + _NO_GROUP

    def reference(self, value: Reference[Any]) -> bytes:
        app, name = _app(value.database or self.database, self.location)
        path = b"".join(_elements(check_path(value.path), REFERENCE_PATH))
        return b"\x63" + chunk(b"\x6a", app) + path + (chunk(b"\xba\x01", name) if name else b"") + b"\x64"


def _app(database: str, location: str) -> tuple[bytes, bytes]:
    match = DATABASE.fullmatch(database)
    if match is None:
        raise DataError("bad-key", f"{database!r:.200} is not a database", fix="Write projects/P/databases/(default).")
    return f"{location}~{match[1]}".encode(), b"" if match[2] == "(default)" else match[2].encode()


def _elements(path: str, tags: PathTags) -> list[bytes]:
    parts = path.split("/")
    return [_element(kind, name, tags) for kind, name in zip(parts[::2], parts[1::2])]


def _element(kind: str, name: str, tags: PathTags) -> bytes:
    numeric = _NUMERIC_ID.fullmatch(name)
    id_ = tags.id + varint(int(numeric[1])) if numeric else chunk(tags.name, _utf8(name))
    return chunk(tags.begin, _utf8(kind)) + id_ + bytes((tags.end,))


def _properties(fields: Document, context: _Context, depth: int) -> bytes:
    empty, others = bytearray(), bytearray()
    for name, value in fields.items():
        if not isinstance(name, str):
            raise DataError("bad-value", f"a map with a key that is not a string: {name!r:.80}")
        raw = chunk(b"\x1a", _utf8(name))
        if isinstance(value, (list, tuple)) and not value:
            empty += chunk(b"\x72", _property(EMPTY_LIST, raw, 0, b""))
            continue
        many = isinstance(value, (list, tuple)) or (isinstance(value, Vector) and len(value.values) > 0)
        for meaning, content in _contents(value, context, depth):
            others += chunk(b"\x7a", _property(meaning, raw, many, content))
    return bytes(empty + others)


def _contents(value: Any, context: _Context, depth: int) -> Iterator[_Value]:
    if isinstance(value, (list, tuple)):
        for element in value:
            yield context.value(element, depth)
    elif isinstance(value, Vector) and value.values:
        for number in value.values:
            yield VECTOR, b"\x21" + _double(number)
    else:
        yield context.value(value, depth)


def _property(meaning: int, name: bytes, multiple: int, value: bytes) -> bytes:
    head = b"\x08" + varint(meaning) if meaning else b""
    return head + name + (b"\x20\x01" if multiple else b"\x20\x00") + chunk(b"\x2a", value)


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise DataError("bad-value", f"a string that is not Unicode text: {text!r:.80}") from error


def _integer(value: int) -> _Value:
    if not MIN_INTEGER <= value <= MAX_INTEGER:
        raise DataError("bad-value", f"{value!r:.80} does not fit 64 bits")
    return NONE, b"\x08" + varint(value)


_PUT: dict[type, Callable[[Any], _Value]] = {
    bool: lambda v: (NONE, b"\x10\x01" if v else b"\x10\x00"),
    int: _integer,
    float: lambda v: (NONE, b"\x21" + _double(v)),
    str: lambda v: (NONE, chunk(b"\x1a", _utf8(v))),
    bytes: lambda v: (BLOB, chunk(b"\x1a", v)),
    datetime: lambda v: (WHEN, b"\x08" + varint(to_micros(v))),
    GeoPoint: lambda v: (POINT, b"\x2b\x31" + _double(v.latitude) + b"\x39" + _double(v.longitude) + b"\x2c"),
}
