"""The meeting room as jobs over a checkpoint directory."""

from __future__ import annotations

from functools import cache

from onto_flow import plan_views
from onto_flow.core.change import BELOW_EVENTS, Change
from onto_flow.core.values import to_micros
from onto_flow.demo import data
from onto_flow.demo.meeting_room import MeetingSession, OrganizationLoad
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.killing import Boundaries, Documents, ForgettingFeed, World
from onto_flow.testing.oracle import recompute
from onto_flow.testing.restarts import RestartCase

PLAN = plan_views(MeetingSession, OrganizationLoad)


@cache
def meeting_room(*, publish_after_feed=False):
    """The demo's documents and script, and some of its messages again at the end."""
    documents = data.documents()
    changes = [step.change for step in data.script()]
    final = dict(documents)
    for change in changes:
        final[change.path] = change.after
    final = {path: fields for path, fields in final.items() if fields is not None}
    snapshot = to_micros(data.EXPORTED_AT)
    seeds = [Change(p, None, f, BELOW_EVENTS) for p, f in documents.items()]
    return RestartCase(PLAN, seeds, changes + changes[:3], snapshot, recompute(PLAN, final), publish_after_feed)


def run(directory, *, changes=None, sink=None, plan=PLAN, generation=1, connect=None, options=None, **more):
    """Runs a job to its end; returns its sink and report."""
    case = meeting_room()
    sink = sink or MemorySink()
    world = World(case.changes if changes is None else changes, lambda sink, table: {})
    job = Job(
        plan,
        Documents(case.documents),
        sink,
        ForgettingFeed(world, Boundaries(), 4),
        generation=generation,
        snapshot=case.snapshot,
        options={"checkpoint": str(directory), **(options or {})},
        **more,
    )
    return sink, Engine(connect).run(job)
