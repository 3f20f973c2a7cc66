"""EntityProto (the records of an export) -> path, database, fields; one pass, by hand.

| field | tag | | value | tag |
|---|---|---|---|---|
| key | 6a | | int64 | 08 |
| property, raw_property | 72, 7a | | bool | 10 |
| entity_group | 82 01 | | bytes or text | 1a |
| meaning, name, multiple, value | 08, 1a, 20, 2a | | double | 21 |
| | | | point | 2b 31 x 39 y 2c |
| | | | reference | 63 ... 64 |

Exporters write the fields of a message in this order and no others; anything else is an error, so nothing is lost
silently. Arrays are properties of one name with `multiple`; maps are nested entities. Source: the Datastore v3
`entity_v3.proto`, and the bytes of exports made by Firestore and by its emulator.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

from ..core.errors import DataError
from ..core.values import Reference, Vector, from_micros
from .entity_key import Key, Keys
from .entity_parts import (
    EMPTY_LIST,
    MAP,
    NONE,
    PLAIN,
    REFERENCE_PATH,
    TAGS,
    TEXT,
    VECTOR,
    WHEN,
    bad_document,
    get_blob,
    get_bytes,
    get_path,
)
from .typed_json import MAX_DEPTH, vector_of_map
from .wire import get_varint

_MAX_NAMES = 20_000
_log = logging.getLogger(__name__)


class Entity(NamedTuple):
    """A document: path, `projects/P/databases/D`, fields."""

    path: str
    database: str
    fields: dict[str, Any]


class EntityDecoder:
    """Decodes the records of one export; keeps the names that it met.

    Args:
        warn: Is told, once per meaning, of values whose meaning is unknown; they are kept as they are.
    """

    def __init__(self, warn: Callable[[str], None] = _log.warning) -> None:
        self._warn = warn
        self._warned: set[int] = set()
        self._names: dict[bytes, str] = {}
        self._keys = Keys()
        self._database = ""
        self._plain = {**PLAIN, 0x63: self._reference}

    def key(self, data: bytes) -> Key:
        """The name of the document alone.

        Raises:
            DataError: `bad-document` when the record does not begin with a key.
        """
        try:
            return self._keys.read(data)
        except _DAMAGE as error:
            raise _damaged(error) from error

    def fields(self, data: bytes, key: Key, wanted: Collection[str] | None = None) -> dict[str, Any]:
        """The fields of a record whose key was read; of the top level only what is wanted.

        Raises:
            DataError: As for `decode`.
        """
        self._database = key.database
        try:
            return self._fields(data, key.end, len(data), 0, wanted)
        except _DAMAGE as error:
            raise _damaged(error) from error

    def decode(self, data: bytes, fields: Collection[str] | None = None) -> Entity:
        """The document of a record.

        Args:
            data: The record.
            fields: The top-level fields that are wanted; the others are skipped. `None`: all.

        Raises:
            DataError: `bad-document` with the byte offset inside the record, `too-deep` beyond 20 nested maps.

        Example:
            >>> from onto_flow.formats.entity_writer import encode_entity
            >>> EntityDecoder().decode(encode_entity("users/u1", {"tags": ["a", 1], "n": None}))[2]
            {'tags': ['a', 1], 'n': None}
        """
        key = self.key(data)
        return Entity(key.path, key.database, self.fields(data, key, fields))

    def _fields(self, data: bytes, at: int, end: int, depth: int, wanted: Collection[str] | None) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        vectors: list[str] = []
        names, plain = self._names, self._plain
        while at < end:
            if (data[at] | 8) != 0x7A:
                at = _other(data, at, end)
                continue
            size = data[at + 1]
            at += 2
            if size > 127:
                size, at = get_varint(data, at - 1)
            stop, meaning = at + size, NONE
            if data[at] == 8:
                meaning, at = get_varint(data, at + 1)
            if data[at] != 0x1A:
                raise bad_document("a property without a name", at)
            size = data[at + 1]
            at += 2
            if size > 127:
                size, at = get_varint(data, at - 1)
            raw = data[at : at + size]
            at += size
            name = names.get(raw) or self._name(raw)
            if wanted is not None and name not in wanted:
                at = stop
                continue
            multiple = data[at + 1]
            if data[at] != 0x20 or data[at + 2] != 0x2A or multiple > 1:
                raise bad_document(f"field {name!r:.80} has an unknown form", at)
            size = data[at + 3]
            at += 4
            if size > 127:
                size, at = get_varint(data, at - 1)
            if at + size != stop:
                raise bad_document(f"field {name!r:.80} is not as long as it says", at)
            if meaning != NONE:
                value = self._meant(meaning, data, at, stop, depth)
            else:
                value = plain[data[at]](data, at, stop) if size else None
            at = stop
            if multiple and meaning == VECTOR:
                _append_to_vector(fields, vectors, name, value, at)
            elif multiple:
                _append(fields, name, value, at)
            elif name in fields:
                raise bad_document(f"field {name!r:.80} occurs twice", at)
            else:
                fields[name] = value
        if at != end:
            raise bad_document("a field that is longer than its message", at)
        return _with_vectors(fields, vectors) if vectors else fields

    def _name(self, raw: bytes) -> str:
        if len(self._names) > _MAX_NAMES:
            self._names.clear()
        name = self._names[raw] = raw.decode()
        return name

    def _meant(self, meaning: int, data: bytes, at: int, stop: int, depth: int) -> Any:
        if at == stop:
            return [] if meaning == EMPTY_LIST else None
        tag = data[at]
        if meaning == MAP and tag == 0x1A:
            return self._map(data, at, stop, depth + 1)
        value: Any = get_blob(data, at, stop) if tag == 0x1A else self._plain[tag](data, at, stop)
        if meaning == TEXT and tag == 0x1A:
            return value.decode()
        expected = TAGS.get(meaning)
        if expected is None:
            return self._unknown(meaning, value)
        if tag != expected:
            raise bad_document(f"a value of meaning {meaning} with tag {tag:02x}", at)
        return from_micros(value) if meaning == WHEN else value

    def _map(self, data: bytes, at: int, stop: int, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise DataError("too-deep", f"maps are nested deeper than {MAX_DEPTH} levels", where=f"byte {at}")
        size, at = get_varint(data, at + 1)
        if at + size != stop:
            raise bad_document("a map that is not as long as it says", at)
        return vector_of_map(self._fields(data, at, stop, depth, None))

    def _unknown(self, meaning: int, value: Any) -> Any:
        if meaning not in self._warned:
            self._warned.add(meaning)
            self._warn(f"values of the unknown meaning {meaning} are kept as they are, e.g. {value!r:.80}")
        if isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeDecodeError:
                return value
        return value

    def _reference(self, data: bytes, at: int, stop: int) -> Reference[Any]:
        if data[at + 1] != 0x6A or data[stop - 1] != 0x64:
            raise bad_document("a reference of an unknown form", at)
        app, at = get_bytes(data, at + 2, stop)
        path, at = get_path(data, at, stop - 1, REFERENCE_PATH)
        database = self._keys.database(app, data, at, stop - 1)[0]
        return Reference(path, None if database == self._database else database)


def _append(fields: dict[str, Any], name: str, value: Any, at: int) -> None:
    array = fields.get(name)
    if type(array) is list:
        array.append(value)
    elif name in fields:
        raise bad_document(f"field {name!r:.80} is an array and something else", at)
    else:
        fields[name] = [value]


class _Doubles(list[Any]):
    """The values of a vector that is being read."""


def _append_to_vector(fields: dict[str, Any], vectors: list[str], name: str, value: Any, at: int) -> None:
    array = fields.get(name)
    if name not in fields:
        fields[name] = _Doubles([value])
        vectors.append(name)
    elif type(array) is _Doubles:
        array.append(value)
    else:
        raise bad_document(f"field {name!r:.80} is a vector and something else", at)


def _with_vectors(fields: dict[str, Any], vectors: list[str]) -> dict[str, Any]:
    for name in vectors:
        values = fields[name]
        if not all(type(v) is float for v in values):
            raise bad_document(f"field {name!r:.80} is a vector and something else", 0)
        fields[name] = Vector(tuple(values))
    return fields


def _other(data: bytes, at: int, end: int) -> int:
    """Skips the key and the entity group of a nested entity, which say nothing."""
    if data[at] == 0x6A:
        return get_bytes(data, at + 1, end)[1]
    if data[at] == 0x82 and data[at + 1] == 1:
        return get_bytes(data, at + 2, end)[1]
    raise bad_document(f"a field with the unknown tag {data[at]:02x}", at)


_DAMAGE = (IndexError, KeyError, UnicodeDecodeError, struct.error, OverflowError)


def _damaged(error: Exception) -> DataError:
    reasons: dict[type, str] = {IndexError: "it ends inside a field", KeyError: "a value has an unknown tag"}
    what = reasons.get(type(error), str(error))
    return DataError("bad-document", f"The record cannot be decoded: {what}")
