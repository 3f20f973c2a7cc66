"""The Flink engine gives the tables of the local flow; its graph is the plan; it publishes nothing half-read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from flink_views import History, ListSource, plan

from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.errors import DataError, EngineError
from onto_flow.engines.base import Job, event, seed
from onto_flow.engines.flink import Engine
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.base import SinkCapabilities, Table

pytestmark = pytest.mark.flink

SNAPSHOT = 500


class TableSink:
    """Keeps the highest version per path, and what was called."""

    capabilities = SinkCapabilities()

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], ViewChange] = {}
        self.calls: list[str] = []

    def open(self, tables: Sequence[Table], generation: int) -> None:
        self.calls.append("open")

    def write(self, changes: Sequence[ViewChange]) -> None:
        self.calls.append("write")
        for change in changes:
            held = self.rows.get((change.view, change.path))
            assert held is None or held.version != change.version
            if held is None or held.version < change.version:
                self.rows[change.view, change.path] = change

    def complete(self) -> None:
        self.calls.append("complete")

    def publish(self) -> None:
        self.calls.append("publish")

    def close(self) -> None:
        self.calls.append("close")

    def table(self) -> dict[tuple[str, str], Any]:
        return {k: c.new for k, c in self.rows.items() if c.new is not None}


def documents(history: History) -> list[Change]:
    return [Change(p, None, f, (0, 1)) for p, f in history.documents.items()]


def expected(plan: Plan, history: History) -> TableSink:
    flow = LocalFlow(plan, snapshot=SNAPSHOT)
    sink = TableSink()
    for events in ([seed(d, SNAPSHOT) for d in documents(history)], [event(c) for c in history.changes]):
        sink.write([o for o in flow.process(events) if isinstance(o, ViewChange)])
    return sink


def job(plan: Plan, history: History, **options: Any) -> Job:
    fields = {"source": ListSource(documents(history), partitions=2), "snapshot": SNAPSHOT, **options}
    return Job(plan, sink=TableSink(), **fields)


@pytest.mark.parametrize(("coalesce", "parallelism"), [(True, 1), (False, 2), (True, 2)])
def test_tables_are_those_of_the_local_flow(coalesce: bool, parallelism: int) -> None:
    history = History(7, size=12, changes=150)
    feed = ListSource(history.delivered(), partitions=2)
    run = job(plan(), history, feed=feed, generation=5)
    report = Engine(parallelism=parallelism, coalesce=coalesce).run(run)
    assert isinstance(run.sink, TableSink)
    table = expected(plan(), history).table()
    assert len(table) > 9
    assert run.sink.table() == table
    assert run.sink.calls[0] == "open" and run.sink.calls[-3:] == ["complete", "publish", "close"]
    assert {c.version[:2] for c in run.sink.rows.values()} == {(5, 0)}
    assert (report.documents, report.changes) == (len(history.documents), len(feed.changes))
