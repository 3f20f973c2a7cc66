"""The first steps at a hot key after a restart: its subscribers are read from the checkpoint page by page.

One user in many meetings, kept and opened again; then another user is renamed, the crowd gets one meeting more, and its user
is renamed, page by page: a page reads its meetings. The process is killed in the middle, and the next one tells the rest.
Milliseconds of CPU of one batch each, and of the longest of all pages.

    .venv/bin/python -m benchmarks.hot_restarts [MEETINGS]
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from onto_flow.core.values import Reference
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.collector import Collector
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.local.kept import KeptState
from onto_flow.engines.local.store import Store
from onto_flow.engines.steady import steady
from onto_flow.operators.messages import Event

from .hot_keys import documents, user


def fill(file: Path, meetings: int) -> None:
    """A checkpoint of a loaded state."""
    plan, store = MeetingSession.plan(), Store(file)
    state = KeptState(plan, store, whole=True)
    flow = LocalFlow(plan, state=state)
    flow.fill(documents(meetings))
    for _ in flow.filled():
        pass
    with store.transaction():
        state.save()
    store.close()


def taken(flow: LocalFlow, collector: Collector, version: int = 0, *changes: tuple[str, dict[str, Any]]) -> float:
    start = time.process_time()
    flow.process([(path, Event((version, 0), fields)) for path, fields in changes])
    collector.between(idle=False)
    return (time.process_time() - start) * 1000


def batch(flow: LocalFlow, collector: Collector, name: str, version: int, *changes: tuple[str, dict[str, Any]]) -> None:
    print(f"{name:36}{taken(flow, collector, version, *changes):10.1f}", flush=True)


def opened(file: Path) -> tuple[LocalFlow, KeptState, Store]:
    plan, store = MeetingSession.plan(), Store(file)
    state = KeptState(plan, store, whole=False)
    return LocalFlow(plan, state=state), state, store


def pages(flow: LocalFlow, collector: Collector, state: KeptState, store: Store, most: int) -> None:
    """All pages that wait, at most so many, each with its commit."""
    times, commits = [], []
    while flow.timer_is_due and len(times) < most:
        times.append(taken(flow, collector))
        start = time.process_time()
        with store.transaction():
            state.save()
        state.saved()
        commits.append((time.process_time() - start) * 1000)
    print(f"{f'longest of {len(times)} pages':36}{max(times):10.1f}")
    print(f"{'longest commit behind one':36}{max(commits):10.1f}", flush=True)


def main(meetings: int) -> None:
    print(f"{meetings} meetings of one user, after a restart; milliseconds of CPU")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.sqlite"
        fill(file, meetings)
        flow, state, store = opened(file)
        ticket: dict[str, Any] = {"attendance": True, "role": "guest", "user": Reference("users/hot")}
        meeting = {"status": "open", "tickets": [Reference("tickets/new")]}
        with steady() as collector:
            batch(flow, collector, "another user is renamed", 1, ("users/3", user("x")))
            batch(flow, collector, "another one", 2, ("users/4", user("x")))
            batch(flow, collector, "the crowd gets one more", 3, ("tickets/new", ticket), ("meetings/new", meeting))
            batch(flow, collector, "its user is renamed", 4, ("users/hot", user("x")))
            batch(flow, collector, "a page of that", 5)
            pages(flow, collector, state, store, meetings // 500)
        store.close()
        print("after a kill in the middle")
        start = time.process_time()
        flow, state, store = opened(file)
        print(f"{'opened':36}{(time.process_time() - start) * 1000:10.1f}")
        with steady() as collector:
            batch(flow, collector, "its user is renamed again", 7, ("users/hot", user("y")))
            pages(flow, collector, state, store, meetings)
        store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
