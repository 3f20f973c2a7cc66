"""What an engine is: it says what it cannot run and why, then runs a job to a report."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Protocol

from ..core.change import BELOW_EVENTS, Change, DeadLetter, Version
from ..core.gaps import Gaps
from ..core.values import to_micros
from ..operators.messages import Event, Tick
from ..plan.clocks import clocks, last_tick
from ..plan.nodes import Plan
from ..sinks.base import Sink, Table
from ..sources.base import Source
from .breaker import Limits
from .declared import DeclaredTime, WallTime
from .metrics import Metrics


def seed(document: Change, snapshot: int | None) -> tuple[str, Event]:
    """A document of the first load as ingest takes it: at the time of the export, or below any event.

    Example:
        >>> seed(Change("users/u1", None, {"name": "Ada"}, (0, 1)), snapshot=70)
        ('users/u1', Event(version=(70, 0), fields={'name': 'Ada'}, time=None, previous=None))
    """
    return document.path, Event(BELOW_EVENTS if snapshot is None else _at(snapshot), document.after)


@lru_cache(maxsize=1)
def _at(snapshot: int) -> Version:
    """The version of all documents of an export: one object, as there are very many of them."""
    return snapshot, 0


def ticks(plan: Plan, moment: int) -> list[tuple[str, Tick]]:
    """What tells ingest that declared time has come to a moment (microseconds)."""
    return [(path, Tick(last_tick(every, moment))) for path, every in clocks(plan).items()]


def event(change: Change) -> tuple[str, Event]:
    """A change of a feed as ingest takes it."""
    time = None if change.time is None else to_micros(change.time)
    return change.path, Event(change.version, change.after, time, change.previous)


PUBLISH_EVERY = 10.0
"""Seconds between publications, where nobody says otherwise."""


@dataclass(frozen=True)
class EngineCapabilities:
    """What an engine promises.

    Attributes:
        drained: Each micro-batch runs through all stages before the next begins.
        keeps_order: Messages between two keys arrive in the order in which they were sent.
        exactly_once_between_stages: State and messages of a step are permanent together; the protocol needs it.
        restores_by: How a crash is survived: `outbox`, `epoch`, or `nothing` (the state is in memory).
        unbounded: Whether it can run a feed that does not end.
        publishes_meanwhile: Whether tables are shown while a feed goes on; else once, when the job has ended.
        workers_open: Whether its workers open the ends of such a job themselves, by their URIs.
    """

    drained: bool
    keeps_order: bool
    exactly_once_between_stages: bool
    restores_by: str
    unbounded: bool
    workers_open: bool = False
    publishes_meanwhile: bool = False


@dataclass(frozen=True)
class Progress:
    """How far a job is: shown to people, so no path or value is in it."""

    stage: str
    documents: int = 0
    expected: int | None = None
    changes: int = 0
    view_changes: int = 0
    gaps_open: int = 0


@dataclass(frozen=True)
class Job:
    """One run of a plan.

    Attributes:
        plan: What to maintain.
        source: The documents to begin with.
        feed: The changes after that; `None` for a backfill.
        sink: Where view documents go.
        dead_letter: Takes what failed.
        letters_kept: Waits until all that failed so far is kept: asked before a feed is told that it is done with it.
        generation: The first part of view versions.
        snapshot: The time of the source's documents in microseconds, for the rule on events; `None`: below any event.
        publish_after_feed: Publish nothing before the (bounded) feed has ended: the documents are no consistent view.
        publish_every: Seconds between publications while a feed goes on.
        options: The engine's own options.
        progress: Is told from time to time how far the job is.
        stop: Set from outside to end the job cleanly.
        fingerprints: View -> part of its code -> hash: whether a checkpoint was made by this code.
        sink_name: Where view documents go, as text without secrets.
        metrics: What the job tells of itself while it runs.
        declared: Declared time, for plans whose views change by it.
        limits: When so many failures of user code stop the run; `None`: never.
    """

    plan: Plan
    source: Source
    sink: Sink
    feed: Source | None = None
    dead_letter: Callable[[DeadLetter], None] = lambda letter: None
    letters_kept: Callable[[], None] = lambda: None
    generation: int = 0
    snapshot: int | None = None
    publish_after_feed: bool = False
    publish_every: float = PUBLISH_EVERY
    options: Mapping[str, Any] = field(default_factory=dict)
    progress: Callable[[Progress], None] = lambda progress: None
    stop: threading.Event = field(default_factory=threading.Event)
    metrics: Metrics = field(default_factory=Metrics)
    declared: DeclaredTime = field(default_factory=WallTime)
    limits: Limits | None = field(default_factory=Limits)
    fingerprints: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    sink_name: str = ""

    def tables(self) -> list[Table]:
        """The tables that the plan writes."""
        return [Table(v.name, v.collection, v.schema) for v in self.plan.views]


@dataclass(frozen=True)
class Report:
    """What a job did.

    Attributes:
        documents: How many were read from the source.
        changes: How many came from the feed.
        view_changes: How many view documents were written or removed.
        dead_letters: How many were put.
        seconds: How long it took.
        published: Whether anything was shown; not when it was stopped before that.
        gaps: What the feed should have had and did not give (`docs/gaps.md`).
        wrong_types: (collection, field) -> how often a field of another type than declared was read.
        submitted: Name and id of a job that was handed to a service, where it goes on by itself; empty: it ran here.
    """

    documents: int
    changes: int
    view_changes: int
    dead_letters: int
    seconds: float
    published: bool = True
    gaps: Gaps = field(default_factory=Gaps)
    wrong_types: Mapping[tuple[str, str], int] = field(default_factory=dict)
    submitted: str = ""

    @property
    def gaps_open(self) -> int:
        """How many gaps are open at the end."""
        return self.gaps.open


class Engine(Protocol):
    """Runs jobs."""

    name: str
    capabilities: EngineCapabilities

    def check(self, job: Job) -> Sequence[str]:
        """Why this engine cannot run the job, one sentence each; empty when it can."""

    def run(self, job: Job) -> Report:
        """Runs the job to its end.

        Raises:
            EngineError: `engine-refused`, with what `check` said.
            OntoFlowError: What the source or sink raised.
        """
