"""Changes -> CloudEvents of Firestore, in structured mode with JSON; and in binary mode with protobuf.

Law: `decode` gives the change back.

A document that was read at a time, and does not say when it was written, is an event with the extension attribute
`readtime`; its document has no update time.
"""

from __future__ import annotations

import base64
from typing import Any

from ..core.change import AS_READ, NEVER, Change
from ..core.values import Document, from_micros
from .event_body_writer import write_document
from .event_sides import refuse
from .names import DEFAULT_DATABASE, full_name
from .times import format_time
from .typed_json import encode_fields
from .wire import chunk

READ_TIME = "readtime"
"""The attribute of an event that says when its document was read."""

PREFIX = "google.cloud.firestore.document.v1."
"""Of the types of events."""


def encode_change(change: Change, *, database: str = DEFAULT_DATABASE, event_id: str | None = None) -> dict[str, Any]:
    """The CloudEvent of a change, in structured form; `decode` gives the change back.

    Args:
        change: Its version is (time, 0) for an upsert, (time, `AS_READ`) for a reading, (time, 1) for a deletion.
        database: `projects/P/databases/D`, where the document lies.
        event_id: By default made of version and path, so that sending twice is one event.

    Raises:
        DataError: `bad-change` for a version that no event has.
    """
    name = full_name(change.path, database)
    value, old = [
        {} if side is None else _document(name, side[0], database, side[1])
        for side in (_after(change), _before(change))
    ]
    attributes = _attributes(change, database, event_id)
    return attributes | {"datacontenttype": "application/json", "data": {"value": value, "oldValue": old}}


def encode_binary(
    change: Change, *, database: str = DEFAULT_DATABASE, event_id: str | None = None
) -> tuple[bytes, dict[str, str]]:
    """The CloudEvent of a change in binary mode: its body in protobuf, and its attributes.

    Args:
        change, database, event_id: As for `encode_change`.
    """
    name = full_name(change.path, database)
    body = b""
    for tag, side in ((b"\x0a", _after(change)), (b"\x12", _before(change))):
        if side is not None:
            body += chunk(tag, write_document(name, side[0], side[1], database))
    attributes = {f"ce-{k}": v for k, v in _attributes(change, database, event_id).items()}
    return body, attributes | {"content-type": "application/protobuf"}


def binary_line(change: Change, *, database: str = DEFAULT_DATABASE) -> dict[str, Any]:
    """A CloudEvent in binary mode as a line of a file: `{"attributes": ..., "data_base64": ...}`."""
    body, attributes = encode_binary(change, database=database)
    return {"attributes": attributes, "data_base64": base64.b64encode(body).decode()}


def _attributes(change: Change, database: str, event_id: str | None) -> dict[str, Any]:
    micros, tie = change.version
    is_reading = tie == AS_READ and change.after is not None
    if tie != (change.after is None) and not is_reading:
        refuse(f"the version {change.version} is that of no event", change.path)
    parts = database.split("/")
    event = {
        "specversion": "1.0",
        "id": event_id or f"{micros}-{tie}-{change.path}",
        "source": f"//firestore.googleapis.com/{database}",
        "type": f"{PREFIX}written",
        "subject": f"documents/{change.path}",
        "document": change.path,
        "project": parts[1],
        "database": parts[3],
    }
    if is_reading:
        event[READ_TIME] = format_time(from_micros(micros))
    return event if change.time is None else event | {"time": format_time(change.time)}


_Side = tuple["Document | None", "int | None"]
"""The fields, `None` where only the version is known, and the update time."""


def _after(change: Change) -> _Side | None:
    if change.after is None:
        return None
    return change.after, None if change.version[1] == AS_READ else change.version[0]


def _before(change: Change) -> _Side | None:
    """The side before: with the version that was replaced, which a deletion has in its own; none where there was none."""
    if change.after is None:
        return change.before, change.version[0]
    if change.version[1] == AS_READ:
        return None
    if change.before is None and change.previous == NEVER:
        return None
    return change.before, None if change.previous in (None, NEVER) else change.previous[0]


def _document(name: str, fields: Document | None, database: str, updated: int | None) -> dict[str, Any]:
    document: dict[str, Any] = {"name": name}
    if fields is not None:
        document["fields"] = encode_fields(fields, database)
    if updated is not None:
        document["updateTime"] = format_time(from_micros(updated))
    return document
