"""The peer of the export reader: what a careful team writes with protobuf's upb messages; documents are dictionaries.

Framing and CRC-32C are by hand with google-crc32c; the six messages of the Datastore v3 `entity_v3.proto` come from a
descriptor pool. Law: paths and fields are exactly those of `EntityDecoder`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google_crc32c import value as crc32c

from onto_flow.core.values import GeoPoint, Reference, Vector, from_micros

_F = descriptor_pb2.FieldDescriptorProto
_BLOCK, _HEADER = 32768, 7
_INT, _BOOL, _BYTES, _DOUBLE, _STRING = _F.TYPE_INT64, _F.TYPE_BOOL, _F.TYPE_BYTES, _F.TYPE_DOUBLE, _F.TYPE_STRING
_GROUP, _MESSAGE = _F.TYPE_GROUP, _F.TYPE_MESSAGE
_MESSAGES: dict[str, dict[str, tuple[Any, ...]]] = {
    "Element": {"type": (2, _STRING), "id": (3, _INT), "name": (4, _STRING)},
    "Path": {"element": (1, _GROUP, "Element", True)},
    "Key": {"app": (13, _STRING), "path": (14, _MESSAGE, "Path"), "database": (23, _STRING)},
    "Point": {"x": (6, _DOUBLE), "y": (7, _DOUBLE)},
    "PathElement": {"type": (15, _STRING), "id": (16, _INT), "name": (17, _STRING)},
    "Target": {"app": (13, _STRING), "element": (14, _GROUP, "PathElement", True), "database": (23, _STRING)},
    "Value": {
        "integer": (1, _INT),
        "boolean": (2, _BOOL),
        "bytes": (3, _BYTES),
        "double": (4, _DOUBLE),
        "point": (5, _GROUP, "Point"),
        "reference": (12, _GROUP, "Target"),
    },
    "Property": {
        "meaning": (1, _F.TYPE_INT32),
        "name": (3, _STRING),
        "multiple": (4, _BOOL),
        "value": (5, _MESSAGE, "Value"),
    },
    "Entity": {
        "key": (13, _MESSAGE, "Key"),
        "property": (14, _MESSAGE, "Property", True),
        "raw_property": (15, _MESSAGE, "Property", True),
    },
}


def _entity_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="entity_v3_peer.proto", package="peer", syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "Value":
            message.oneof_decl.add(name="kind")
        for field, (number, type_, *of) in fields.items():
            label = _F.LABEL_REPEATED if len(of) > 1 else _F.LABEL_OPTIONAL
            added = message.field.add(name=field, number=number, type=type_, label=label)
            if of:
                added.type_name = f".peer.{of[0]}"
            if name == "Value":
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("peer.Entity"))


_ENTITY = _entity_class()
parse = _ENTITY.FromString


def records(data: bytes, *, verify: bool = True) -> Iterator[bytes]:
    """The records of a file."""
    at, total, parts, unpack = 0, len(data), [], struct.Struct("<IHB").unpack_from
    while at < total:
        room = min(_BLOCK - at % _BLOCK, total - at)
        if room < _HEADER:
            at += room
            continue
        crc, length, kind = unpack(data, at)
        if kind == 0 and length == 0:
            at += room
            continue
        begin, behind = at + _HEADER, at + _HEADER + length
        if verify:
            found = crc32c(data[at + 6 : behind])
            if ((found >> 15 | found << 17) + 0xA282EAD8) & 0xFFFFFFFF != crc:
                raise ValueError(f"byte {at}: the checksum does not fit the data")
        at = behind
        if kind == 1:
            yield data[begin:behind]
            continue
        parts.append(data[begin:behind])
        if kind == 4:
            yield b"".join(parts)
            parts.clear()


def documents(file: Path, *, verify: bool = True) -> Iterator[tuple[str, dict[str, Any]]]:
    """Paths and fields of the documents of a file."""
    for record in records(file.read_bytes(), verify=verify):
        entity = parse(record)
        key = entity.key
        yield path_of(key.path.element), _fields(entity, database_of(key))


def path_of(elements: Any) -> str:
    return "/".join([f"{e.type}/{e.name or f'__id{e.id}__'}" for e in elements])


def database_of(key: Any) -> tuple[str, str]:
    return key.app.partition("~")[2] or key.app, key.database or "(default)"


def _fields(entity: Any, database: tuple[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    vectors: list[str] = []
    for properties in (entity.property, entity.raw_property):
        for one in properties:
            value, meaning = one.value, one.meaning
            kind = value.WhichOneof("kind")
            if kind is None:
                found: Any = [] if meaning == 24 else None
            elif kind == "bytes":
                found = value.bytes
                if meaning == 19:
                    found = _map(_fields(parse(found), database))
                elif meaning not in (14, 16):
                    found = found.decode()
            elif kind == "integer":
                found = from_micros(value.integer) if meaning == 7 else value.integer
            elif kind == "double":
                found = value.double
            elif kind == "boolean":
                found = value.boolean
            elif kind == "point":
                found = GeoPoint(value.point.x, value.point.y)
            else:
                target = value.reference
                of = database_of(target)
                other = None if of == database else f"projects/{of[0]}/databases/{of[1]}"
                found = Reference(path_of(target.element), other)
            if not one.multiple:
                fields[one.name] = found
            elif one.name in fields:
                fields[one.name].append(found)
            else:
                fields[one.name] = [found]
                if meaning == 31:
                    vectors.append(one.name)
    for name in vectors:
        fields[name] = Vector(tuple(fields[name]))
    return fields


def _map(fields: dict[str, Any]) -> Any:
    if len(fields) == 2 and fields.get("__type__") == "__vector__":
        values = fields.get("value")
        if isinstance(values, list) and all(type(v) is float for v in values):
            return Vector(tuple(values))
    return fields
