"""Firestore as a document database."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any, TypeVar

from google.cloud.firestore_v1 import types

from ...core.collection import Collection, CollectionSet, members_of
from ...core.errors import EngineError, UsageError
from ...core.writes import Write
from ..answers import Matcher
from ..base import ATTEMPTS, Committed, Snapshot, Transaction, Written, refuse_twice
from ..inside import inside, refuse_inside
from ..limits import checked_path
from ..query import Query
from .feed import FirestoreChanges, Live
from .listening import FirestoreListener
from .messages import Messages, sayable, time_of
from .service import Contended, Service
from .transaction import FirestoreTransaction
from .writing import checked, write_all, write_each

T = TypeVar("T")
_PLACE = re.compile(r"//([^/?#]+)(?:/([^/?#]+))?")
_BATCH = 500
"""So many writes BatchWrite takes."""


class FirestoreDatabase:
    """A database of Firestore, or of its emulator where `FIRESTORE_EMULATOR_HOST` says one.

    Credentials are those of the environment (Application Default Credentials). Every read of a document that is there, or is
    not, is one that Firestore bills.

    Args:
        place: `//PROJECT`, or `//PROJECT/DATABASE`.
        create: Without meaning: databases are made by Firestore's own tools.
        collections: Names of collections, with commas between them, that the feed is of, wherever they lie.

    Raises:
        UsageError: `wrong-usage` for what is no place.
    """

    def __init__(self, place: str, *, create: bool = True, collections: str = "") -> None:
        self.service = Service(*_parts(place))
        self.messages = Messages(self.service.name)
        self._collections = [name for name in collections.split(",") if name]
        self._open: list[FirestoreListener | FirestoreChanges] = []

    @staticmethod
    def check(place: str) -> None:
        """Whether a place names a database; it is not contacted.

        Raises:
            UsageError: `wrong-usage`: it does not.
        """
        _parts(place)

    def __enter__(self) -> FirestoreDatabase:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def get(self, path: str) -> Snapshot:
        """See `Database`."""
        return self.get_many([path])[0]

    def get_many(self, paths: Sequence[str]) -> list[Snapshot]:
        """See `Database`."""
        return self.read(paths)

    def query(self, query: Query) -> Iterator[Snapshot]:
        """See `Database`."""
        return self.answer(query)

    def collections(self, document: str | None = None) -> list[str]:
        """See `Database`."""
        parent = self.service.root if document is None else self.messages.name(document)
        with self.service.errors():
            return sorted(self.service.api.list_collection_ids(parent=parent, metadata=self.service.metadata))

    def missing(self, collection: str) -> list[str]:
        """See `Database`."""
        parent, _, last = collection.rpartition("/")
        request = types.ListDocumentsRequest(
            parent=self.messages.name(parent) if parent else self.service.root,
            collection_id=last,
            show_missing=True,
            mask=types.DocumentMask(field_paths=["__name__"]),
        )
        with self.service.errors():
            listed = self.service.api.list_documents(request, metadata=self.service.metadata)
            pbs = (types.Document.pb(document) for document in listed)
            return [self.messages.missing(pb.name, _EVER).path for pb in pbs if not pb.HasField("create_time")]

    def commit(self, writes: Sequence[Write]) -> Committed:
        """See `Database`."""
        refuse_inside(self, self.service.name)
        if not writes:
            return Committed(self.get("onto_flow/now").read_time)
        for attempt in range(1, ATTEMPTS):
            with suppress(Contended):
                return self.write(writes)
            _pause(attempt)
        return self.write(writes)

    def commit_each(self, writes: Sequence[Write]) -> list[Written]:
        """See `Database`; 500 at a time."""
        refuse_inside(self, self.service.name)
        refuse_twice(writes)
        done: list[Written] = []
        for at in range(0, len(writes), _BATCH):
            done += write_each(self.service, self.messages, [checked(write) for write in writes[at : at + _BATCH]])
        return done

    def transact(self, body: Callable[[Transaction], T], *, attempts: int = ATTEMPTS) -> T:
        """See `Database`; Firestore locks what a transaction reads."""
        refuse_inside(self, self.service.name)
        before = b""
        for attempt in range(1, attempts + 1):
            transaction = FirestoreTransaction(self, before)
            try:
                with inside(self):
                    result = body(transaction)
                transaction.commit()
            except Contended:
                before = transaction.id
            else:
                return result
            finally:
                transaction.close()
            _pause(attempt)
        what = f"others changed what a transaction read, {attempts} times in a row"
        raise EngineError("contention", what, where=self.service.name, fix="Give it more attempts.")

    def listen(self, what: str | Query) -> FirestoreListener:
        """See `Database`."""
        listener = FirestoreListener(self.service, self.messages, what)
        self._open = [*(one for one in self._open if not one.is_closed), listener]
        return listener

    def changes(
        self,
        after: bytes | datetime | None = None,
        *,
        live: Live | None = None,
        collections: Sequence[Collection] | None = None,
    ) -> FirestoreChanges:
        """See `Database`.

        Args:
            after: A `position`, or a time. Firestore goes on from it for some minutes; later it tells everything anew.
            live: Which documents are taken to exist: those that are gone then are told as deleted.
            collections: Which are meant; by default those of the option, or else of the root now, wherever they lie.
        """
        if collections is None:
            names = self._collections or self.collections()
            collections = [Collection(name, group=True) for name in names]
        feed = FirestoreChanges(self.service, self.messages, collections, after, self.read, live)
        self._open = [*(one for one in self._open if not one.is_closed), feed]
        return feed

    def close(self) -> None:
        """See `Database`."""
        for listening in self._open:
            listening.close()
        self.service.close()

    def read(self, paths: Sequence[str], within: FirestoreTransaction | None = None) -> list[Snapshot]:
        """Documents as of one moment; in a transaction as of its own."""
        names = [self.messages.name(checked_path(path)) for path in paths]
        request = types.BatchGetDocumentsRequest.pb()(database=self.service.name, documents=dict.fromkeys(names))
        found: dict[str, Any] = {}
        read_time = _EVER
        if not names:
            return []
        if within is not None:
            within.ask(request)
        asked = types.BatchGetDocumentsRequest.wrap(request)
        with self.service.errors():
            for answer in self.service.api.batch_get_documents(asked, metadata=self.service.metadata):
                pb = types.BatchGetDocumentsResponse.pb(answer)
                if within is not None:
                    within.hear(pb)
                if pb.HasField("read_time"):
                    read_time = max(read_time, time_of(pb.read_time))
                if pb.HasField("found"):
                    found[pb.found.name] = pb.found
        return [
            self.messages.snapshot(found[name], read_time) if name in found else self.messages.missing(name, read_time)
            for name in names
        ]

    def answer(self, query: Query, within: FirestoreTransaction | None = None) -> Iterator[Snapshot]:
        """The answer to a query as of one moment; what Firestore cannot say of it is looked at here."""
        matcher = Matcher(query)
        if query.limit == 0:
            return iter(())
        if isinstance(query.collection, CollectionSet):
            return self._several(query, matcher, within)
        return self._one(query, matcher, within)

    def write(self, writes: Sequence[Write], transaction: bytes = b"") -> Committed:
        """Commits writes."""
        return write_all(self.service, self.messages, [checked(write) for write in writes], transaction, self.read)

    def _one(self, query: Query, matcher: Matcher, within: FirestoreTransaction | None) -> Iterator[Snapshot]:
        parent, message = self.messages.query(query)
        is_whole = sayable(query) is query
        request = types.RunQueryRequest.pb()(parent=parent, structured_query=message)
        if within is not None:
            within.ask(request)
        left = -1 if query.limit is None else query.limit
        with self.service.errors():
            answers = self.service.api.run_query(types.RunQueryRequest.wrap(request), metadata=self.service.metadata)
            for answer in answers:
                pb = types.RunQueryResponse.pb(answer)
                if within is not None:
                    within.hear(pb)
                if not pb.HasField("document"):
                    continue
                snapshot = self.messages.snapshot(pb.document, time_of(pb.read_time))
                if not is_whole and matcher.place(snapshot.path, snapshot.fields or {}) is None:
                    continue
                yield snapshot
                left -= 1
                if left == 0:
                    return

    def _several(self, query: Query, matcher: Matcher, within: FirestoreTransaction | None) -> Iterator[Snapshot]:
        found = []
        for member in members_of(query.collection):
            for snapshot in self._one(replace(query, collection=member), Matcher(query), within):
                place = matcher.place(snapshot.path, snapshot.fields or {})
                if place is not None:
                    found.append((place, snapshot))
        return iter(matcher.sorted(found))


def _pause(attempt: int) -> None:
    """Who met shall not meet again."""
    time.sleep(random.uniform(0, 0.01 * 2**attempt))


_EVER = datetime.min.replace(tzinfo=timezone.utc)


def _parts(place: str) -> tuple[str, str]:
    """Project and database."""
    found = _PLACE.fullmatch(place)
    if found is None:
        fix = "Write firestore://PROJECT or firestore://PROJECT/DATABASE."
        raise UsageError("wrong-usage", f"{place!r:.200} names no database of Firestore", fix=fix)
    return found[1], found[2] or "(default)"
