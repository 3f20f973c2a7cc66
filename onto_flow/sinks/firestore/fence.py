"""The fence of a view document: which version of it the database holds, kept in the document itself.

| where | what |
|---|---|
| `COLLECTION/ID`, field `_onto` | `{g, e, s}`, the version; `failed` and `misfit`, where they are true |
| `_onto_gone/...` | the version of a document that is gone, for as long as something older may come |
| `_onto_tables/...` | which generation, epoch and session writes a table |
| `_onto_writes/DAY` | how much of the day's budget is spent |

Firestore has no write that looks at a field first; so a document's fence is read, and the write says when what was read was
written last.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from ...core.change import ViewVersion
from ...core.errors import DataError
from ...core.fence import FENCE, without_fence
from ...core.keys import document_id
from ...core.values import Document
from ...database.base import Snapshot
from ...database.limits import checked_path
from ...formats.native.values import value_encoder
from ..staged import Row

GONE, TABLES, SPENT = "_onto_gone", "_onto_tables", "_onto_writes"
EXPIRES = "expires"
"""The field of a tombstone that a policy on the time to live (TTL) names."""
HORIZON = timedelta(days=8)
"""How long a tombstone is kept at least: the late horizon of a run."""
NEVER_WRITTEN: ViewVersion = (0, 0, 0)
encode = value_encoder()


class Flags(NamedTuple):
    """What readers are told of a document beside its fields.

    Attributes:
        failed: It is the last good one of failing code.
        misfit: A value of it, or all of it, is left out: Firestore does not take it.
    """

    failed: bool = False
    misfit: bool = False


class Base(NamedTuple):
    """What the database holds at a path, as far as it is known.

    Attributes:
        update_time: When it was written last; `None`: there is no document.
        version: Its fence, or that of its tombstone; `None`: it has none, and whether there is a tombstone is not known.
        data: The canonical bytes of its fields without the fence.
        flags: Those of its fence.
        trusted: Whether nobody else has touched it since we wrote or read it, as far as we know.
    """

    update_time: datetime | None
    version: ViewVersion | None
    data: bytes | None = None
    flags: Flags = Flags()
    trusted: bool = True


UNSEEN = Base(None, None)


def base_of(snapshot: Snapshot) -> Base:
    """What a read says."""
    if snapshot.fields is None:
        return UNSEEN
    fence = snapshot.fields.get(FENCE)
    data = encode(without_fence(snapshot.fields))
    version = version_of(fence)
    return Base(snapshot.update_time, None if version == NEVER_WRITTEN else version, data, _flags(fence))


def fenced(base: Base, stone: Snapshot) -> Base:
    """What is at a path where there is no document, or one without a fence, whose tombstone was read."""
    version = version_of(stone.fields)
    return base._replace(version=version, flags=_flags(stone.fields) if base.update_time is None else base.flags)


def version_of(fence: object) -> ViewVersion:
    """The version in a fence; below all where somebody has spoiled it.

    Example:
        >>> version_of({"g": 3, "e": 0, "s": 7}), version_of(None), version_of({"g": "x"})
        ((3, 0, 7), (0, 0, 0), (0, 0, 0))
    """
    if not isinstance(fence, dict):
        return NEVER_WRITTEN
    parts = tuple(fence.get(name) for name in "ges")
    return parts if all(type(part) is int for part in parts) else NEVER_WRITTEN  # type: ignore[return-value]


def fence_of(version: ViewVersion, flags: Flags) -> dict[str, Any]:
    """The fence of a document.

    Example:
        >>> fence_of((3, 0, 7), Flags(failed=True))
        {'g': 3, 'e': 0, 's': 7, 'failed': True}
    """
    return {**dict(zip("ges", version)), **{name: True for name, is_so in flags._asdict().items() if is_so}}


def flags_of(row: Row) -> Flags:
    """The flags of what waits."""
    return Flags(row.failed and row.data is not None, row.misfit is not None)


def _flags(fence: object) -> Flags:
    return Flags(*(isinstance(fence, dict) and fence.get(name) is True for name in Flags._fields))


def tombstone_path(path: str) -> str:
    """Where the fence of a document that is gone lies."""
    return f"{GONE}/{document_id(path)}"


def tombstone(path: str, version: ViewVersion, flags: Flags, now: datetime) -> Document:
    """The fields of a tombstone."""
    return {"path": path, **fence_of(version, flags), EXPIRES: now + HORIZON}


def is_path(path: str) -> bool:
    """Whether Firestore can have a document there."""
    try:
        checked_path(path)
    except DataError:
        return False
    return True


def table_path(collection: str) -> str:
    """Where it says who writes a table."""
    return f"{TABLES}/{document_id(collection)}"
