"""Background events of 1st generation functions: `{data, eventId, eventType, resource, timestamp}`, or with a `context`.

Versions as for CloudEvents, with one difference: the update time of the side before is *not* taken as the version that was
replaced, since events are known in which it equals that of the side after. Source: Google's functions framework
conformance samples, and the Cloud Functions documentation on Firestore triggers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.change import Change
from ..core.values import to_micros
from .event_sides import Told, change_of, json_sides, refuse, time_of
from .feed_versions import RULES
from .names import split_name

_KINDS = {
    f"{prefix}.{word}": kind
    for prefix in ("providers/cloud.firestore/eventTypes/document", "google.firestore.document")
    for word, kind in (("create", "created"), ("update", "updated"), ("delete", "deleted"), ("write", "written"))
}
_RULE = RULES["background"]


def is_background(content: Mapping[str, Any]) -> bool:
    """Whether a JSON object is such an event."""
    return "eventType" in _context(content)


def background_id(content: Mapping[str, Any]) -> Any:
    """The event's id."""
    return _context(content).get("eventId")


def background_change(content: Mapping[str, Any]) -> Change:
    """The change of an event.

    Raises:
        DataError: `bad-change`, `thin-event`, `bad-value`, `too-deep`.
    """
    context = _context(content)
    word = context.get("eventType")
    kind = _KINDS.get(word) if isinstance(word, str) else None
    if kind is None:
        refuse(f"{word!r:.100} is not the type of a change", "$.eventType", f"Known: {', '.join(_KINDS)}.")
    name = _resource(context)
    database = split_name(name)[0] if name else None
    stamp = context.get("timestamp")
    time = None if stamp is None else time_of(stamp, "$.timestamp")
    value, old = json_sides(content.get("data"), database, ("oldValue",))
    if value is None and old is not None and old.updated is None and time is not None:
        old = old._replace(updated=to_micros(time))
    return change_of(Told(kind, name, database, time), value, old, _RULE, replaces=False)


def _context(content: Mapping[str, Any]) -> Mapping[str, Any]:
    context = content.get("context")
    return context if isinstance(context, dict) else content


def _resource(context: Mapping[str, Any]) -> str | None:
    """The document's name: `resource` is its text, or an object that has it."""
    resource = context.get("resource")
    if isinstance(resource, dict):
        resource = resource.get("name")
    if resource is None:
        return None
    if not isinstance(resource, str):
        refuse(f"the resource is not the name of a document: {resource!r:.80}", "$.resource")
    return resource
