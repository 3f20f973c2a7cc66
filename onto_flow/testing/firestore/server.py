"""Firestore's gRPC service over embedded databases, on loopback."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Any

import grpc
from google.cloud.firestore_v1 import types
from google.protobuf import empty_pb2

from ...core.errors import DataError, OntoFlowError
from ...database.base import PreconditionFailed
from ...database.embedded.reading import Reading
from ...database.embedded.transaction import EmbeddedTransaction
from ...database.embedded.writing import checked, write_all
from ...database.query import Query
from .faults import Faults
from .held import Held
from .listening import Listening
from .messages import reference, selected, time_of, timestamp

_LOOK_SECONDS = 0.2


class FirestoreServer:
    """Serves databases; each is made when it is first used.

    Attributes:
        address: `host:port`, for `FIRESTORE_EMULATOR_HOST`.
        faults: What goes wrong on demand, and counts of calls.
        partitions: Whether PartitionQuery is there; the emulator has none.
    """

    def __init__(self) -> None:
        self.faults = Faults()
        self.partitions = True
        self._folder = TemporaryDirectory()
        self._held: dict[str, Held] = {}
        self._lock = threading.Lock()
        self._streams = 0
        self._closing = False
        self._server = grpc.server(ThreadPoolExecutor(64), options=[("grpc.so_reuseport", 0)])
        self._server.add_generic_rpc_handlers((self._handler(),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        self._server.start()

    def close(self) -> None:
        """Ends it, and all streams."""
        self._closing = True
        self._server.stop(grace=0).wait()
        for held in self._held.values():
            held.database.close()
        self._folder.cleanup()

    def held(self, project: str, database: str = "(default)") -> Held:
        """One of its databases."""
        return self._database(f"projects/{project}/databases/{database}")

    def break_streams(self) -> None:
        """Ends all listeners with `UNAVAILABLE`, as a server that goes away does."""
        self._streams += 1

    def _database(self, name: str) -> Held:
        name = "/".join(name.split("/")[:4])
        with self._lock:
            if name not in self._held:
                self._held[name] = Held(name, f"{self._folder.name}/{len(self._held)}.sqlite", self.faults)
            return self._held[name]

    def _handler(self) -> grpc.GenericRpcHandler:
        unary = {
            "Commit": (types.CommitRequest, self._commit),
            "BatchWrite": (types.BatchWriteRequest, self._batch_write),
            "BeginTransaction": (types.BeginTransactionRequest, self._begin),
            "Rollback": (types.RollbackRequest, self._rollback),
            "ListCollectionIds": (types.ListCollectionIdsRequest, self._collections),
            "ListDocuments": (types.ListDocumentsRequest, self._documents),
            "PartitionQuery": (types.PartitionQueryRequest, self._partition),
        }
        streams = {
            "BatchGetDocuments": (types.BatchGetDocumentsRequest, self._batch_get),
            "RunQuery": (types.RunQueryRequest, self._run_query),
            "RunAggregationQuery": (types.RunAggregationQueryRequest, self._aggregate),
        }
        handlers = {name: self._unary(name, *of) for name, of in unary.items()}
        handlers |= {name: self._stream(name, *of) for name, of in streams.items()}
        handlers["Listen"] = grpc.stream_stream_rpc_method_handler(
            self._listen, types.ListenRequest.pb().FromString, lambda answer: answer.SerializeToString()
        )
        return grpc.method_handlers_generic_handler("google.firestore.v1.Firestore", handlers)

    def _unary(self, name: str, request: Any, method: Callable[[Any], Any]) -> grpc.RpcMethodHandler:
        def called(asked: Any, context: grpc.ServicerContext) -> Any:
            self.faults.called(name, context)
            with _refusing(context):
                return method(asked)

        return grpc.unary_unary_rpc_method_handler(
            called, request.pb().FromString, lambda answer: answer.SerializeToString()
        )

    def _stream(self, name: str, request: Any, method: Callable[[Any], Iterator[Any]]) -> grpc.RpcMethodHandler:
        def called(asked: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            after = self.faults.called(name, context)
            with _refusing(context):
                yield from self.faults.cut(method(asked), after, context)

        return grpc.unary_stream_rpc_method_handler(
            called, request.pb().FromString, lambda answer: answer.SerializeToString()
        )

    def _commit(self, asked: Any) -> Any:
        held = self._database(asked.database)
        writes = checked([held.reads.write(write) for write in asked.writes])
        transaction = held.transactions.pop(asked.transaction, None)
        if asked.transaction and transaction is None:
            raise _Aborted
        with held.database.writing() as writer:
            if transaction is not None and writes and not transaction.stands(Reading(held.database.file, writer.state)):
                raise _Aborted
            done = write_all(writer, writes)
        results = [_result(time) for time in done.update_times]
        return types.CommitResponse.pb()(write_results=results, commit_time=timestamp(done.time))

    def _batch_write(self, asked: Any) -> Any:
        held = self._database(asked.database)
        answer = types.BatchWriteResponse.pb()()
        for message in asked.writes:
            status, result = answer.status.add(), answer.write_results.add()
            try:
                [time] = held.database.commit([held.reads.write(message)]).update_times
                result.CopyFrom(_result(time))
            except OntoFlowError as error:
                code, status.message = _code(error), str(error)
                status.code = code.value[0]
        return answer

    def _begin(self, asked: Any) -> Any:
        held = self._database(asked.database)
        return types.BeginTransactionResponse.pb()(transaction=_begun(held))

    def _rollback(self, asked: Any) -> Any:
        self._database(asked.database).transactions.pop(asked.transaction, None)
        return empty_pb2.Empty()

    def _collections(self, asked: Any) -> Any:
        held = self._database(asked.parent)
        parent = held.reads.parent(asked.parent)
        return types.ListCollectionIdsResponse.pb()(collection_ids=held.database.collections(parent or None))

    def _documents(self, asked: Any) -> Any:
        held = self._database(asked.parent)
        parent = held.reads.parent(asked.parent)
        collection = f"{parent}/{asked.collection_id}" if parent else asked.collection_id
        found = [held.reads.document(s) for s in held.database.query(Query.of(collection))]
        missing = held.database.missing(collection) if asked.show_missing else []
        found += [types.Document.pb()(name=held.reads.name(path)) for path in missing]
        found.sort(key=lambda document: str(document.name))
        return types.ListDocumentsResponse.pb()(documents=found)

    def _partition(self, asked: Any) -> Any:
        if not self.partitions:
            raise NotImplementedError
        held = self._database(asked.parent)
        reading = self._reading(held, asked)
        paths = [s.path for s in reading.query(held.reads.query(asked.parent, asked.structured_query))]
        count = min(asked.partition_count, max(len(paths) - 1, 0))
        cuts = sorted({len(paths) * n // (count + 1) for n in range(1, count + 1)} - {0})
        cursor = types.Cursor.pb()
        found = [cursor(values=[reference(paths[at], held.reads)], before=True) for at in cuts]
        return types.PartitionQueryResponse.pb()(partitions=found)

    def _batch_get(self, asked: Any) -> Iterator[Any]:
        held = self._database(asked.database)
        paths = [held.reads.path(name) for name in asked.documents]
        began = _begun(held) if asked.HasField("new_transaction") else b""
        transaction = held.transactions.get(began or asked.transaction)
        found = (transaction or _Reads(self._reading(held, asked))).get_many(paths)
        self.faults.documents += len(paths)
        if began:
            yield types.BatchGetDocumentsResponse.pb()(transaction=began)
        for name, snapshot in zip(asked.documents, found):
            answer = types.BatchGetDocumentsResponse.pb()(read_time=timestamp(snapshot.read_time))
            if snapshot.exists:
                answer.found.CopyFrom(held.reads.document(snapshot))
            else:
                answer.missing = name
            yield answer

    def _run_query(self, asked: Any) -> Iterator[Any]:
        held = self._database(asked.parent)
        query = held.reads.query(asked.parent, asked.structured_query)
        began = _begun(held) if asked.HasField("new_transaction") else b""
        if began:
            yield types.RunQueryResponse.pb()(transaction=began)
        transaction = held.transactions.get(began or asked.transaction)
        reading = self._reading(held, asked)
        names = selected(asked.structured_query)
        for snapshot in transaction.query(query) if transaction else reading.query(query):
            self.faults.documents += 1
            document = held.reads.document(snapshot, names)
            yield types.RunQueryResponse.pb()(document=document, read_time=timestamp(snapshot.read_time))
        yield types.RunQueryResponse.pb()(read_time=timestamp(reading.time))

    def _aggregate(self, asked: Any) -> Iterator[Any]:
        held = self._database(asked.parent)
        reading = self._reading(held, asked)
        aggregation = asked.structured_aggregation_query
        query = held.reads.query(asked.parent, aggregation.structured_query)
        count = types.Value.pb()(integer_value=sum(1 for _ in reading.query(query)))
        answer = types.RunAggregationQueryResponse.pb()(read_time=timestamp(reading.time))
        for asked_for in aggregation.aggregations:
            answer.result.aggregate_fields[asked_for.alias].CopyFrom(count)
        yield answer

    def _reading(self, held: Held, asked: Any) -> Reading:
        if asked.HasField("read_time"):
            return held.as_of(time_of(asked.read_time))
        return Reading(held.database.file)

    def _listen(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        after = self.faults.called("Listen", context)
        if after is not None:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Listen fails on demand")
        first = next(requests)
        held, opened = self._database(first.database), self._streams
        listening = Listening(held, first.add_target)
        yield from listening.open()
        while context.is_active() and not self._closing:
            if self._streams != opened:
                context.abort(grpc.StatusCode.UNAVAILABLE, "streams break on demand")
            rung = held.database.bell.rung
            told = False
            for message in listening.follow():
                told = True
                yield message
            if not told:
                held.database.bell.wait(rung, _LOOK_SECONDS)


def _begun(held: Held) -> bytes:
    """A new transaction's name."""
    name = uuid.uuid4().bytes
    held.transactions[name] = EmbeddedTransaction(Reading(held.database.file))
    return name


class _Aborted(Exception):
    """What a transaction read has changed."""


class _Reads:
    """Reads outside transactions."""

    def __init__(self, reading: Reading) -> None:
        self.get_many = reading.snapshots


@contextmanager
def _refusing(context: grpc.ServicerContext) -> Iterator[None]:
    try:
        yield
    except _Aborted:
        context.abort(grpc.StatusCode.ABORTED, "what the transaction read has changed")
    except NotImplementedError:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, "the method is unimplemented")
    except OntoFlowError as error:
        context.abort(_code(error), str(error))


def _code(error: OntoFlowError) -> grpc.StatusCode:
    if isinstance(error, PreconditionFailed):
        if "it exists" in error.what:
            return grpc.StatusCode.ALREADY_EXISTS
        return grpc.StatusCode.NOT_FOUND if "not exist" in error.what else grpc.StatusCode.FAILED_PRECONDITION
    return grpc.StatusCode.INVALID_ARGUMENT if isinstance(error, DataError) else grpc.StatusCode.INTERNAL


def _result(time: datetime | None) -> Any:
    result = types.WriteResult.pb()()
    if time is not None:
        result.update_time.CopyFrom(timestamp(time))
    return result


@contextmanager
def firestore_server() -> Iterator[FirestoreServer]:
    """Starts a server, and ends it."""
    server = FirestoreServer()
    try:
        yield server
    finally:
        with suppress(OntoFlowError):
            server.close()
