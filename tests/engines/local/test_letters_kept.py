"""What a feed could not read is kept before the feed is told that it is done with it."""

from __future__ import annotations

from meeting_job import PLAN, meeting_room

from onto_flow.core.change import DeadLetter
from onto_flow.core.codec import encode
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.base import Partition, SourceInfo
from onto_flow.testing.killing import Documents


class Feed:
    """Gives a letter, then a change; says what it is told."""

    def __init__(self, log):
        self._log = log
        self._batches = [[DeadLetter("event:e1", "bad-change: no", "", b"?")], meeting_room().changes[:1]]
        self.documents_read = 0

    def info(self):
        return SourceInfo("test", keeps_unacknowledged=True)

    def partitions(self):
        return [Partition("all")]

    def open(self, partition, *, resume=None, projection=None):
        return self

    def next_batch(self):
        self.documents_read += 1
        return self._batches.pop(0) if self._batches else None

    def next_wake(self):
        return None

    def snapshot(self):
        return encode(self.documents_read)

    def acknowledge(self, partition, resume):
        self._log.append("acknowledged")

    def close(self):
        """Nothing is open."""


def test_letters_are_kept_before_messages_are_acknowledged(tmp_path):
    log = []
    case = meeting_room()
    job = Job(
        PLAN,
        Documents(case.documents),
        MemorySink(),
        Feed(log),
        generation=1,
        snapshot=case.snapshot,
        options={"checkpoint": str(tmp_path / "state"), "checkpoint_every": "0"},
        dead_letter=lambda letter: log.append(letter.key),
        letters_kept=lambda: log.append("kept"),
    )
    Engine().run(job)
    told = log[log.index("event:e1") :]
    assert told[:3] == ["event:e1", "kept", "acknowledged"]
