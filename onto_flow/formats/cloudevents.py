"""Change events of Firestore as CloudEvents with a JSON body <-> changes.

The version of an upsert is (update time, 0), that of a deletion (update time of what was deleted, 1): directly after
the version that it removes and before any later document of the same path; the side before tells which version was
replaced. Source: googleapis/google-cloudevents
(`google.events.cloud.firestore.v1`), the CloudEvents 1.0 JSON format, and the JSON form of protobuf messages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NoReturn

from ..core.change import NEVER, Change, Version
from ..core.errors import DataError
from ..core.values import Document, from_micros, to_micros
from .names import DEFAULT_DATABASE, full_name, split_name
from .times import format_time, parse_time
from .typed_json import decode_fields, encode_fields

MAX_EVENT_BYTES = 8 << 20
"""A document of 1 MiB before and after, each up to four times its size as JSON text."""

_PREFIX = "google.cloud.firestore.document.v1."
_WITH_AUTH = ".withAuthContext"
_WHOLE = {"fields", "createTime", "create_time"}
"""An empty document of Firestore has no fields but a creation time; a side with neither says only which version it was."""
_KINDS = ("created", "updated", "deleted", "written")


def decode(data: bytes, attributes: Mapping[str, str] | None = None) -> Change:
    """The change that an event tells of.

    Args:
        data: A CloudEvent in structured form, as JSON text; with `attributes` its body alone.
        attributes: `ce-id`, `ce-type`, ... of a CloudEvent in binary form, as HTTP headers or a message carry them.

    Raises:
        DataError: `bad-change`, with the JSON path.

    Example:
        >>> event = encode_change(Change("users/u1", None, {"name": "Ada"}, (1_700_000_000_000_000, 0)))
        >>> change = decode(json.dumps(event).encode())
        >>> change.path, change.after, change.version
        ('users/u1', {'name': 'Ada'}, (1700000000000000, 0))
    """
    return decode_event(_envelope(data, attributes or {}))


def decode_event(event: Mapping[str, Any]) -> Change:
    """The change of an event that is parsed already.

    Raises:
        DataError: `bad-change`, with the JSON path.
    """
    kind = _kind(event)
    body = event.get("data")
    if isinstance(body, str) or "data_base64" in event:
        _refuse("the data is not a form this reads: send JSON (datacontenttype application/json)", "$.data")
    if not isinstance(body, dict):
        _refuse(f"the data is no object: {body!r:.80}", "$.data")
    try:
        return _change(event, kind, _side(body, "value"), _side(body, "oldValue", "old_value"))
    except DataError as error:
        if error.code == "bad-change":
            raise
        raise DataError("bad-change", error.what, where=error.where, fix=error.fix) from error


def encode_change(change: Change, *, database: str = DEFAULT_DATABASE, event_id: str | None = None) -> dict[str, Any]:
    """The CloudEvent of a change, in structured form; `decode` gives the change back.

    Args:
        change: Its version is (time, 0) for an upsert, (time, 1) for a deletion.
        database: `projects/P/databases/D`, where the document lies.
        event_id: By default made of version and path, so that sending twice is one event.

    Raises:
        DataError: `bad-change` for a version that no event has.
    """
    micros, tie = change.version
    if tie != (change.after is None):
        _refuse(f"the version {change.version} is that of no event", change.path)
    name = full_name(change.path, database)
    stamp = format_time(from_micros(micros))
    parts = database.split("/")
    event = {
        "specversion": "1.0",
        "id": event_id or f"{micros}-{tie}-{change.path}",
        "source": f"//firestore.googleapis.com/{database}",
        "type": f"{_PREFIX}written",
        "subject": f"documents/{change.path}",
        "document": change.path,
        "project": parts[1],
        "database": parts[3],
        "datacontenttype": "application/json",
        "data": {
            "value": {} if change.after is None else _document(name, change.after, database, stamp),
            "oldValue": _old_document(change, name, database, stamp),
        },
    }
    return event if change.time is None else event | {"time": format_time(change.time)}


def _old_document(change: Change, name: str, database: str, stamp: str) -> dict[str, Any]:
    """The side before: with the version that was replaced, which a deletion has in its own."""
    if change.after is not None:
        if change.before is None and change.previous == NEVER:
            return {}
        stamp = "" if change.previous in (None, NEVER) else format_time(from_micros(change.previous[0]))
    return _document(name, change.before, database, stamp)


def _document(name: str, fields: Document | None, database: str, stamp: str) -> dict[str, Any]:
    document: dict[str, Any] = {"name": name}
    if fields is not None:
        document["fields"] = encode_fields(fields, database)
    return document | {"updateTime": stamp} if stamp else document


def _refuse(what: str, where: str, fix: str = "") -> NoReturn:
    raise DataError("bad-change", what[0].upper() + what[1:], where=where, fix=fix)


def _envelope(data: bytes, attributes: Mapping[str, str]) -> Mapping[str, Any]:
    if len(data) > MAX_EVENT_BYTES:
        _refuse(f"an event of {len(data)} bytes; the limit is {MAX_EVENT_BYTES}", "$")
    binary = {name[3:].lower(): value for name, value in attributes.items() if name.lower().startswith("ce-")}
    if "type" not in binary:
        event = parse_json(data)
        if not isinstance(event, dict):
            _refuse(f"not an object: {event!r:.80}", "$")
        return event
    content = next((v for k, v in attributes.items() if k.lower() == "content-type"), "application/json")
    if "json" not in content:
        _refuse(f"{content!r:.80} is not a form this reads: send JSON (application/json)", "content-type")
    return binary | {"data": parse_json(data)}


def parse_json(data: bytes) -> Any:
    """What JSON text stands for; `NaN` and the like, which are not JSON, are refused.

    Raises:
        DataError: `bad-change` with the position.
    """
    try:
        return json.loads(data, parse_constant=_not_json)
    except RecursionError as error:
        raise DataError("bad-change", "The JSON is nested too deep") from error
    except ValueError as error:
        raise DataError("bad-change", f"Not JSON text: {error!s:.200}") from error


def _not_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _kind(event: Mapping[str, Any]) -> str:
    kind = event.get("type")
    if isinstance(kind, str) and kind.startswith(_PREFIX):
        kind = kind[len(_PREFIX) :]
        kind = kind[: -len(_WITH_AUTH)] if kind.endswith(_WITH_AUTH) else kind
        if kind in _KINDS:
            return kind
    _refuse(
        f"{event.get('type')!r:.100} is not the type of a change",
        "$.type",
        f"Known: {', '.join(_PREFIX + k for k in _KINDS)}, and these with {_WITH_AUTH}.",
    )


def _side(body: Mapping[str, Any], *names: str) -> Mapping[str, Any] | None:
    """A side of the change; an absent one may be written as `{}` or null."""
    for name in names:
        document = body.get(name)
        if document:
            if not isinstance(document, dict):
                _refuse(f"{name} is no document: {document!r:.80}", f"$.data.{name}")
            return document
    return None


def _change(
    event: Mapping[str, Any], kind: str, value: Mapping[str, Any] | None, old: Mapping[str, Any] | None
) -> Change:
    known = value or old
    needs_value, allows_value = kind in ("created", "updated"), kind != "deleted"
    if known is None or (value is None and needs_value) or (value is not None and not allows_value):
        _refuse(f"a change of type {kind} that lacks its document, or has one too many", "$.data")
    database, path = _name(event, known)
    time = event.get("time")
    before = _fields(old, database, "$.data.oldValue")
    if old is not None and not old.keys() & _WHOLE:
        before = None
    return Change(
        path,
        before,
        _fields(value, database, "$.data.value"),
        _version(value, old),
        None if time is None else _time(time, "$.time"),
        _previous(kind, old),
    )


def _previous(kind: str, old: Mapping[str, Any] | None) -> Version | None:
    """The version of the side before, where it says one; `NEVER` without that side, but for an update that was cut."""
    if old is None:
        return None if kind == "updated" else NEVER
    if not old.keys() & {"updateTime", "update_time"}:
        return None
    return _update_time(old, "$.data.oldValue"), 0


def _version(value: Mapping[str, Any] | None, old: Mapping[str, Any] | None) -> Version:
    if value is not None:
        return _update_time(value, "$.data.value"), 0
    return _update_time(old or {}, "$.data.oldValue"), 1


def _update_time(document: Mapping[str, Any], where: str) -> int:
    text = document.get("updateTime", document.get("update_time"))
    if text is None:
        _refuse("the document has no updateTime, so the order of its changes is not known", f"{where}.updateTime")
    micros = to_micros(_time(text, f"{where}.updateTime"))
    if micros <= 0:
        _refuse(f"an updateTime before 1970: {text!r:.80}", f"{where}.updateTime")
    return micros


def _time(text: Any, where: str) -> datetime:
    try:
        return parse_time(text)
    except DataError as error:
        raise DataError("bad-change", error.what, where=where) from error


def _fields(document: Mapping[str, Any] | None, database: str | None, where: str) -> dict[str, Any] | None:
    if document is None:
        return None
    return decode_fields(document.get("fields") or {}, database, f"{where}.fields")


def _name(event: Mapping[str, Any], document: Mapping[str, Any]) -> tuple[str | None, str]:
    """The document's own name is exact; the attributes may be percent-encoded by what carried them."""
    subject = event.get("subject")
    if isinstance(subject, str) and subject.startswith("documents/"):
        subject = subject[len("documents/") :]
    name = document.get("name") or event.get("document") or subject
    if name is None:
        _refuse("the event names no document", "$.data.value.name")
    database, path = split_name(name)
    if database is None and event.get("project"):
        database = f"projects/{event['project']}/databases/{event.get('database') or '(default)'}"
    return database, path
