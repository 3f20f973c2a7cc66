"""One message of any change feed -> a change; its format is found out, or said.

| format | how a message is known |
|---|---|
| `cloudevents` | attributes with `ce-type`; the content type `application/cloudevents+json`, or `specversion` in the JSON |
| `background` | `eventType`, itself or in a `context` |
| `changelog` | `document_name` and `operation` |
| `debezium` | `op` with `before`, `after` or `source`; the same inside `payload`, or as `value` beside a `key` |

A message with attributes is also read in one piece: `{"attributes": {...}, "data": ... | "data_base64": ...}`. Whatever else
is read by a mapping. `formats.feed_versions` has the version rule of each kind.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from ..core.change import Change
from ..core.errors import DataError, UsageError, did_you_mean
from .background_events import background_change, background_id, is_background
from .changelog_rows import is_row, row_change
from .cloudevents import STRUCTURED, CloudEvents, binary_attributes, content_type, cut_body, from_base64, is_structured
from .debezium import Debezium, is_debezium, record_id
from .event_sides import refuse
from .json_text import has_long_numbers, parse_json
from .mapping import Mapped, MappedMessages

MAX_EVENT_BYTES = 8 << 20
"""A document of 1 MiB before and after, each up to four times its size as JSON text."""


class Read(NamedTuple):
    """What a message tells: its kind, as in `feed_versions.RULES`, and the change; `None` for what says nothing."""

    kind: str
    change: Change | None


class _Format(NamedTuple):
    """One format of JSON: how it is known, whether its numbers are values, its event's id, its change."""

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    numbers: bool
    event_id: Callable[[Any], Any]
    read: Callable[[Any], tuple[str, Change | None]]


class EventReader:
    """Reads the messages of one feed.

    Args:
        format: What all of them are; by default each is found out.
        mapping: How messages are read that a team made up, or where the rows of Debezium lie.

    Raises:
        UsageError: `unknown-name` for a format that is none; `wrong-usage` for one that does not go with the mapping.
    """

    def __init__(self, format: str = "", mapping: Mapped | None = None) -> None:
        events = CloudEvents()
        self._events = events
        plain = mapping if mapping is not None and mapping.format == "plain" else None
        rows = Debezium(mapping.path if mapping is not None and plain is None else None)
        self._formats = [
            _Format(
                "cloudevents", is_structured, False, lambda c: c.get("id"), lambda c: ("cloudevents", events.change(c))
            ),
            _Format("changelog", is_row, True, lambda c: c.get("event_id"), lambda c: ("changelog", row_change(c))),
            _Format("background", is_background, False, background_id, lambda c: ("background", background_change(c))),
            _Format("debezium", is_debezium, True, record_id, rows.change),
        ]
        names = [f.name for f in self._formats]
        if plain is not None:
            messages = MappedMessages(plain)
            numbers = plain.values != "typed"
            self._formats = [_Format("mapping", lambda c: True, numbers, messages.event_id, messages.change)]
            names = ["mapping"]
        elif mapping is not None:
            names = ["debezium"]
        if format and format not in names:
            fix = did_you_mean(format, names)
            raise UsageError("unknown-name", f"{format!r} is not a format of this feed", fix=fix)
        self._mapped = plain is not None
        wanted = format or (names[0] if len(names) == 1 else "")
        self._given = next((f for f in self._formats if f.name == wanted), None)

    def read(self, data: bytes, attributes: Mapping[str, str] | None = None) -> Read:
        """What a message tells.

        Args:
            data: Its bytes: JSON text, or the body of a CloudEvent in binary mode.
            attributes: Its attributes, as HTTP headers or a message carry them.

        Raises:
            DataError: `bad-change`, `thin-event`, with the place in the JSON or the byte.
        """
        try:
            return self._read(data, attributes or {})
        except DataError as error:
            if error.code in ("bad-change", "thin-event"):
                raise
            raise DataError("bad-change", error.what, where=error.where, fix=error.fix) from error

    def event_id(self, data: bytes, attributes: Mapping[str, str] | None = None) -> str:
        """What the message calls itself, for its dead letter; empty where it does not say. Raises nothing."""
        try:
            event = binary_attributes(attributes or {})
            content = event or parse_json(data)
            if not event and is_enveloped(content):
                event = binary_attributes(_texts(content["attributes"]))
                content = event or content.get("data") or parse_json(_body(content))
            found = content.get("id") if event else self._format(_object(content)).event_id(content)
        except DataError:
            return ""
        return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) else ""

    def _read(self, data: bytes, attributes: Mapping[str, str]) -> Read:
        if len(data) > MAX_EVENT_BYTES:
            refuse(f"an event of {len(data)} bytes; the limit is {MAX_EVENT_BYTES}", "$")
        event = binary_attributes(attributes) if attributes else {}
        if event:
            return Read("cloudevents", self._binary(event, data))
        content = parse_json(data)
        if attributes and content_type(attributes) == STRUCTURED:
            return Read("cloudevents", self._events.change(_object(content)))
        if is_enveloped(content) and (not self._mapped or "data_base64" in content):
            return self._enveloped(parse_json(data, numbers=True) if has_long_numbers(data) else content)
        return self._json(content, data)

    def _enveloped(self, content: Mapping[str, Any]) -> Read:
        """A message and its attributes in one piece of JSON."""
        attributes = _texts(content["attributes"])
        event = binary_attributes(attributes)
        if not event:
            body = _body(content)
            return self._json(parse_json(body), body)
        if "data_base64" in content:
            return Read("cloudevents", self._binary(event, _body(content)))
        return Read("cloudevents", self._events.change(event | {"data": content.get("data")}))

    def _binary(self, event: Mapping[str, Any], body: bytes) -> Change:
        self._wants("cloudevents")
        try:
            return self._events.change(event, body)
        except DataError as error:
            if error.code != "thin-event" and ("ends inside" in error.what or "Not JSON" in error.what):
                raise cut_body(event, error) from error
            raise

    def _json(self, content: Any, data: bytes) -> Read:
        if content is None and (self._given is None or self._given.name == "debezium"):
            return Read("debezium", None)
        format_ = self._format(_object(content))
        if format_.numbers and has_long_numbers(data):
            content = parse_json(data, numbers=True)
        return Read(*format_.read(content))

    def _format(self, content: Mapping[str, Any]) -> _Format:
        for format_ in self._formats if self._given is None else (self._given,):
            if format_.matches(content):
                return format_
        return _unknown(content, [f.name for f in self._formats] if self._given is None else [self._given.name])

    def _wants(self, name: str) -> None:
        if self._given is not None and self._given.name != name:
            refuse(f"a message of the format {name}, in a feed of {self._given.name}")


def decode(data: bytes, attributes: Mapping[str, str] | None = None) -> Change:
    """The change that one message of a feed tells of; its format is found out.

    Args:
        data: The message: JSON text, or with `attributes` the body of a CloudEvent, in JSON or protobuf.
        attributes: `ce-id`, `ce-type`, `content-type`, ... as HTTP headers or a message carry them.

    Raises:
        DataError: `bad-change`, `thin-event`, with the place in the JSON or the byte.

    Example:
        >>> from onto_flow.formats import encode_change
        >>> event = encode_change(Change("users/u1", None, {"name": "Ada"}, (1_700_000_000_000_000, 0)))
        >>> change = decode(json.dumps(event).encode())
        >>> change.path, change.after, change.version
        ('users/u1', {'name': 'Ada'}, (1700000000000000, 0))
    """
    reader: EventReader | None = getattr(_THREAD, "reader", None)
    if reader is None:
        reader = _THREAD.reader = EventReader()
    change = reader.read(data, attributes).change
    if change is None:
        refuse("a tombstone, which follows a deletion and tells no change", "$", "Leave it out.")
    return change


_THREAD = threading.local()
"""A reader keeps what events share, so each thread has its own."""


def is_enveloped(content: Any) -> bool:
    """Whether a JSON holds a message with its attributes."""
    return isinstance(content, dict) and isinstance(content.get("attributes"), dict) and "op" not in content


def _object(content: Any) -> Mapping[str, Any]:
    if not isinstance(content, dict):
        refuse(f"not a JSON object: {content!r:.80}", "$")
    return content


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {k: v for k, v in attributes.items() if isinstance(v, str)}


def _body(content: Mapping[str, Any]) -> bytes:
    """The bytes of a message in one piece of JSON."""
    text = content.get("data_base64")
    if text is None:
        return json.dumps(content.get("data")).encode()
    return from_base64(text)


def _unknown(content: Mapping[str, Any], names: Sequence[str]) -> NoReturn:
    fix = f"Read here: {', '.join(names)}; messages of another form are read by a mapping."
    refuse(f"not an event that is known: its keys are {sorted(content)!r:.100}", "$", fix)
