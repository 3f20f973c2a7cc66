"""What the jobs of a plan need of a runner, for people: the jobs are made, and nothing is contacted."""

from __future__ import annotations

import apache_beam as beam
from apache_beam.io import ReadFromPubSub
from apache_beam.options.pipeline_options import PipelineOptions

from ...core.change import Change
from ...plan.nodes import Plan
from ...sources.base import Source
from .backfill import refusals
from .coders import ChangeCoder
from .maintain import MaintainPlan
from .needs import needs_of
from .runners import Need, table
from .transforms import BackfillViews, ReadDocuments

_NOWHERE = "projects/some-project/subscriptions/some-changes"


def needs_of_jobs(plan: Plan) -> tuple[dict[str, list[str]], str]:
    """(job -> what it needs; the table of what each runner can do of it)."""
    jobs = {"backfill": _backfill(plan), "stream": _stream(plan)}
    said = {name: [need.value for need in Need if need in needs] for name, needs in jobs.items()}
    return said, table([need for need in Need if any(need in needs for needs in jobs.values())])


def _backfill(plan: Plan) -> frozenset[Need]:
    pipeline = beam.Pipeline()
    documents = pipeline | "read" >> ReadDocuments(_nothing, projection=plan.projection)
    if refusals(plan):
        return needs_of(pipeline) | {Need.STATE}
    _ = documents | "backfill" >> BackfillViews(plan)
    return needs_of(pipeline)


def _stream(plan: Plan) -> frozenset[Need]:
    pipeline = beam.Pipeline(options=PipelineOptions(["--streaming"]))
    messages = pipeline | "messages" >> ReadFromPubSub(subscription=_NOWHERE)
    maintain = MaintainPlan(plan)
    _ = messages | "changes" >> beam.Map(ChangeCoder().decode).with_output_types(Change) | "views" >> maintain
    return needs_of(pipeline)


def _nothing() -> Source:
    """A source that is never opened: the jobs are not run."""
    raise AssertionError("a job that is explained is not run")
