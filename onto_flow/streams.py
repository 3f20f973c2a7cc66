"""How documents and events of a job are joined; and jobs that do not end, whose ends workers open themselves.

Of the latter views and URIs become a job of Beam, and nothing is contacted. The one thing that is looked at is when an
export was taken, and that only where nobody says it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .connect import check_writers, open_source, open_writer, split, with_option
from .core.collection import Projection
from .core.errors import UsageError
from .core.values import to_micros
from .deadletters import encode_letter
from .formats.letter_messages import letter_message
from .formats.times import parse_time
from .model.compile import plan_views
from .model.fingerprint import fingerprint
from .sources.base import Follower, Selective, Source, SourceInfo, Subscribed

if TYPE_CHECKING:
    from .engines.beam.stream_job import StreamJob

SEEDS = "seeds:"
"""What the URI of the seeds that a stream begins with begins with, in the place of a source."""

EXPORT_MARGIN = timedelta(minutes=5)
"""How long before the start of an inconsistent export its documents count as read (`formats` 6.g)."""

_MOMENT_MARGIN = timedelta(seconds=2)
"""How long before now a database is read: its clock and ours differ."""


def stream_job(
    views: Sequence[type],
    *,
    source: str | None,
    feed: Source,
    sink: str,
    dead_letters: str = "",
    snapshot_time: datetime | None = None,
    generation: int | None = None,
    publish_every: float | None = None,
    sink_options: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    **told: Any,
) -> StreamJob:
    """The job of a stream on Beam.

    Args:
        views: View models.
        source: The URI of the documents to begin with, or `seeds:URI`: the seeds of a backfill, which say their time where
            they can be seen from here; `None`: it begins with nothing.
        feed: The feed of a subscription (`connect.open_feed`).
        sink: The URI of a sink that takes several writers.
        dead_letters: `pubsub://PROJECT/TOPIC` or a folder; empty: this process is told.
        snapshot_time: When the export was taken; given, the source is not looked at.
        generation: The first part of view versions; by default now.
        publish_every: Refused: a stream has no publications.
        sink_options: Options of the sink beside those of its URI; each writer keeps to them.
        options: Beam's pipeline options, and those of a stream (`docs/beam.md`).
        told: `dead_letter`, `progress`, `say`, `stop`, `metrics` and `limits` of the job.

    Raises:
        UsageError: A feed that is no subscription, an export whose time nobody knows, seconds between publications.
    """
    from .engines.beam.seeds import SeedsAt
    from .engines.beam.stream_job import Letters, StreamJob
    from .engines.beam.write_table import Shared

    if not isinstance(feed, Subscribed):
        what = "a stream on Beam follows a subscription of Pub/Sub"
        raise UsageError(
            "wrong-usage", what, fix="Give --feed pubsub://PROJECT/SUBSCRIPTION, or run it on engine local."
        )
    if publish_every is not None:
        what = (
            "the workers of a stream on Beam write each change as it comes: nothing is published every so many seconds"
        )
        fix = "Leave out --publish-every; --coalesce MILLISECONDS makes several changes of a view document one."
        raise UsageError("wrong-usage", what, fix=fix)
    plan = plan_views(*views)
    snapshot: int | None = None
    seeds: SeedsAt | None = None
    if source is not None and source.startswith(SEEDS):
        made_by = {view.__name__: fingerprint(view) for view in views}
        seeds, source = SeedsAt(source.removeprefix(SEEDS), plan, made_by), None
        snapshot = seeds.snapshot() if snapshot_time is None else to_micros(_aware(snapshot_time))
    elif source is not None:
        source, snapshot = as_of(source, snapshot_time)
    if isinstance(feed, Follower):
        feed.follows(snapshot)
    return StreamJob(
        plan=plan,
        subscription=feed.subscription,
        contents=partial(feed.contents, plan.projection),
        sink=Shared(partial(open_writer, sink, **sink_options or {}), partial(check_writers, sink)),
        letters=Letters(
            dead_letters,
            partial(encode_letter, redact=plan.sensitive()),
            partial(letter_message, sensitive=frozenset(plan.sensitive())),
        ),
        source=None if source is None else partial(open_selected, source, plan.projection),
        seeds=seeds,
        snapshot=snapshot,
        generation=time.time_ns() // 1000 if generation is None else generation,
        options=options or {},
        **told,
    )


def beam_needs(views: Sequence[type]) -> tuple[dict[str, list[str]], str]:
    """What the jobs of some views need of a runner of Beam: job -> needs; and a table of the runners that have them."""
    from .engines.beam.explained import needs_of_jobs

    plan = plan_views(*views)
    return needs_of_jobs(plan)


def open_selected(uri: str, projection: Projection | None) -> Source:
    """The source of documents that a URI names, which reads only what is wanted, where it can choose."""
    source = open_source(uri)
    if isinstance(source, Selective) and projection is not None:
        source.selects(projection)
    return source


def is_for_dataflow(engine: str, options: Mapping[str, Any]) -> bool:
    """Whether a job goes to Dataflow.

    Example:
        >>> is_for_dataflow("beam", {"runner": "DataflowRunner"}), is_for_dataflow("beam", {})
        (True, False)
    """
    runner = str(options.get("runner", ""))
    return engine == "beam" and runner.rpartition(".")[2].lower() in ("dataflow", "dataflowrunner")


def check_backfill_time(given: datetime | None, seeds: object) -> None:
    """Whether a backfill may be told the time of its documents.

    Raises:
        UsageError: It writes no seeds: a table alone does not depend on the time.
    """
    if given is not None and not seeds:
        fix = "Give --engine beam --seeds URI too, or leave it out."
        raise UsageError("wrong-usage", "--snapshot-time of a backfill is what its seeds say", fix=fix)


def is_elsewhere(place: str | Path | None) -> bool:
    """Whether dead letters go to a topic or a folder that workers write, and to no file of this process.

    Example:
        >>> [is_elsewhere(place) for place in ("pubsub://p/letters", "gs://b/letters", "out/", "letters.sqlite")]
        [True, True, True, False]
    """
    return isinstance(place, str) and ("://" in place or place.endswith("/"))


def as_of(source: str, given: datetime | None) -> tuple[str, int | None]:
    """The URI of a source that all workers read as of one time, and that time in microseconds.

    Args:
        source: The URI.
        given: The time, where it is known: then the source is not looked at.

    Raises:
        UsageError: An export whose time nobody knows; a database that is to be read as of two times.
    """
    scheme, _, options = split(source)
    if scheme == "firestore":
        moment = options.get("read_time")
        at = _aware(given or datetime.now(timezone.utc) - _MOMENT_MARGIN)
        if moment is None:
            return with_option(source, "read_time", at.isoformat().replace("+00:00", "Z")), to_micros(at)
        if given is not None and parse_time(moment) != at:
            what = f"the documents are read as of {moment}, and --snapshot-time says another time"
            raise UsageError("wrong-usage", what, fix="Leave out one of them.")
    if given is not None:
        return source, to_micros(_aware(given))
    cutover = cutover_of(open_source(source).info(), True, None, False)
    if cutover.publish_after_feed:
        what = "the export is no consistent view, and a stream has no end before which nothing is shown"
        raise UsageError("no-snapshot-time", what, fix="Take an export with a snapshot time; or give --snapshot-time.")
    return source, cutover.snapshot


@dataclass(frozen=True)
class Cutover:
    """How documents and events of a job are joined (law 3).

    Attributes:
        snapshot: The time of the documents in microseconds; `None`: below any event.
        publish_after_feed: Whether nothing is shown before the feed has ended: the documents are no consistent view.
    """

    snapshot: int | None
    publish_after_feed: bool = False


def cutover_of(info: SourceInfo, has_feed: bool, given: datetime | None, inconsistent: bool) -> Cutover:
    """How documents and events of this job are joined (law 3)."""
    known = given or info.snapshot_time
    if known is not None:
        return Cutover(to_micros(_aware(known)))
    if info.ranks_below_events or not has_feed:
        return Cutover(None)
    if not inconsistent and info.kind != "emulator-export":
        raise UsageError(
            "no-snapshot-time",
            "the export does not say at which time it was taken, so it cannot be joined with a feed without a gap",
            fix="Give --snapshot-time (the operation's snapshot_time), or take --inconsistent-export: all later events are "
            "applied, and nothing is published before the feed has ended.",
        )
    if info.start_time is None:
        raise UsageError("no-snapshot-time", "the export does not say when it began", fix="Give --snapshot-time.")
    return Cutover(to_micros(_aware(info.start_time) - EXPORT_MARGIN), publish_after_feed=True)


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo is not None else time.replace(tzinfo=timezone.utc)
