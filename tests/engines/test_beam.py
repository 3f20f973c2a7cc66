"""The Beam engine gives the tables of the local flow; its graph is the plan; it publishes nothing half-read."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from apache_beam.portability.api import beam_runner_api_pb2 as api
from apache_beam.runners.worker import statecache
from delivered import meeting_room_twice, movies_that_change
from engine_views import History, ListSource, plan
from lossy import judge_gaps

from onto_flow import Reference, plan_views
from onto_flow.core.change import Change, DeadLetter, ViewChange
from onto_flow.core.collection import Collection
from onto_flow.core.errors import DataError, EngineError
from onto_flow.core.values import Document, to_micros
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import Job, event, seed
from onto_flow.engines.beam import Engine, cells, steps
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.plan.compile import compile_plan
from onto_flow.plan.nodes import CodeRef, Plan, Slot, View
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.base import Source
from onto_flow.testing.engine_suite import EngineSuite, Tables
from tests.jobs.feeds import documents_of
from tests.jobs.small import EXPORTED_AT, JOBS, job_and_feed
from udfs.movielens import GenreStats, YearStats

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

SNAPSHOT = 500


class RecordingSink(MemorySink):
    """Keeps what was called."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[str] = []

    def open(self, *arguments: Any) -> None:
        self.calls.append("open")
        super().open(*arguments)

    def write(self, changes: Sequence[ViewChange]) -> None:
        self.calls.append("write")
        super().write(changes)

    def complete(self) -> None:
        self.calls.append("complete")
        super().complete()

    def publish(self) -> Sequence[DeadLetter]:
        self.calls.append("publish")
        return super().publish()

    def close(self) -> None:
        self.calls.append("close")
        super().close()

    def tables(self) -> dict[str, dict[str, Document]]:
        return {view: self.documents(view) for view in self.views()}


def documents(history: History) -> list[Change]:
    return [Change(p, None, f, (0, 1)) for p, f in history.documents.items()]


def local(plan: Plan, existing: Sequence[Change], changes: Sequence[Change], snapshot: int | None) -> Tables:
    flow = LocalFlow(plan, snapshot=snapshot)
    tables: dict[str, dict[str, Document]] = {v.name: {} for v in plan.views}
    for events in ([seed(d, snapshot) for d in existing], [event(c) for c in changes]):
        for output in flow.process(events):
            if isinstance(output, ViewChange):
                tables[output.view].pop(output.path, None)
                if output.new is not None:
                    tables[output.view][output.path] = output.new
    return tables


def job(plan: Plan, history: History, **options: Any) -> Job:
    fields = {"source": ListSource(documents(history), partitions=2), "snapshot": SNAPSHOT, **options}
    return Job(plan, sink=RecordingSink(), **fields)


def sink_of(run: Job) -> RecordingSink:
    assert isinstance(run.sink, RecordingSink)
    return run.sink


@pytest.mark.parametrize("split_bytes", [cells.SPLIT_BYTES, 60])
@pytest.mark.parametrize("coalesce", [True, False])
def test_tables_are_those_of_the_local_flow(coalesce: bool, split_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPLIT_BYTES", split_bytes)
    history = History(7, size=12, changes=150)
    feed = ListSource(history.delivered(), partitions=2)
    run = job(plan(), history, feed=feed, generation=5)
    report = Engine(coalesce=coalesce).run(run)
    sink = sink_of(run)
    expected = local(plan(), documents(history), history.changes, SNAPSHOT)
    assert sum(map(len, expected.values())) > 9
    assert sink.tables() == expected
    assert sink.calls == ["open", "write", "complete", "publish", "close"]
    assert {c.version[:2] for c in sink.changes} == {(5, 0)}
    assert (report.documents, report.changes) == (len(history.documents), len(feed.changes))
    assert report.view_changes == len(sink.changes)
    paths = {(c.view, c.path) for c in sink.changes}
    if coalesce:
        assert len(sink.changes) == len(paths), "each view document is evaluated once"
    else:
        assert len(sink.changes) > len(paths)


def same_as_local(
    plan: Plan, existing: Sequence[Change], changes: Sequence[Change], feed: Source, snapshot: int | None
) -> Tables:
    letters: list[DeadLetter] = []
    sink = RecordingSink()
    Engine().run(Job(plan, ListSource(existing), sink, feed=feed, snapshot=snapshot, dead_letter=letters.append))
    assert letters == []
    assert sink.tables() == local(plan, existing, changes, snapshot)
    return sink.tables()


def test_meeting_room_after_its_script_twice_in_any_order() -> None:
    existing, changes, delivered = meeting_room_twice()
    plan = plan_views(MeetingSession, OrganizationLoad)
    tables = same_as_local(plan, existing, changes, ListSource(delivered, partitions=2), to_micros(demo.EXPORTED_AT))
    assert set(tables["MeetingSession"]) == {"meetingSessions/standup", "meetingSessions/planning"}
    assert tables["OrganizationLoad"]


def test_movielens_when_movies_change_genre_and_go() -> None:
    existing, changes, delivered = movies_that_change()
    feed = ListSource(delivered, partitions=2)
    tables = same_as_local(plan_views(GenreStats, YearStats), existing, changes, feed, None)
    assert tables["GenreStats"]
    assert tables["YearStats"]


@pytest.mark.parametrize("name", JOBS)
def test_documents_that_meet_by_urls_and_by_ids(name: str) -> None:
    plan, existing, feed = job_and_feed(name)
    assert same_as_local(plan, existing, feed, ListSource(feed, partitions=2), to_micros(EXPORTED_AT))


@pytest.mark.parametrize("name", ["swapi", pytest.param("stocks", marks=pytest.mark.long)])
def test_the_real_exports(name: str, real_exports: Path) -> None:
    plan, existing, feed = job_and_feed(name, documents_of(real_exports / name))
    assert same_as_local(plan, existing, feed, ListSource(feed, partitions=2), to_micros(EXPORTED_AT))


class OnBeam(EngineSuite):
    """Binds the suite; a job takes most of a second, whatever its size."""

    thorough = False
    generated, together = 30, 10
    coalesce = True

    def run(
        self, plan: Plan, documents: Mapping[str, Document], snapshot: int | None, changes: Sequence[Change]
    ) -> Tables:
        source = ListSource([Change(p, None, f, (0, 1)) for p, f in documents.items()], partitions=2)
        sink = RecordingSink()
        Engine(coalesce=self.coalesce).run(Job(plan, source, sink, feed=ListSource(changes), snapshot=snapshot))
        return sink.tables()


@pytest.mark.long
class TestOnBeam(OnBeam):
    pass


@pytest.mark.long
class TestOnBeamStepByStep(OnBeam):
    coalesce = False


def test_sessions_are_joined_and_parted() -> None:
    OnBeam().test_sessions_are_joined_and_parted()


def pardos(pipeline: api.Pipeline) -> dict[str, tuple[api.PTransform, api.ParDoPayload]]:
    """The stateful ParDos of a pipeline by label."""
    found = {}
    for transform in pipeline.components.transforms.values():
        if transform.spec.urn == "beam:transform:pardo:v1":
            payload = api.ParDoPayload.FromString(transform.spec.payload)
            if payload.state_specs or payload.timer_family_specs:
                found[transform.unique_name] = (transform, payload)
    return found


def coder(pipeline: api.Pipeline, coder_id: str) -> str:
    found = pipeline.components.coders[coder_id]
    urn = found.spec.urn.removeprefix("beam:coder:").removesuffix(":v1")
    inner = ",".join(coder(pipeline, c) for c in found.component_coder_ids)
    return f"{urn}({inner})" if inner else urn


def test_graph_has_one_keyed_stateful_pardo_per_operator() -> None:
    history = History(1, size=2, changes=1)
    run = job(plan(), history, feed=ListSource(history.changes))
    pipeline = Engine().pipeline(run)[0].to_runner_api()
    found = pardos(pipeline)
    operators = {f"{node.id}/ParDo(step)": node for node in run.plan.operators}
    assert found.keys() == operators.keys()
    for label, node in operators.items():
        transform, payload = found[label]
        (messages,) = transform.inputs.values()
        assert coder(pipeline, pipeline.components.pcollections[messages].coder_id) == "kv(bytes,bytes)"
        assert {*transform.outputs} == {"None", "letters", *node.sends_to}
        shards = {f"{c.name}_{n}" for c in node.cells if c.kind == "map" for n in range(cells.SHARDS)}
        assert {*payload.state_specs} == {c.name for c in node.cells} | shards
        for cell in node.cells:
            spec = payload.state_specs[cell.name]
            state = spec.bag_spec.element_coder_id if cell.kind == "bag" else spec.read_modify_write_spec.coder_id
            assert coder(pipeline, state) == "bytes"
        timers = {t.removeprefix(f"ts-{node.id}."): s.time_domain for t, s in payload.timer_family_specs.items()}
        names = {"coalesce", "shards"} if shards else {"coalesce"} if node.kind != "ingest" else set()
        assert timers == dict.fromkeys(names, api.TimeDomain.EVENT_TIME)


def test_edges_are_those_of_the_plan_and_nothing_is_pickled_on_them() -> None:
    history = History(1, size=2, changes=1)
    run = job(plan(), history, feed=ListSource(history.changes))
    pipeline = Engine().pipeline(run)[0].to_runner_api()
    transforms = {t.unique_name: t for t in pipeline.components.transforms.values()}
    produced = {c: name for name, t in transforms.items() for c in t.outputs.values() if "/" in name}
    for node in run.plan.operators:
        senders = {produced[c].split("/")[0] for c in transforms[f"{node.id}.in"].inputs.values()}
        assert senders == ({o.id for o in run.plan.operators if node.id in o.sends_to} or {"read.load", "read.feed"})
    ours = [
        t for n, t in transforms.items() if n.endswith(("/ParDo(step)", "/ParDo(partition)", ".in", "fence", "gate"))
    ]
    carried = {coder(pipeline, pipeline.components.pcollections[c].coder_id) for t in ours for c in t.outputs.values()}
    assert carried == {"bytes", "kv(bytes,bytes)"}


def test_every_key_is_its_operators_own(monkeypatch: pytest.MonkeyPatch) -> None:
    keys: dict[str, list[Any]] = {}
    step = steps.OperatorFn._step

    def spy(self: steps.OperatorFn, key: Any, *arguments: Any) -> Any:
        keys.setdefault(self.node.id, []).append(key)
        return step(self, key, *arguments)

    monkeypatch.setattr(steps.OperatorFn, "_step", spy)
    history = History(3, size=5, changes=0)
    report = Engine(batch=False).run(job(plan(), history))
    assert (report.documents, report.changes) == (len(history.documents), 0)
    assert sorted(keys["ingest"]) == sorted(history.documents)
    assert sorted(keys["Sessions.assemble"]) == sorted(p for p in history.documents if p.startswith("meetings/"))
    assert {k.split("/")[0] for k in keys["Sessions.match.users"]} == {"users"}
    assert all(isinstance(k, bytes) for k in keys["Load.aggregate"])
    for name in keys.keys() - {"ingest"}:
        assert len(keys[name]) == len({*keys[name]}) > 1, "each key is one step"


@pytest.mark.parametrize("shards", [0, 1, 3])
def test_backfill_takes_the_batch_plan_and_gives_what_the_stages_give(shards: int) -> None:
    history = History(8, size=15, changes=0)
    batch = job(plan(), history, generation=5, options={"view_shards": shards} if shards else {})
    pipeline, outputs = Engine().pipeline(batch)
    assert outputs.views is None
    assert not pardos(pipeline.to_runner_api()), "no state"
    staged = job(plan(), history, generation=5)
    reports = [Engine().run(batch), Engine(batch=False).run(staged)]
    assert sink_of(batch).tables() == sink_of(staged).tables()
    assert sink_of(batch).calls == [
        "open",
        *["write"] * sink_of(batch).calls.count("write"),
        "complete",
        "publish",
        "close",
    ]
    assert {c.version for c in sink_of(batch).changes} == {(5, 0, 1)}
    assert reports[0].documents == reports[1].documents == len(history.documents)
    assert reports[0].view_changes == reports[1].view_changes
    assert reports[0].wrong_types == reports[1].wrong_types


def test_source_that_gave_too_few_documents_publishes_nothing() -> None:
    history = History(2, size=4, changes=0)
    source = ListSource(documents(history), partitions=2, says=len(history.documents) + 1)
    run = job(plan("Sessions"), history, source=source)
    with pytest.raises(EngineError, match="says that it has"):
        Engine().run(run)
    assert sink_of(run).calls == ["open", "close"]


def test_source_that_breaks_off_publishes_nothing() -> None:
    history = History(2, size=4, changes=0)
    run = job(plan("Sessions"), history, source=ListSource(documents(history), partitions=2, breaks=True))
    with pytest.raises(DataError) as raised:
        Engine().run(run)
    assert (raised.value.code, raised.value.where) == ("bad-export", "output-0, byte 7")
    assert sink_of(run).calls == ["open", "close"]


class Unplugged(ListSource):
    """Fails with an error that is none of ours."""

    def open(self, *arguments: Any, **options: Any) -> Any:
        raise OSError("the disk is gone")


def test_job_that_the_runner_stops_publishes_nothing() -> None:
    history = History(2, size=2, changes=0)
    run = job(plan("Sessions"), history, source=Unplugged(documents(history)))
    with pytest.raises(EngineError, match="the disk is gone"):
        Engine().run(run)
    assert sink_of(run).calls == ["open", "close"]


def test_source_without_partitions_publishes_empty_tables() -> None:
    sink = RecordingSink()
    report = Engine().run(Job(plan("Sessions"), ListSource([], partitions=0), sink))
    assert (report.documents, sink.tables()) == (0, {"Sessions": {}})
    assert sink.calls == ["open", "complete", "publish", "close"]


def test_stopped_job_publishes_nothing() -> None:
    run = job(plan("Sessions"), History(2, size=2, changes=0))
    run.stop.set()
    with pytest.raises(EngineError, match="stopped"):
        Engine().run(run)
    assert sink_of(run).calls == ["open", "close"]


@pytest.mark.parametrize("batch", [True, False])
def test_step_that_fails_is_a_dead_letter_and_the_rest_goes_on(batch: bool) -> None:
    meetings = [Change(f"meetings/{r}", None, {"room": r, "sku": []}, (0, 1)) for r in ("fine", "broken", "odd")]
    letters: list[DeadLetter] = []
    sink = RecordingSink()
    probe = statecache.get_deep_size
    report = Engine(batch=batch).run(Job(plan("Boards"), ListSource(meetings), sink, dead_letter=letters.append))
    assert statecache.get_deep_size is probe
    assert [*sink.documents("Boards")] == ["boards/fine"]
    assert {x.key: x.reason[:10] for x in letters} == {
        "view:Boards:meetings/broken": "udf-failed",
        "view:Boards:meetings/odd" if batch else "view:Boards:Boards.assemble:smeetings/odd": "bad-value:",
    }
    assert report.dead_letters == 2
    odd = next(x for x in letters if x.key.endswith("odd"))
    assert batch or "meetings/odd" in str(odd.payload)


def test_keys_of_any_text_reach_their_state() -> None:
    names = ["plain", "😀", "a\0b", "Zoë", "{curly} %s", "a\nb"]
    users = [Change(f"users/{n}", None, {"name": n, "org": n}, (0, 1)) for n in names]
    tickets = [
        Change(f"tickets/{n}", None, {"user": Reference(f"users/{n}"), "attendance": True, "price": 1}, (0, 1))
        for n in names
    ]
    sink = RecordingSink()
    Engine(coalesce=False).run(Job(plan("Load"), ListSource([*users, *tickets]), sink))
    assert sorted(d["names"][0] for d in sink.documents("Load").values()) == sorted(names)


def test_check_names_what_cannot_run() -> None:
    live = View("Live", "live", CodeRef("__main__:Live"), (Slot("root", 0, "root", Collection("users")),), ())
    run = job(compile_plan([live], []), History(1, size=2, changes=0), options={"checkpoint": "x", "runner": "y"})
    reasons = list(Engine().check(run))
    assert reasons[0] == "Beam has no pipeline option 'checkpoint'"
    assert reasons[1].startswith("__main__:Live is known to this process alone")
    with pytest.raises(EngineError, match="engine-refused"):
        Engine().run(run)


class Stored:
    """A state of Beam's, in memory."""

    def __init__(self) -> None:
        self.held: bytes | None = None
        self.reads = 0

    def read(self) -> bytes | None:
        self.reads += 1
        return self.held

    def write(self, value: bytes) -> None:
        self.held = value

    def clear(self) -> None:
        self.held = None


def test_map_cell_is_a_map_however_often_it_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPLIT_BYTES", 300)
    pick = random.Random(6)
    stored = [Stored() for _ in range(cells.SHARDS + 1)]
    model: dict[str, Any] = {}
    widened = 0

    def change(cell: cells.MapCell, moves: Sequence[tuple[str, int]]) -> None:
        for key, value in moves:
            if value % 3:
                cell[key] = (value, key)
            else:
                cell.pop(key, None)

    for _ in range(120):
        moves = [(f"k{pick.randrange(60)}", pick.randrange(1000)) for _ in range(pick.randrange(5))]
        cell = cells.MapCell(stored[:1])
        try:
            change(cell, moves)
            writes = cell.writes()
        except cells.NeedsWide:
            assert cell.needs_wide
            widened += 1
            cell = cells.MapCell(stored)
            change(cell, moves)
            writes = cell.writes()
        for write in writes:
            write()
        for key, value in moves:
            model[key] = (value, key)
            if value % 3 == 0:
                del model[key]
        again = cells.MapCell(stored)
        assert dict(again) == model
        assert len(again) == len(model)
    assert 0 < widened < 120


def test_map_cell_reads_and_writes_the_shard_of_a_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cells, "SPLIT_BYTES", 10)
    stored = [Stored() for _ in range(cells.SHARDS + 1)]
    full = cells.MapCell(stored)
    full.update({f"k{n}": n for n in range(100)})
    for write in full.writes():
        write()
    for state in stored:
        state.reads = 0
    cell = cells.MapCell(stored)
    cell["k7"] = 8
    assert len(cell.writes()) == 1
    assert sum(s.reads for s in stored) == 2
    assert cells.MapCell(stored)["k8"] == 8


PRISM = (
    "Beam's Prism runner is missing: go install github.com/apache/beam/sdks/v2/go/cmd/prism@v2.77.0, "
    "and name the file with ONTO_FLOW_PRISM or have it on PATH"
)


def run_on_prism(program: str) -> None:
    """What a process of its own does, for Prism stalls at times and must be killed then."""
    history = History(7, size=12, changes=150)
    feed = ListSource(history.delivered(), partitions=2)
    for coalesce in (True, False):
        run = job(plan(), history, feed=feed, options={"runner": "PrismRunner", "prism_location": program})
        Engine(coalesce=coalesce).run(run)
        assert sink_of(run).tables() == local(plan(), documents(history), history.changes, SNAPSHOT)


@pytest.mark.long
def test_prism_which_shuffles_gives_the_same_tables() -> None:
    program = os.environ.get("ONTO_FLOW_PRISM") or shutil.which("prism")
    if program is None:
        pytest.skip(PRISM)
    code = f"import test_beam; test_beam.run_on_prism({program!r})"
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    for last in (False, False, True):
        process = subprocess.Popen([sys.executable, "-c", code], env=environment, start_new_session=True)
        try:
            assert process.wait(180) == 0
            return
        except subprocess.TimeoutExpired:
            if last:
                raise
        finally:
            kill_group(process)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    """Ends a process with the runner that it started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    process.wait()


@pytest.mark.parametrize("coalesce", [True, False])
def test_the_gaps_of_a_feed_are_reported(coalesce: bool) -> None:
    judge_gaps(Engine(coalesce=coalesce))
