"""Publications beside the feed: one at a time, and the outbox holds what none has shown."""

from __future__ import annotations

import threading

import pytest
from meeting_job import meeting_room, run
from test_restarts import VersionedSink

from onto_flow.core.change import DeadLetter
from onto_flow.core.errors import EngineError
from onto_flow.engines.local import beside
from onto_flow.engines.local.durable import DurableRun
from onto_flow.sinks.base import SinkCapabilities

PATIENCE = 60.0
AT_ONCE = {"checkpoint_every": 0}


class Slow(VersionedSink):
    """Publishes in another thread, after the first time only when it may."""

    capabilities = SinkCapabilities(beside=True)

    def __init__(self, folder):
        super().__init__(folder)
        self.may_publish = threading.Event()
        self.publishes = threading.Event()
        self._alone, self._table = threading.Lock(), threading.Lock()

    def write(self, changes):
        with self._table:
            super().write(changes)

    def publish(self):
        assert self._alone.acquire(blocking=False), "it publishes already"
        if threading.current_thread() is not threading.main_thread():
            self.publishes.set()
            assert self.may_publish.wait(PATIENCE)
        with self._table:
            letters = super().publish()
        self._alone.release()
        return letters


def tables(sink):
    return {view: dict(sink.held.table(view).documents()) for view in sink.held.views()}


@pytest.fixture
def commits(monkeypatch):
    """How many commits there were when each publication ended; the first is that of the load."""
    seen = []
    note = DurableRun._note_publication

    def noting(self):
        if self._beside.is_busy:
            seen.append(self._kept._number)
        note(self)

    monkeypatch.setattr(DurableRun, "_note_publication", noting)
    return seen


def test_the_feed_goes_on_while_the_sink_publishes(tmp_path, monkeypatch, commits):
    sink = Slow(tmp_path / "tables")
    began = []
    begin = beside.Beside.begin
    monkeypatch.setattr(beside.Beside, "begin", lambda self, number: began.append(number) or begin(self, number))
    rounds = DurableRun._round

    def later(self, readers):
        if sink.publishes.is_set() and len(began) == 1 and self.counts.changes == len(meeting_room().changes):
            sink.may_publish.set()
        return rounds(self, readers)

    monkeypatch.setattr(DurableRun, "_round", later)
    run(tmp_path / "state", sink=sink, publish_every=0.0, options=AT_ONCE)
    assert tables(sink) == dict(meeting_room().expected)
    assert commits[1] > began[0], "commits were made meanwhile"


def test_letters_of_a_publication_beside_the_feed_are_told(tmp_path):
    sink = Slow(tmp_path / "tables")
    sink.may_publish.set()
    publish, letter = sink.publish, DeadLetter("table:V:a", "it does not fit")

    def telling():
        is_beside = threading.current_thread() is not threading.main_thread()
        return [*publish(), *([letter] if is_beside else [])]

    sink.publish = telling
    letters = []
    run(tmp_path / "state", sink=sink, publish_every=0.0, options=AT_ONCE, dead_letter=letters.append)
    assert letter in letters


def test_a_publication_that_fails_ends_the_job_and_the_next_process_publishes_it(tmp_path):
    sink = Slow(tmp_path / "tables")
    sink.may_publish.set()
    publish = sink.publish

    def failing():
        if threading.current_thread() is not threading.main_thread():
            raise EngineError("sink-failed", "the service is away")
        return publish()

    sink.publish = failing
    with pytest.raises(EngineError, match="away"):
        run(tmp_path / "state", sink=sink, publish_every=0.0, options=AT_ONCE)
    again = VersionedSink(tmp_path / "tables")
    run(tmp_path / "state", sink=again)
    assert tables(again) == dict(meeting_room().expected)
