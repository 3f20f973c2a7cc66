"""Change events of Firestore as CloudEvents: binary and structured mode, bodies in protobuf and in JSON.

The version of an upsert is (update time, 0), that of a deletion (update time of what was deleted, 1): directly after
the version that it removes and before any later document of the same path; the side before tells which version was
replaced. An event with `readtime` tells what a document was then, not when it was written: (that time, `AS_READ`).

Source: googleapis/google-cloudevents (`google.events.cloud.firestore.v1`), the CloudEvents 1.0 JSON format and its
bindings of HTTP, Kafka and Pub/Sub, and the JSON form of protobuf messages.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from ..core.change import Change
from ..core.errors import DataError
from .cloudevents_writer import PREFIX, READ_TIME
from .cloudevents_writer import encode_change as encode_change
from .event_body import BodyDecoder
from .event_sides import Side, Told, change_of, json_sides, refuse, thin, time_of
from .feed_versions import RULES
from .json_text import parse_json

WITH_AUTH = ".withAuthContext"
STRUCTURED = "application/cloudevents+json"
_KINDS = {
    f"{PREFIX}{kind}{auth}": kind for kind in ("created", "updated", "deleted", "written") for auth in ("", WITH_AUTH)
}
_RULE = RULES["cloudevents"]
_HEADERS = ("ce-", "ce_")
"""Of HTTP and Pub/Sub, and of Kafka."""

_USUAL = [
    (f"ce-{name}", name) for name in ("type", "id", "time", "document", "subject", "project", "database", READ_TIME)
]
"""What is read, as Pub/Sub spells it."""


def binary_attributes(attributes: Mapping[str, str]) -> dict[str, Any]:
    """The CloudEvents attributes among headers or message attributes, with small letters; empty in structured mode.

    Example:
        >>> binary_attributes({"Ce-Type": "t", "CE-Id": "1", "Content-Type": "application/json", "x": "y"})
        {'type': 't', 'id': '1', 'datacontenttype': 'application/json'}
    """
    if "ce-type" in attributes:
        found = {name: attributes[key] for key, name in _USUAL if key in attributes}
    else:
        found = {k[3:].lower(): v for k, v in attributes.items() if k[:3].lower() in _HEADERS}
    found = {name: value for name, value in found.items() if isinstance(value, str)}
    if "type" not in found:
        return {}
    content = content_type(attributes)
    if content:
        found["datacontenttype"] = content
    return found


def content_type(attributes: Mapping[str, str]) -> str:
    """The content type, without parameters and with small letters; empty where there is none."""
    value = attributes.get("content-type")
    if value is None:
        value = next((v for k, v in attributes.items() if k.lower() == "content-type"), "")
    return value.partition(";")[0].strip().lower() if isinstance(value, str) else ""


def is_structured(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is a CloudEvent in structured mode."""
    if "specversion" in content:
        return True
    kind = content.get("type")
    return isinstance(kind, str) and kind.startswith(PREFIX)


class CloudEvents:
    """Reads events; one for a feed, because it keeps what events share."""

    def __init__(self) -> None:
        self._bodies = BodyDecoder()

    def change(self, event: Mapping[str, Any], body: bytes | None = None) -> Change:
        """The change of an event.

        Args:
            event: Its attributes, in structured mode with `data` or `data_base64`.
            body: What it carries in binary mode.

        Raises:
            DataError: `bad-change`, `thin-event`, `bad-value`, `too-deep`, with the JSON path or the byte.
        """
        word = event.get("type")
        kind = _KINDS.get(word) if isinstance(word, str) else None
        if kind is None:
            fix = f"Known: {PREFIX}created, updated, deleted, written, and these with {WITH_AUTH}."
            refuse(f"{word!r:.100} is not the type of a change", "$.type", fix)
        database = _database(event)
        value, old = self._sides(event, body, database)
        time, read = (None if (t := event.get(n)) is None else time_of(t, f"$.{n}") for n in ("time", READ_TIME))
        told = Told(kind, _named(event), database, time, read)
        return change_of(told, value, old, _RULE, replaces=True)

    def _sides(
        self, event: Mapping[str, Any], body: bytes | None, database: str | None
    ) -> tuple[Side | None, Side | None]:
        if body is None and "data_base64" in event:
            body = from_base64(event["data_base64"])
        if body is None:
            return _json_sides(event.get("data"), database)
        if not body:
            return None, None
        if not _is_protobuf(event.get("datacontenttype"), body):
            return _json_sides(parse_json(body), database)
        return self._bodies.sides(body, database)


def _json_sides(data: Any, database: str | None) -> tuple[Side | None, Side | None]:
    return json_sides(data, database, ("oldValue", "old_value"))


def _is_protobuf(content: Any, body: bytes) -> bool:
    """Whether a body is protobuf; without a content type its first byte tells: a message begins with field 1, 2 or 3."""
    if not content:
        return body[0] in (0x0A, 0x12, 0x1A)
    if isinstance(content, str):
        name = content.partition(";")[0].strip().lower()
        if name.endswith(("json", "+json")):
            return False
        if "protobuf" in name or name == "application/octet-stream":
            return True
    fix = "Known: application/json, application/protobuf."
    return refuse(f"{content!r:.80} is not a form this reads", "$.datacontenttype", fix)


def from_base64(text: Any) -> bytes:
    """The bytes of a `data_base64`.

    Raises:
        DataError: `bad-change`.
    """
    try:
        if not isinstance(text, str):
            raise ValueError("not text")
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise DataError("bad-change", f"data_base64 is not base64 text: {text!r:.80}", where="$.data_base64") from error


def _named(event: Mapping[str, Any]) -> str | None:
    """The document's path; attributes may be percent-encoded by what carried them, so a side's own name goes before."""
    document, subject = event.get("document"), event.get("subject")
    if isinstance(document, str):
        return document
    return subject.removeprefix("documents/") if isinstance(subject, str) else None


def _database(event: Mapping[str, Any]) -> str | None:
    project, database = event.get("project"), event.get("database") or "(default)"
    if not project:
        return None
    if type(project) is str and type(database) is str:
        return f"projects/{project}/databases/{database}"
    return refuse(f"project and database are not text: {(project, database)!r:.80}", "$.project")


def cut_body(event: Mapping[str, Any], error: DataError) -> DataError:
    """What to say of a body that ends early, where the attributes say which document it was about."""
    named = _named(event)
    if not isinstance(named, str):
        return error
    return thin(named, f"a body that is cut: {error.what}", error.where, readable=True)
