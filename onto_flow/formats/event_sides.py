"""The two sides of an event, however they were written, and the change that they make.

Events of both generations carry the document after (`value`) and before (`oldValue`) the change. A side that has neither
fields nor a creation time is no document: it says at most which version it was.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple, NoReturn

from ..core.change import NEVER, Change, Version
from ..core.errors import DataError
from ..core.values import to_micros
from .feed_versions import Rule
from .names import split_name, split_reference
from .times import parse_micros, parse_time
from .typed_json import decode_fields


class Side(NamedTuple):
    """A side of an event.

    Attributes:
        path: The document's path; empty where the side does not say it.
        fields: Its fields.
        whole: Whether it is a document: an empty one still has a creation time.
        updated: Its update time in microseconds, where it has one.
    """

    path: str
    fields: dict[str, Any]
    whole: bool
    updated: int | None


class Told(NamedTuple):
    """What an event tells besides its sides.

    Attributes:
        kind: `created`, `updated`, `deleted`, `written`.
        name: A name of the document; the sides' own is more exact.
        database: `projects/P/databases/D`, where the event says it.
        time: The event's own time.
        read: When the document was read, where the event tells that and not when it was written.
    """

    kind: str
    name: str | None
    database: str | None
    time: datetime | None
    read: datetime | None = None


_MAY_HAVE_VALUE = {"created": True, "updated": True, "written": True, "deleted": False}


def refuse(what: str, where: str = "", fix: str = "") -> NoReturn:
    """Raises `bad-change`."""
    raise DataError("bad-change", what[0].upper() + what[1:], where=where, fix=fix)


class ThinEvent(DataError):
    """An event that tells of a document without carrying it.

    Attributes:
        path: Of the document that may be read in its place; empty where the event does not say it, or where the feed's
            versions are no update times and so cannot be compared with that of a document that was read.
    """

    def __init__(self, what: str, path: str = "", where: str = "") -> None:
        self.path = path
        fix = "Let the feed send whole documents"
        fix += ", or name the database that they are read from: --database URI." if path else "."
        super().__init__("thin-event", what, where=where, fix=fix)

    def __reduce__(self) -> tuple[Any, ...]:
        return ThinEvent, (self.what, self.path, self.where)


def thin(path: str, what: str, where: str = "", *, readable: bool = False) -> ThinEvent:
    """The error of an event that carries not what its document is.

    Args:
        path: Of the document.
        what: What is missing.
        where: In the event.
        readable: Whether the versions of the feed are update times, so that the document may be read instead; never where
            the path may be percent-encoded, as attributes are by what carried them: another document would be read.
    """
    return ThinEvent(
        f"The event of {path or 'a document'} carries {what}", path if readable and "%" not in path else "", where
    )


def json_sides(body: Any, database: str | None, names: tuple[str, ...]) -> tuple[Side | None, Side | None]:
    """The sides in JSON, after and before; an absent one may be written as `{}` or null.

    Args:
        body: What has the sides.
        database: Where the documents lie, for sides that do not say it.
        names: Of the side before.

    Raises:
        DataError: `bad-change`, `bad-value`, `too-deep`, with the JSON path.
    """
    if body is None:
        return None, None
    if not isinstance(body, dict):
        refuse(f"the data is no object: {body!r:.80}", "$.data", "A body in protobuf goes into data_base64.")
    value, old = body.get("value"), next((body[name] for name in names if body.get(name)), None)
    return (
        _side(value, "$.data.value", database) if value else None,
        _side(old, "$.data.oldValue", database) if old else None,
    )


def _side(document: Any, where: str, database: str | None) -> Side:
    if not isinstance(document, dict):
        refuse(f"no document: {document!r:.80}", where)
    name, path = document.get("name"), ""
    if name:
        named, path = split_reference(name)
        database = named or database
    fields = document.get("fields")
    updated = document.get("updateTime") or document.get("update_time")
    return Side(
        path,
        decode_fields(fields, database, f"{where}.fields") if fields else _no_fields(fields, where),
        "fields" in document or "createTime" in document or "create_time" in document,
        None if updated is None else _micros_of(updated, where),
    )


def _micros_of(text: Any, where: str) -> int:
    try:
        return parse_micros(text)
    except DataError as error:
        raise DataError("bad-change", error.what, where=f"{where}.updateTime") from error


def _no_fields(fields: Any, where: str) -> dict[str, Any]:
    if fields is None or fields == {}:
        return {}
    refuse(f"fields that are no object: {fields!r:.80}", f"{where}.fields")


def time_of(text: Any, where: str) -> datetime:
    """An RFC 3339 time.

    Raises:
        DataError: `bad-change`.
    """
    try:
        return parse_time(text)
    except DataError as error:
        raise DataError("bad-change", error.what, where=where) from error


def change_of(told: Told, value: Side | None, old: Side | None, rule: Rule, *, replaces: bool) -> Change:
    """The change that the sides of an event make.

    Args:
        told: What the event says besides.
        value, old: The document after and before.
        rule: Gives the version.
        replaces: Whether the update time of the side before is the version that was replaced.

    Raises:
        DataError: `thin-event` where the document that the change needs is not there; `bad-change`.
    """
    side = value or old
    path = side.path if side else ""
    if not path and told.name:
        path = split_name(told.name)[1]
    if value is not None and not _MAY_HAVE_VALUE[told.kind]:
        refuse("a deletion that has a document after it", "$.data.value")
    if side is None or (value is None and told.kind in ("created", "updated")):
        raise thin(path, "no document", "$.data", readable=True)
    if not path:
        refuse("the event names no document", "$.data.value.name")
    if value is not None and not value.whole:
        raise thin(path, "no fields", "$.data.value", readable=True)
    if told.read is not None and value is not None:
        return Change(path, None, value.fields, rule.version("read", to_micros(told.read)), told.time or told.read)
    return Change(
        path,
        old.fields if old is not None and old.whole else None,
        None if value is None else value.fields,
        rule.version("delete", _removed(old, told)) if value is None else rule.version("update", _updated(value)),
        told.time,
        _replaced(told, old, rule) if replaces else None,
    )


def _replaced(told: Told, old: Side | None, rule: Rule) -> Version | None:
    """The version of the side before, where it says one; `NEVER` without that side, but for an update that was cut."""
    if old is None:
        return None if told.kind == "updated" else NEVER
    return None if old.updated is None else rule.version("update", old.updated)


def _updated(value: Side) -> int:
    if value.updated is None:
        refuse("the document has no updateTime, so the order of its changes is not known", "$.data.value.updateTime")
    return value.updated


def _removed(old: Side | None, told: Told) -> int:
    """When what was deleted had been written."""
    assert old is not None
    if old.updated is None:
        refuse("the deletion does not say which version it removed", "$.data.oldValue.updateTime")
    return old.updated
