"""The embedded database as a source of documents, and as a feed of changes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from pathlib import Path

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Projection
from ..core.options import count_of, truth_of
from ..core.path_bytes import path_bytes
from ..core.values import Document, from_micros
from ..database.embedded.bell import Bell
from ..database.embedded.choosing import PAGE
from ..database.embedded.document_bytes import decode_document
from ..database.embedded.feed import BATCH, EmbeddedChanges
from ..database.embedded.file import File
from ..database.embedded.reading import Reading
from ..database.embedded.rows import State, state_of
from .base import Partition, SourceInfo
from .place import place_of

_POLL = timedelta(milliseconds=50)
_TRUE = ("true", "1", "yes")
_FALSE = ("false", "0", "no", "")


class SqliteDocuments:
    """The documents of an embedded database as of one commit: the last one when the source was made.

    Whoever reads, in this process or another, now or from a resume point, reads as of that commit; so with the
    database's own feed nothing is lost and nothing comes twice.

    Args:
        file: The database; it must be there.
        batch_documents: The most documents of one batch.

    Raises:
        UsageError: `not-found`, or `wrong-usage` for a file that is no such database.
    """

    def __init__(self, file: str | Path, *, batch_documents: int | str = PAGE) -> None:
        self.file = str(file)
        self.batch_documents = count_of("batch_documents", batch_documents)
        database = File(self.file, create=False)
        with database.reading() as connection:
            self.at = state_of(connection)
        database.close()

    def info(self) -> SourceInfo:
        """The time of the commit is that of the snapshot; nobody counted the documents."""
        return SourceInfo(kind="sqlite", snapshot_time=from_micros(self.at.time))

    def partitions(self) -> Sequence[Partition]:
        """The database is one partition."""
        return [Partition(self.file, Path(self.file).stat().st_size)]

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> SqliteReader:
        """Begins to read the documents, or goes on as of the commit that the resume point is of."""
        at, collection, key, count = self.at, "", None, 0
        if resume is not None:
            state, collection, key, count = decode(resume)
            at = State(*state)
        reader = SqliteReader(File(partition.name, create=False), at, self.batch_documents, projection)
        reader.collection, reader.key, reader.documents_read = collection, key, count
        return reader

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """A commit stays as it is."""


class SqliteReader:
    """Reads the collections one after the other, in the order of their paths.

    Attributes:
        collection, key: Where it is: `key` is behind what was read of the collection, `None` at its beginning.
        documents_read: How many documents there were so far.
    """

    def __init__(self, file: File, at: State, batch: int, projection: Projection | None) -> None:
        self.collection = ""
        self.key: tuple[int | str, str] | None = None
        self.documents_read = 0
        self._file = file
        self._reading = Reading(file, at)
        self._batch = batch
        self._projection = projection
        self._left: deque[str] | None = None

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next documents."""
        if self._left is None:
            self._left = self._collections()
        found: list[Change] = []
        read = 0
        while self._left and read < self._batch:
            self.collection = self._left[0]
            versions, self.key = self._reading.page(self.collection, self.key, page=self._batch)
            if self.key is None:
                self._left.popleft()
                self.collection = self._left[0] if self._left else _END
            read += len(versions)
            wanted = (v for v in versions if self._projection is None or self._projection.wants(v.path))
            found += [Change(v.path, None, self._read(v.path, v.data or b""), BELOW_EVENTS) for v in wanted]
        self.documents_read += read
        return found if read else None

    def next_wake(self) -> datetime | None:
        """At once."""
        return None

    def snapshot(self) -> bytes:
        """The commit, the place, and how many documents were read."""
        key = None if self.key is None else tuple(self.key)
        return encode((tuple(self._reading.at), self.collection, key, self.documents_read))

    def close(self) -> None:
        """Closes the database."""
        self._file.close()

    def _collections(self) -> deque[str]:
        """Those that are not read to their end."""
        if self.collection == _END:
            return deque()
        here = path_bytes(self.collection) if self.collection else b""
        return deque(p for p in self._reading.all_collections() if path_bytes(p) >= here)

    def _read(self, path: str, data: bytes) -> Document:
        fields: Document = decode_document(data)
        names = None if self._projection is None else self._projection.fields(path)
        return fields if names is None else {n: v for n, v in fields.items() if n in names}


_END = "/"
"""Stands for the place behind all collections."""


class SqliteFeed:
    """The changes of an embedded database, in the order of their commits.

    After documents that have a time it begins behind that time, else with the oldest change that is kept.

    Args:
        file: The database; it must be there.
        until_now: Whether the feed ends with the last commit before it was opened; else it goes on.
        batch_changes: The most changes of one batch.

    Raises:
        UsageError: `not-found`, or `wrong-usage` for a file that is no such database.
        EngineError: `feed-expired` when it is opened, where changes after its place are no longer kept.
    """

    def __init__(self, file: str | Path, *, until_now: bool | str = False, batch_changes: int | str = BATCH) -> None:
        self.file = str(file)
        self.until_now = truth_of("until_now", until_now)
        self.batch_changes = count_of("batch_changes", batch_changes)
        self._after: int | None = None
        File(self.file, create=False).close()

    def info(self) -> SourceInfo:
        """It goes on, unless it was told to end."""
        return SourceInfo(kind="sqlite-feed", bounded=self.until_now)

    def partitions(self) -> Sequence[Partition]:
        """The database is one partition: its commits are in one order."""
        return [Partition(self.file)]

    def follows(self, snapshot: int | None) -> None:
        """See `sources.base.Follower`."""
        self._after = snapshot

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> SqliteFeedReader:
        """Begins to read the changes, or goes on at a resume point."""
        place, count = place_of(resume, self._after)
        file = File(partition.name, create=False)
        reader = SqliteFeedReader(file, place, projection, until_now=self.until_now, batch=self.batch_changes)
        reader.documents_read = count
        return reader

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """The database keeps changes for as long as it was told to."""


class SqliteFeedReader:
    """Reads changes; those of collections that nobody wants are left out.

    Attributes:
        documents_read: How many changes there were so far.
    """

    def __init__(
        self, file: File, after: bytes | datetime | None, projection: Projection | None, *, until_now: bool, batch: int
    ) -> None:
        self.documents_read = 0
        self._file = file
        self._projection = projection
        self._changes = EmbeddedChanges(file, Bell(), after, batch)
        with file.reading() as connection:
            self._end = state_of(connection).position if until_now else None

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next changes; of a bounded feed those of its last commit at the latest."""
        if self._end is not None and self._changes.at >= self._end:
            return None
        batch = self._changes.next_batch()
        self.documents_read += len(batch)
        if self._projection is None:
            return batch
        wants = self._projection.wants
        return [change for change in batch if wants(change.path)]

    def next_wake(self) -> datetime | None:
        """Soon: commits of other processes ring no bell here."""
        return datetime.now(timezone.utc) + _POLL

    def snapshot(self) -> bytes:
        """The place in the feed, and how many changes were read."""
        return encode((self._changes.position(), self.documents_read))

    def close(self) -> None:
        """Closes the database."""
        self._changes.close()
        self._file.close()
