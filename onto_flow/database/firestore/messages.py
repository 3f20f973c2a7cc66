"""Documents, writes and queries here <-> the messages of Firestore's API.

Documents go through the bytes of their message: those are the ones of change events, which `formats` reads and writes.
"""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

from ...core.field_path import FieldPath
from ...core.predicate import Condition
from ...core.transforms import ArrayRemove, ArrayUnion, Increment, Maximum, Minimum, Transform
from ...core.values import Reference, from_micros, to_micros
from ...core.writes import Precondition, Write
from ...formats.event_body import BodyDecoder
from ...formats.event_body_writer import write_document
from ...formats.names import full_name, split_name
from ...formats.wire import chunk
from ..answers import Matcher
from ..base import Snapshot
from ..query import NAME, Cursor, Query

_MICRO = 1_000_000
_FILTER = types.StructuredQuery.FieldFilter.Operator
_OPERATORS = {
    "==": _FILTER.EQUAL,
    "!=": _FILTER.NOT_EQUAL,
    "<": _FILTER.LESS_THAN,
    "<=": _FILTER.LESS_THAN_OR_EQUAL,
    ">": _FILTER.GREATER_THAN,
    ">=": _FILTER.GREATER_THAN_OR_EQUAL,
    "in": _FILTER.IN,
    "contains": _FILTER.ARRAY_CONTAINS,
}
_UNARY = types.StructuredQuery.UnaryFilter.Operator
_OF_NULL = {"==": _UNARY.IS_NULL, "!=": _UNARY.IS_NOT_NULL}
_OF_NAN = {"==": _UNARY.IS_NAN, "!=": _UNARY.IS_NOT_NAN}
_ONCE = ("!=", "contains")
_CASES = 30
"""So many disjunctions a query may have: Firestore's limit."""

_AND, _OR = types.StructuredQuery.CompositeFilter.Operator.AND, types.StructuredQuery.CompositeFilter.Operator.OR
_ASCENDING, _DESCENDING = types.StructuredQuery.Direction.ASCENDING, types.StructuredQuery.Direction.DESCENDING

_Document = types.Document.pb()
_Write = types.Write.pb()
_StructuredQuery = types.StructuredQuery.pb()


class Messages:
    """Makes and reads messages of one database.

    Args:
        database: `projects/P/databases/D`.
    """

    def __init__(self, database: str) -> None:
        self.database = database
        self._decoder = BodyDecoder()

    def name(self, path: str) -> str:
        """The full name of a document."""
        return full_name(path, self.database)

    def snapshot(self, document: Any, read_time: datetime) -> Snapshot:
        """What the message of a document says."""
        side, _ = self._decoder.sides(chunk(b"\x0a", document.SerializeToString()), self.database)
        assert side is not None
        return Snapshot(side.path, side.fields, read_time, time_of(document.create_time), time_of(document.update_time))

    def path(self, name: str) -> str:
        """The path that a full name says."""
        return split_name(name)[1]

    def missing(self, name: str, read_time: datetime) -> Snapshot:
        """A document that is not there."""
        return Snapshot(self.path(name), None, read_time)

    def write(self, write: Write) -> Any:
        """The message of a write, whose path and fields were checked."""
        message = _Write()
        if write.fields is None:
            message.delete = self.name(write.path)
        else:
            message.update.ParseFromString(write_document(self.name(write.path), write.fields, None, self.database))
        if write.mask is not None:
            message.update_mask.SetInParent()
            message.update_mask.field_paths.extend(map(field_text, write.mask))
        for path, transform in write.transforms:
            self._transform(message.update_transforms.add(), path, transform)
        _put_precondition(message.current_document, write.precondition)
        return message

    def query(self, query: Query) -> tuple[str, Any]:
        """The parent and the message of a query of one collection or group, whose places were checked (`Matcher`).

        What Firestore cannot say is left out (`sayable`), and so is the limit then.
        """
        asked, query = query, sayable(query)
        collection = query.collection
        message = _StructuredQuery()
        parent, _, last = collection.pattern.rpartition("/")
        everywhere = collection.group or "{" in collection.pattern
        message.from_.add(collection_id=last, all_descendants=everywhere)
        for condition in query.where:
            self._condition(message.where.composite_filter, condition)
        for order in query.full_order:
            direction = _DESCENDING if order.descending else _ASCENDING
            message.order_by.add(field={"field_path": field_text(order.path)}, direction=direction)
        for cursor, place in ((query.start, message.start_at), (query.end, message.end_at)):
            if cursor is not None:
                self._cursor(place, cursor, query)
        if query.limit is not None and query is asked:
            message.limit.value = query.limit
        root = f"{self.database}/documents"
        return (root if everywhere or not parent else f"{root}/{parent}"), message

    def value(self, value: Any) -> Any:
        """The message of a value."""
        document = _Document.FromString(write_document("a/b", {"v": value}, None, self.database))
        return document.fields["v"]

    def _condition(self, message: Any, condition: Condition) -> None:
        """Adds a condition; null and NaN are asked for by operators of their own, also as elements of `in`."""
        message.op = _AND
        odd = [v for v in condition.value if _is_odd(v)] if condition.operator == "in" else []
        if not odd:
            self._compare(message.filters.add(), condition)
            return
        either = message.filters.add().composite_filter
        either.op = _OR
        for value in odd:
            self._compare(either.filters.add(), Condition(condition.path, "==", value))
        if plain := [v for v in condition.value if not _is_odd(v)]:
            self._compare(either.filters.add(), Condition(condition.path, "in", plain))

    def _compare(self, message: Any, condition: Condition) -> None:
        field, value = field_text(condition.path), condition.value
        if _is_odd(value) and condition.operator in _OF_NULL:
            of = _OF_NULL if value is None else _OF_NAN
            message.unary_filter.op, message.unary_filter.field.field_path = of[condition.operator], field
            return
        filter = message.field_filter
        filter.field.field_path, filter.op = field, _OPERATORS[condition.operator]
        filter.value.CopyFrom(self.value(value))

    def _cursor(self, message: Any, cursor: Cursor, query: Query) -> None:
        message.before = cursor.before
        matcher = Matcher(query)
        for value, order in zip(cursor.values, query.full_order):
            said = Reference(matcher.path_of(value)) if order.path == NAME else value
            message.values.add().CopyFrom(self.value(said))

    def _transform(self, message: Any, path: FieldPath, transform: Transform) -> None:
        message.field_path = field_text(path)
        if isinstance(transform, (Increment, Maximum, Minimum)):
            getattr(message, type(transform).__name__.lower()).CopyFrom(self.value(transform.number))
        elif isinstance(transform, (ArrayUnion, ArrayRemove)):
            union = isinstance(transform, ArrayUnion)
            elements = message.append_missing_elements if union else message.remove_all_from_array
            elements.SetInParent()
            elements.values.extend(map(self.value, transform.elements))
        else:
            message.set_to_server_value = types.DocumentTransform.FieldTransform.ServerValue.REQUEST_TIME


def sayable(query: Query) -> Query:
    """The query without what Firestore cannot say: itself where it can say all of it.

    Collections with free ids are asked for as collection groups; of several `!=`, and of several `contains`, one alone is
    allowed; and of `in` as many as make 30 cases together.
    """
    kept: list[Condition] = []
    cases = 1
    for condition in query.where:
        times = len(condition.value) if condition.operator == "in" else 1
        again = any(condition.operator == c.operator for c in kept) and condition.operator in _ONCE
        if not again and cases * times <= _CASES:
            kept.append(condition)
            cases *= max(times, 1)
    if len(kept) < len(query.where):
        return replace(query, where=tuple(kept), order=query.full_order, limit=None)
    return replace(query, limit=None) if "{" in query.collection.pattern else query


def _is_odd(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value))


def _put_precondition(message: Any, wanted: Precondition) -> None:
    if wanted.update_time is not None:
        message.update_time.CopyFrom(timestamp(wanted.update_time))
    elif wanted.exists is not None:
        message.exists = wanted.exists


def field_text(path: FieldPath) -> str:
    """A field path as Firestore's API wants it.

    Example:
        >>> field_text(("address", "zip-code"))
        'address.`zip-code`'
    """
    return ".".join(name if name.isascii() and name.isidentifier() else _quoted(name) for name in path)


def _quoted(name: str) -> str:
    text = name.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{text}`"


def time_of(message: Any) -> datetime:
    """The time that a message says."""
    return from_micros(message.seconds * _MICRO + message.nanos // 1000)


def timestamp(time: datetime) -> Timestamp:
    """The message of a time."""
    seconds, micros = divmod(to_micros(time), _MICRO)
    return Timestamp(seconds=seconds, nanos=micros * 1000)
