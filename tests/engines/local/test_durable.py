"""Runs over a checkpoint: bounded memory, stops at any moment, tombstones that go."""

from __future__ import annotations

import threading

import pytest
from meeting_job import meeting_room, run
from test_kept import Kept, no_waiting_for_the_disk  # noqa: F401 - a fixture
from test_restarts import VersionedSink

from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.values import from_micros
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import event, seed
from onto_flow.engines.local import durable, flow, kept_timers, pieces, whole_table
from onto_flow.engines.local.copying import summary
from onto_flow.engines.local.durable import DurableRun
from onto_flow.operators.base import DAY
from onto_flow.sinks.memory import MemorySink

OPTIONS = {"checkpoint_every": 0, "max_memory": 1}


def tables(sink):
    return {view: sink.documents(view) for view in sink.views()}


def states_of(monkeypatch):
    """How many keys were in memory after each commit."""
    seen = []
    after = DurableRun._after_commit

    def noting(self):
        after(self)
        seen.append(sum(map(len, self._kept.state.states.values())))

    monkeypatch.setattr(DurableRun, "_after_commit", noting)
    return seen


def test_state_that_does_not_fit_into_memory_is_built_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "MOST", 3)
    seen = states_of(monkeypatch)
    sink, report = run(tmp_path, options=OPTIONS)
    assert tables(sink) == dict(meeting_room().expected) and report.documents == 16
    assert len(seen) > 8 and set(seen) == {0}, "everything leaves memory after its commit"
    again, _ = run(tmp_path, options=OPTIONS)
    assert tables(again) == tables(sink)


def test_a_load_in_pieces_evaluates_each_view_document_once(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "MOST", 1)
    sink, _ = run(tmp_path, changes=[], options=OPTIONS)
    sessions = [c for c in sink.changes if c.view == "MeetingSession"]
    assert len(sessions) == 2 and {c.version for c in sessions} == {(1, 0, 1)}


def test_a_load_in_pieces_that_is_killed_begins_again(tmp_path, monkeypatch):
    monkeypatch.setattr(pieces, "MOST", 3)

    class Broken(Exception):
        pass

    def breaks(self, operator, keys):
        raise Broken

    with monkeypatch.context() as broken, pytest.raises(Broken):
        broken.setattr(flow.LocalFlow, "caught_up", breaks)
        run(tmp_path, options=OPTIONS)
    assert not summary(tmp_path).loaded
    sink, report = run(tmp_path, options=OPTIONS)
    assert tables(sink) == dict(meeting_room().expected) and report.documents == 16


class Stopping:
    """Is set after it was asked some times."""

    def __init__(self, asked):
        self.left = asked

    def is_set(self):
        self.left -= 1
        return self.left < 0

    def wait(self, seconds):
        return self.is_set()


@pytest.mark.parametrize("bounded", [False, True])
def test_a_job_that_is_stopped_at_any_moment_ends_cleanly_and_goes_on(tmp_path, monkeypatch, bounded):
    monkeypatch.setattr(flow, "_PART", 1)
    monkeypatch.setattr(pieces, "MOST", 5)
    options = OPTIONS if bounded else {"checkpoint_every": 0}
    published = set()
    for asked in (0, 1, 3, 20, 60, 80, 100, 140):
        place = tmp_path / str(asked)
        sink = VersionedSink(place / "tables")
        _, report = run(place / "state", sink=sink, options=options, stop=Stopping(asked))
        published.add(report.published)
        run(place / "state", sink=VersionedSink(place / "tables"), options=options)
        found = {view: dict(sink.held.table(view).documents()) for view in sink.held.views()}
        assert found == dict(meeting_room().expected), asked
    assert published == {False, True}


@pytest.mark.parametrize("short", [0.0, 60.0])
def test_a_job_that_is_stopped_publishes_once_more_only_where_that_is_short(tmp_path, monkeypatch, short):
    """It is stopped when its first changes after the load are written; the next process publishes what this one did not."""
    stop = threading.Event()
    monkeypatch.setattr(durable, "_SHORT_SECONDS", short)

    class Counting(VersionedSink):
        written = published = 0

        def write(self, changes):
            self.written += len(changes)
            super().write(changes)
            if self.published:
                stop.set()

        def publish(self):
            self.published = self.written
            return super().publish()

    sink = Counting(tmp_path / "tables")
    _, report = run(tmp_path / "state", sink=sink, options={"checkpoint_every": 0}, stop=stop)
    assert 0 < report.changes < len(meeting_room().changes) and sink.published > 0
    assert (sink.published == sink.written) == (short > 0)
    run(tmp_path / "state", sink=VersionedSink(tmp_path / "tables"))
    found = {view: dict(sink.held.table(view).documents()) for view in sink.held.views()}
    assert found == dict(meeting_room().expected)


def test_a_feed_that_goes_on_is_not_quiet_for_what_waits_for_the_commit(tmp_path, monkeypatch):
    """The sink is written every two seconds, after the commit; tables are published when the feed is quiet for one."""
    times, happened = [0.0], []
    monkeypatch.setattr(durable.time, "monotonic", lambda: times[0])
    follow = DurableRun._round

    def later(self, readers):
        times[0] += 0.6
        return follow(self, readers)

    class Told(MemorySink):
        def write(self, changes):
            happened.append("written")
            super().write(changes)

        def publish(self):
            happened.append("published")
            return super().publish()

    monkeypatch.setattr(DurableRun, "_round", later)
    first = meeting_room().changes[0]
    flips = [{**first.after, "attendance": (number // 4) % 2 == 1} for number in range(48)]
    often = [first._replace(after=after, version=(first.version[0] + n, 0)) for n, after in enumerate(flips)]
    run(tmp_path, changes=often, sink=Told(), publish_every=1000.0, options={"checkpoint_every": 2})
    assert happened.count("published") == 2, "the first load, and the end"
    assert happened.count("written") >= 3


def cycles(kept, count):
    """Documents that are made and deleted, each its own, on a clock that moves a second every thousand."""
    ada = {"firstName": "A", "lastName": "B", "organization": "O", "hearingAidRequested": False}
    for first in range(0, count, 500):
        names = range(first, min(first + 500, count))
        start = kept.now
        for fields in (ada, None):
            kept.now += 1_000_000
            changes = [
                Change(f"users/x{n}", None, fields, (kept.now, fields is None), from_micros(kept.now)) for n in names
            ]
            kept.flow.process([event(c) for c in changes])
        kept.commit()
        kept.state.evict(2_000_000)
        assert kept.now > start


def live(kept):
    ada = {"firstName": "Ada", "lastName": "King", "organization": "O", "hearingAidRequested": True}
    documents = [Change(f"users/u{n}", None, ada, BELOW_EVENTS) for n in range(kept.live)]
    kept.flow.process([seed(c, None) for c in documents])
    kept.commit()


def tombstones(tmp_path, documents, count):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    kept.live, kept.now = documents, 1_000_000_000
    live(kept)
    size = kept.store.bytes()
    cycles(kept, count)
    grown = kept.store.bytes()
    kept.open()
    assert not kept.flow.process(()), "no tombstone goes before the horizon"
    kept.commit()
    assert kept.store.one("SELECT count(*) FROM timers") == count
    kept.open()
    kept.now += 8 * DAY + 1
    batches = 0
    while kept.flow.timer_is_due:
        kept.flow.process(())
        kept.commit()
        batches += 1
    kept.state.fold()
    left = kept.store.bytes()
    for _ in range(1000):
        kept.store.compact()
    pages = kept.store.one("PRAGMA page_count") * 8192
    keys = kept.store.one("SELECT count(*) FROM state")
    kept.store.close()
    return size, grown, left, pages, keys, batches


def test_tombstones_go_after_the_horizon_also_over_restarts(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_timers, "MOST", 300)
    monkeypatch.setattr("onto_flow.engines.local.store._FREE_PAGES", 1)
    size, grown, left, pages, keys, batches = tombstones(tmp_path, 100, 2000)
    assert grown > 2 * size and left <= 2 * size and pages <= 2 * size
    assert keys == 2 * 100 and batches == 4


@pytest.mark.long
def test_a_million_tombstones_over_a_thousand_documents_leave_at_most_twice_the_live_state(tmp_path, monkeypatch):
    size, grown, left, pages, keys, batches = tombstones(tmp_path, 1000, 1_000_000)
    assert grown > 100 * size and left <= 2 * size
    assert keys == 2 * 1000 and batches >= 100


def test_tombstones_of_one_document_are_one(tmp_path):
    kept = Kept(MeetingSession.plan(), tmp_path / "state")
    for n in range(1, 200):
        kept.now = n * 1_000_000
        fields = {"firstName": "A"} if n % 2 else None
        kept.flow.process([event(Change("users/u1", None, fields, (kept.now, fields is None), from_micros(kept.now)))])
        if n % 10 == 0:
            kept.commit()
    assert kept.store.one("SELECT count(*) FROM timers") == 1
    kept.store.close()


def test_a_restart_commits_changes_before_a_large_table_is_given_and_publishes_it_whole(tmp_path, monkeypatch):
    """A sink whose tables are in the process alone: the feed does not wait for the table, and no part of it is published."""
    monkeypatch.setattr(whole_table, "_CHUNK", 1)
    monkeypatch.setattr(whole_table, "_CHUNKS", 1)
    case, happened, committed = meeting_room(), [], []
    after = DurableRun._after_commit

    def noting(self):
        after(self)
        committed.append(self.counts.changes)

    class Told(MemorySink):
        def write(self, changes):
            happened.extend(["written"] * len(changes))
            super().write(changes)

        def complete(self):
            happened.append(("complete", committed[-1]))
            super().complete()

        def publish(self):
            happened.append("published")
            return super().publish()

    run(tmp_path, changes=case.changes[:4])
    monkeypatch.setattr(DurableRun, "_after_commit", noting)
    sink, report = run(tmp_path, sink=Told(), options={"checkpoint_every": 0})
    assert tables(sink) == dict(case.expected) and report.published
    complete = happened.index(("complete", len(case.changes)))
    assert set(happened[:complete]) == {"written"} and "published" in happened[complete:]


def test_a_restart_that_is_stopped_before_its_table_was_given_publishes_no_part_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_table, "_CHUNK", 1)
    monkeypatch.setattr(whole_table, "_CHUNKS", 1)
    case, stop = meeting_room(), threading.Event()

    class Stops(MemorySink):
        published = 0

        def write(self, changes):
            super().write(changes)
            if changes:
                stop.set()

        def publish(self):
            self.published += 1
            return super().publish()

    run(tmp_path, changes=case.changes[:4])
    sink, _ = run(tmp_path, sink=Stops(), stop=stop)
    assert sink.published == 0
    sink, _ = run(tmp_path)
    assert tables(sink) == dict(case.expected)
