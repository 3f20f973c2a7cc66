"""How a job is watched: lines of JSON, the board, and health that follows the job."""

from __future__ import annotations

import io
import json
import threading
import urllib.request

import pytest

from onto_flow.cli.watching import HEARTBEAT_SECONDS, JsonLines
from onto_flow.core.change import Change, DeadLetter
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.base import Progress
from onto_flow.engines.metrics import Metrics
from onto_flow.run import start
from onto_flow.serve.health import health_server
from onto_flow.sources.base import Partition, SourceInfo


class Clock:
    now = 100.0

    def __call__(self):
        return self.now


def lines_of(out):
    return [{k: v for k, v in json.loads(line).items() if k != "time"} for line in out.getvalue().splitlines()]


def test_json_lines_tell_stages_failures_and_heartbeats_and_no_path():
    out, clock, metrics = io.StringIO(), Clock(), Metrics()
    log = JsonLines(metrics, out, clock)
    for _ in range(3):
        log.progress(Progress("reading"))
    clock.now += HEARTBEAT_SECONDS
    log.progress(Progress("reading"))
    log.letter(DeadLetter("view:Sessions:meetings/secret", "udf-failed: KeyError('secret')", "stack"))
    log.letter(DeadLetter("view:Sessions:meetings/secret", "", cleared=True))
    log.letter(DeadLetter("document:users/secret", "bad-document: secret"))
    log.close()
    lines = lines_of(out)
    assert [line["event"] for line in lines] == [
        *("stage", "heartbeat", "dead-letter", "dead-letter-cleared", "dead-letter", "end")
    ]
    assert lines[2] == {
        "level": "WARNING",
        "logger": "onto_flow",
        "event": "dead-letter",
        "kind": "view",
        "view": "Sessions",
        "code": "udf-failed",
    }
    assert lines[0]["documents"] == 0 and lines[0]["ready"] is False
    assert "secret" not in out.getvalue()


def test_the_board_shows_rates_lag_and_failures():
    rich = pytest.importorskip("rich.console")
    from onto_flow.cli.dashboard import Dashboard

    out, clock, metrics = io.StringIO(), Clock(), Metrics()
    board = Dashboard(metrics, rich.Console(file=out, width=80, force_terminal=False), clock)
    metrics.documents, metrics.ready = 500, True
    metrics.dead(DeadLetter("view:A:b", "udf-failed: x"))
    metrics.writes[("Sessions", "create")] = 12
    metrics.freshness.observe(0.2)
    clock.now += 1
    board.progress(Progress("following", expected=1000))
    board.close()
    shown = out.getvalue()
    for text in ("onto-flow: following, ready", "500 of 1,000", "500/s", "Sessions: create", "at most 0.25 s"):
        assert text in shown
    assert any("dead letters" in line and " 1 " in line for line in shown.splitlines())


class Held:
    """A feed of one change, which waits for the test before it gives it, and again before it ends."""

    def __init__(self, changes):
        self.changes = changes
        self.may_give, self.given, self.may_end = threading.Event(), threading.Event(), threading.Event()

    def info(self):
        return SourceInfo("feed")

    def partitions(self):
        return [Partition("all")]

    def open(self, partition, at=None, projection=None):
        return self

    documents_read = 0

    def next_batch(self):
        if not self.may_give.is_set():
            return []
        if self.changes:
            changes, self.changes = self.changes, []
            return changes
        self.given.set()
        return None if self.may_end.is_set() else []

    def next_wake(self):
        return None

    def close(self):
        pass


def test_health_follows_a_job(tmp_path):
    file = tmp_path / "documents.jsonl"
    from onto_flow.formats.typed_json import encode_fields

    file.write_text("\n".join(json.dumps({"path": p, "fields": encode_fields(f)}) for p, f in data.documents().items()))
    ada = {**data.documents()["users/ada"], "lastName": "King"}
    feed = Held([Change("users/ada", None, ada, (10**16, 0), data.EXPORTED_AT)])
    metrics = Metrics()
    job = threading.Thread(
        target=start, args=((MeetingSession,),), kwargs={"source": f"jsonl:{file}", "feed": feed, "metrics": metrics}
    )
    with health_server("0", metrics) as port:

        def status(path):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                    return answer.status
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert (status("/healthz"), status("/readyz")) == (200, 503)
        job.start()
        try:
            feed.may_give.set()
            assert feed.given.wait(30)
            assert (status("/healthz"), status("/readyz")) == (200, 200)
        finally:
            feed.may_give.set()
            feed.may_end.set()
            job.join(30)
    assert metrics.documents == len(data.documents()) and metrics.changes == 1
    assert metrics.written() == {("MeetingSession", "create"): 2, ("MeetingSession", "update"): 1}
    assert sum(metrics.freshness.counts) == 1 and metrics.oldest_unacked_seconds == 0
