"""Messages of Firestore's API <-> writes, queries, documents: the other direction of `database.firestore.messages`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from google.cloud.firestore_v1 import types
from google.protobuf.timestamp_pb2 import Timestamp

from ...core.collection import Collection
from ...core.errors import DataError
from ...core.predicate import Condition
from ...core.transforms import SERVER_TIME, ArrayRemove, ArrayUnion, Increment, Maximum, Minimum, Transform
from ...core.values import Reference, from_micros, to_micros
from ...core.writes import Precondition, Write
from ...database.base import Snapshot
from ...database.query import Cursor, Query, field_path
from ...formats.event_body import BodyDecoder
from ...formats.event_body_writer import write_document
from ...formats.names import full_name, split_name
from ...formats.wire import chunk

_FILTER = types.StructuredQuery.FieldFilter.Operator
_OPERATORS = {
    _FILTER.EQUAL: "==",
    _FILTER.NOT_EQUAL: "!=",
    _FILTER.LESS_THAN: "<",
    _FILTER.LESS_THAN_OR_EQUAL: "<=",
    _FILTER.GREATER_THAN: ">",
    _FILTER.GREATER_THAN_OR_EQUAL: ">=",
    _FILTER.IN: "in",
    _FILTER.ARRAY_CONTAINS: "contains",
}
_UNARY = types.StructuredQuery.UnaryFilter.Operator
_ODD = {
    _UNARY.IS_NULL: ("==", None),
    _UNARY.IS_NOT_NULL: ("!=", None),
    _UNARY.IS_NAN: ("==", float("nan")),
    _UNARY.IS_NOT_NAN: ("!=", float("nan")),
}
_NUMBERS: dict[str, Callable[[float], Transform]] = {"increment": Increment, "maximum": Maximum, "minimum": Minimum}
_Document = types.Document.pb()


class Reads:
    """Reads and makes messages of one database.

    Args:
        database: `projects/P/databases/D`.
    """

    def __init__(self, database: str) -> None:
        self.database = database
        self._decoder = BodyDecoder()

    def path(self, name: str) -> str:
        """The path of a full name.

        Raises:
            DataError: `bad-key`: it is of another database.
        """
        prefix = f"{self.database}/documents/"
        if not name.startswith(prefix):
            raise DataError("bad-key", f"{name!r:.200} is not of {self.database}")
        return split_name(name)[1]

    def parent(self, name: str) -> str:
        """The path of a parent: empty for the root."""
        return "" if name == f"{self.database}/documents" else self.path(name)

    def name(self, path: str) -> str:
        """The full name of a path."""
        return full_name(path, self.database)

    def fields(self, document: Any) -> dict[str, Any]:
        """The fields of a document."""
        message = _Document(name=self.name("a/b"))
        for name, value in document.fields.items():
            message.fields[name].CopyFrom(value)
        # A time of its own tells an empty document from a side that is not there.
        message.create_time.seconds = 1
        side, _ = self._decoder.sides(chunk(b"\x0a", message.SerializeToString()), self.database)
        assert side is not None
        return dict(side.fields or {})

    def value(self, value: Any) -> Any:
        """A value."""
        document = _Document()
        document.fields["v"].CopyFrom(value)
        return self.fields(document)["v"]

    def document(self, found: Snapshot, names: frozenset[str] | None = None) -> Any:
        """The message of a document; `names`: only these fields of it."""
        assert found.update_time is not None
        assert found.create_time is not None
        fields = found.fields or {}
        if names is not None:
            fields = {name: value for name, value in fields.items() if name in names}
        written = write_document(self.name(found.path), fields, to_micros(found.update_time), self.database)
        message = _Document.FromString(written)
        message.create_time.CopyFrom(timestamp(found.create_time))
        return message

    def write(self, message: Any) -> Write:
        """A write."""
        wanted = _precondition(message.current_document)
        if message.WhichOneof("operation") == "delete":
            return Write(self.path(message.delete), None, precondition=wanted)
        mask = None
        if message.HasField("update_mask"):
            mask = tuple(field_path(text) for text in message.update_mask.field_paths)
        transforms = tuple((field_path(t.field_path), self._transform(t)) for t in message.update_transforms)
        return Write(self.path(message.update.name), self.fields(message.update), mask, transforms, wanted)

    def _transform(self, message: Any) -> Transform:
        kind = message.WhichOneof("transform_type")
        if kind in _NUMBERS:
            return _NUMBERS[kind](self.value(getattr(message, kind)))
        if kind == "set_to_server_value":
            return SERVER_TIME
        elements = map(self.value, getattr(message, kind).values)
        return ArrayUnion(*elements) if kind == "append_missing_elements" else ArrayRemove(*elements)

    def query(self, parent: str, message: Any) -> Query:
        """A query below a parent.

        Raises:
            DataError: `bad-value` for what this double does not know.
        """
        [of] = message.from_
        group = of.all_descendants
        above = self.parent(parent)
        if group and above:
            raise DataError("bad-value", "the double has no collection groups below documents")
        pattern = of.collection_id if group or not above else f"{above}/{of.collection_id}"
        query = Query(Collection(pattern, group))
        if message.HasField("where"):
            for condition in self._conditions(message.where):
                query = query.with_condition(condition)
        for order in message.order_by:
            descending = order.direction == types.StructuredQuery.Direction.DESCENDING
            query = query.ordered(field_path(order.field.field_path), descending=descending)
        start = self._cursor(message.start_at) if message.HasField("start_at") else None
        end = self._cursor(message.end_at) if message.HasField("end_at") else None
        limit = message.limit.value if message.HasField("limit") else None
        return Query(query.collection, query.where, query.order, limit, start, end)

    def _cursor(self, message: Any) -> Cursor:
        return Cursor(tuple(self.value(v) for v in message.values), message.before)

    def _conditions(self, message: Any) -> list[Condition]:
        kind = message.WhichOneof("filter_type")
        if kind == "composite_filter":
            composite = message.composite_filter
            inner = [c for f in composite.filters for c in self._conditions(f)]
            if composite.op == types.StructuredQuery.CompositeFilter.Operator.AND:
                return inner
            return [_either(inner)]
        if kind == "unary_filter":
            operator, value = _ODD[message.unary_filter.op]
            return [Condition(field_path(message.unary_filter.field.field_path), operator, value)]
        filter = message.field_filter
        path = field_path(filter.field.field_path)
        return [Condition(path, _OPERATORS[filter.op], self.value(filter.value))]


def _either(inner: list[Condition]) -> Condition:
    """Several values of one field are `in`: other alternatives nobody asks for here."""
    if len({c.path for c in inner}) != 1 or any(c.operator not in ("==", "in") for c in inner):
        raise DataError("bad-value", "the double knows alternatives of one field alone")
    values = [v for c in inner for v in (c.value if c.operator == "in" else [c.value])]
    return Condition(inner[0].path, "in", values)


def _precondition(message: Any) -> Precondition:
    kind = message.WhichOneof("condition_type")
    if kind == "update_time":
        return Precondition(update_time=time_of(message.update_time))
    return Precondition(exists=message.exists if kind else None)


def selected(query: Any) -> frozenset[str] | None:
    """The top-level fields that a query selects; `None`: all."""
    if not query.HasField("select"):
        return None
    return frozenset(field_path(field.field_path)[0] for field in query.select.fields)


def reference(path: str, reads: Reads) -> Any:
    """The value that names a document."""
    document = _Document.FromString(write_document("a/b", {"v": Reference(path)}, None, reads.database))
    return document.fields["v"]


def time_of(message: Any) -> datetime:
    """The time that a message says."""
    return from_micros(message.seconds * 1_000_000 + message.nanos // 1000)


def timestamp(time: datetime) -> Timestamp:
    """The message of a time."""
    seconds, micros = divmod(to_micros(time), 1_000_000)
    return Timestamp(seconds=seconds, nanos=micros * 1000)
