"""Histories as the lines of a feed, in each format that feeds come in: for tests, jobs and benchmarks.

The microseconds of a history become milliseconds, so that kinds which order by those keep the order.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, NamedTuple

from ..core.change import NEVER, Change
from ..core.values import Document, GeoPoint, Reference, Vector, from_micros, to_micros
from ..formats.cloudevents_writer import binary_line, encode_change
from ..formats.names import DEFAULT_DATABASE, full_name
from ..formats.times import format_time
from ..formats.typed_json import encode_fields
from .histories import History

BASE = 1_700_000_000_000_000
"""When histories begin, in microseconds."""

MAPPING = {
    "path": "{path}",
    "op": "kind",
    "before": "old",
    "after": "new",
    "version": "at",
    "version_unit": "ms",
    "values": "admin",
    "id": "eventId",
}
"""The mapping that reads the lines of the kind `mapping`."""


class Happened(NamedTuple):
    """A commit with what it replaced.

    Attributes:
        number: Its place in the history.
        path: The document.
        before, after: Its fields; `None` where it does not exist.
        time: When, in microseconds.
        replaced: When `before` was written.
    """

    number: int
    path: str
    before: Document | None
    after: Document | None
    time: int
    replaced: int | None


def moment(micros: int) -> int:
    """A time of a history as feeds tell it."""
    return BASE + micros * 1000


def happened(history: History) -> Iterator[Happened]:
    """The commits of a history, in order."""
    documents: dict[str, tuple[Document, int]] = {}
    for number, (path, fields, time) in enumerate(history.commits):
        before, replaced = documents.pop(path, (None, None))
        if fields is not None:
            documents[path] = fields, moment(time)
        yield Happened(number, path, before, fields, moment(time), replaced)


def lines(history: History, kind: str) -> list[bytes]:
    """The events of a history, a line each, in the order of its commits; the deletion of what does not exist is empty.

    Args:
        history: What happened.
        kind: One of `KINDS`.
    """
    return [b"" if h.before is None and h.after is None else _dumps(KINDS[kind](h)) for h in happened(history)]


def first_copy(history: History, kind: str, time: int) -> list[bytes]:
    """The documents of a history's export as rows of a first copy, which only `changelog` and `debezium` feeds have.

    Args:
        history: Its first commits are copied.
        kind: One of `KINDS`.
        time: What the rows are stamped with, in microseconds of the history: any.
    """
    copies = [Happened(-1, path, None, fields, moment(time), None) for path, fields in history.documents.items()]
    return [_dumps(_COPIES[kind.partition("-")[0]](copy)) for copy in copies]


def _dumps(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode()


def _change(event: Happened) -> Change:
    version = (event.replaced or 0, 1) if event.after is None else (event.time, 0)
    previous = NEVER if event.replaced is None else (event.replaced, 0)
    return Change(event.path, event.before, event.after, version, from_micros(event.time), previous)


def _word(event: Happened) -> str:
    return "delete" if event.after is None else "create" if event.before is None else "update"


def _background(event: Happened) -> dict[str, Any]:
    """The side before has the time of the side after, as in Google's own sample."""

    def side(fields: Document | None, time: int | None) -> dict[str, Any]:
        if fields is None:
            return {}
        stamp = format_time(from_micros(time or 0))
        typed = encode_fields(fields, DEFAULT_DATABASE)
        return {"name": name, "fields": typed, "createTime": stamp, "updateTime": stamp}

    name = full_name(event.path, DEFAULT_DATABASE)
    before = event.replaced if event.after is None else event.time
    return {
        "context": {
            "eventId": f"e{event.number}",
            "eventType": "providers/cloud.firestore/eventTypes/document.write",
            "resource": {"service": "firestore.googleapis.com", "name": name},
            "timestamp": format_time(from_micros(event.time)),
        },
        "data": {"value": side(event.after, event.time), "oldValue": side(event.before, before)},
    }


def _row(event: Happened) -> dict[str, Any]:
    return {
        "timestamp": from_micros(event.time).strftime("%Y-%m-%d %H:%M:%S.%f UTC"),
        "event_id": f"e{event.number}",
        "document_name": full_name(event.path, DEFAULT_DATABASE),
        "document_id": event.path.rpartition("/")[2],
        "operation": _word(event).upper(),
        "data": None if event.after is None else json.dumps(admin_json(event.after)),
        "old_data": None if event.before is None else json.dumps(admin_json(event.before)),
    }


def _envelope(event: Happened, source: dict[str, Any]) -> dict[str, Any]:
    collection, _, name = event.path.rpartition("/")
    operation = {"create": "c", "update": "u", "delete": "d"}[_word(event)]
    before, after = admin_json(event.before), admin_json(event.after)
    value = {"before": before, "after": after, "op": operation, "source": {"table": collection} | source}
    return {"topic": "t", "partition": 0, "offset": event.number, "key": {"id": name}, "value": value}


def _message(event: Happened) -> dict[str, Any]:
    return {
        "path": event.path,
        "kind": _word(event),
        "old": admin_json(event.before),
        "new": admin_json(event.after),
        "at": event.time // 1000,
        "eventId": f"e{event.number}",
    }


KINDS: dict[str, Callable[[Happened], dict[str, Any]]] = {
    "cloudevents": lambda event: encode_change(_change(event)),
    "cloudevents-binary": lambda event: binary_line(_change(event)),
    "background": _background,
    "changelog": _row,
    "debezium-lsn": lambda event: _envelope(event, {"lsn": 1000 + event.number, "ts_ms": event.time // 10**6 * 1000}),
    "debezium-ord": lambda event: _envelope(event, {"ts_ms": event.time // 10**6 * 1000, "ord": event.number}),
    "debezium-ts_us": lambda event: _envelope(event, {"ts_us": event.time, "ts_ms": event.time // 1000}),
    "debezium-ts_ms": lambda event: _envelope(event, {"ts_ms": event.time // 1000}),
    "mapping": _message,
}
"""Each kind of feed: the event of a commit, as JSON."""

_COPIES: dict[str, Callable[[Happened], dict[str, Any]]] = {
    "changelog": lambda copy: _row(copy) | {"operation": "IMPORT", "event_id": ""},
    "debezium": lambda copy: _read_row(_envelope(copy, {"ts_ms": copy.time // 1000, "snapshot": "true"})),
}


def _read_row(record: dict[str, Any]) -> dict[str, Any]:
    return record | {"value": record["value"] | {"op": "r"}}


def admin_json(value: Any) -> Any:
    """A value as `JSON.stringify` writes what the Admin SDK gave; references become their paths, and bytes go."""
    if isinstance(value, dict):
        return {k: admin_json(v) for k, v in value.items() if not isinstance(v, bytes)}
    if isinstance(value, (list, tuple)):
        return [admin_json(v) for v in value]
    if isinstance(value, datetime):
        seconds, rest = divmod(to_micros(value), 1_000_000)
        return {"_seconds": seconds, "_nanoseconds": rest * 1000}
    if isinstance(value, GeoPoint):
        return {"_latitude": value.latitude, "_longitude": value.longitude}
    if isinstance(value, Vector):
        return {"_values": list(value.values)}
    return value.path if isinstance(value, Reference) else value
