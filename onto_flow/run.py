"""The one place that joins the layers: views, source, feed, engine and sink become a job."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from .connect import open_feed, open_letters, open_sink, open_source
from .connect import shown as name_of
from .core.change import DeadLetter
from .core.errors import EngineError, UsageError
from .core.registry import Entry, load
from .engines.base import PUBLISH_EVERY, Engine, Job, Progress, Report
from .engines.breaker import DEFAULT_LIMITS, Limits
from .engines.declared import DeclaredTime, WallTime, declared_time
from .engines.interrupts import stopped_by_interrupts
from .engines.metrics import Metrics
from .model.compile import plan_views
from .model.fingerprint import fingerprint
from .runs import Run as Run
from .sinks.base import Counting, Sink
from .sinks.memory import MemorySink
from .sources.base import Follower, Selective, Source
from .streams import SEEDS, as_of, check_backfill_time, cutover_of, is_elsewhere, is_for_dataflow, stream_job

ENGINES = {
    "local": Entry("onto_flow.engines.local:Engine"),
    "beam": Entry("onto_flow.engines.beam:Engine", "beam"),
    "flink": Entry("onto_flow.engines.flink:Engine", "flink"),
}
SERVICES = {"dataflow": Entry("onto_flow.deploy.dataflow_job:DataflowJob", "beam")}
DEAD_LETTERS = Path(".onto-flow/dead-letters.sqlite")


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
    snapshot_time: datetime | None = None,
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
        snapshot_time: When the documents were taken: what `seeds` say, on Beam.
        options: The engine's own options. With `engine="beam", runner="DataflowRunner"` the job goes to Dataflow as that of
            the tool does, and `deploy.dataflow_job` says which options are ours there (`wait=False`).

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
        snapshot_time=snapshot_time,
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
        snapshot_time: The time of the export, where the export does not know it; of a backfill, with `seeds` alone.
        inconsistent_export: Take an export that is no consistent view: all later events are applied, and nothing is
            published before the feed has ended.
        publish_every: Seconds between publications while the feed goes on; by default 10. Only the embedded engine has them.
        on_letter: Is told what failed, and what is well again.
        metrics: Where the job tells of itself.
        declared: Declared time; the wall's when left out.
        limits: When so many failures of user code stop the run; `None`: never.
        sink_options: Options of the sink beside those of its URI, which a checkpoint does not take for its name.
        on_sink: Is given the run before it begins, so that it can be stopped; or once Dataflow has it.
        on_note: Is told what a person should know before it begins.
    """
    feed = open_feed(feed) if isinstance(feed, str) else feed
    options = options or {}
    if is_for_dataflow(engine, options):
        _refuse_what_is_here(inconsistent_export=inconsistent_export, declared=declared, metrics=metrics)
        asked: Any = load("service", "dataflow", SERVICES)(
            views,
            _uri("source", source),
            _uri("sink", sink),
            feed=feed,
            dead_letters="" if dead_letters is None else str(dead_letters),
            snapshot_time=snapshot_time,
            publish_every=publish_every,
            sink_options=sink_options or {},
            limits=limits,
            options=options,
        )
        return _given_away(asked, on_sink, on_note)
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
    if publish_every is not None and not runner.capabilities.publishes_meanwhile:
        what = f"engine {engine!r} shows the tables of a feed that ends once, when the job has ended"
        raise UsageError("wrong-usage", what, fix="Leave out --publish-every, or run it on engine local.")
    if feed is None and snapshot_time is not None:
        check_backfill_time(snapshot_time, options.get("seeds"))
        source = as_of(source, snapshot_time)[0] if isinstance(source, str) else source
    plan = plan_views(*views)
    source = _opened(source) if isinstance(source, str) else source
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
        options=options,
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
        self._run.took(letter)
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


def _given_away(asked: Any, on_sink: Callable[[Run], None], on_note: Callable[[str], None]) -> Run:
    """Gives a job to a service, where it goes on by itself."""
    run = Run(None)

    def submitted(job: Any) -> None:
        run.job, run.progress = job, Progress("submitted")
        run.report = Report(0, 0, 0, 0, 0.0, published=False, submitted=f"{job.name} {job.id}".strip())
        on_sink(run)

    asked.give(on_note, submitted)
    return run


def _refuse_what_is_here(*, inconsistent_export: bool, declared: DeclaredTime | None, metrics: Metrics | None) -> None:
    """Raises: UsageError: what a job elsewhere cannot be told, and cannot tell."""
    if inconsistent_export:
        raise UsageError("wrong-usage", "a stream on Beam begins with an export whose time is known")
    for what, given in (
        ("declared time", not isinstance(declared, (WallTime, type(None)))),
        ("metrics", metrics is not None),
    ):
        if given:
            raise UsageError("wrong-usage", f"{what}: that is of a job that runs in this process")


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


def _opened(uri: str) -> Source:
    if uri.startswith(SEEDS):
        fix = "Give --engine beam --feed pubsub://PROJECT/SUBSCRIPTION; elsewhere the export that the seeds are of."
        raise UsageError("wrong-usage", "seeds are what a stream on Beam begins with", fix=fix)
    return open_source(uri)


def _uri(what: str, given: Any) -> str:
    """What workers open by its name."""
    if isinstance(given, str):
        return given
    raise UsageError("wrong-usage", f"workers open the {what} themselves", fix=f"Give the {what} as a URI.")
