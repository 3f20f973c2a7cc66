"""The peer of `onto-flow cat`: what a careful team writes with protobuf's upb messages and orjson.

.venv/bin/python benchmarks/cat_peer.py FILE... > documents.jsonl

Law: the lines are those of `onto-flow cat`, but for white space and the order of fields. Messages become typed JSON
directly, without values in between; checksums are compared.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from datetime import datetime, timedelta
from math import isfinite, isnan
from pathlib import Path
from typing import Any

import orjson
import upb_peer

_EPOCH = datetime(1970, 1, 1)
_parse, _path, _database = upb_peer.parse, upb_peer.path_of, upb_peer.database_of


def line_of(record: bytes) -> bytes:
    """The line of a document."""
    entity = _parse(record)
    key = entity.key
    document = {"path": _path(key.path.element), "fields": _fields(entity, _database(key))}
    return orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)


def _fields(entity: Any, database: tuple[str, str]) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for properties in (entity.property, entity.raw_property):
        for one in properties:
            found = _value(one, database)
            if not one.multiple:
                fields[one.name] = found
                continue
            values = fields.get(one.name)
            if values is None:
                array = {"arrayValue": {"values": [found]}}
                fields[one.name] = array if one.meaning != 31 else _vector(array)
            else:
                if "mapValue" in values:
                    values = values["mapValue"]["fields"]["value"]
                values["arrayValue"]["values"].append(found)
    return fields


def _vector(array: dict[str, Any]) -> dict[str, Any]:
    return {"mapValue": {"fields": {"__type__": {"stringValue": "__vector__"}, "value": array}}}


def _value(one: Any, database: tuple[str, str]) -> dict[str, Any]:
    value, meaning = one.value, one.meaning
    kind = value.WhichOneof("kind")
    if kind == "bytes":
        content = value.bytes
        if meaning == 19:
            fields = _fields(_parse(content), database)
            return {"mapValue": {"fields": fields} if fields else {}}
        if meaning in (14, 16):
            return {"bytesValue": b64encode(content).decode()}
        return {"stringValue": content.decode()}
    if kind == "integer":
        return {"timestampValue": _time(value.integer)} if meaning == 7 else {"integerValue": str(value.integer)}
    if kind is None:
        return {"arrayValue": {}} if meaning == 24 else {"nullValue": None}
    if kind == "double":
        return {"doubleValue": _double(value.double)}
    if kind == "boolean":
        return {"booleanValue": value.boolean}
    if kind == "point":
        return {"geoPointValue": {"latitude": _double(value.point.x), "longitude": _double(value.point.y)}}
    target = value.reference
    of, path = _database(target), _path(target.element)
    return {"referenceValue": path if of == database else f"projects/{of[0]}/databases/{of[1]}/documents/{path}"}


def _time(micros: int) -> str:
    time = _EPOCH + timedelta(microseconds=micros)
    unit = "seconds" if not time.microsecond else "microseconds" if time.microsecond % 1000 else "milliseconds"
    return time.isoformat(timespec=unit) + "Z"


def _double(number: float) -> float | str:
    if isfinite(number):
        return number
    return "NaN" if isnan(number) else "Infinity" if number > 0 else "-Infinity"


def main(files: list[str]) -> None:
    """Prints the documents of files."""
    out = sys.stdout.buffer
    for file in files:
        out.writelines(map(line_of, upb_peer.records(Path(file).read_bytes())))


if __name__ == "__main__":
    main(sys.argv[1:])
