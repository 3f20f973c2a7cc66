"""The peer with bytewax: the keyed stages of `stages.py` as a dataflow of one worker.

    python -m benchmarks.peers.bytewax_flow TIMES CHANGES BATCH

The clock starts when the first change leaves the source.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import bytewax.operators as op
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.testing import TestingSource, run_main

from benchmarks.peers.files import Fields, read_changes, read_export
from benchmarks.peers.measured import table_hash, tell
from benchmarks.peers.stages import Held, Record, Sent, leaf_step, meeting_step, ticket_step
from benchmarks.workload import changes_file, export

Item = tuple[str, tuple[str, Any]]


class Table(DynamicSink[Any], StatelessSinkPartition[Any]):
    """The view table, and how many documents were written."""

    def __init__(self) -> None:
        self.rows: dict[str, Fields] = {}
        self.writes = 0

    def build(self, step_id: str, worker_index: int, worker_count: int) -> Table:
        return self

    def write_batch(self, items: list[Any]) -> None:
        for _, (path, document) in items:
            self.writes += 1
            if document is None:
                self.rows.pop(path, None)
            else:
                self.rows[path] = document


def dataflow(source: Iterator[Item], size: int, table: Table) -> Dataflow:
    flow = Dataflow("meetings")
    documents = op.input("documents", flow, TestingSource(source, size))
    meetings = _of(documents, "meetings")
    from_meetings = _sent("meeting", meetings, meeting_step)
    tickets = op.merge("tickets in", _of(documents, "tickets"), _asks("meetings", from_meetings, "tickets"))
    from_tickets = _sent("ticket", tickets, ticket_step)
    leaves = op.merge(
        "leaves in",
        _of(documents, "users"),
        _of(documents, "locations"),
        _asks("meetings", from_meetings, "locations"),
        _asks("tickets", from_tickets, "users"),
    )
    from_leaves = _sent("leaf", leaves, leaf_step)
    told = [op.filter(f"told {n}", s, _is_told) for n, s in enumerate((from_meetings, from_tickets, from_leaves))]
    records = op.stateful_flat_map("record", op.merge("records in", *told), _record)
    op.output("table", records, table)
    return flow


def _of(stream: Any, collection: str) -> Any:
    return op.filter(f"of {collection}", stream, lambda item: item[0].startswith(collection))


def _asks(asking: str, stream: Any, collection: str) -> Any:
    return op.filter(
        f"{asking} ask {collection}",
        stream,
        lambda item: item[1][1][0] == "ask" and item[0].startswith(collection),
    )


def _is_told(item: Item) -> bool:
    return bool(item[1][1][0] == "doc")


def _sent(name: str, stream: Any, step: Callable[[Held, str, Any], Sent]) -> Any:
    def mapper(held: Held | None, value: tuple[str, Any]) -> tuple[Held, Sent]:
        held = held or Held()
        return held, step(held, *value)

    sent = op.stateful_flat_map(name, stream, mapper)
    return op.map(f"{name} to", sent, lambda item: (item[1][0], item[1]))


def _record(record: Record | None, value: tuple[str, Any]) -> tuple[Record, list[Any]]:
    record = record or Record()
    meeting, (_, path, fields) = value
    record.take(path, fields)
    return record, [(f"meetingSessions/{meeting.partition('/')[2]}", record.document())]


def main(times: float, count: int, size: int) -> None:
    table, began = Table(), {}

    def items() -> Iterator[Item]:
        for path, fields in read_export(export(times)):
            yield path, (path, ("doc", fields))
        given = [(path, (path, ("doc", fields))) for path, fields in read_changes(changes_file(times, count))]
        began["at"], began["writes"] = time.process_time(), table.writes
        yield from given

    run_main(dataflow(items(), size, table))
    seconds = time.process_time() - began["at"]
    writes = table.writes - began["writes"]
    tell(seconds=seconds, changes=count, writes=writes, table=table_hash(table.rows))


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
