"""Documents that count until a moment: which of their moments have come, as a part of their content.

Law: an expiry is a change. When declared time has come to a moment in a field that some slot's `until` names, ingest sends
the document on with the names of such fields in `MARK`, under a version between its own and the next: (µs, tie, how many
have come). Joins and records read the mark as a document's content, so whatever holds for changes holds for expiries.

Example:
    >>> from datetime import datetime, timezone
    >>> ends = datetime(1970, 1, 1, 0, 0, 5, tzinfo=timezone.utc)
    >>> hold = {"user": "ada", "ends": ends}
    >>> marked(hold, ["ends"], 4_999_999), marked(hold, ["ends"], 5_000_000)[MARK], next_moment(hold, ["ends"])
    ({'user': 'ada', 'ends': datetime.datetime(1970, 1, 1, 0, 0, 5, tzinfo=datetime.timezone.utc)}, ['ends'], 5000000)
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, cast

from ..core.change import Version
from ..core.values import Document, to_micros
from ..plan.nodes import Slot
from ..plan.places import FieldPath

MARK = "__expired__"
"""No field of a document: Firestore keeps such names for itself."""


def has_expired(slot: Slot, fields: Document) -> bool:
    """Whether a document no longer counts for a slot."""
    return slot.until is not None and str(slot.until) in fields.get(MARK, ())


def marked(fields: Document, until: Iterable[str], moment: int) -> Document:
    """A document's content at a moment: with the mark where any of some fields' moments has come; it never goes."""
    had = fields.get(MARK, ())
    come = [n for n in until if n in had or ((at := _moment(fields, n)) is not None and at <= moment)]
    return {**fields, MARK: come} if come else fields


def next_moment(fields: Document, until: Iterable[str]) -> int | None:
    """The first moment that is still to come, in microseconds, for content that is marked."""
    come = fields.get(MARK, ())
    waiting = [at for name in until if name not in come and (at := _moment(fields, name)) is not None]
    return min(waiting, default=None)


def version_of(version: Version, fields: Document | None) -> Version:
    """The version under which content goes to views."""
    count = 0 if fields is None else len(fields.get(MARK, ()))
    return cast(Version, (*version, count)) if count else version


def _moment(fields: Document, name: str) -> int | None:
    value: Any = fields
    for step in name.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    return to_micros(value) if isinstance(value, datetime) else None


def until_fields(slots: Iterable[Slot]) -> tuple[str, ...]:
    """The fields that some slots' `until` name."""
    paths = [s.until for s in slots if isinstance(s.until, FieldPath)]
    return tuple(dict.fromkeys(str(path) for path in paths))
