"""Rows as messages of the Storage Write API, and as lines of a file that is loaded.

A row of change data capture says what it does and its place in order: BigQuery keeps the row of the highest sequence number
per primary key, whatever the order in which rows arrive. Ours is the version of the view document: three hexadecimal
numbers.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from ...core.change import ViewVersion
from ...core.values import to_micros
from ...formats.times import format_time
from .columns import PATH, Column

CHANGE_TYPE, SEQUENCE = "_CHANGE_TYPE", "_CHANGE_SEQUENCE_NUMBER"
UPSERT, DELETE = "UPSERT", "DELETE"
_Field = descriptor_pb2.FieldDescriptorProto
_TYPES = {
    "BOOL": _Field.TYPE_BOOL,
    "INT64": _Field.TYPE_INT64,
    "FLOAT64": _Field.TYPE_DOUBLE,
    "BYTES": _Field.TYPE_BYTES,
    "TIMESTAMP": _Field.TYPE_INT64,
    "RECORD": _Field.TYPE_MESSAGE,
}


def sequence_of(version: ViewVersion) -> str:
    """The sequence number of a version; BigQuery compares its parts as numbers.

    Example:
        >>> sequence_of((1_764_158_400_000_000, 0, 26))
        '6447E22C27000/0/1A'
    """
    return "/".join(f"{part:X}" for part in version)


class Rows:
    """Makes the messages of one table.

    Attributes:
        descriptor: What tells BigQuery how to read them.
    """

    def __init__(self, columns: tuple[Column, ...]) -> None:
        said = (Column(CHANGE_TYPE, "STRING", str), Column(SEQUENCE, "STRING", str))
        self._columns = columns
        self.descriptor = descriptor_pb2.DescriptorProto(name="Row")
        _describe(self.descriptor, (*columns, *said))
        file = descriptor_pb2.FileDescriptorProto(name="row.proto", syntax="proto2")
        file.message_type.add().CopyFrom(self.descriptor)
        pool = descriptor_pool.DescriptorPool()
        pool.Add(file)
        self._message = message_factory.GetMessageClass(pool.FindMessageTypeByName("Row"))

    def change(self, path: str, version: ViewVersion, row: dict[str, Any] | None) -> bytes:
        """The message of a change; `None`: the row goes."""
        message: Any = self._message()
        _fill(message, self._columns, {PATH: path, **(row or {})})
        setattr(message, CHANGE_TYPE, DELETE if row is None else UPSERT)
        setattr(message, SEQUENCE, sequence_of(version))
        data: bytes = message.SerializeToString()
        return data


def line(path: str, row: dict[str, Any], columns: Iterable[Column]) -> bytes:
    """A row as a line of a file that is loaded."""
    return json.dumps(_plain({PATH: path, **row}, columns), separators=(",", ":")).encode() + b"\n"


def _describe(message: Any, columns: Iterable[Column]) -> None:
    for number, column in enumerate(columns, 1):
        field = message.field.add(name=column.name, number=number)
        field.label = _Field.LABEL_REPEATED if column.repeated else _Field.LABEL_OPTIONAL
        field.type = _TYPES.get(column.kind, _Field.TYPE_STRING)
        if column.fields:
            inner = message.nested_type.add(name=f"Record{number}")
            field.type_name = inner.name
            _describe(inner, column.fields)


def _fill(message: Any, columns: Iterable[Column], row: dict[str, Any]) -> None:
    for column in columns:
        value = row.get(column.name)
        if value is None:
            continue
        if column.fields:
            for element in value if column.repeated else (value,):
                inner = getattr(message, column.name)
                target = inner.add() if column.repeated else inner
                target.SetInParent()
                _fill(target, column.fields, element)
        elif column.repeated:
            getattr(message, column.name).extend(map(_told, value))
        else:
            setattr(message, column.name, _told(value))


def _told(value: Any) -> Any:
    return to_micros(value) if isinstance(value, datetime) else value


def _plain(row: dict[str, Any], columns: Iterable[Column]) -> dict[str, Any]:
    found = {}
    for column in columns:
        value = row.get(column.name)
        if value is None:
            continue
        if column.kind == "JSON":
            found[column.name] = json.loads(value)
        elif column.fields:
            each = [_plain(element, column.fields) for element in (value if column.repeated else [value])]
            found[column.name] = each if column.repeated else each[0]
        else:
            found[column.name] = [_text(v) for v in value] if column.repeated else _text(value)
    return found


def _text(value: Any) -> Any:
    if isinstance(value, datetime):
        return format_time(value)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else f"{'-' if value < 0 else ''}Infinity"
    return value
