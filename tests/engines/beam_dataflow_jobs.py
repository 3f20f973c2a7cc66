"""Two jobs for Dataflow, as `make` of `compile_job` and `submit` takes them: neither source nor subscription exists."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from onto_flow.beam import Backfill, Maintain, ReadChanges, ReadExport, WriteViewTable, begin_with
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.beam.dataflow.compiled import compile_job
from onto_flow.engines.beam.dataflow.places import dataflow_options

EXPORT, SUBSCRIPTION = "gs://no-such-bucket/export", "pubsub://my-shop/changes"
GIVEN = {
    "project": "demo-project",
    "region": "europe-west1",
    "temp_location": "gs://my-bucket/temp",
    "job_name": "meeting-rooms",
}


def stream(options: Mapping[str, Any]) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions.from_dictionary(options))
    load = begin_with(pipeline, EXPORT, MeetingSession)
    changes = pipeline | "feed" >> ReadChanges(SUBSCRIPTION)
    _ = changes | "views" >> Maintain(MeetingSession, load=load, snapshot=1, generation=2)
    return pipeline


def batch(options: Mapping[str, Any]) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions.from_dictionary(options))
    views = pipeline | ReadExport(EXPORT, views=[MeetingSession]) | Backfill(MeetingSession, generation=2)
    _ = views | WriteViewTable("parquet:gs://no-such-bucket/tables", MeetingSession)
    return pipeline


def tiny(options: Mapping[str, Any]) -> beam.Pipeline:
    pipeline = beam.Pipeline(options=PipelineOptions.from_dictionary(options))
    _ = pipeline | beam.Impulse()
    return pipeline


JOBS = {"stream": stream, "batch": batch}


def graph(name: str) -> bytes:
    return compile_job(JOBS[name], dataflow_options(GIVEN)).graph


if __name__ == "__main__":
    print(*(sha256(graph(name)).hexdigest() for name in sys.argv[1:]))
