"""What a job with `--max-memory` takes: the peak of resident memory, beside that of the process without any state.

    .venv/bin/python -m benchmarks.memory [TIMES] [LIMIT ...]

Each run is a process of its own: the workload of `benchmarks.workload` (270,100 documents times TIMES) loaded and then
20,000 changes in batches of 1,000, over a checkpoint; once with next to no documents, once without a limit, then with each
LIMIT (MB). *Over* is what is beyond the limit and the process without state: what a batch touches, and what lies between
objects. Views go nowhere.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.meeting_view import MeetingSession
from benchmarks.processes import measure
from benchmarks.workload import SNAPSHOT, changes, documents
from onto_flow.core.change import BELOW_EVENTS, Change, DeadLetter
from onto_flow.core.collection import Projection
from onto_flow.core.values import to_micros
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine
from onto_flow.sinks.base import SinkCapabilities
from onto_flow.sources.base import Partition, SourceInfo

CHANGES = 20_000
_NEXT_TO_NOTHING = 0.002
PLAN = MeetingSession.plan()


class Made:
    """A source of changes that are made as they are read, a thousand at a time."""

    def __init__(self, made: Iterator[Change]) -> None:
        self._made = made
        self.documents_read = 0

    def info(self) -> SourceInfo:
        return SourceInfo("made")

    def partitions(self) -> Sequence[Partition]:
        return [Partition("all")]

    def open(self, partition: Partition, *, resume: bytes | None = None, projection: Projection | None = None) -> Made:
        return self

    def acknowledge(self, partition: Partition, resume: bytes) -> None:
        """Nothing waits for it."""

    def next_batch(self) -> Sequence[Change | DeadLetter] | None:
        batch = list(islice(self._made, 1000))
        self.documents_read += len(batch)
        return batch or None

    def next_wake(self) -> None:
        return None

    def snapshot(self) -> bytes:
        return str(self.documents_read).encode()

    def close(self) -> None:
        """Nothing is open."""


class Nowhere:
    """A sink that keeps nothing."""

    capabilities = SinkCapabilities()

    def open(self, tables: Sequence[Any], generation: int) -> None:
        """Nothing is opened."""

    def write(self, changes: Sequence[Any]) -> None:
        """Nothing is kept."""

    def complete(self) -> None:
        """Nothing is there."""

    def publish(self) -> Sequence[DeadLetter]:
        return ()

    def close(self) -> None:
        """Nothing is open."""


def run(times: float, limit: int) -> None:
    """One job in this process; prints what it took."""
    seeds = (Change(p, None, f, BELOW_EVENTS) for p, f in documents(times))
    with tempfile.TemporaryDirectory(prefix="onto-flow-memory-") as folder:
        options: dict[str, Any] = {"checkpoint": str(Path(folder) / "state")}
        if limit:
            options["max_memory"] = limit
        feed = Made(changes(times, CHANGES))
        job = Job(PLAN, Made(seeds), Nowhere(), feed, generation=1, snapshot=to_micros(SNAPSHOT), options=options)
        report = Engine().run(job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"peak": peak, "changes": report.changes}))


def measured(times: float, limit: float) -> Any:
    return measure([sys.executable, "-m", "benchmarks.memory", "run", str(times), str(int(limit * 1e6))])


def main(times: float = 0.25, *limits: float) -> None:
    bare = measured(_NEXT_TO_NOTHING, 0)["peak"] / 1e6
    print(f"without state: {bare:,.0f} MB; {270_100 * times:,.0f} documents:")
    for limit in (0.0, *(limits or (50, 100, 200))):
        took = measured(times, limit)
        peak = took["peak"] / 1e6
        over = f", {peak - limit - bare:+,.0f} MB over" if limit else ""
        said = f"limit {limit:,.0f} MB" if limit else "no limit"
        print(f"{said:>14}: peak {peak:,.0f} MB{over}; {took['cpu']:,.1f} CPU-seconds", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        run(float(sys.argv[2]), int(sys.argv[3]))
    else:
        main(*map(float, sys.argv[1:]))
