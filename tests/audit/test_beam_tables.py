"""What Beam's jobs lose is mended without looking into their state: bounded, and as a stream in any order."""

from __future__ import annotations

from random import Random

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from engine_views import ListSource
from test_beam import RecordingSink
from test_beam_shuffled import Shuffled

from onto_flow.core.equality import same
from onto_flow.engines.base import Job
from onto_flow.engines.beam import Engine
from onto_flow.testing.judge_changes import judge_tables
from onto_flow.testing.oracle import recompute
from tests.audit.jobs import Taken, documents_after, repaired
from tests.audit.stories import Story
from tests.audit.test_tables_alone import VIA, Small, audited

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


def bounded(story: Small, *changes):
    """The tables of a job that ends, on the stages with state."""
    sink = RecordingSink()
    feed = ListSource([*story.changes, *changes])
    job = Job(story.plan, ListSource(story.history.seeds()), sink, feed=feed, snapshot=story.history.snapshot)
    Engine(batch=False).run(job)
    return sink.tables()


def test_a_bounded_job_that_lost_events_is_mended(small_world):
    report = audited(VIA, bounded(small_world), small_world.export)
    assert [(f.path, f.kind) for f in report.view_findings] == [("outV/a~1", "wrong-view")]
    changes = repaired(VIA, report, small_world.export)
    assert audited(VIA, bounded(small_world, *changes), small_world.export).is_right


@pytest.fixture
def small_world():
    from onto_flow.core.values import Reference

    return Small(
        VIA, ("b/1", {"n": 1}), ("b/2", {"n": 1}), ("a/1", {"r": [Reference("b/1"), Reference("b/2")]}),
        ("b/1", {"n": 2}), ("b/2", None), exported=3, lost={3, 4},
    )  # fmt: skip


def judged(random: Random) -> bool:
    """One story on the stream; returns whether there was something to mend."""
    story = Story.of(random, loses=True)
    history, plan = story.case.history, story.case.plan
    if story.doubtful or story.ghosts:
        return False
    stream = Shuffled(plan, history.snapshot, 2)
    early = story.early()
    tables = stream.run(history.seeds(), early, random).tables(plan)
    right = recompute(plan, documents_after(history.commits[: story.taken]))
    export, since = story.export(), Taken(history.documents, 0)
    report = audited(plan, tables, export, since=since, whole_collections=True)
    if report.is_right:
        assert all(same(tables[view], table) for view, table in right.items())
        return False
    changes = [*early, *repaired(plan, report, export)]
    mended = stream.run(history.seeds(), changes, random).tables(plan)
    assert not list(judge_tables(right, mended)), story.case.describe()
    return True


def test_a_stream_that_lost_events_is_mended_in_any_order():
    assert sum(judged(Random(seed)) for seed in range(14)) >= 1


@pytest.mark.long
def test_many_streams_that_lost_events():
    assert sum(judged(Random(seed)) for seed in range(1000, 3000)) >= 200
