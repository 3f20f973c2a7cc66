"""What setters changed, as writes: data that says where, what, and under which condition.

Law: a setter changes nothing but the objects that it is given; what it changed is recorded, committed by whoever wants to,
and means the same wherever that is. A document that ends as it began is not written.

Example:
    >>> from onto_flow.demo.meeting_room import MeetingSession, MeetingSessionStore
    >>> members = {"meeting": [("meetings/m1", {"status": "in-session"})], "location": [], "tickets": [], "users": []}
    >>> session = MeetingSession(MeetingSessionStore(members))
    >>> session.in_session = False
    >>> [(w.path, w.fields, w.mask, w.precondition.exists) for w in session.writes()]
    [('meetings/m1', {'status': 'closed'}, (('status',),), True)]
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from ..core.equality import same
from ..core.errors import DataError
from ..core.transforms import DELETE, Transform
from ..core.values import Reference
from ..core.writes import Write
from .attributes import Attribute
from .documents import Converter
from .domain import DomainModel
from .relations import RelationAttribute


def changes_of(document: DomainModel) -> dict[str, Any]:
    """Field in Firestore -> new value, `DELETE` or a transform, of a document whose attributes were set or changed in place.

    Raises:
        DataError: `bad-value` for what Firestore refuses.
    """
    convert = Converter(type(document)._field_name)
    changes: dict[str, Any] = {}
    for name, value in document._known.items():
        attribute = type(document)._attributes[name]
        if name not in document._set and not isinstance(value, (list, dict)):
            continue
        plain = _plain(attribute, value, document.path, convert)
        if name in document._set or not same(plain, _plain(attribute, attribute.read(document._fields), "", convert)):
            changes[attribute.field] = plain
    return {n: v for n, v in changes.items() if _differs(document._fields, n, v)}


def fields_now(document: DomainModel) -> dict[str, Any]:
    """The fields of a document with what was set in it since it was read."""
    return {n: v for n, v in {**document._fields, **changes_of(document)}.items() if v is not DELETE}


def write_of(document: DomainModel, *, update_time: datetime | None = None) -> Write | None:
    """The write of what changed in a document; `None` where nothing did.

    Args:
        document: A writable document.
        update_time: When it must have been written last; without it, it must exist.
    """
    changes = changes_of(document)
    return (
        Write.update(document.path, {(n,): v for n, v in changes.items()}, update_time=update_time) if changes else None
    )


def writes_of(
    documents: Iterable[DomainModel], update_times: Mapping[str, datetime] | None = None
) -> tuple[Write, ...]:
    """The writes of what changed in some documents, in path order; one document may stand in several slots.

    Args:
        documents: The objects of all slots.
        update_times: Path -> when it was written last, where that is known and shall still be so.

    Raises:
        DataError: `bad-value` when two slots changed one field of one document to different values.
    """
    changed: dict[str, dict[str, Any]] = {}
    for document in documents:
        into = changed.setdefault(document.path, {})
        for name, value in changes_of(document).items():
            if name in into and not _equal(into[name], value):
                what = f"{name} was set to {into[name]!r:.60} in one slot and to {value!r:.60} in another"
                raise DataError("bad-value", what, where=document.path, fix="Set it once.")
            into[name] = value
    times = update_times or {}
    return tuple(
        Write.update(path, {(n,): v for n, v in changed[path].items()}, update_time=times.get(path))
        for path in sorted(changed)
        if changed[path]
    )


def _plain(attribute: Attribute, value: Any, path: str, convert: Converter) -> Any:
    if value is DELETE or isinstance(value, Transform):
        return value
    if isinstance(attribute, RelationAttribute):
        value = [_reference(v) for v in value] if isinstance(value, (list, tuple)) else _reference(value)
    try:
        return convert.value(value)
    except DataError as error:
        raise DataError(error.code, f"{attribute!r}: {error.what}", where=path, fix=error.fix) from error


def _reference(value: Any) -> Any:
    return Reference(value.path) if isinstance(value, DomainModel) else value


def _differs(fields: Mapping[str, Any], name: str, value: Any) -> bool:
    if value is DELETE:
        return name in fields
    return isinstance(value, Transform) or name not in fields or not same(fields[name], value)


def _equal(one: Any, other: Any) -> bool:
    if one is other:
        return True
    special = any(v is DELETE or isinstance(v, Transform) for v in (one, other))
    return bool(one == other) if special else same(one, other)
