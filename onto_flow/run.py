"""The one place that joins the layers: views, source, feed, engine and sink become a job."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from .connect import open_feed, open_letters, open_sink, open_source
from .connect import shown as name_of
from .core.change import DeadLetter
from .core.errors import EngineError, UsageError
from .core.html import html_table
from .core.registry import Entry, load
from .core.values import Document
from .engines.base import PUBLISH_EVERY, Engine, Job, Progress, Report
from .engines.breaker import DEFAULT_LIMITS, Limits
from .engines.declared import DeclaredTime, WallTime, declared_time
from .engines.interrupts import stopped_by_interrupts
from .engines.metrics import Metrics
from .model.compile import plan_views
from .model.fingerprint import fingerprint
from .sinks.base import Counting, Sink
from .sinks.memory import MemorySink
from .sources.base import Follower, Selective, Source
from .streams import cutover_of, is_elsewhere, stream_job

ENGINES = {
    "local": Entry("onto_flow.engines.local:Engine"),
    "beam": Entry("onto_flow.engines.beam:Engine", "beam"),
    "flink": Entry("onto_flow.engines.flink:Engine", "flink"),
}
DEAD_LETTERS = Path(".onto-flow/dead-letters.sqlite")
_SHOWN_BYTES = 64 << 10


@dataclass
class Run:
    """A job that was started: its progress, and its tables when the sink is in memory.

    Attributes:
        sink: Where the view documents went; `None` where workers write them.
        progress: How far it is.
        report: What it did; `None` until it is done.
        letters: What failed, as far as it was not taken back; of a message or line the first 64 KiB.
    """

    sink: Sink | None
    progress: Progress = field(default_factory=lambda: Progress("waiting"))
    report: Report | None = None
    letters: dict[str, DeadLetter] = field(default_factory=dict)
    stop: threading.Event = field(default_factory=threading.Event)

    def documents(self, view: type | str | None = None) -> dict[str, Document]:
        """The view table: path -> document. `view` may be left out when there is one."""
        sink = self._memory()
        return dict(sink.documents(self._name(view)))

    def to_arrow(self, view: type | str | None = None) -> Any:
        """The view table as a `pyarrow.Table`: `__path__`, then the view's attributes."""
        return self._memory().to_arrow(self._name(view))

    def to_pandas(self, view: type | str | None = None) -> Any:
        """The view table as a `pandas.DataFrame`."""
        return self._memory().to_pandas(self._name(view))

    def _repr_html_(self) -> str:
        """What a notebook shows: what was read, written and failed, and how many documents each table has."""
        report = self.report
        if report is None:
            return html_table(("stage", "documents", "changes"), [self._now()])
        read = (report.documents, report.changes, report.view_changes, report.dead_letters, report.gaps_open)
        head = ("documents", "changes", "view changes", "dead letters", "gaps open", "seconds")
        shown = html_table(
            head, [(*read, report.seconds)], "" if report.published else "stopped: nothing was published"
        )
        if not isinstance(self.sink, MemorySink):
            return shown
        return shown + html_table(("view", "view documents"), [(v, len(self.documents(v))) for v in self.sink.views()])

    def _now(self) -> tuple[str, int, int]:
        return self.progress.stage, self.progress.documents, self.progress.changes

    def _memory(self) -> MemorySink:
        if not isinstance(self.sink, MemorySink):
            raise UsageError("wrong-usage", "the tables went to a sink outside this process", fix="Read them there.")
        return self.sink

    def _name(self, view: type | str | None) -> str:
        if view is not None:
            return view if isinstance(view, str) else view.__name__
        names = self._memory().views()
        if len(names) != 1:
            raise UsageError("wrong-usage", f"say which view: {', '.join(names)}")
        return names[0]

    def _took(self, letter: DeadLetter) -> None:
        if letter.cleared:
            self.letters.pop(letter.key, None)
        else:
            payload = letter.payload
            shown = payload[:_SHOWN_BYTES] if isinstance(payload, bytes) else payload
            self.letters[letter.key] = letter._replace(payload=shown)


def backfill(
    *views: type,
    source: str | Source,
    sink: str | Sink | None = None,
    engine: str = "local",
    dead_letters: str | Path | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    now: datetime | None = None,
    clock: str | Path | None = None,
    breaker: str = "",
    **options: Any,
) -> Run:
    """Computes view tables from the documents of a source.

    Args:
        views: View models; what they share is read once.
        source: A URI, or a source.
        sink: A URI, or a sink; in memory when left out.
        engine: `local`, `beam` or `flink`.
        dead_letters: A file for what failed, or `pubsub://PROJECT/TOPIC`; `Run.letters` has it in any case.
        on_progress: Is told how far the work is.
        now: Declared time stands still there (`docs/time.md`); else it is the wall's.
        clock: A file in which declared time was recorded.
        breaker: When so many failures of user code stop the job: `share=0.05,least=500`, or `off` (`docs/failures.md`).
        options: The engine's own options.

    Raises:
        OntoFlowError: A declaration, source, engine or sink that does not work, in one paragraph.
    """
    return start(
        views,
        source=source,
        sink=sink,
        engine=engine,
        dead_letters=dead_letters,
        on_progress=on_progress,
        declared=declared_time(now, clock, None),
        limits=Limits.of(breaker),
        options=options,
    )


def start(
    views: Sequence[type],
    *,
    source: str | Source,
    feed: str | Source | None = None,
    sink: str | Sink | None = None,
    engine: str = "local",
    dead_letters: str | Path | None = None,
    snapshot_time: datetime | None = None,
    inconsistent_export: bool = False,
    publish_every: float | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_letter: Callable[[DeadLetter], None] = lambda letter: None,
    on_sink: Callable[[Run], None] = lambda run: None,
    on_note: Callable[[str], None] = lambda text: None,
    metrics: Metrics | None = None,
    declared: DeclaredTime | None = None,
    limits: Limits | None = DEFAULT_LIMITS,
    options: Mapping[str, Any] | None = None,
    sink_options: Mapping[str, str] | None = None,
) -> Run:
    """Runs a job to its end: a backfill, and with `feed` what comes after it.

    Args:
        views, source, sink, engine, dead_letters, on_progress, options: As for `backfill`.
        feed: A URI or a source of changes.
        snapshot_time: The time of the export, where the export does not know it.
        inconsistent_export: Take an export that is no consistent view: all later events are applied, and nothing is
            published before the feed has ended.
        publish_every: Seconds between publications while the feed goes on; by default 10. No stream on Beam has them.
        on_letter: Is told what failed, and what is well again.
        metrics: Where the job tells of itself.
        declared: Declared time; the wall's when left out.
        limits: When so many failures of user code stop the run; `None`: never.
        sink_options: Options of the sink beside those of its URI, which a checkpoint does not take for its name.
        on_sink: Is given the run before it begins, so that it can be stopped.
        on_note: Is told what a person should know before it begins.
    """
    feed = open_feed(feed) if isinstance(feed, str) else feed
    runner: Engine = load("engine", engine, ENGINES)()
    metrics = metrics or Metrics()
    place = "" if dead_letters is None else dead_letters
    if feed is not None and runner.capabilities.workers_open and not feed.info().bounded:
        run = Run(None)
        told = _Told(run, () if is_elsewhere(place) else views, place, on_letter, on_progress)
        stream: Any = stream_job(
            views,
            source=_uri("source", source),
            feed=feed,
            sink=_uri("sink", sink),
            dead_letters=str(place) if is_elsewhere(place) else "",
            snapshot_time=snapshot_time,
            publish_every=publish_every,
            sink_options=sink_options,
            options=options,
            dead_letter=told.letter,
            progress=told.progressed,
            say=on_note,
            stop=run.stop,
            metrics=metrics,
            limits=limits,
        )
        return _carried_out(runner, stream, run, told, on_sink)
    plan = plan_views(*views)
    source = open_source(source) if isinstance(source, str) else source
    opened = open_sink(sink, **sink_options or {}) if isinstance(sink, str) else sink
    tables: Sink = MemorySink() if opened is None else opened
    run = Run(tables)
    for end in (source, feed):
        if isinstance(end, Selective):
            end.selects(plan.projection)
    cutover = cutover_of(source.info(), feed is not None, snapshot_time, inconsistent_export)
    if isinstance(feed, Follower):
        feed.follows(cutover.snapshot)
    told = _Told(run, views, place, on_letter, on_progress)
    if isinstance(tables, Counting):
        metrics.operations = tables.operations
    job = Job(
        plan=plan,
        source=source,
        sink=tables,
        feed=feed,
        dead_letter=told.letter,
        letters_kept=told.kept,
        generation=time.time_ns() // 1000,
        snapshot=cutover.snapshot,
        publish_after_feed=cutover.publish_after_feed,
        publish_every=PUBLISH_EVERY if publish_every is None else publish_every,
        options=options or {},
        progress=told.progressed,
        stop=run.stop,
        metrics=metrics,
        declared=declared or WallTime(),
        limits=limits,
        fingerprints={view.__name__: fingerprint(view) for view in views} if options else {},
        sink_name=name_of(sink) if isinstance(sink, str) else "",
    )
    return _carried_out(runner, job, run, told, on_sink)


class _Told:
    """Where a run's letters and progress go."""

    def __init__(
        self,
        run: Run,
        views: Sequence[type],
        place: str | Path,
        on_letter: Callable[[DeadLetter], None],
        on_progress: Callable[[Progress], None] | None,
    ) -> None:
        self._run, self._on_letter, self._on_progress = run, on_letter, on_progress
        self._letters = open_letters(place, plan_views(*views).sensitive()) if place and views else None

    def letter(self, letter: DeadLetter) -> None:
        self._run._took(letter)
        self._on_letter(letter)
        if self._letters is not None:
            self._letters.put(letter)

    def kept(self) -> None:
        if self._letters is not None:
            self._letters.flush()

    def progressed(self, progress: Progress) -> None:
        self._run.progress = progress
        if self._on_progress is not None:
            self._on_progress(progress)

    def close(self) -> None:
        if self._letters is not None:
            self._letters.close()


def _carried_out(runner: Engine, job: Job, run: Run, told: _Told, on_sink: Callable[[Run], None]) -> Run:
    """Runs a job that its engine can run."""
    try:
        reasons = runner.check(job)
        if reasons:
            raise EngineError("engine-refused", "; ".join(reasons))
        on_sink(run)
        with stopped_by_interrupts(run.stop):
            run.report = runner.run(job)
    finally:
        told.close()
    return run


def _uri(what: str, given: Any) -> str:
    """What workers open by its name."""
    if isinstance(given, str):
        return given
    raise UsageError("wrong-usage", f"workers open the {what} of a stream themselves", fix=f"Give the {what} as a URI.")
