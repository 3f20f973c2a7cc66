"""Reads of whole collections as of one moment: how many documents there are, where to cut, and each part of them.

Firestore reads as of any moment of the last hour; with point-in-time recovery, of any whole minute of the last seven days.
Source: the Firestore documentation on point-in-time recovery and on `PartitionQuery`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from google.api_core import exceptions
from google.cloud.firestore_v1 import types

from ...core.collection import Collection
from ...core.values import Reference
from ..base import Snapshot
from ..query import Query
from .messages import Messages, field_text, time_of, timestamp
from .service import Service

_COUNT = "documents"
_ID_CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
"""Ids that Firestore makes consist of these."""


class Bulk:
    """Reads of one database as of one moment.

    Args:
        service, messages: Where.
        at: When.
    """

    def __init__(self, service: Service, messages: Messages, at: datetime) -> None:
        self._service, self._messages, self._at = service, messages, at

    def count(self, collection: Collection) -> int:
        """How many documents there are; Firestore bills a read for each 1,000.

        Raises:
            EngineError: `database-failed`.
        """
        parent, query = self._messages.query(Query(collection))
        query.ClearField("order_by")
        request = types.RunAggregationQueryRequest.pb()(parent=parent, read_time=timestamp(self._at))
        request.structured_aggregation_query.structured_query.CopyFrom(query)
        request.structured_aggregation_query.aggregations.add(alias=_COUNT).count.SetInParent()
        asked = types.RunAggregationQueryRequest.wrap(request)
        with self._service.errors():
            for answer in self._service.api.run_aggregation_query(asked, metadata=self._service.metadata):
                pb = types.RunAggregationQueryResponse.pb(answer)
                if _COUNT in pb.result.aggregate_fields:
                    return int(pb.result.aggregate_fields[_COUNT].integer_value)
        return 0

    def cuts(self, collection: Collection, parts: int) -> list[str]:
        """Paths that cut a collection, or group, into about so many parts.

        Where the service does not know where (the emulator), a collection is cut by the first characters of its ids.

        Raises:
            EngineError: `database-failed`.
        """
        if parts < 2:
            return []
        group = Collection(collection.pattern.rpartition("/")[2], group=True)
        parent, query = self._messages.query(Query(group))
        request = types.PartitionQueryRequest.pb()(
            parent=parent, structured_query=query, partition_count=parts - 1, read_time=timestamp(self._at)
        )
        asked = types.PartitionQueryRequest.wrap(request)
        with self._service.errors():
            try:
                found = self._service.api.partition_query(asked, metadata=self._service.metadata)
                names = [types.Cursor.pb(cursor).values[0].reference_value for cursor in found]
            except exceptions.MethodNotImplemented:
                return [] if collection.group else _by_characters(collection, parts)
        paths = dict.fromkeys(map(self._messages.path, names))
        return [path for path in paths if collection.matches(path)]

    def documents(
        self, collection: Collection, fields: Sequence[str] | None, start: str | None, end: str | None, *, after: bool
    ) -> Iterator[Snapshot]:
        """The documents between two paths, in the order of their paths.

        Args:
            collection: Which one.
            fields: The top-level fields that are read; `None`: all.
            start, end: From here on, up to there and without it; `None`: from the beginning, to the end.
            after: Whether `start` itself is left out.

        Raises:
            EngineError: `database-failed`; `Unavailable` where it may be tried again behind what was given.
        """
        query = Query(collection)
        if start is not None:
            query = query.start_after(Reference(start)) if after else query.start_at(Reference(start))
        if end is not None:
            query = query.end_before(Reference(end))
        parent, message = self._messages.query(query)
        if fields is not None:
            names = [field_text((name,)) for name in fields] or ["__name__"]
            message.select.fields.extend(types.StructuredQuery.FieldReference.pb()(field_path=n) for n in names)
        request = types.RunQueryRequest.pb()(parent=parent, structured_query=message, read_time=timestamp(self._at))
        asked: Any = types.RunQueryRequest.wrap(request)
        with self._service.errors():
            for answer in self._service.api.run_query(asked, retry=None, metadata=self._service.metadata):
                pb = types.RunQueryResponse.pb(answer)
                if pb.HasField("document"):
                    yield self._messages.snapshot(pb.document, time_of(pb.read_time))


def _by_characters(collection: Collection, parts: int) -> list[str]:
    step = len(_ID_CHARACTERS) / parts
    return [f"{collection.pattern}/{_ID_CHARACTERS[int(step * n)]}" for n in range(1, min(parts, len(_ID_CHARACTERS)))]
