"""Firestore's listeners as a feed of changes: for the embedded engine, without functions, topics or subscriptions.

Law: versions are the update times of documents; deletions have a time at which the document was read and was not there. The
resume point holds the tokens of the listeners, which Firestore knows for 30 minutes; later it tells everything anew, and
what a job takes to exist and is not told is read, and told as it is. So a restart loses nothing, however late it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta, timezone
from time import monotonic

from ..core.change import Change, DeadLetter
from ..core.codec import encode
from ..core.collection import Collection, Projection
from ..core.options import amount_of
from ..database.firestore.collections import read_collections
from ..database.firestore.database import FirestoreDatabase
from ..database.firestore.feed import FirestoreChanges, Live
from .base import Partition, SourceInfo
from .place import place_of

_POLL = timedelta(milliseconds=10)


class FirestoreFeed:
    """The changes of the collections that a job reads, one listener for each.

    Firestore bills a read for each change, and one for each document of a collection where a listener begins anew: when it
    does not join documents (`firestore://` as the source), or was away for more than 30 minutes.

    Args:
        place: `//PROJECT`, or `//PROJECT/DATABASE`.
        collections: Names of collections with commas between them, wherever they lie: where no job says what it reads. By
            default those that are at the root.
        until_quiet: Seconds: the feed ends when nothing has come for so long; 0: it goes on.

    Raises:
        UsageError: `wrong-usage` for what is no place.
    """

    def __init__(self, place: str, *, collections: str = "", until_quiet: float | str = 0.0) -> None:
        self.place, self._names = place, collections
        self._until_quiet = amount_of("until_quiet", until_quiet, of="seconds", below=1e9)
        self._collections: Sequence[Collection] | None = None
        self._after: int | None = None
        self._live: Live | None = None
        FirestoreDatabase(place).close()

    def selects(self, projection: Projection) -> None:
        """See `sources.base.Selective`."""
        self._collections = read_collections(projection)

    def follows(self, snapshot: int | None) -> None:
        """See `sources.base.Follower`."""
        self._after = snapshot

    def remembers(self, live: Callable[[Collection], Iterable[str]]) -> None:
        """See `sources.base.Remembering`."""
        self._live = live

    def info(self) -> SourceInfo:
        """It goes on, unless it was told to end."""
        return SourceInfo(kind="firestore-feed", bounded=self._until_quiet > 0)

    def partitions(self) -> Sequence[Partition]:
        """All listeners are one partition."""
        return [Partition(self.place)]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> FirestoreFeedReader:
        """Begins to listen behind the documents that it follows, or goes on at a resume point."""
        place, count = place_of(resume, self._after)
        database = FirestoreDatabase(partition.name, collections=self._names)
        changes = database.changes(place, live=self._live, collections=self._collections)
        reader = FirestoreFeedReader(database, changes, projection, self._until_quiet)
        reader.documents_read = count
        return reader

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Firestore keeps no list of who has what."""


class FirestoreFeedReader:
    """Reads changes; those that nobody wants are left out.

    Attributes:
        documents_read: How many changes there were so far.
    """

    def __init__(
        self,
        database: FirestoreDatabase,
        changes: FirestoreChanges,
        projection: Projection | None,
        until_quiet: float,
    ) -> None:
        self.documents_read = 0
        self._database, self._changes, self._projection = database, changes, projection
        self._until_quiet, self._heard = until_quiet, monotonic()

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The changes that have come; `None` when the feed was to end and nothing has come for so long."""
        batch = self._changes.next_batch()
        if batch or not self._changes.has_begun:
            self._heard = monotonic()
        elif self._until_quiet and monotonic() - self._heard > self._until_quiet:
            return None
        self.documents_read += len(batch)
        if self._projection is None:
            return batch
        return [change for change in batch if self._projection.wants(change.path)]

    def next_wake(self) -> datetime | None:
        """Soon."""
        return datetime.now(timezone.utc) + _POLL

    def snapshot(self) -> bytes:
        """The tokens of the listeners, and how many changes were read."""
        return encode((self._changes.position(), self.documents_read))

    def close(self) -> None:
        """Ends the listeners."""
        self._database.close()
