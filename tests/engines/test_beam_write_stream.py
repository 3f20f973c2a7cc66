"""A stream's view changes are written as they come, by several writers; older generations go once all of the load is written."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from beam_shuffle import Root, ShufflingRunner
from beam_streams import FROM, quick
from test_beam_stream import CHANGES, DOCUMENTS, PLAN, SNAPSHOT, embedded

from onto_flow.beam import WriteViewTable
from onto_flow.connect import check_writers
from onto_flow.core.change import Change, ViewChange
from onto_flow.core.errors import EngineError
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.beam.maintain import Load, MaintainPlan
from onto_flow.engines.beam.write_stream import WRITERS, Target
from onto_flow.engines.beam.write_table import Shared, WriteTables
from onto_flow.engines.carried import LOAD, End, encode_carried
from onto_flow.sinks.base import Table
from onto_flow.sinks.memory import MemorySink

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

TABLES = [Table(v.name, v.collection, v.schema) for v in PLAN.views]


class Place:
    """What all writers write: (view, path) -> the newest; and what it was when it was completed."""

    def __init__(self) -> None:
        old = ViewChange(PLAN.views[0].name, "meetingSessions/gone", None, {}, (1, 0, 1))
        self.newest = {(old.view, old.path): old}
        self.completed: list[set[str]] = []
        self.opened = self.fails = 0

    def documents(self) -> set[str]:
        return {path for (_, path), change in self.newest.items() if change.new is not None}


PLACE = Place()


class Writer(MemorySink):
    """Writes to the place, bundle by bundle; some publications fail half way."""

    completing = False

    def open(self, tables: Any, generation: int) -> None:
        assert generation == FROM
        PLACE.opened += 1
        self.generation = generation

    def write(self, changes: Any) -> None:
        for change in changes:
            held = PLACE.newest.get((change.view, change.path))
            if held is None or change.version > held.version:
                PLACE.newest[change.view, change.path] = change

    def complete(self) -> None:
        self.completing = True

    def publish(self) -> Any:
        completing, self.completing = self.completing, False
        if completing:
            PLACE.completed.append(PLACE.documents())
            PLACE.newest = {k: c for k, c in PLACE.newest.items() if c.version[0] == self.generation}
        return ()


def nobody_checks(where: str) -> None:
    assert where == "here"


@pytest.fixture(autouse=True)
def place():
    PLACE.__init__()
    yield PLACE
    WRITERS.close()


def stream(**options: Any) -> tuple[ShufflingRunner, dict[str, Any]]:
    with quick():
        pipeline = beam.Pipeline()
        kinds = {"documents": Change, "ends": bytes, "changes": Change}
        roots = {name: pipeline | name >> Root().with_output_types(kind) for name, kind in kinds.items()}
        load = Load(roots["documents"], roots["ends"], 1)
        given: dict[str, Any] = {
            "load": load,
            "snapshot": SNAPSHOT,
            "generation": FROM,
            "shards": 3,
            "page": 2,
            **options,
        }
        maintained = roots["changes"] | MaintainPlan(PLAN, **given)
        letters = maintained | "table" >> WriteTables(Writer, TABLES, Shared(Writer, nobody_checks))
        return ShufflingRunner(pipeline, {"letters": letters}), roots


@pytest.mark.parametrize("coalesce", [0, 50])
def test_the_table_is_complete_once_all_of_the_load_is_written(place: Place, coalesce: int) -> None:
    runner, roots = stream(coalesce=coalesce)
    loaded = embedded(PLAN, DOCUMENTS, [], SNAPSHOT).tables(PLAN)
    expected = embedded(PLAN, DOCUMENTS, CHANGES, SNAPSHOT).tables(PLAN)
    for seed in range(8):
        place.__init__()
        runner.begin(Random(seed))
        end = encode_carried(End(LOAD, "all", len(DOCUMENTS), len(DOCUMENTS)))
        moves = [(roots["documents"], DOCUMENTS), (roots["ends"], [end])]
        if seed % 2:
            moves.insert(seed % 3, (roots["changes"], CHANGES))
        runner.run(moves)
        tables: dict[str, dict[str, Any]] = {v.name: {} for v in PLAN.views}
        for (view, path), change in place.newest.items():
            if change.new is not None:
                tables[view][path] = change.new
        assert tables == (expected if seed % 2 else loaded)
        [there] = place.completed
        assert "meetingSessions/gone" in there
        if not seed % 2:
            assert there == place.documents() | {"meetingSessions/gone"}
    assert place.opened <= 1, "an open sink is lent to bundle after bundle"


def test_a_stream_that_begins_with_nothing_is_written_and_completes_nothing(place: Place) -> None:
    runner, roots = stream(load=None, snapshot=None)
    runner.begin(Random(3))
    runner.run([(roots["changes"], [*DOCUMENTS, *CHANGES])])
    wanted = embedded(PLAN, [], [*DOCUMENTS, *CHANGES], None).tables(PLAN)
    assert place.documents() == {path for table in wanted.values() for path in table} | {"meetingSessions/gone"}
    assert place.completed == []


def test_a_load_that_shows_nothing_completes_the_table_too(place: Place) -> None:
    runner, roots = stream()
    runner.begin(Random(1))
    runner.run([(roots["ends"], [encode_carried(End(LOAD, "all", 0, 0))])])
    assert place.completed == [{"meetingSessions/gone"}]
    assert place.newest == {}


def test_what_does_not_take_several_writers_is_refused_by_name() -> None:
    def written(sink: str, runner: str) -> None:
        pipeline = beam.Pipeline(runner)
        _ = pipeline | Root().with_output_types(ViewChange) | WriteViewTable(sink, MeetingSession)

    written("jsonl:changes", "BundleBasedDirectRunner")
    with pytest.raises(EngineError, match=r"sink parquet does not take several writers.*\n.*\n.*firestore, jsonl"):
        written("parquet:tables", "BundleBasedDirectRunner")
    with pytest.raises(EngineError, match="sink jsonl does not take writers on several machines"):
        check_writers("jsonl:changes", "anywhere")


def test_a_sink_that_fails_is_closed_and_not_lent_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[Any] = []
    monkeypatch.setattr(Writer, "close", lambda sink: closed.append(sink))
    target = Target(Writer, TABLES)
    with WRITERS.borrowed(target, FROM) as first, WRITERS.borrowed(target, FROM) as second:
        assert first is not second, "two threads never write with one sink"
    assert (place.opened, closed) == (2, [])
    with pytest.raises(RuntimeError), WRITERS.borrowed(Target(Writer, TABLES), FROM) as failing:
        raise RuntimeError("half written")
    assert closed == [failing]
    with WRITERS.borrowed(target, FROM) as other:
        assert other is not failing
    assert place.opened == 2
