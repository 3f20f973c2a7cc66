"""Source, feed and sinks of checked jobs: they give what was prepared, and meddle with what an engine gives."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from ...core.change import Change, DeadLetter, ViewChange
from ...core.collection import Projection
from ...core.values import from_micros
from ...sinks.base import Sink, Table
from ...sources.base import Partition, SourceInfo


class Scripted:
    """A source, or feed, of prepared batches; what was acknowledged it does not give again."""

    def __init__(self, batches: Sequence[Sequence[Change]], snapshot: int | None = None) -> None:
        self._batches, self._acknowledged = batches, b"0"
        documents = sum(len(batch) for batch in batches)
        time = None if snapshot is None else from_micros(snapshot)
        self._info = SourceInfo("scripted", documents=documents, snapshot_time=time, ranks_below_events=time is None)

    def info(self) -> SourceInfo:
        return self._info

    def partitions(self) -> Sequence[Partition]:
        return [Partition("0")]

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        self._acknowledged = resume

    def open(
        self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None
    ) -> _Reader:
        return _Reader(self._batches, int(resume or self._acknowledged))


class _Reader:
    def __init__(self, batches: Sequence[Sequence[Change]], at: int) -> None:
        self._batches, self._at = batches, at
        self.documents_read = sum(len(batch) for batch in batches[:at])

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        if self._at == len(self._batches):
            return None
        batch = self._batches[self._at]
        self._at += 1
        self.documents_read += len(batch)
        return batch

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return str(self._at).encode()

    def close(self) -> None:
        pass


class Killed(Exception):
    """The process ends here."""


class Dying:
    """A sink whose process is killed at one of its calls; what was written before stays.

    Attributes:
        published: Whether anything was published before.
    """

    def __init__(self, sink: Sink, calls: int) -> None:
        self._sink, self._left, self.published = sink, calls, False
        self.capabilities = sink.capabilities

    def open(self, tables: Sequence[Table], generation: int) -> None:
        self._sink.open(tables, generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        self._count()
        self._sink.write(changes)

    def complete(self) -> None:
        self._count()
        self._sink.complete()

    def publish(self) -> Sequence[DeadLetter]:
        self._count()
        self.published = True
        return self._sink.publish()

    def close(self) -> None:
        self._sink.close()

    def _count(self) -> None:
        if not self._left:
            raise Killed
        self._left -= 1


class Repeating:
    """A sink that gets what an engine may give: each write in another order, with earlier changes once more."""

    def __init__(self, sink: Sink, seed: int) -> None:
        self._sink, self._random = sink, Random(seed)
        self._earlier: list[ViewChange] = []
        self.capabilities = sink.capabilities

    def open(self, tables: Sequence[Table], generation: int) -> None:
        self._sink.open(tables, generation)

    def write(self, changes: Sequence[ViewChange]) -> None:
        self._earlier += changes
        again = self._random.sample(self._earlier, self._random.randint(0, len(self._earlier)))
        self._sink.write(self._random.sample([*changes, *again], len(changes) + len(again)))

    def complete(self) -> None:
        self._sink.complete()

    def publish(self) -> Sequence[DeadLetter]:
        return self._sink.publish()

    def close(self) -> None:
        self._sink.close()
