"""One follower in a process of its own: the first load, then the changes, some at a time.

python -m benchmarks.peers.follow NAME TIMES CHANGES BATCH
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from benchmarks.peers.measured import table_hash, tell
from benchmarks.workload import changes, changes_file, export
from onto_flow.core.codec import encode
from onto_flow.sources.base import Partition, SourceInfo

_AHEAD = 5000

Step = Callable[[list[Any]], int]
"""Takes some changes; how many view documents it wrote."""


def timed(batches: Iterator[list[Any]], step: Step) -> dict[str, Any]:
    """Runs all batches: CPU-seconds, writes, and the seconds of the clock: of all, and of a batch at the median and at 99 %.

    So many are decoded before they run, which is not measured, that they are small beside what the follower holds.
    """
    taken, writes, seconds, changed, clock = [], 0, 0.0, 0, time.perf_counter
    while given := _decoded(batches):
        changed += sum(map(len, given))
        began = time.process_time()
        for batch in given:
            at = clock()
            writes += step(batch)
            taken.append(clock() - at)
        seconds += time.process_time() - began
    return {"seconds": seconds, "changes": changed, "writes": writes, **late(taken)}


def late(taken: list[float]) -> dict[str, float]:
    """What a batch takes at the median and at 99 %, and all of them together."""
    taken.sort()
    return {"p50": taken[len(taken) // 2], "p99": taken[len(taken) * 99 // 100], "clock": sum(taken)}


def _decoded(batches: Iterator[list[Any]]) -> list[list[Any]]:
    """The next batches, of some thousand changes."""
    given: list[list[Any]] = []
    while sum(map(len, given[-1:])) * len(given) < _AHEAD and (batch := next(batches, None)):
        given.append(batch)
    return given


def batched(items: Iterator[Any], size: int) -> Iterator[list[Any]]:
    while batch := list(islice(items, size)):
        yield batch


def by_hand(kind: str, times: float, count: int, size: int) -> dict[str, Any]:
    from benchmarks.peers.dicts import Follower
    from benchmarks.peers.files import read_changes, read_export
    from benchmarks.peers.stages import TwoStages

    peer: Any = Follower() if kind == "dicts" else TwoStages()
    if kind == "dicts":
        peer.load(read_export(export(times)))
    else:
        reached: set[str] = set()
        for path, fields in read_export(export(times)):
            reached |= peer.take(path, fields)
        peer.show(reached)

    def step(batch: list[Any]) -> int:
        if len(batch) == 1:
            return len(peer.show(peer.take(*batch[0])))
        touched: set[str] = set()
        for path, fields in batch:
            touched.update(peer.take(path, fields))
        return len(peer.show(touched))

    found = timed(batched(read_changes(changes_file(times, count)), size), step)
    return {**found, "table": table_hash(peer.table)}


def own(times: float, count: int, size: int) -> dict[str, Any]:
    from benchmarks.meeting_view import MeetingSession
    from onto_flow.core.values import to_micros
    from onto_flow.engines.base import event, seed
    from onto_flow.engines.local.flow import LocalFlow
    from onto_flow.engines.steady import steady, uncollected
    from onto_flow.sources.firestore_export import FirestoreExport

    plan = MeetingSession.plan()
    source = FirestoreExport(export(times))
    snapshot_time = source.info().snapshot_time
    assert snapshot_time is not None
    snapshot = to_micros(snapshot_time)
    flow = LocalFlow(plan, snapshot=snapshot)
    table: dict[str, Any] = {}

    def take(events: list[Any]) -> int:
        outputs = flow.process(events)
        for output in outputs:
            if output.new is None:
                del table[output.path]
            else:
                table[output.path] = output.new
        return len(outputs)

    with uncollected():
        flow.fill(seed(c, snapshot) for c in _documents(source, plan.projection))
        for outputs in flow.filled():
            table.update((o.path, o.new) for o in outputs)
    given = batched((event(c) for c in changes(times, count)), size)
    with steady():
        found = timed(given, take)
    return {**found, "table": table_hash(table)}


def job(times: float, count: int, size: int, options: dict[str, Any]) -> dict[str, Any]:
    """As `own`, but as a whole job of the embedded engine: the clock runs while its feed is read."""
    from benchmarks.meeting_view import MeetingSession
    from onto_flow.run import start

    feed = Feed(batched(changes(times, count), size))
    run = start([MeetingSession], source=str(export(times)), feed=feed, options=options, on_sink=feed.watch)
    assert run.report is not None
    table = {path: dict(document) for path, document in run.documents().items()}
    return {**feed.found, "writes": run.report.view_changes - feed.before, "table": table_hash(table)}


class Feed:
    """A feed of batches that are decoded some thousand changes ahead, as `timed` does: source and reader in one.

    Attributes:
        before: View documents before the first batch.
        found: As `timed` says; the seconds of a batch are those from one batch to the next.
    """

    before = documents_read = 0

    def __init__(self, batches: Iterator[list[Any]]) -> None:
        self._batches, self._ready = batches, deque[list[Any]]()
        self._taken: list[float] = []
        self._seconds = self._began = self._at = 0.0

    def watch(self, run: Any) -> None:
        """Is given the run, for the view documents of the first load."""
        self._run = run

    def info(self) -> SourceInfo:
        return SourceInfo("changes")

    def partitions(self) -> list[Partition]:
        return [Partition("changes")]

    def open(self, partition: Partition, *, resume: bytes | None = None, projection: Any = None) -> Feed:
        return self

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Nothing is sent again."""

    def next_batch(self) -> list[Any] | None:
        if self.documents_read:
            self._taken.append(time.perf_counter() - self._at)
        else:
            self.before = len(self._run.documents())
        if not self._ready:
            self._decode()
        self._at = time.perf_counter()
        if not self._ready:
            return None
        batch = self._ready.popleft()
        self.documents_read += len(batch)
        return batch

    def _decode(self) -> None:
        """Takes more; the CPU-seconds of that are not counted."""
        if self.documents_read:
            self._seconds += time.process_time() - self._began
        self._ready.extend(_decoded(self._batches))
        self._began = time.process_time()

    @property
    def found(self) -> dict[str, Any]:
        return {"seconds": self._seconds, "changes": self.documents_read, **late(self._taken)}

    def next_wake(self) -> None:
        """At once."""

    def snapshot(self) -> bytes:
        return encode(self.documents_read)

    def close(self) -> None:
        """Nothing is open."""


def _documents(source: Any, projection: Any) -> Iterator[Any]:
    for partition in source.partitions():
        reader = source.open(partition, projection=projection)
        while (batch := reader.next_batch()) is not None:
            yield from batch
        reader.close()


if __name__ == "__main__":
    name, times_, count_, size_ = sys.argv[1], float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    if name == "own":
        tell(**own(times_, count_, size_))
    elif name == "job":
        tell(**job(times_, count_, size_, {}))
    elif name == "checkpoint":
        with tempfile.TemporaryDirectory(prefix="onto_flow-checkpoint-") as folder:
            tell(**job(times_, count_, size_, {"checkpoint": folder, "checkpoint_every": "1s"}))
    else:
        tell(**by_hand(name, times_, count_, size_))
