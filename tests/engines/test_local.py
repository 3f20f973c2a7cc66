"""The local engine as a job runner: fence, order of publishing, stopping."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from lossy import judge_gaps

from onto_flow import plan_views
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.core.errors import DataError, EngineError
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.base import Partition, SourceInfo

PLAN = plan_views(MeetingSession, OrganizationLoad)


class Scripted:
    """A source that gives prepared batches and remembers what was asked of it."""

    def __init__(self, *batches, info=None, partitions=1):
        self.batches, self._info = batches, info or SourceInfo("scripted")
        self.opened, self.closed, self.acknowledged = [], 0, []
        self._partitions = [Partition(str(n)) for n in range(partitions)]

    def info(self):
        return self._info

    def partitions(self):
        return self._partitions

    def acknowledge(self, partition, resume):
        self.acknowledged.append(resume)

    def open(self, partition, *, resume=None, projection=None):
        self.opened.append((partition.name, projection))
        return ScriptedReader(self)


class ScriptedReader:
    def __init__(self, source):
        self.source, self.batches, self.documents_read = source, list(source.batches), 0

    def next_batch(self):
        if not self.batches:
            return None
        batch = self.batches.pop(0)
        if isinstance(batch, Exception):
            raise batch
        if callable(batch):
            return batch()
        self.documents_read += len(batch)
        return batch

    def next_wake(self):
        return None

    def snapshot(self):
        return b""

    def close(self):
        self.source.closed += 1


class Recording(MemorySink):
    """Says when it published how much."""

    def __init__(self):
        super().__init__()
        self.published, self.misfits = [], []

    def publish(self):
        super().publish()
        self.published.append(len(self.changes))
        return self.misfits


def documents():
    return [Change(p, None, f, BELOW_EVENTS) for p, f in data.documents().items()]


def job(source, feed=None, **options):
    sink = Recording()
    return Job(PLAN, source, sink, feed, **options), sink


def test_the_first_load_is_published_as_a_whole_then_the_feed():
    rename = next(data.script()).change
    run, sink = job(Scripted(documents()[:5], documents()[5:]), Scripted([rename]))
    report = Engine().run(run)
    assert (report.documents, report.changes, report.view_changes, report.dead_letters) == (16, 1, 10, 0)
    assert sink.published == [8, 10]
    assert len(sink.documents("MeetingSession")) == 2


def test_a_source_that_gives_fewer_documents_than_it_says_publishes_nothing():
    run, sink = job(Scripted(documents()[:-1], info=SourceInfo("scripted", documents=16)))
    with pytest.raises(EngineError, match="gave 15 documents and says that it has 16; nothing was published"):
        Engine().run(run)
    assert sink.published == [] and sink.changes == []


def test_a_source_that_breaks_publishes_nothing_and_is_closed():
    source = Scripted(documents(), DataError("bad-export", "broken"))
    run, sink = job(source)
    with pytest.raises(DataError, match="broken"):
        Engine().run(run)
    assert sink.published == [] and source.closed == 1


def test_an_inconsistent_export_shows_nothing_before_the_feed_has_ended():
    seen = []

    def late():
        seen.append(list(sink.published))
        return [next(data.script()).change]

    run, sink = job(Scripted(documents()), Scripted(late), publish_after_feed=True)
    Engine().run(run)
    assert seen == [[]] and sink.published and len(sink.documents("MeetingSession")) == 2


def test_a_stopped_run_over_an_inconsistent_export_publishes_nothing():
    run, sink = job(Scripted(documents()), Scripted(lambda: run.stop.set() or []), publish_after_feed=True)
    assert not Engine().run(run).published
    assert sink.published == []


def test_a_run_that_is_stopped_while_loading_publishes_nothing():
    run, sink = job(Scripted(documents(), lambda: run.stop.set() or []))
    with pytest.raises(EngineError, match="stopped before the source was read"):
        Engine().run(run)
    assert sink.published == []


def test_a_stopped_feed_ends_with_a_publication():
    def last():
        run.stop.set()
        return [next(data.script()).change]

    run, sink = job(Scripted(documents()), Scripted(last, [Change("never/read", None, {}, (1, 0))]))
    assert Engine().run(run).changes == 1
    assert sink.published[-1] == 10


def test_dead_letters_of_source_and_feed_are_counted_and_passed_on():
    letters = []
    bad = DeadLetter("document:x", "bad-document: no")
    run, _ = job(Scripted([bad, *documents()]), Scripted([bad]), dead_letter=letters.append)
    assert Engine().run(run).dead_letters == 2 and letters == [bad, bad]


def test_what_a_table_cannot_hold_is_a_dead_letter():
    letters = []
    run, sink = job(Scripted(documents()), dead_letter=letters.append)
    sink.misfits = [DeadLetter("table:MeetingSession:x", "sink-failed: no")]
    Engine().run(run)
    assert set(letters) == set(sink.misfits)


def test_nothing_of_a_feed_is_acknowledged_while_state_is_in_memory():
    feed = Scripted([next(data.script()).change])
    run, _ = job(Scripted(documents()), feed)
    Engine().run(run)
    assert feed.acknowledged == []


def test_only_what_the_plan_reads_is_asked_for():
    source, feed = Scripted(documents()), Scripted([])
    run, _ = job(source, feed)
    Engine().run(run)
    assert source.opened == [("0", PLAN.projection)]
    assert PLAN.projection.fields("users/u") == {"firstName", "lastName", "organization", "hearingAidRequested"}


def test_options_are_refused_by_name():
    run, _ = job(Scripted(), options={"checkpoint": "dir", "x": 1})
    known = "Known: checkpoint, checkpoint_every, max_memory."
    assert Engine().check(run) == [f"engine local has no option 'x' ({known})"]


def test_events_before_the_export_are_dropped_and_later_deletes_get_through():
    snapshot = datetime(2024, 1, 1, tzinfo=timezone.utc)
    micros = int(snapshot.timestamp() * 1e6)
    old = Change("meetings/standup", None, {"status": "not-started"}, (micros - 5, 0), snapshot)
    deleted = Change("meetings/retro", None, None, (micros - 50, 1), datetime(2024, 1, 2, tzinfo=timezone.utc))
    run, sink = job(Scripted(documents()), Scripted([old, deleted]), snapshot=micros)
    Engine().run(run)
    assert list(sink.documents("MeetingSession")) == ["meetingSessions/standup"]


def test_the_gaps_of_a_feed_are_reported():
    judge_gaps(Engine())


def test_a_feed_that_keeps_what_is_not_acknowledged_needs_a_checkpoint():
    feed = Scripted(info=SourceInfo("pubsub", bounded=False, keeps_unacknowledged=True))
    job = Job(PLAN, Scripted(), MemorySink(), feed)
    with pytest.raises(
        EngineError, match=r"a feed of pubsub is acknowledged from a checkpoint alone.*--checkpoint DIR"
    ):
        Engine().run(job)
    assert Engine().check(replace(job, options={"checkpoint": "anywhere"})) == []
