"""What a durable checkpoint every second costs, and how soon a restart has its first change.

    .venv/bin/python -m benchmarks.checkpoint [TIMES] [BATCH] [SECONDS]

The workload of `benchmarks.workload` (270,100 documents times TIMES), its changes in batches of BATCH, over and over with
rising versions for SECONDS each: without a checkpoint; with one every second; and the dictionaries by hand of
`benchmarks.peers.dicts` without anything durable, and with the documents and view documents that changed written as JSON
to SQLite every second, which is what a team adds first. Then the process that was loaded is forgotten, and a new one goes
on: the time until the view change of its first change is committed. What the changes touch is warm in the file cache.

Figures are of this machine at this moment; what counts is the share of one row to another of the same run.
"""

from __future__ import annotations

import gc
import json
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from benchmarks.meeting_view import MeetingSession
from benchmarks.peers.dicts import Follower
from benchmarks.workload import SNAPSHOT, changes, documents
from onto_flow.core.change import BELOW_EVENTS, Change, ViewChange
from onto_flow.core.values import Reference, to_micros
from onto_flow.engines.base import event, seed
from onto_flow.engines.local.checkpoint import Checkpoint
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.steady import steady

PLAN = MeetingSession.plan()
CHANGES = 20_000
Batch = list[Change]


def batches(once: list[Change], size: int) -> Iterator[Batch]:
    """The changes over and over, each round with newer versions."""
    span = max(c.version[0] for c in once) - to_micros(SNAPSHOT) + 1
    later = 0
    while True:
        made = (c._replace(version=(c.version[0] + later, c.version[1])) for c in once)
        while batch := list(islice(made, size)):
            yield batch
        later += span


def rate(feed: Iterator[Batch], take: Callable[[Batch], Any], commit: Callable[[], Any], seconds: float) -> float:
    """Changes per CPU-second, with a commit every second and at the end; the collector is told as in the engine."""
    done, began = 0, time.process_time()
    committed = began
    with steady():
        while (now := time.process_time()) - began < seconds:
            batch = next(feed)
            take(batch)
            done += len(batch)
            if now - committed >= 1.0:
                commit()
                committed = time.process_time()
        commit()
    return done / (time.process_time() - began)


class Durable:
    """The embedded engine's flow over a checkpoint directory."""

    def __init__(self, directory: Path) -> None:
        began = to_micros(SNAPSHOT)
        self.kept = Checkpoint(directory, PLAN, {}, began=began, generation=1, snapshot=began)
        kept = self.kept
        self.flow = LocalFlow(PLAN, generation=1, snapshot=kept.snapshot, state=kept.state, born=kept.born)

    def take(self, batch: Batch) -> None:
        for output in self.flow.process([event(c) for c in batch]):
            if isinstance(output, ViewChange):
                self.kept.take(output)

    def commit(self) -> None:
        self.kept.commit({"feed": b"1"}, loaded=True)
        self.kept.published()


def plain(fields: Any) -> Any:
    """A document as the dictionaries have it: references as paths."""
    if isinstance(fields, dict):
        return {n: plain(v) for n, v in fields.items()}
    if isinstance(fields, list):
        return [plain(v) for v in fields]
    return fields.path if isinstance(fields, Reference) else fields


class Dicts:
    """The dictionaries by hand; what changed goes to SQLite as JSON, when asked."""

    def __init__(self, file: Path | None) -> None:
        self.follower = Follower()
        self.dirty: set[str] = set()
        self.shown: set[str] = set()
        self.database = sqlite3.connect(file or ":memory:", isolation_level=None)
        self.durable = file is not None
        for statement in (
            "PRAGMA journal_mode = WAL",
            "PRAGMA synchronous = FULL",
            "CREATE TABLE kept (path TEXT PRIMARY KEY, data TEXT) WITHOUT ROWID",
        ):
            self.database.execute(statement)

    def take(self, batch: Batch) -> None:
        meetings: dict[str, None] = {}
        for change in batch:
            self.dirty.add(change.path)
            meetings.update(dict.fromkeys(self.follower.take(change.path, plain(change.after))))
        self.shown.update(self.follower.show(meetings))

    def commit(self) -> None:
        if not self.durable:
            return
        held, table = self.follower.held, self.follower.table
        rows = [(p, json.dumps(held[p.partition("/")[0]].get(p))) for p in self.dirty]
        rows += [(p, json.dumps(table.get(p))) for p in self.shown]
        self.database.execute("BEGIN")
        self.database.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", rows)
        self.database.execute("COMMIT")
        self.dirty.clear()
        self.shown.clear()


def process(flow: LocalFlow, batch: Batch) -> None:
    flow.process([event(c) for c in batch])


def timed(what: Callable[[], Any]) -> float:
    """Seconds that a call takes."""
    began = time.monotonic()
    what()
    return time.monotonic() - began


def main(times: float = 1, size: int = 1000, seconds: float = 10) -> None:
    seeds = [seed(Change(p, None, f, BELOW_EVENTS), to_micros(SNAPSHOT)) for p, f in documents(times)]
    once = list(changes(times, CHANGES))
    print(f"{len(seeds):,} documents, batches of {size:,}, {seconds:.0f} s each")
    with tempfile.TemporaryDirectory(prefix="onto-flow-checkpoint-") as name:
        folder = Path(name)
        figures = {}
        memory = LocalFlow(PLAN, generation=1, snapshot=to_micros(SNAPSHOT))
        memory.process(seeds)
        figures["in memory"] = rate(batches(once, size), partial(process, memory), lambda: None, seconds)
        del memory
        gc.collect()
        durable = Durable(folder / "state")
        loaded = timed(partial(durable.flow.process, seeds))
        first = timed(durable.commit)
        figures["checkpoint every second"] = rate(batches(once, size), durable.take, durable.commit, seconds)
        held = durable.kept.state.bytes_in_memory()
        durable.kept.close()
        del durable
        gc.collect()
        began = time.monotonic()
        again = Durable(folder / "state")
        opened = time.monotonic() - began
        [change] = once[:1]
        again.take([change._replace(version=(change.version[0] * 2, 0))])
        again.commit()
        restarted = time.monotonic() - began
        on_disk = again.kept.store.bytes()
        again.kept.close()
        for name, file in (("dictionaries", None), ("dictionaries, JSON to SQLite every second", folder / "peer")):
            peer = Dicts(file)
            peer.follower.load((path, plain(event.fields)) for path, event in seeds)
            figures[name] = rate(batches(once, size), peer.take, peer.commit, seconds)
            del peer
            gc.collect()
    for name, changes_per_second in figures.items():
        print(f"{name:45} {changes_per_second:>10,.0f} changes/s")
    kept, without = figures["checkpoint every second"], figures["in memory"]
    print(f"with a checkpoint every second: {kept / without:.0%} of without")
    print(f"first load computed in {loaded:.1f} s and committed in {first:.1f} s: {on_disk / 1e6:,.0f} MB on the disk")
    print(f"estimate of the state in memory: {held / 1e6:,.0f} MB")
    print(f"restart: opened in {opened:.3f} s, first change committed after {restarted:.3f} s")


if __name__ == "__main__":
    main(*(float(a) if n != 1 else int(a) for n, a in enumerate(sys.argv[1:])))  # type: ignore[arg-type]
