"""Documents that were read at a time, among the events of a feed: what a repair sends.

A reading of time S says what a document was at S, and not when it was written. So it is to its document what an export of
time S is to all: older events are in it, and the deletion of what was there at S counts as (S, 1), whatever was removed.

Law: a reading and the events of a document, in any order, however repeated and cut into steps, end with what the document is
after the events that are younger than S; except that a deletion that was applied after S stands, even if it happened
before S: a reading never brings back what may have been deleted since.

Example:
    The document was written at 5 and read at 20; then comes its deletion, which removed the version of 5:

        >>> read = Event((20, AS_READ), {"n": 1}, 20)
        >>> newest([read], (0, 0)) is read
        True
        >>> newest([Event((5, 1), None, 30)], (20, AS_READ))
        Event(version=(20, 1), fields=None, time=30, previous=None)
        >>> newest([Event((5, 1), None, 15)], (20, AS_READ)) is None
        True
"""

from __future__ import annotations

from collections.abc import Sequence

from ..core.change import AS_READ, Version
from .messages import Event


def newest(events: Sequence[Event], held: Version, gone_since: int | None = None) -> Event | None:
    """The event that counts among some of a document; `None` where none can.

    Args:
        events: At least one.
        held: The version that is known.
        gone_since: When its deletion was applied, in microseconds; `None` where it was not deleted.
    """
    if held[1] != AS_READ and all(e.version[1] != AS_READ for e in events):
        return events[0] if len(events) == 1 else max(events, key=_version)
    readings = [e for e in events if e.version[1] == AS_READ and (gone_since is None or gone_since <= e.version[0])]
    reading = max(readings, key=_version, default=None)
    times = [v[0] for v in (held, reading.version if reading else held) if v[1] == AS_READ]
    others = [e for e in events if e.version[1] != AS_READ]
    joined = [e for e in (admit(e, max(times, default=None)) for e in others) if e is not None]
    return max([*joined, *([reading] if reading else [])], key=_version, default=None)


def admit(event: Event, snapshot: int | None) -> Event | None:
    """The event as it counts after an export of time `snapshot` (microseconds); `None` when the export has it."""
    if snapshot is None:
        return event
    micros, _ = event.version
    if event.fields is not None:
        return event if micros > snapshot or event.version == (snapshot, 0) else None
    if event.time is not None and event.time <= snapshot:
        return None
    return event if micros > snapshot else event._replace(version=(snapshot, 1))


def _version(event: Event) -> Version:
    return event.version
