"""The Flink engine gives the tables of the local flow; its graph is the plan; it publishes nothing half-read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest
from delivered import meeting_room_twice, movies_that_change
from engine_views import History, ListSource, plan
from lossy import judge_gaps
from pyflink import java_gateway

from onto_flow import Reference, plan_views
from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.errors import DataError, EngineError
from onto_flow.core.values import to_micros
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import Job, event, seed
from onto_flow.engines.flink import Engine
from onto_flow.engines.flink.environment import find_programs
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.base import SinkCapabilities, Table
from onto_flow.sources.base import Source
from tests.jobs.feeds import documents_of
from tests.jobs.small import EXPORTED_AT, JOBS, job_and_feed
from udfs.movielens import GenreStats, YearStats

pytestmark = [pytest.mark.flink, pytest.mark.filterwarnings("ignore::DeprecationWarning")]  # of what PyFlink imports

SNAPSHOT = 500


@pytest.fixture(scope="module", autouse=True)
def java() -> Iterator[None]:
    """One Java process for all jobs of the module, gone with it."""
    find_programs()
    processes: list[Popen[bytes]] = []
    launch = java_gateway.launch_gateway_server_process

    def keep(env: dict[str, str], args: list[str]) -> Popen[bytes]:
        processes.append(launch(env, args))
        return processes[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(java_gateway, "launch_gateway_server_process", keep)
        gateway = java_gateway.get_gateway()
        yield
        gateway.shutdown()
    java_gateway._gateway = None
    for process in processes:
        process.terminate()
        process.communicate()


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

    def publish(self) -> Sequence[DeadLetter]:
        self.calls.append("publish")
        return ()

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
    if coalesce:
        assert report.view_changes == len(run.sink.rows), "each view document is evaluated once"
    else:
        assert report.view_changes > len(run.sink.rows)


def same_as_local(
    plan: Plan,
    documents: list[Change],
    changes: list[Change],
    feed: Source,
    snapshot: int | None,
    coalesce: bool = False,
) -> Any:
    flow = LocalFlow(plan, snapshot=snapshot)
    local, sink = TableSink(), TableSink()
    for events in ([seed(d, snapshot) for d in documents], [event(c) for c in changes]):
        local.write([o for o in flow.process(events) if isinstance(o, ViewChange)])
    letters: list[DeadLetter] = []
    run = Job(plan, ListSource(documents), sink, feed=feed, snapshot=snapshot, dead_letter=letters.append)
    Engine(parallelism=2, coalesce=coalesce).run(run)
    assert letters == []
    assert sink.table() == local.table()
    return sink.table()


def test_meeting_room_after_its_script_twice_in_any_order() -> None:
    existing, changes, delivered = meeting_room_twice()
    plan = plan_views(MeetingSession, OrganizationLoad)
    table = same_as_local(plan, existing, changes, ListSource(delivered, partitions=2), to_micros(demo.EXPORTED_AT))
    assert {path for view, path in table if view == "MeetingSession"} == {
        "meetingSessions/standup",
        "meetingSessions/planning",
    }
    assert any(view == "OrganizationLoad" for view, _ in table)


def test_movielens_when_movies_change_genre_and_go() -> None:
    existing, changes, delivered = movies_that_change()
    table = same_as_local(
        plan_views(GenreStats, YearStats), existing, changes, ListSource(delivered, partitions=2), None
    )
    assert {view for view, _ in table} == {"GenreStats", "YearStats"}


@pytest.mark.parametrize("name", ["stocks", pytest.param("swapi", marks=pytest.mark.long)])
def test_documents_that_meet_by_urls_and_by_ids(name: str) -> None:
    plan, existing, feed = job_and_feed(name)
    assert same_as_local(plan, existing, feed, ListSource(feed, partitions=2), to_micros(EXPORTED_AT))


@pytest.mark.long
@pytest.mark.parametrize("name", JOBS)
def test_the_real_exports(name: str, real_exports: Path) -> None:
    plan, existing, feed = job_and_feed(name, documents_of(real_exports / name))
    feeds = ListSource(feed, partitions=2)
    assert same_as_local(plan, existing, feed, feeds, to_micros(EXPORTED_AT), coalesce=True)


def test_keys_of_any_text_reach_their_state() -> None:
    names = ["plain", "😀", "a\0b", "Zoë", "{curly} %s"]
    users = [Change(f"users/{n}", None, {"name": n, "org": n}, (0, 1)) for n in names]
    tickets = [
        Change(f"tickets/{n}", None, {"user": Reference(f"users/{n}"), "attendance": True, "price": 1}, (0, 1))
        for n in names
    ]
    sink = TableSink()
    Engine(coalesce=False).run(Job(plan("Load"), ListSource([*users, *tickets]), sink))
    assert [c["names"] for c in sink.table().values()] != []
    assert sorted(c["names"][0] for c in sink.table().values()) == sorted(names)


def test_graph_has_one_keyed_function_per_operator() -> None:
    history = History(1, size=2, changes=1)
    run = job(plan(), history, feed=ListSource(history.changes))
    graph = Engine(parallelism=2).graph(run)._j_data_stream.getExecutionEnvironment().getStreamGraph(False)
    nodes = {n.getOperatorName(): n for n in graph.getStreamNodes().toArray()}
    operators = {n.id: n for n in run.plan.operators}
    assert {n for n, node in nodes.items() if len(node.getStatePartitioners())} == {*operators}
    for name, operator in operators.items():
        senders = {o.id for o in operators.values() if name in o.sends_to} or {"read.load", "read.feed"}
        edges = nodes[name].getInEdges()
        assert {graph.getStreamNode(e.getSourceId()).getOperatorName() for e in edges} == senders
        assert {str(e.getPartitioner()) for e in edges} == {"HASH"}
        assert nodes[name].getParallelism() == 2
        assert nodes[name].getTransformationUID() == operator.id


@pytest.mark.parametrize("coalesce", [True, False])
def test_source_that_gave_too_few_documents_publishes_nothing(coalesce: bool) -> None:
    history = History(2, size=4, changes=0)
    source = ListSource(documents(history), partitions=2, says=len(history.documents) + 1)
    run = job(plan("Sessions"), history, source=source)
    with pytest.raises(EngineError, match="bad-export"):
        Engine(coalesce=coalesce).run(run)
    assert isinstance(run.sink, TableSink)
    assert run.sink.calls == ["open", "close"]


def test_source_that_breaks_off_publishes_nothing() -> None:
    history = History(2, size=4, changes=0)
    run = job(plan("Sessions"), history, source=ListSource(documents(history), partitions=2, breaks=True))
    with pytest.raises(DataError) as raised:
        Engine(coalesce=False).run(run)
    assert (raised.value.code, raised.value.where) == ("bad-export", "output-0, byte 7")
    assert isinstance(run.sink, TableSink)
    assert run.sink.calls == ["open", "close"]


def test_step_that_fails_is_a_dead_letter_and_the_rest_goes_on() -> None:
    meetings = [Change(f"meetings/{r}", None, {"room": r, "sku": []}, (0, 1)) for r in ("fine", "broken", "odd")]
    letters: list[DeadLetter] = []
    sink = TableSink()
    report = Engine().run(Job(plan("Boards"), ListSource(meetings), sink, dead_letter=letters.append))
    assert [path for _, path in sink.table()] == ["boards/fine"]
    assert {x.key: x.reason[:10] for x in letters} == {
        "view:Boards:meetings/broken": "udf-failed",
        "view:Boards:Boards.assemble:smeetings/odd": "bad-value:",
    }
    assert report.dead_letters == 2
    odd = next(x for x in letters if x.key.endswith("odd"))
    assert "meetings/odd" in str(odd.payload)


def test_check_names_what_cannot_run() -> None:
    run = job(plan("Sessions"), History(1, size=2, changes=0), options={"checkpoint": "x"})
    assert Engine().check(run) == ["engine flink has no option 'checkpoint'"]
    with pytest.raises(EngineError, match="engine-refused"):
        Engine().run(run)


def test_the_gaps_of_a_feed_are_reported() -> None:
    judge_gaps(Engine(parallelism=2))
