"""The protobuf body of a change event (`DocumentEventData`) -> its two sides; one pass, by hand.

| message | field: tag |
|---|---|
| DocumentEventData | value 0a, old_value 12, update_mask 1a |
| Document | name 0a, fields 12, create_time 1a, update_time 22 |
| map entry | key 0a, value 12 |
| Value | boolean 08, integer 10, double 19, reference 2a, map 32, geo point 42, array 4a, timestamp 52, null 58 |
| | string 8a 01, bytes 92 01 |

Fields of an event or a document that are unknown are passed over, as protobuf has it; inside a value everything that is
not known is an error, so that no value is lost silently. Source: googleapis/google-cloudevents,
`google.events.cloud.firestore.v1`, and the protobuf encoding guide.
"""

from __future__ import annotations

import struct
from typing import Any

from ..core.errors import DataError
from ..core.values import Reference
from .event_sides import Side
from .event_values import SCALARS, begin, content_of, micros_of, part, refuse, take_field, text
from .names import split_reference
from .native import extension
from .native.fields import makers
from .typed_json import MAX_DEPTH, vector_of_map
from .wire import get_varint

_TINY = 40
_MAX_KEPT = 4_000


class BodyDecoder:
    """Decodes bodies; keeps small values of equal bytes, which the two sides and most events of a feed share."""

    def __init__(self) -> None:
        self._database: str | None = None
        self._tiny: dict[bytes, tuple[str, Any]] = {}
        self._names: dict[bytes, str] = {}
        self._event: dict[bytes, tuple[str, Any]] = {}
        self._document, self._path = b"", ""
        self._hint: str | None = None
        self._here: str | None = None

    def sides(self, data: bytes, database: str | None = None) -> tuple[Side | None, Side | None]:
        """The document after and the document before; `None` for a side that is absent or an empty message.

        Args:
            data: The body.
            database: Where the documents lie, for events that do not say it: references into it become relative paths.

        Raises:
            DataError: `bad-value` with the byte offset, `too-deep`.
        """
        self._event = {}
        spans: dict[int, tuple[int, int]] = {}
        at = 0
        try:
            while at < len(data):
                at = take_field(data, at, len(data), (1, 2), spans)
            value, old = spans.get(1), spans.get(2)
            return value and self._side(data, *value, database), old and self._side(data, *old, database)
        except _DAMAGE as error:
            raise _damaged(error) from error

    def _side(self, data: bytes, at: int, end: int, database: str | None) -> Side | None:
        if at == end:
            return None
        single: dict[int, tuple[int, int]] = {}
        if data[at] == 0x0A:
            at = take_field(data, at, end, (1,), single)
            name = data[slice(*single[1])]
        else:
            name = _name(data, at, end)
        if name != self._document or database != self._hint:
            named, self._path = split_reference(name.decode()) if name else (None, "")
            self._document, self._hint, self._here = name, database, named or database
        self._use(self._here)
        fields: dict[str, Any] = {}
        while at < end:
            at = self._entries(data, at, end, fields)
            if at < end:
                at = take_field(data, at, end, (1, 3, 4), single)
        return Side(
            self._path, fields, bool(fields) or 3 in single, micros_of(data, *single[4]) if 4 in single else None
        )

    def _entries(self, data: bytes, at: int, end: int, fields: dict[str, Any]) -> int:
        """Takes the entries of a document's fields; in C where that was built and they are as they are wont to be."""
        native = extension()
        if native is not None and not fields:
            found = native.event_fields(data, at, end, makers(self._database))
            if found is not None:
                fields.update(found[0])
                return int(found[1])
        return self._fields(data, at, end, 0x12, 0, fields)

    def _use(self, database: str | None) -> None:
        if database != self._database or len(self._tiny) > _MAX_KEPT or len(self._names) > _MAX_KEPT:
            self._database = database
            self._tiny.clear()
            self._names.clear()
            self._event.clear()

    def _fields(self, data: bytes, at: int, end: int, tag: int, depth: int, fields: dict[str, Any]) -> int:
        """Takes entries of a map while there are any; returns where they end."""
        names, scalars = self._names, SCALARS
        while at < end and data[at] == tag:
            size = data[at + 1]
            at += 2
            if size > 127:
                size, at = get_varint(data, at - 1)
            stop = at + size
            kept = self._tiny if size <= _TINY else None if depth else self._event
            raw = b""
            if kept is not None:
                raw = data[at:stop]
                found = kept.get(raw)
                if found is not None:
                    name, value = found
                    if name in fields:
                        refuse(f"two fields of the name {name!r:.80}", at)
                    fields[name] = value
                    at = stop
                    continue
            size = data[at + 1]
            start = at + 2
            if size > 127:
                size, start = get_varint(data, at + 1)
            colon = start + size
            size = data[colon + 1]
            content = colon + 2
            if size > 127:
                size, content = get_varint(data, colon + 1)
            if content + size != stop or data[at] != 0x0A or data[colon] != 0x12 or stop > end:
                if stop > end:
                    refuse("a field that is longer than its message", at)
                name, value = self._odd_entry(data[at:stop], depth)
            else:
                key = data[start:colon]
                name = names.get(key) or self._new_name(key)
                kind = data[content]
                if kind == 0x8A:
                    value = text(data, content, stop)
                elif kind in scalars:
                    value = scalars[kind](data, content, stop)
                else:
                    value = self._value(data, content, stop, depth)
                    if depth:
                        kept = None
                if kept is not None:
                    kept[raw] = name, value
            if name in fields:
                refuse(f"two fields of the name {name!r:.80}", at)
            fields[name] = value
            at = stop
        return at

    def _new_name(self, key: bytes) -> str:
        name = self._names[key] = key.decode()
        return name

    def _odd_entry(self, raw: bytes, depth: int) -> tuple[str, Any]:
        """An entry in another order, or without a key, which stands for an empty one."""
        found: dict[int, tuple[int, int]] = {}
        at, end = 0, len(raw)
        while at < end:
            at = take_field(raw, at, end, (1, 2), found, strict=True)
        if 2 not in found:
            refuse("a field without a value", at)
        return part(raw, found.get(1)).decode(), self._value(raw, *found[2], depth)

    def _value(self, data: bytes, at: int, end: int, depth: int) -> Any:
        if at == end:
            refuse("a value without a type", at)
        tag = data[at]
        if tag == 0x8A:
            return text(data, at, end)
        if tag == 0x32:
            return self._map(data, at, end, depth)
        if tag == 0x4A:
            return self._array(data, at, end, depth)
        if tag == 0x2A:
            return self._reference(data, at, end)
        get = SCALARS.get(tag)
        if get is None:
            refuse(f"a value of the unknown tag {tag:02x}", at)
        return get(data, at, end)

    def _map(self, data: bytes, at: int, end: int, depth: int) -> Any:
        if depth >= MAX_DEPTH:
            raise DataError("too-deep", f"maps are nested deeper than {MAX_DEPTH} levels", where=f"byte {at}")
        fields: dict[str, Any] = {}
        at = self._fields(data, begin(data, at, end), end, 0x0A, depth + 1, fields)
        if at != end:
            refuse(f"a map with the unknown tag {data[at]:02x}", at)
        return vector_of_map(fields) if "__type__" in fields else fields

    def _array(self, data: bytes, at: int, end: int, depth: int) -> list[Any]:
        at = begin(data, at, end)
        value, values = self._value, []
        while at < end:
            if data[at] != 0x0A:
                refuse(f"an array with the unknown tag {data[at]:02x}", at)
            size = data[at + 1]
            at += 2
            if size > 127:
                size, at = get_varint(data, at - 1)
            stop = at + size
            if stop > end:
                refuse("an element that is longer than its array", at)
            if data[at] == 0x4A:
                refuse("an array in an array, which Firestore does not have", at)
            values.append(value(data, at, stop, depth))
            at = stop
        return values

    def _reference(self, data: bytes, at: int, end: int) -> Reference[Any]:
        named, path = split_reference(content_of(data, at + 1, end).decode())
        return Reference(path, None if named == self._database else named)


def _name(data: bytes, at: int, end: int) -> bytes:
    """The name of a document that does not begin with it."""
    found: dict[int, tuple[int, int]] = {}
    while at < end:
        at = take_field(data, at, end, (1,), found)
    return part(data, found.get(1))


_DAMAGE = (IndexError, UnicodeDecodeError, struct.error)


def _damaged(error: Exception) -> DataError:
    what = "the body ends inside a field" if isinstance(error, (IndexError, struct.error)) else str(error)
    return DataError("bad-value", what)
