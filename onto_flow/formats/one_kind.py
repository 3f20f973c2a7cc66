"""Feeds of different kinds are never mixed on one collection: their versions cannot be compared."""

from __future__ import annotations

from ..core.errors import DataError
from .feed_versions import RULES

MAX_COLLECTIONS = 10_000
"""A database has hundreds; a feed that names more is not one."""

READ = "database"
"""The kind of changes that were read from a database, because their events did not carry them."""

_UPDATE_TIMES = ("cloudevents", "background")
"""The kinds whose versions are update times too."""

FIX = "Read each collection from one feed; begin again from an export to change over."


class OneKind:
    """The kind of feed that each collection's changes came from first; rows of a first copy go with any kind of their feed.

    Args:
        known: What `state` gave.
        joined: Whether the documents before the feed have the time of an export: then versions must be times.

    Example:
        >>> kinds = OneKind()
        >>> kinds.check("cloudevents", "prices/A/daily/1"), kinds.state
        (None, {'prices/*/daily': 'cloudevents'})
    """

    def __init__(self, known: dict[str, str] | None = None, *, joined: bool = False) -> None:
        self.state = dict(known or {})
        self._joined = joined

    def check(self, kind: str, path: str) -> None:
        """Takes note of a change.

        Raises:
            DataError: `mixed-feeds`: the run must end, or changes would be lost.
        """
        collection = path.rpartition("/")[0]
        if "/" in collection:
            collection = "/*/".join(path.split("/")[::2])
        first = self.state.get(collection)
        if (kind == READ and first in _UPDATE_TIMES) or (first == READ and kind in _UPDATE_TIMES):
            self.state[collection] = first if kind == READ and first is not None else kind
            return
        if first == kind or (first is not None and first.startswith(f"{kind}-")):
            return
        if first is not None and kind.startswith(f"{first}-"):
            first = None
        if first is not None:
            what = f"Changes of {collection!r:.200} come from feeds of different kinds: first {first}, now {kind}"
            raise DataError("mixed-feeds", f"{what}; their versions cannot be compared", where=path[:400], fix=FIX)
        if self._joined and RULES[kind].position:
            what = f"Changes of {collection!r:.200} are ordered by a position ({kind}), not by time as the export is"
            raise DataError("mixed-feeds", what, where=path[:400], fix="Begin from a source without a time.")
        if len(self.state) >= MAX_COLLECTIONS:
            raise DataError(
                "mixed-feeds", f"The feed names more than {MAX_COLLECTIONS:,} collections", where=path[:400]
            )
        self.state[collection] = kind
