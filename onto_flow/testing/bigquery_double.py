"""A double of BigQuery on loopback, for asserting on exact requests: no stand-in that is faithful exists.

It checks little and computes nothing but what change data capture promises: per primary key the row of the highest sequence
number. Its REST side knows tables and load jobs (multipart uploads), its gRPC side the default stream.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from google.cloud.bigquery_storage_v1 import types
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

_TABLES = re.compile(r"/bigquery/v2/projects/[^/]+/datasets/[^/]+/tables(?:/([^/?]+))?")


@dataclass
class BigQueryDouble:
    """What was asked of it, and what it holds.

    Attributes:
        rest, storage: Where it listens, for `BIGQUERY_EMULATOR_HOST` and `BIGQUERY_STORAGE_EMULATOR_HOST`.
        tables: name -> its resource, as it was sent.
        calls: (method, path, body) of the REST side.
        appends: (stream, rows as JSON) of the gRPC side.
        loads: (configuration, lines) of load jobs.
        answers: What the next appends are answered instead: an `AppendRowsResponse`, or a status code.
    """

    rest: str = ""
    storage: str = ""
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str, Any]] = field(default_factory=list)
    appends: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    loads: list[tuple[dict[str, Any], list[dict[str, Any]]]] = field(default_factory=list)
    answers: list[Any] = field(default_factory=list)

    def rows(self, key: str = "__path__") -> dict[str, dict[str, Any]]:
        """What change data capture leaves of all appends: primary key -> row."""
        newest: dict[str, tuple[list[int], dict[str, Any]]] = {}
        for _, rows in self.appends:
            for row in rows:
                place = [int(part, 16) for part in row["_CHANGE_SEQUENCE_NUMBER"].split("/")]
                if row[key] not in newest or newest[row[key]][0] <= place:
                    newest[row[key]] = place, row
        return {path: row for path, (_, row) in newest.items() if row["_CHANGE_TYPE"] == "UPSERT"}

    def append(self, requests: Any, context: Any) -> Iterator[bytes]:
        """Answers a stream of appends."""
        for data in requests:
            request = types.AppendRowsRequest.deserialize(data)
            answer = self.answers.pop(0) if self.answers else types.AppendRowsResponse()
            if isinstance(answer, grpc.StatusCode):
                context.abort(answer, "as the test says")
            if not answer.error.code:
                self.appends.append((request.write_stream, _decoded(request.proto_rows)))
            yield types.AppendRowsResponse.serialize(answer)

    def answer(self, method: str, path: str, body: bytes) -> tuple[int, Any]:
        """Answers a call of the REST side."""
        if path.startswith("/upload/"):
            _, config, content, *_ = re.split(rb"\r?\n?--=+[^\r\n]*\r?\n?", body)
            job = json.loads(config.split(b"\r\n\r\n", 1)[1])
            lines = content.split(b"\r\n\r\n", 1)[1].strip().splitlines()
            self.loads.append((job["configuration"]["load"], [json.loads(text) for text in lines]))
            return 200, {**job, "status": {"state": "DONE"}}
        said: Any = json.loads(body) if body else None
        self.calls.append((method, path, said))
        found = _TABLES.match(path)
        if path.partition("?")[0].endswith("/queries"):
            return 200, self._older(said["query"])
        if found is None:
            return 200, {"status": {"state": "DONE"}}
        if method == "POST":
            self.tables[said["tableReference"]["tableId"]] = said
            return 200, said
        table = self.tables.get(found[1] or "")
        if table is None:
            return 404, {"error": {"code": 404, "message": "Not found"}}
        table |= said or {}
        return 200, table

    def _older(self, query: str) -> dict[str, Any]:
        """Answers the one query that is known: the paths of rows of older generations."""
        asked = re.fullmatch(r"SELECT __path__ FROM `[^`]+` WHERE __generation__ < (\d+)", query)
        assert asked is not None, query
        paths = sorted(p for p, row in self.rows().items() if int(row["__generation__"]) < int(asked[1]))
        field = {"name": "__path__", "type": "STRING", "mode": "REQUIRED"}
        rows = [{"f": [{"v": path}]} for path in paths]
        return {"jobComplete": True, "schema": {"fields": [field]}, "rows": rows, "totalRows": str(len(rows))}


def _decoded(proto: Any) -> list[dict[str, Any]]:
    """The rows of an append as JSON, read with the schema that came with them."""
    file = descriptor_pb2.FileDescriptorProto(name="sent.proto", syntax="proto2")
    file.message_type.add().CopyFrom(proto.writer_schema.proto_descriptor)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    message = message_factory.GetMessageClass(pool.FindMessageTypeByName(file.message_type[0].name))
    rows = (message.FromString(row) for row in proto.rows.serialized_rows)
    return [json_format.MessageToDict(row, preserving_proto_field_name=True) for row in rows]


@contextmanager
def bigquery_double() -> Iterator[BigQueryDouble]:
    """Starts a double, and ends it."""
    double = BigQueryDouble()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, said = double.answer(self.command, self.path, body)
            data = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PATCH = do_PUT = _any  # noqa: N815 - the names that the base class looks for

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

    call = grpc.stream_stream_rpc_method_handler(double.append)
    service = grpc.method_handlers_generic_handler(
        "google.cloud.bigquery.storage.v1.BigQueryWrite", {"AppendRows": call}
    )
    server = grpc.server(ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((service,))
    double.storage = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    server.start()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        double.rest = f"http://127.0.0.1:{web.server_address[1]}"
        thread = threading.Thread(target=web.serve_forever, daemon=True)
        thread.start()
        try:
            yield double
        finally:
            web.shutdown()
            thread.join()
            server.stop(None).wait()
