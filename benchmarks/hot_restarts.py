"""The first steps at a hot key after a restart: its subscribers are read from the checkpoint, all at once.

One user in many meetings, kept and opened again; then another user is renamed, the crowd gets one meeting more (the step
that reads), and its user is renamed, page by page: a page reads its meetings. Milliseconds of CPU of one batch each.

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
from onto_flow.engines.local.flow import LocalFlow
from onto_flow.engines.local.kept import KeptState
from onto_flow.engines.local.store import Store
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


def batch(flow: LocalFlow, name: str, version: int, *changes: tuple[str, dict[str, Any]]) -> None:
    start = time.process_time()
    flow.process([(path, Event((version, 0), fields)) for path, fields in changes])
    print(f"{name:36}{(time.process_time() - start) * 1000:10.1f}", flush=True)


def main(meetings: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "state.sqlite"
        fill(file, meetings)
        plan, store = MeetingSession.plan(), Store(file)
        flow = LocalFlow(plan, state=KeptState(plan, store, whole=False))
        print(f"{meetings} meetings of one user, after a restart; milliseconds of CPU")
        ticket: dict[str, Any] = {"attendance": True, "role": "guest", "user": Reference("users/hot")}
        meeting = {"status": "open", "tickets": [Reference("tickets/new")]}
        batch(flow, "another user is renamed", 1, ("users/3", user("x")))
        batch(flow, "another one", 2, ("users/4", user("x")))
        batch(flow, "the crowd gets one more", 3, ("tickets/new", ticket), ("meetings/new", meeting))
        batch(flow, "its user is renamed", 4, ("users/hot", user("x")))
        batch(flow, "a page of that", 5)
        batch(flow, "another page", 6)
        store.close()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
