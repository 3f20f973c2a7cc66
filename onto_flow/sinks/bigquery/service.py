"""The connections to BigQuery: its REST API for tables and loads, the Storage Write API for rows; or doubles of them.

Where `BIGQUERY_EMULATOR_HOST` (an URL) and `BIGQUERY_STORAGE_EMULATOR_HOST` (`host:port`) say so, those are asked instead.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO

import grpc
from google.api_core import exceptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery
from google.cloud.bigquery_storage_v1 import BigQueryWriteClient, types
from google.cloud.bigquery_storage_v1.services.big_query_write.transports import BigQueryWriteGrpcTransport

from ...core.errors import EngineError, UsageError
from ...database.base import Unavailable
from ...formats.credentials import credentials_for
from .columns import GENERATION, PATH, Column

REST, STORAGE = "BIGQUERY_EMULATOR_HOST", "BIGQUERY_STORAGE_EMULATOR_HOST"
LABEL = "onto_flow_generation"
_PLACE = re.compile(r"//([^/?#]+)/([^/?#]+)")
_AWAY = (
    exceptions.ServiceUnavailable,
    exceptions.InternalServerError,
    exceptions.DeadlineExceeded,
    exceptions.ResourceExhausted,
    exceptions.TooManyRequests,
    exceptions.Aborted,
)


class Service:
    """One dataset of BigQuery.

    Args:
        place: `//PROJECT/DATASET`.

    Raises:
        UsageError: `wrong-usage` for what is no place.
    """

    def __init__(self, place: str) -> None:
        found = _PLACE.fullmatch(place)
        if found is None:
            fix = "Write bigquery://PROJECT/DATASET."
            raise UsageError("wrong-usage", f"{place!r:.200} names no dataset of BigQuery", fix=fix)
        self.project, self.dataset = found.groups()
        rest, storage = os.environ.get(REST), os.environ.get(STORAGE)
        options: dict[str, Any] = {}
        if rest is not None:
            options = {"credentials": AnonymousCredentials(), "client_options": {"api_endpoint": rest}}
        with credentials_for("BigQuery"):
            self._rest = bigquery.Client(self.project, **options)
            self._write = BigQueryWriteClient() if storage is None else _double(storage)

    def prepare(self, name: str, columns: Sequence[Column]) -> int:
        """Makes a table, or the columns that it lacks; says which generation has written it, 0: none.

        Raises:
            EngineError: `sink-failed` where its columns have other types.
        """
        wanted = self._table(name, columns)
        with self._errors():
            try:
                table = self._rest.get_table(wanted.reference)
            except exceptions.NotFound:
                self._rest.create_table(wanted)
                return 0
            missing = _missing(table.schema, wanted.schema, f"{self.dataset}.{name}")
            if missing:
                table.schema = [*table.schema, *missing]
                self._rest.update_table(table, ["schema"])
        generation = (table.labels or {}).get(LABEL, "0")
        return int(generation) if generation.isdecimal() else 0

    def record(self, name: str, columns: Sequence[Column], generation: int) -> None:
        """Says in a table which generation has written it; a load may have taken its primary key."""
        table = self._table(name, columns)
        table.labels = {LABEL: str(generation)}
        with self._errors():
            self._rest.update_table(table, ["labels", "table_constraints"])

    def load(self, name: str, columns: Sequence[Column], file: BinaryIO, size: int) -> None:
        """Makes a table what a file of JSON lines says, at once."""
        table = self._table(name, columns)
        config = bigquery.LoadJobConfig(
            source_format=bigquery.SourceFormat.NEWLINE_DELIMITED_JSON,
            write_disposition=bigquery.WriteDisposition.WRITE_TRUNCATE,
            schema=table.schema,
            clustering_fields=[PATH],
        )
        with self._errors():
            file.seek(0)
            self._rest.load_table_from_file(file, table.reference, size=size, job_config=config).result()

    def older(self, name: str, generation: int) -> list[str]:
        """The paths of rows that older generations have written: one query, which reads two columns of the table."""
        table = f"`{self.project}.{self.dataset}.{name}`"
        with self._errors():
            found = self._rest.query_and_wait(
                f"SELECT {PATH} FROM {table} WHERE {GENERATION} < {int(generation)}"  # noqa: S608 - a name and a number
            )
            return [row[0] for row in found]

    def append(self, name: str, descriptor: Any, rows: Sequence[bytes]) -> dict[int, str]:
        """Appends changes through the default stream; says which rows were refused, and why: then none was taken."""
        stream = f"projects/{self.project}/datasets/{self.dataset}/tables/{name}/streams/_default"
        data = types.AppendRowsRequest.ProtoData(
            writer_schema=types.ProtoSchema(proto_descriptor=descriptor), rows=types.ProtoRows(serialized_rows=rows)
        )
        request = types.AppendRowsRequest(write_stream=stream, proto_rows=data)
        with self._errors():
            # The client's own retry sends the rest of the requests, of which there is none.
            answers = list(self._write.append_rows(iter([request]), retry=None))
        if not answers:
            raise Unavailable("an append was not answered", stream)
        answer = answers[0]
        refused = {error.index: error.message for error in answer.row_errors}
        if answer.error.code and not refused:
            error = exceptions.from_grpc_status(answer.error.code, answer.error.message)
            with self._errors():
                raise error
        return refused

    def close(self) -> None:
        """Lets go of the connections."""
        self._rest.close()
        self._write.transport.close()

    def _table(self, name: str, columns: Sequence[Column]) -> Any:
        schema = [bigquery.SchemaField.from_api_repr(column.described()) for column in columns]
        table = bigquery.Table(f"{self.project}.{self.dataset}.{name}", schema=schema)
        table.clustering_fields = [PATH]
        table.table_constraints = bigquery.table.TableConstraints(
            primary_key=bigquery.table.PrimaryKey(columns=[PATH]), foreign_keys=None
        )
        return table

    @contextmanager
    def _errors(self) -> Iterator[None]:
        where = f"{self.project}.{self.dataset}"
        try:
            yield
        except _AWAY as error:
            raise Unavailable(f"{type(error).__name__}: {error.message}", where) from error
        except exceptions.GoogleAPICallError as error:
            what = f"{type(error).__name__}: {error.message}"
            raise EngineError("sink-failed", what, where=where) from error
        except exceptions.RetryError as error:
            what = f"BigQuery does not answer: {error.cause}"
            raise EngineError("sink-failed", what, where=where, fix="Look at the network.") from error


def _double(address: str) -> Any:
    channel = grpc.insecure_channel(address)
    return BigQueryWriteClient(transport=BigQueryWriteGrpcTransport(channel=channel))


def _missing(have: Sequence[Any], wanted: Sequence[Any], where: str) -> list[Any]:
    """The columns that a table lacks."""
    known = {field.name: field for field in have}
    for field in wanted:
        held = known.get(field.name)
        if held is not None and (_kind(held), held.mode == "REPEATED") != (_kind(field), field.mode == "REPEATED"):
            what = f"the column {field.name} is {held.field_type} and would become {field.field_type}"
            raise EngineError("sink-failed", what, where=where, fix="Write to another dataset, or drop the table.")
    return [field for field in wanted if field.name not in known]


def _kind(field: Any) -> str:
    same = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL", "STRUCT": "RECORD"}
    return same.get(field.field_type, str(field.field_type))
