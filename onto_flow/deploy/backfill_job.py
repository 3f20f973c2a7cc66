"""A backfill as a pipeline whose workers open source and sink: neither need be there, or be known, when it is made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from ..beam import Backfill, Maintain
from ..connect import open_sink, open_source
from ..core.errors import EngineError
from ..deadletters import encode_letter
from ..engines.beam.backfill import SHARDS, refusals
from ..engines.beam.judged import Judged
from ..engines.beam.options import ViewOptions
from ..engines.beam.parts import flatten
from ..engines.beam.seeds_written import CompleteSeeds
from ..engines.beam.transforms import ReadDocuments
from ..engines.beam.write_lines import WriteLines
from ..engines.beam.write_table import WriteTables
from ..engines.breaker import DEFAULT_LIMITS, Limits
from ..model.compile import plan_views
from ..plan.nodes import Plan
from ..sinks.base import Table
from .template_options import later_ends


@dataclass(frozen=True)
class BackfillJob:
    """What a backfill is asked for.

    Attributes:
        views: View models.
        source, sink: URIs.
        letters: The folder of dead letters; empty: below the job's temporary files.
        generation: The first part of view versions; `None`: the time at which the job runs.
        sink_options: Options of the sink beside those of its URI.
        template: Whether source and sink may be given anew when the job is started: those given here are the defaults.
        seeds: The folder that the state of every key is written to, for a stream; empty: none is.
        snapshot: The time of the documents in microseconds, which seeds say; `None`: below any event.
        limits: When so many failures of user code fail the job, before a table is written; `None`: never.
    """

    views: tuple[type, ...]
    source: str
    sink: str
    letters: str = ""
    generation: int | None = None
    sink_options: Mapping[str, str] | None = None
    template: bool = False
    seeds: str = ""
    snapshot: int | None = None
    limits: Limits | None = DEFAULT_LIMITS

    def pipeline(self, options: Mapping[str, Any]) -> beam.Pipeline:
        """Makes the pipeline, with these options of Beam's; nothing is opened."""
        beams = PipelineOptions.from_dictionary(options)
        pipeline = beam.Pipeline(options=beams)
        source, sink = self._ends(beams)
        plan = plan_views(*self.views)
        documents = pipeline | "read" >> ReadDocuments(source, projection=plan.projection)
        if self.seeds:
            told = {"seeds": self.seeds, "snapshot": self.snapshot, "completes": False}
            views: Any = documents | "views" >> Maintain(*self.views, generation=self._generation(plan), **told)
        elif refusals(plan):
            views = documents | "views" >> Maintain(*self.views, generation=self._generation(plan))
        else:
            shards = beams.view_as(ViewOptions).view_shards or SHARDS
            views = documents | "views" >> Backfill(*self.views, shards=shards, generation=self.generation)
        tables = [Table(v.name, v.collection, v.schema) for v in plan.views]
        judged = views.dead_letters | "failures" >> Judged(getattr(views, "built", None) or views.views, self.limits)
        unwritten = views | "table" >> WriteTables(sink, tables, after=judged)
        if self.seeds:
            _ = views.seeds | "complete" >> CompleteSeeds(self.seeds, after=unwritten)
        letters = flatten("dead_letters", [documents.dead_letters, views.dead_letters, unwritten])
        encode = partial(encode_letter, redact=plan.sensitive())
        lines = letters | "letters.lines" >> beam.Map(encode).with_output_types(bytes)
        _ = lines | "letters" >> beam.ParDo(WriteLines(self._letters(beams), "letters"))
        return pipeline

    def _generation(self, plan: Plan) -> int:
        """Of views that need the plan with state, in whose steps it is.

        Raises:
            EngineError: `engine-refused`: a template would have the same for every job.
        """
        if self.template:
            what = f"{', '.join(refusals(plan))}: these views need state, and their generation is part of the graph"
            raise EngineError(
                "engine-refused", what, fix="Take the flex template: it makes the graph when it is started."
            )
        return time.time_ns() // 1000 if self.generation is None else self.generation

    def _ends(self, options: PipelineOptions) -> tuple[Any, Any]:
        given = dict(self.sink_options or {})
        if self.template:
            return later_ends(options, self.source, self.sink, given)
        return partial(open_source, self.source), partial(open_sink, self.sink, **given)

    def _letters(self, options: PipelineOptions) -> str:
        temp = options.view_as(GoogleCloudOptions).temp_location or ""
        return self.letters or f"{temp.rstrip('/')}/letters"
