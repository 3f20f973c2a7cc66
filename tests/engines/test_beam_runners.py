"""The suite for engines on every runner of Beam's, in batch and as a stream: few jobs of very many histories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any
from unittest import mock

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions
from beam_streams import FROM, RUNS, Stream, gathered, kept, quick
from engine_views import ListSource
from test_beam import RecordingSink
from test_beam_backfill import as_documents, run_all
from test_beam_shuffled import Shuffled

from onto_flow.beam import Backfill
from onto_flow.core.change import Change
from onto_flow.core.errors import EngineError
from onto_flow.core.values import Document
from onto_flow.engines.base import Job
from onto_flow.engines.beam import Engine
from onto_flow.engines.beam.backfill import refusals
from onto_flow.engines.beam.maintain import MaintainPlan
from onto_flow.plan.nodes import Plan
from onto_flow.testing.engine_suite import OneJobSuite, Tables
from onto_flow.testing.named_cases import FIXED

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

BUNDLE_BASED = "BundleBasedDirectRunner"


def documents_of(documents: Mapping[str, Document]) -> list[Change]:
    return [Change(p, None, f, (0, 1)) for p, f in documents.items()]


def maintained(plan: Plan, changes: Sequence[Change], runner: str, *options: str) -> Tables:
    """The tables of `Maintain` on a collection that ends."""
    run = next(RUNS)
    with quick(), beam.Pipeline(runner, PipelineOptions([*options])) as pipeline:
        given = pipeline | beam.Create(changes, reshuffle=False).with_output_types(Change)
        kept(given | "maintain" >> MaintainPlan(plan, generation=FROM), run)
    return gathered(run).tables(plan)


class Bounded(OneJobSuite):
    """A job that ends, on the stages with state."""

    coalesce = True
    options: Mapping[str, Any] = {"runner": "direct"}

    def run(self, plan, documents, snapshot, changes):
        source, sink = ListSource(documents_of(documents), partitions=2), RecordingSink()
        job = Job(plan, source, sink, feed=ListSource(changes), snapshot=snapshot, options=self.options)
        Engine(coalesce=self.coalesce, batch=False).run(job)
        return sink.tables()


class TestFnApiRunner(Bounded):
    views = 6


class TestFnApiRunnerStepByStep(Bounded):
    coalesce = False
    views, every, seed = 4, 3, 2


class TestBundleBasedRunner(OneJobSuite):
    """`Maintain` on a bounded collection: the runner fires event-time timers late, but fires them."""

    loads = False
    views, every = 3, 8

    def run(self, plan, documents, snapshot, changes):
        assert not documents
        return maintained(plan, changes, BUNDLE_BASED)


@pytest.mark.long
class TestBundleBasedRunnerWhole(TestBundleBasedRunner):
    views, every = 12, 1


class TestBatchPlan(OneJobSuite):
    feeds = False
    views = 8

    def knows(self, plan):
        return not refusals(plan)

    def run(self, plan, documents, snapshot, changes):
        return run_all({"all": (plan, as_documents(documents, Random(1)), 3)})["all"][0]


REFUSED = {name: "; ".join(refusals(case.plan)) for name, case in FIXED.items() if refusals(case.plan)}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.xfail(strict=True, raises=EngineError, reason=f"no batch plan: {reasons}"))
        for name, reasons in REFUSED.items()
    ],
)
def test_batch_plan_of_what_it_does_not_know(name):
    with mock.patch("onto_flow.beam.views.plan_views", lambda plan: plan):
        Backfill(FIXED[name].plan)


class TestBundleBasedRunnerAsAStream(OneJobSuite):
    views, every = 3, 8

    def run(self, plan, documents, snapshot, changes):
        given, half = documents_of(documents), len(documents) // 2
        early = len(changes) // 3
        stream = Stream().documents(given[:half]).changes(changes[:early]).documents(given[half:])
        return stream.end().changes(changes[early:]).run(plan, snapshot=snapshot, expected=len(given)).tables(plan)


@pytest.mark.long
class TestBundleBasedRunnerAsAStreamWhole(TestBundleBasedRunnerAsAStream):
    views, every = 12, 1


class TestShufflingRunner(OneJobSuite):
    def run(self, plan, documents, snapshot, changes):
        return (
            Shuffled(plan, snapshot, page=2)
            .run(documents_of(documents), changes, Random(1), watched=False)
            .tables(plan)
        )
