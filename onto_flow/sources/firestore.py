"""Firestore itself as a source of documents: no export is made.

Law: all documents are read as of one moment, which is the time of the snapshot; a feed of the same database goes on from it,
so nothing is lost and nothing comes twice. A read that fails is begun again behind the last document that it gave.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from itertools import pairwise
from typing import Any

from ..core.change import BELOW_EVENTS, Change, DeadLetter
from ..core.codec import decode, encode
from ..core.collection import Collection, Projection, members_of
from ..core.errors import UsageError
from ..core.options import count_of
from ..database.base import Snapshot, Unavailable
from ..database.firestore.bulk import Bulk
from ..database.firestore.collections import name_of, read_collections
from ..database.firestore.database import FirestoreDatabase
from ..database.firestore.service import Contended
from .base import Partition, SourceInfo

_DOCUMENTS_OF_A_PART = 20_000
_MOST_PARTS = 64
_ATTEMPTS = 8
"""So often in a row a read may fail that gives nothing."""

_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 20.0


class FirestoreDocuments:
    """The documents of a database of Firestore as of one moment.

    Only the collections that a job reads are read, and of them only the fields that it reads; each document is one that
    Firestore bills, and the count beforehand one for each 1,000.

    Args:
        place: `//PROJECT`, or `//PROJECT/DATABASE`.
        collections: Names of collections with commas between them, wherever they lie: where no job says what it reads. By
            default those that are at the root.
        read_time: RFC 3339: as of when. By default now, which Firestore can read for an hour. A reading that takes longer
            needs point-in-time recovery, and a whole minute here.
        partitions: How many parts a collection has; by default one for each 20,000 documents, 64 at most.
        batch_documents: The most documents of one batch.

    Raises:
        UsageError: `wrong-usage` for what is no place or no time.
        EngineError: `database-failed`.
    """

    def __init__(
        self,
        place: str,
        *,
        collections: str = "",
        read_time: str = "",
        partitions: int | str = 0,
        batch_documents: int | str = 1000,
    ) -> None:
        self.place = place
        self.parts = count_of("partitions", partitions) if str(partitions) != "0" else 0
        self.batch_documents = count_of("batch_documents", batch_documents)
        with FirestoreDatabase(place) as database:
            self.at = _time(read_time) if read_time else database.commit([]).time
            names = [name for name in collections.split(",") if name] or database.collections()
        self._collections = [Collection(name, group=True) for name in names]
        self._counts: dict[str, int] | None = None

    def selects(self, projection: Projection) -> None:
        """See `sources.base.Selective`."""
        self._collections = read_collections(projection)
        self._counts = None

    def info(self) -> SourceInfo:
        """Its moment, and how many documents it has then."""
        return SourceInfo(kind="firestore", documents=sum(self._counted().values()), snapshot_time=self.at)

    def partitions(self) -> Sequence[Partition]:
        """Ranges of paths of each collection; their names say all of them."""
        found = []
        with FirestoreDatabase(self.place) as database:
            bulk = Bulk(database.service, database.messages, self.at)
            for collection in self._collections:
                documents = self._counted()[str(collection)]
                parts = self.parts or min(documents // _DOCUMENTS_OF_A_PART + 1, _MOST_PARTS)
                edges = [None, *bulk.cuts(collection, parts), None]
                found += [_partition(collection, start, end) for start, end in pairwise(edges)]
        return found

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> FirestoreReader:
        """Begins to read a range, or goes on behind the document that the resume point is of."""
        reader = FirestoreReader(FirestoreDatabase(self.place), self.at, partition, self.batch_documents, projection)
        if resume is not None:
            reader.last, reader.documents_read = decode(resume)
        return reader

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """A moment stays as it is."""

    def _counted(self) -> dict[str, int]:
        if self._counts is None:
            with FirestoreDatabase(self.place) as database:
                bulk = Bulk(database.service, database.messages, self.at)
                self._counts = {str(c): bulk.count(c) for c in self._collections}
        return self._counts


class FirestoreReader:
    """Reads the documents of a range, in the order of their paths.

    Attributes:
        last: The last document that was read; `None` at the beginning.
        documents_read: How many there were so far.
    """

    def __init__(
        self, database: FirestoreDatabase, at: datetime, partition: Partition, batch: int, projection: Projection | None
    ) -> None:
        self.last: str | None = None
        self.documents_read = 0
        pattern, group, self._start, self._end = json.loads(partition.name)
        self._collection = Collection(pattern, group)
        self._database, self._batch, self._projection = database, batch, projection
        self._bulk = Bulk(database.service, database.messages, at)
        self._reading: Iterator[Snapshot] | None = None
        self._fields = None if projection is None else _fields(projection, self._collection)

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        """The next documents."""
        found: list[Snapshot] = []
        failed = 0
        while len(found) < self._batch:
            try:
                snapshot = next(self._rest(), None)
            except (Unavailable, Contended):
                failed += 1
                self._reading = None
                if failed >= _ATTEMPTS:
                    raise
                _pause(failed)
                continue
            if snapshot is None:
                break
            failed, self.last = 0, snapshot.path
            found.append(snapshot)
        self.documents_read += len(found)
        wanted = (s for s in found if self._projection is None or self._projection.wants(s.path))
        changes = [Change(s.path, None, self._projected(s), BELOW_EVENTS) for s in wanted]
        return changes if found else None

    def next_wake(self) -> datetime | None:
        """At once."""
        return None

    def snapshot(self) -> bytes:
        """The last document, and how many were read."""
        return encode((self.last, self.documents_read))

    def close(self) -> None:
        """Closes the connection."""
        self._reading = None
        self._database.close()

    def _rest(self) -> Iterator[Snapshot]:
        if self._reading is None:
            start = self.last or self._start
            self._reading = self._bulk.documents(
                self._collection, self._fields, start, self._end, after=self.last is not None
            )
        return self._reading

    def _projected(self, found: Snapshot) -> dict[str, Any]:
        fields = dict(found.fields or {})
        names = None if self._projection is None else self._projection.fields(found.path)
        return fields if names is None else {name: value for name, value in fields.items() if name in names}


def _partition(collection: Collection, start: str | None, end: str | None) -> Partition:
    return Partition(json.dumps([collection.pattern, collection.group, start, end]))


def _fields(projection: Projection, collection: Collection) -> list[str] | None:
    """The fields that any model reads of documents in collections of this name; `None`: all."""
    found: set[str] = set()
    for read, names in projection.collections:
        if any(name_of(member) == name_of(collection) for member in members_of(read)):
            if names is None:
                return None
            found.update(names)
    return sorted(found)


def _pause(failed: int) -> None:
    longest = min(_SHORTEST_PAUSE * 2**failed, _LONGEST_PAUSE)
    time.sleep(random.uniform(longest / 2, longest))


def _time(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as error:
        fix = "Such as 2026-05-01T12:30:00Z."
        raise UsageError("wrong-usage", f"read_time={text:.60} is no time", fix=fix) from error
    return found if found.tzinfo is not None else found.replace(tzinfo=timezone.utc)
