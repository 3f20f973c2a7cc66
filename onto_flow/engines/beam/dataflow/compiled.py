"""A job as Dataflow is given it, made on this machine: its graph, its description, and the files that must lie beside.

Beam's own runner makes the description (`dry_run`, which stops before any client is made), and its client describes the
environment and stages files; only the last step, writing a staged file to a bucket, is ours, and keeps it. No socket is
opened. Beam's runner in `template_location` mode writes the same where it may write to the buckets.

Law: the same views, options and files give the same bytes in every process. Beam serialises protobuf maps (states,
timers, tags, components) in an order that protobuf makes by chance; here every message is written again in the order of
its keys.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import apache_beam as beam
from apache_beam.options.pipeline_options import DebugOptions, GoogleCloudOptions, TestOptions
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_runner_api_pb2 as api

from ....core.errors import EngineError, OntoFlowError, UsageError
from ....formats.credentials import credentials_for

GRAPH = "pipeline.pb"
JOB = "job.json"

_NO_LIST_OF_PACKAGES = "disable_logging_submission_environment"
"""Beam would run pip for a list of all that is installed here, and stage it."""

_PARDO = "beam:transform:pardo:v1"
_PICKLED = python_urns.PICKLED_TRANSFORM
Make = Callable[[Mapping[str, Any]], beam.Pipeline]
"""Makes the pipeline of a job, with these options of Beam's."""


@dataclass(frozen=True)
class Compiled:
    """A job that nobody was told of.

    Attributes:
        graph: The pipeline as Beam's proto, in one order.
        job: What is posted to Dataflow, or is the file of a classic template.
        files: Place (`gs://...`) -> content: what must lie there before the job is started; the graph is among them.
    """

    graph: bytes
    job: Mapping[str, Any]
    files: Mapping[str, bytes]

    def pipeline(self) -> api.Pipeline:
        """The graph, parsed."""
        return api.Pipeline.FromString(self.graph)

    def write(self, folder: Path) -> None:
        """Writes all of it to a new folder: the description, and each staged file at the path of its place.

        Raises:
            UsageError: `wrong-usage`: the folder is there.
        """
        try:
            folder.mkdir(parents=True)
        except FileExistsError as error:
            raise UsageError(
                "wrong-usage", f"{folder} is there already", fix="Give a folder that is not there."
            ) from error
        (folder / JOB).write_text(json.dumps(self.job, indent=2, ensure_ascii=False) + "\n")
        for place, content in self.files.items():
            file = folder / place.removeprefix("gs://").lstrip("/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(content)


def compile_job(make: Make, options: Mapping[str, Any]) -> Compiled:
    """Makes a job for Dataflow, and contacts nobody.

    Args:
        make: Makes the pipeline.
        options: As `places.dataflow_options` gives them.

    Raises:
        UsageError: `wrong-usage`: an update, for which the running job must be asked.
        EngineError: `engine-failed`: Beam cannot make a job of it; `missing-extra`.
    """
    if options.get("update"):
        raise UsageError("wrong-usage", "an update needs the running job, and a compiled job asks nobody")
    job = make_job(make, options)
    kept: dict[str, bytes] = {}
    client(job, kept).create_job_description(job)
    graph = job.proto_pipeline.SerializeToString(deterministic=True)
    files = {place: graph if place.endswith(f"/{GRAPH}") else data for place, data in kept.items()}
    described = json.loads(job.json())
    described["environment"]["sdkPipelineOptions"]["options"]["pipelineProtoHash"] = sha256(graph).hexdigest()
    return Compiled(graph, described, files)


def make_job(make: Make, options: Mapping[str, Any]) -> Any:
    """The job as Beam's client takes it, its graph in one order; nobody is contacted.

    Raises:
        EngineError: `engine-failed`: Beam cannot make a job of it.
    """
    try:
        pipeline = make({**options, "dry_run": "true"})
        pipeline._options.view_as(DebugOptions).add_experiment(_NO_LIST_OF_PACKAGES)
        job = pipeline.run().job
    except (ValueError, RuntimeError) as error:
        if isinstance(error, OntoFlowError):
            raise
        raise EngineError("engine-failed", f"Beam makes no job of it: {error}") from error
    job.options.view_as(TestOptions).dry_run = False
    in_order(job.proto_pipeline)
    return job


def in_order(pipeline: api.Pipeline) -> api.Pipeline:
    """The same pipeline, each payload written in the order of its keys, without transforms that do nothing.

    Beam's `Create` has one of those, as a pickle of a class of its own, in which a number is by chance.
    """
    transforms = pipeline.components.transforms
    idle = [name for name, t in transforms.items() if t.spec.urn == _PICKLED and _gives_what_it_takes(t)]
    for name in idle:
        del transforms[name]
    for transform in transforms.values():
        parts = [part for part in transform.subtransforms if part not in idle]
        del transform.subtransforms[:]
        transform.subtransforms.extend(parts)
        if transform.spec.urn == _PARDO:
            payload = api.ParDoPayload.FromString(transform.spec.payload)
            transform.spec.payload = payload.SerializeToString(deterministic=True)
    return pipeline


def _gives_what_it_takes(transform: api.PTransform) -> bool:
    return set(transform.inputs.values()) == set(transform.outputs.values())


def client(job: Any, kept: dict[str, bytes] | None = None) -> Any:
    """Beam's client of Dataflow for a job.

    Args:
        job: As `make_job` gives it.
        kept: Takes what would be staged, by its place; nobody is contacted then.

    Raises:
        EngineError: `no-credentials`.
    """
    cloud = job.options.view_as(GoogleCloudOptions)
    keeping = _keeping()
    if kept is None:
        with credentials_for("Dataflow"):
            return keeping.__base__(job.options, job.root_staging_location)
    authorised, cloud.no_auth = cloud.no_auth, True
    found = keeping(job.options, job.root_staging_location)
    found.kept, cloud.no_auth = kept, authorised
    return found


def _keeping() -> Any:
    try:
        from apache_beam.runners.dataflow.internal import apiclient
    except ImportError as error:
        raise EngineError(
            "missing-extra", f"Dataflow needs {error.name}", fix="pip install 'onto-flow[beam]'"
        ) from error

    class Keeping(apiclient.DataflowApplicationClient):
        """Writes nothing to buckets."""

        kept: dict[str, bytes]

        def stage_file(self, place: str, name: str, stream: Any, *_: Any, **__: Any) -> None:
            """Keeps a file."""
            self.kept[f"{place}/{name}"] = stream.read()

    return Keeping
