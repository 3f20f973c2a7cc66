"""Views: computed from documents, kept right from changes, and what a stream of them begins with."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import apache_beam as _beam

from ..core.errors import EngineError, UsageError
from ..engines.beam.backfill import SHARDS, refusals
from ..engines.beam.elements import Backfilled
from ..engines.beam.loading import read_load
from ..engines.beam.maintain import Load, MaintainPlan
from ..engines.beam.seeds import SeedsAt
from ..engines.beam.transforms import BackfillViews
from ..model.compile import plan_views
from ..model.fingerprint import fingerprint
from ..plan.wire import not_portable
from ..streams import open_selected


class Backfill(BackfillViews):
    """Documents (`Change`s) -> the view documents (`ViewChange`s) of some views.

    No state is kept, so none can be written as seeds for a stream. With `seeds` it is: the views are computed stage by stage
    as `Maintain` does, slower, and all views are known.

    Documents travel to shards of roots in a few big values, and each shard is computed as the embedded
    engine computes a backfill (`docs/beam.md`).

    Args:
        views: View models.
        shards: How many shards the roots are dealt to: so many that the documents of one fit into a worker's memory.
            One means no joins between shards at all, and is the quickest where all documents fit.
        generation: The first part of view versions; by default the time at which the job runs, of one with seeds is made.
        seeds: The folder that the state of every key is written to; the manifest comes as `seeds` of what this gives.
        snapshot: The time of the documents in microseconds, which seeds say; a stream's changes must reach back to it.
        completes: Whether the manifest is written as soon as the seeds are; else who waits until the tables are written does
            it (`seeds_written.CompleteSeeds`).

    Raises:
        EngineError: `engine-refused` for views that need the plan with state (`Maintain`), with what they say; for a folder
            that has seeds.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     sessions = pipeline | ReadExport(EXPORT) | Backfill(MeetingSession, shards=1)
        ...     _ = sessions | beam.Map(lambda change: print(change.path, len(change.new["attending"])))
        meetingSessions/retro 2
        meetingSessions/standup 2
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     sessions = pipeline | ReadExport(EXPORT) | Backfill(MeetingSession, seeds=f"{FOLDER}/seeds", snapshot=9)
        ...     _ = sessions | beam.combiners.Count.Globally() | beam.Map(print)
        2
        >>> begin_with_seeds(f"{FOLDER}/seeds", MeetingSession).seeds.snapshot()
        9
    """

    def __init__(
        self,
        *views: type,
        shards: int = SHARDS,
        generation: int | None = None,
        seeds: str = "",
        snapshot: int | None = None,
        completes: bool = True,
    ) -> None:
        plan = plan_views(*views)
        self._keeps: Maintain | None = None
        if seeds:
            since = time.time_ns() // 1000 if generation is None else generation
            told = {"seeds": seeds, "snapshot": snapshot, "completes": completes}
            self._keeps = Maintain(*views, generation=since, **told)
        elif snapshot is not None:
            raise UsageError("wrong-usage", "the time of a backfill's documents is what its seeds say: give seeds= too")
        unknown = [f"the batch plan does not know {what}" for what in refusals(plan)] if not seeds else []
        fix = "Use Maintain, or `onto-flow backfill --engine beam`, which keep state." if unknown else ""
        if reasons := [*unknown, *not_portable(plan)]:
            raise EngineError("engine-refused", "; ".join(reasons), fix=fix)
        super().__init__(plan, shards=shards, generation=generation)

    def expand(self, documents: Any) -> Backfilled:
        """Builds the tables, by shards or with state."""
        if self._keeps is None:
            return super().expand(documents)
        kept = documents | "views" >> self._keeps
        return Backfilled(kept.views, kept.dead_letters, seeds=kept.seeds)


class Maintain(MaintainPlan):
    """Changes -> changes of view documents (`ViewChange`s), with state per key: any views, batch or stream.

    Args:
        views: View models.
        options: `load`, `snapshot` and what else `engines.beam.maintain.MaintainPlan` takes.

    Raises:
        EngineError: `engine-refused` for views that change by time alone, or that workers cannot import.

    Example:
        >>> with beam.Pipeline(runner=RUNNER) as pipeline:
        ...     changes = pipeline | beam.Create([Change("locations/attic", None, {"name": "Loft"}, (9, 0))])
        ...     documents = pipeline | ReadExport(EXPORT)
        ...     both = (documents.documents, changes) | beam.Flatten()
        ...     lofts = both | Maintain(MeetingSession) | beam.Filter(lambda change: change.new["address"] == "Loft")
        ...     _ = lofts | beam.Map(lambda change: print(change.path, change.new["address"]))
        meetingSessions/standup Loft
    """

    def __init__(self, *views: type, **options: Any) -> None:
        made_by = {view.__name__: fingerprint(view) for view in views} if options.get("seeds") else {}
        super().__init__(plan_views(*views), fingerprints=made_by, **options)


def begin_with(pipeline: _beam.Pipeline, uri: str, *views: type) -> Load:
    """The load of a stream: all documents of a source that some views read, read in the same pipeline.

    Args:
        pipeline: Whose stream begins with it.
        uri: A source as the tool takes it; it is opened when the job runs.
        views: The views.

    Returns:
        What `Maintain(..., load=...)` takes. The stream is silent until all of it is over.
    """
    plan = plan_views(*views)
    return read_load(pipeline, partial(open_selected, uri, plan.projection), plan)


def begin_with_seeds(uri: str, *views: type) -> Load:
    """The load of a stream: the seeds of a backfill (`onto-flow backfill --engine beam --seeds URI`).

    Args:
        uri: The folder that the backfill named; read on the workers, and where it can be read here, compared here.
        views: The same views, by the same code.

    Returns:
        What `Maintain(..., load=...)` takes. The stream must have a generation that is later than the backfill's, and its
        changes must reach back to the backfill's snapshot. It is silent until all seeds are in, and what it then lets out
        is what has changed since the backfill.
    """
    return Load(seeds=SeedsAt(uri, plan_views(*views), {view.__name__: fingerprint(view) for view in views}))
