"""What is to be written for a view document, from what waits and from what the database holds: no reading, no writing.

Law: nothing is written over a fence that is as high or higher; a write holds only if the database is as it was known to be.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from ...core.change import ViewVersion
from ...core.equality import same
from ...core.fence import FENCE
from ...core.values import Document
from ...core.writes import Precondition, Write
from ...formats.native.values import value_decoder
from ..staged import Row
from .fence import NEVER_WRITTEN, Base, Flags, fence_of, flags_of, is_path, tombstone, tombstone_path

_decode = value_decoder()
_ABSENT = Precondition(exists=False)


class Decision(NamedTuple):
    """What is done about a row.

    Attributes:
        kind: `create`, `update`, `full`, `fence`, `delete`, `tombstone`; `equal` and `stale`: nothing is.
        writes: The first is the one of the document itself, unless the kind is `tombstone`: then the document, which is not
            there, is only held to that.
        after: What the database holds then; the time of the first write is not known yet.
        before: The flags of what it held.
    """

    kind: str
    writes: tuple[Write, ...]
    after: Base
    before: Flags


def decide(row: Row, base: Base, now: datetime, *, may_skip: bool) -> Decision:
    """What to do about a row.

    Args:
        row: What waits.
        base: What the database holds; its version is known.
        now: The time from which a tombstone is kept for the horizon.
        may_skip: Whether a document of an older generation that is equal may stay as it is: nobody has, or can send, a
            version that lies between.
    """
    assert base.version is not None
    if row.version <= base.version:
        return Decision("stale", (), base, base.flags)
    if row.data is None:
        return _taken_away(row, base, now)
    fields = _decode(row.data)
    flags = flags_of(row)
    after = Base(base.update_time, row.version, row.data, flags)
    full = {**fields, FENCE: fence_of(row.version, flags)}
    if base.update_time is None:
        drop = Write.delete(tombstone_path(row.path))
        write = Write(row.path, full, None, (), _ABSENT)
        return Decision("create", (write, drop) if base.version[0] else (write,), after, base.flags)
    is_older = 0 < base.version[0] < row.version[0]
    if may_skip and is_older and base.data == row.data and base.flags == flags and not row.mixed:
        return Decision("equal", (), after, base.flags)
    unchanged = Precondition(update_time=base.update_time)
    if not base.trusted:
        return Decision("full", (Write(row.path, full, None, (), unchanged),), after, base.flags)
    changed = _changed(_decode(base.data or b""), fields)
    write = Write(
        row.path,
        {n: v for n, v in full.items() if n in changed or n == FENCE},
        tuple((name,) for name in (*changed, FENCE)),
        (),
        unchanged,
    )
    return Decision("update" if changed else "fence", (write,), after, base.flags)


def swept(generation: int) -> ViewVersion:
    """The version of what is gone because a generation has nothing there: no document of it has a version so low.

    It needs no tombstone, as nobody of an older generation can write the table any more.
    """
    return generation, 0, 0


def _taken_away(row: Row, base: Base, now: datetime) -> Decision:
    flags = flags_of(row)
    after = Base(None, row.version, flags=flags)
    take = Write.delete(row.path, precondition=Precondition(update_time=base.update_time))
    if row.version == swept(row.version[0]):
        return Decision("delete", (take,), Base(None, NEVER_WRITTEN), base.flags)
    bury = Write(tombstone_path(row.path), tombstone(row.path, row.version, flags, now))
    if base.update_time is None:
        still_absent = Write.delete(row.path, precondition=_ABSENT)
        return Decision("tombstone", (bury, still_absent) if is_path(row.path) else (bury,), after, base.flags)
    return Decision("delete", (take, bury), after, base.flags)


def _changed(before: Document, after: Document) -> list[str]:
    """The names of fields that came, went or changed."""
    came = [name for name, value in after.items() if name not in before or not same(before[name], value)]
    return [*came, *(name for name in before if name not in after)]
