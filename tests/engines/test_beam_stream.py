"""`Maintain` on a stream gives the tables of the embedded engine, and is silent until the load is over."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from beam_shuffle import Root
from beam_streams import Outcome, Stream
from engine_views import plan

from onto_flow import plan_views
from onto_flow.beam import begin_with
from onto_flow.core.change import Change, ViewChange
from onto_flow.core.collection import Collection
from onto_flow.core.equality import same
from onto_flow.core.errors import EngineError
from onto_flow.core.values import to_micros
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import event, seed
from onto_flow.engines.beam.maintain import MaintainPlan
from onto_flow.engines.beam.runners import STREAM, named
from onto_flow.engines.carried import LOAD, End, Unreadable
from onto_flow.engines.credit import Sum, add, digest
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.formats.export_writer import write_export
from onto_flow.plan.compile import compile_plan
from onto_flow.plan.nodes import Plan, Slot, View
from onto_flow.plan.places import FieldPath

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

PLAN = plan_views(MeetingSession, OrganizationLoad)
SNAPSHOT = to_micros(demo.EXPORTED_AT)
DOCUMENTS = [Change(p, None, f, (0, 1)) for p, f in demo.documents().items()]
CHANGES = [step.change for step in demo.script()]


def embedded(plan: Plan, documents: Sequence[Change], changes: Sequence[Change], snapshot: int | None) -> Outcome:
    flow = LocalFlow(plan, snapshot=snapshot)
    events = [[seed(d, snapshot) for d in documents], [event(c) for c in changes]]
    return Outcome([o for batch in events for o in flow.process(batch) if isinstance(o, ViewChange)])


def test_the_meeting_room_is_that_of_the_embedded_engine() -> None:
    expected = embedded(PLAN, DOCUMENTS, CHANGES, SNAPSHOT).tables(PLAN)
    delivered = random.Random(3).sample([*CHANGES, *CHANGES], 2 * len(CHANGES))
    stream = Stream().documents(DOCUMENTS[:5]).changes(delivered[:4]).documents(DOCUMENTS[5:]).changes(delivered[4:8])
    outcome = stream.end().changes(delivered[8:]).run(PLAN, snapshot=SNAPSHOT, expected=len(DOCUMENTS))
    assert all(expected.values())
    assert outcome.tables(PLAN) == expected
    assert outcome.letters == []
    assert [r["documents"] for r in outcome.receipts] == [len(DOCUMENTS)]


def test_what_comes_after_the_fence_is_shown_step_by_step() -> None:
    outcome = Stream().documents(DOCUMENTS).end().changes(CHANGES).run(PLAN, snapshot=SNAPSHOT)
    loaded = embedded(PLAN, DOCUMENTS, [], SNAPSHOT).tables(PLAN)
    shown = sum(map(len, loaded.values()))
    assert Outcome(outcome.changes[:shown]).tables(PLAN) == loaded, "the first that is let out is the load's net result"
    last: dict[tuple[str, str], ViewChange] = {}
    for change in sorted(outcome.changes, key=lambda c: c.version):
        before = last.get((change.view, change.path))
        assert same(change.old, before.new if before else None)
        assert before is None or change.version > before.version
        last[change.view, change.path] = change
    assert len(outcome.changes) > shown


@pytest.mark.parametrize(
    "markers",
    [
        [],
        [End(LOAD, "a", 9, 9)],
        [End(LOAD, "a", 9, 9), End(LOAD, "a", 9, 9)],
        [End(LOAD, "a", 9, 9), End(LOAD, "b", 8, 8)],
        [End(LOAD, "a", 9, 9), End(LOAD, "b", 6, 6)],
        [End(LOAD, "a", 9, 9), Unreadable(True, "bad-export", "it breaks off", "output-0", "")],
    ],
)
def test_a_stream_that_is_drained_before_the_fence_publishes_nothing(markers: list[End | Unreadable]) -> None:
    assert len(DOCUMENTS) == 16
    stream = Stream().documents(DOCUMENTS).changes(CHANGES)
    if markers:
        stream.end(*markers)
    outcome = stream.run(PLAN, snapshot=SNAPSHOT, partitions=2, expected=16)
    assert (outcome.changes, outcome.receipts) == ([], [])
    broken = len({m[1] for m in markers}) > 1
    assert [x.key for x in outcome.letters] == ["fence"] * broken


def test_the_receipt_tells_what_was_read_and_what_was_shown_first() -> None:
    stream = Stream().documents(DOCUMENTS[::-1]).end().changes(CHANGES)
    outcome = stream.run(PLAN, snapshot=SNAPSHOT, generation=7)
    [receipt] = outcome.receipts
    read: dict[str, Sum] = {}
    for d in DOCUMENTS:
        add(read, {d.path.split("/")[0]: digest(d.path, d.after or {})})
    views: dict[str, Sum] = {}
    for view, table in embedded(PLAN, DOCUMENTS, [], SNAPSHOT).tables(PLAN).items():
        for path, document in table.items():
            add(views, {view: digest(path, document)})
    assert receipt == {
        "generation": 7,
        "snapshot_time": "2026-05-04T09:00:00+00:00",
        "forced": False,
        "documents": 16,
        "canaries": [],
        "collections": {n: {"count": s.size, "hash": f"{s.digest:032x}"} for n, s in read.items()},
        "views": {n: {"count": s.size, "hash": f"{s.digest:032x}"} for n, s in views.items()},
    }


def test_a_forced_fence_shows_what_there_is_and_says_so() -> None:
    stream = Stream().documents(DOCUMENTS).changes(CHANGES).end(End(LOAD, "a", 9, 9))
    asked = stream.force().run(PLAN, snapshot=SNAPSHOT, partitions=2)
    assert asked.tables(PLAN) == embedded(PLAN, DOCUMENTS, CHANGES, SNAPSHOT).tables(PLAN)
    assert [r["forced"] for r in asked.receipts] == [True]


def test_a_job_that_is_started_with_force_is_open_from_the_start() -> None:
    outcome = Stream().documents(DOCUMENTS).run(PLAN, snapshot=SNAPSHOT, force_fence=True)
    assert outcome.tables(PLAN) == embedded(PLAN, DOCUMENTS, [], SNAPSHOT).tables(PLAN)
    assert [r["forced"] for r in outcome.receipts] == [True]


def test_the_fence_waits_for_canaries() -> None:
    canary = CHANGES[-1].path
    others = [c for c in CHANGES if c.path != canary]
    stream = Stream().documents(DOCUMENTS).end().changes(others)
    assert stream.run(PLAN, snapshot=SNAPSHOT, canaries=[canary]).changes == []
    outcome = stream.changes(CHANGES[-1:]).run(PLAN, snapshot=SNAPSHOT, canaries=[canary])
    assert outcome.receipts[0]["canaries"] == [canary]
    assert outcome.tables(PLAN) == embedded(PLAN, DOCUMENTS, [*others, CHANGES[-1]], SNAPSHOT).tables(PLAN)


def test_the_fence_settles() -> None:
    settled = Stream().documents(DOCUMENTS).end()
    assert settled.run(PLAN, snapshot=SNAPSHOT, settle=60_000_000).changes == []
    assert settled.seconds(59).run(PLAN, snapshot=SNAPSHOT, settle=60_000_000).changes == []
    assert settled.seconds(2).run(PLAN, snapshot=SNAPSHOT, settle=60_000_000).changes


def test_without_a_load_changes_are_shown_at_once() -> None:
    outcome = Stream().changes([*DOCUMENTS, *CHANGES]).run(PLAN, load=False)
    assert outcome.tables(PLAN) == embedded(PLAN, [], [*DOCUMENTS, *CHANGES], None).tables(PLAN)


@pytest.mark.parametrize("damaged", [False, True])
def test_a_stream_reads_its_load_and_is_silent_where_it_breaks_off(tmp_path: Path, damaged: bool) -> None:
    write_export(tmp_path / "export", demo.documents().items())
    if damaged:
        output = next((tmp_path / "export").rglob("output-0"))
        output.write_bytes(output.read_bytes()[:-20])
    stream = Stream().changes(CHANGES)
    outcome = stream.run(PLAN, read=lambda p: begin_with(p, str(tmp_path / "export"), MeetingSession, OrganizationLoad))
    assert [r["documents"] for r in outcome.receipts] == ([] if damaged else [len(DOCUMENTS)])
    assert [x.key for x in outcome.letters] == (["fence"] if damaged else [])
    if damaged:
        assert outcome.changes == []
    else:
        assert outcome.tables(PLAN) == embedded(PLAN, DOCUMENTS, CHANGES, None).tables(PLAN)


def test_what_fails_is_a_dead_letter_with_its_state_as_before_and_the_rest_goes_on() -> None:
    boards = plan("Boards")

    def meeting(name: str, room: str, time: int) -> Change:
        return Change(f"meetings/{name}", None, {"room": room, "sku": []}, (time, 0))

    changes = [meeting("a", "fine", 1), meeting("a", "broken", 2), meeting("b", "odd", 1), meeting("b", "good", 2)]
    outcome = Stream().changes(changes[:1]).changes(changes[1:3]).changes(changes[3:]).run(boards, load=False)
    assert outcome.tables(boards)["Boards"].keys() == {"boards/fine", "boards/good"}
    shown = {c.path: c for c in sorted(outcome.changes, key=lambda c: c.version)}
    assert shown["boards/fine"].failed, "the last good one stays, and is flagged"
    assert not shown["boards/good"].failed
    told = [(x.key, x.reason[:10]) for x in outcome.letters if not x.cleared]
    assert sorted(told) == [
        ("view:Boards:Boards.assemble:smeetings/b", "bad-value:"),
        ("view:Boards:meetings/a", "udf-failed"),
    ]


def test_what_a_runner_cannot_do_is_refused_before_anything_starts() -> None:
    def maintained(bounded: bool, runner: str, *options: str) -> None:
        pipeline = beam.Pipeline(runner, PipelineOptions(list(options)))
        root = beam.Create([DOCUMENTS[0]]) if bounded else Root()
        _ = pipeline | "changes" >> root.with_output_types(Change) | MaintainPlan(PLAN)

    maintained(True, named("direct", unbounded=False))
    maintained(False, named("DirectRunner", unbounded=True))
    with pytest.raises(
        EngineError, match="FnApiRunner lacks a stream: it never returns; name the runner BundleBasedDirectRunner"
    ):
        maintained(False, named("direct", unbounded=False))
    with pytest.raises(EngineError, match="at-least-once"):
        maintained(False, STREAM, "--dataflow_service_options=streaming_mode_at_least_once")


def test_views_that_change_by_time_alone_are_refused() -> None:
    slots = (Slot("root", 0, "root", Collection("users"), until=FieldPath(("ends",))),)
    timed = compile_plan([View("Holds", "holds", PLAN.views[0].code, slots, ())], [])
    with pytest.raises(EngineError, match="change by time alone"):
        MaintainPlan(timed)
