"""The peer with Beam: a straightforward pipeline of three joins on the local batch runner."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa
from apache_beam.io.parquetio import WriteToParquet

from benchmarks.peers.dicts import view_of
from benchmarks.peers.files import Fields, output_files, read_file
from benchmarks.peers.measured import Phases, run_backfill

COLLECTIONS = ("users", "tickets", "meetings", "locations")
ATTENDEE = pa.struct([("name", pa.string()), ("organization", pa.string()), ("hearingAidRequested", pa.bool_())])
SCHEMA = pa.schema(
    [
        ("__path__", pa.string()),
        ("title", pa.string()),
        ("inSession", pa.bool_()),
        ("address", pa.string()),
        ("attending", pa.list_(ATTENDEE)),
        ("numHearingAidRequested", pa.int64()),
    ]
)
RUNNER = "apache_beam.runners.portability.fn_api_runner.FnApiRunner"
"""The local batch runner, named in full: `DirectRunner` chooses among three."""

Document = tuple[str, Fields]


def collection_of(document: Document, count: int) -> int:
    return COLLECTIONS.index(document[0].partition("/")[0])


def with_user(joined: tuple[str, dict[str, Any]]) -> Iterator[tuple[str, tuple[Fields, Document | None]]]:
    """Each ticket of a user, with the user."""
    path, found = joined
    user = next(iter(found["users"]), None)
    for ticket, fields in found["tickets"]:
        yield ticket, (fields, None if user is None else (path, user))


def to_meetings(joined: tuple[str, dict[str, Any]]) -> Iterator[tuple[str, Any]]:
    """Each meeting of a ticket, with the ticket."""
    path, found = joined
    for ticket in found["tickets"]:
        for meeting in found["meetings"]:
            yield meeting, (path, ticket)


def session(joined: tuple[str, dict[str, Any]], locations: dict[str, Fields]) -> Iterator[Fields]:
    """The view document of a meeting."""
    path, found = joined
    for meeting in found["meeting"]:
        tickets = {p: fields for p, (fields, _) in found["tickets"]}
        users = dict(user for _, (_, user) in found["tickets"] if user is not None)
        document = view_of(meeting, tickets, users, locations)
        if document is not None:
            yield {"__path__": f"meetingSessions/{path.partition('/')[2]}", **document}


def backfill(place: Path, target: Path, phases: Phases) -> None:
    with phases("all"), beam.Pipeline(runner=RUNNER) as pipeline:
        documents = pipeline | beam.Create(output_files(place)) | beam.Reshuffle() | beam.FlatMap(read_file)
        users, tickets, meetings, locations = documents | beam.Partition(collection_of, len(COLLECTIONS))
        by_user = tickets | "user of ticket" >> beam.Map(lambda d: (d[1]["user"], d))
        known = {"users": users, "tickets": by_user} | "user" >> beam.CoGroupByKey() | beam.FlatMap(with_user)
        by_ticket = meetings | "tickets of meeting" >> beam.FlatMap(lambda d: [(t, d[0]) for t in d[1]["tickets"]])
        listed = {"tickets": known, "meetings": by_ticket} | "ticket" >> beam.CoGroupByKey() | beam.FlatMap(to_meetings)
        _ = (
            {"meeting": meetings, "tickets": listed}
            | "meeting" >> beam.CoGroupByKey()
            | beam.FlatMap(session, beam.pvalue.AsDict(locations))
            | WriteToParquet(str(target / "part"), SCHEMA, file_name_suffix=".parquet", num_shards=1)
        )


if __name__ == "__main__":
    run_backfill(backfill)
