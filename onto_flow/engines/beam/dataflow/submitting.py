"""A job given to Dataflow, and asked after; a new version in place of one that runs.

Beam's own runner would look for the running job by itself; in Beam 2.77 it looks for ever where there is none. So the
running job is found here, and the same description is posted as a compiled job has.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from ....core.errors import EngineError, OntoFlowError
from .compiled import Make, client, make_job

ENDED = ("DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINED")
_RUNS = ("RUNNING", "DRAINING", "PENDING", "QUEUED", "PAUSED")


class Running(NamedTuple):
    """A job that Dataflow has.

    Attributes:
        id: Its id.
        labels: What it was labelled with.
    """

    id: str
    labels: Mapping[str, str]


@dataclass(frozen=True)
class Submitted:
    """A job that Dataflow took.

    Attributes:
        id: Its id; empty where only its description was written (`template_location`).
        name: Its name.
        console: Where people look at it.
        client: Beam's client.
    """

    id: str
    name: str
    console: str
    client: Any

    def state(self) -> str:
        """`RUNNING`, `DONE`, ..."""
        return _state(self.client.get_job(self.id))

    def wait(self, pause: Callable[[], None] = lambda: time.sleep(5)) -> None:
        """Waits until the job has ended.

        Raises:
            EngineError: `engine-failed`, with what Dataflow says last of a job that did not end well.
        """
        while (state := self.state()) not in ENDED:
            pause()
        self._ended(state)

    def wait_for_start(self, pause: Callable[[], None] = lambda: time.sleep(5)) -> None:
        """Waits until Dataflow has judged the job: a new version that does not fit to the state fails then.

        Raises:
            EngineError: As `wait`.
        """
        while (state := self.state()) not in (*ENDED, "RUNNING"):
            pause()
        if state != "RUNNING":
            self._ended(state)

    def _ended(self, state: str) -> None:
        if state != "DONE":
            said = self._said() or "it does not say why"
            raise EngineError("engine-failed", f"the job {self.name} ended as {state}: {said}", where=self.console)

    def _said(self) -> str:
        """The last error that Dataflow tells of the job."""
        messages, page = self.client.list_messages(self.id, minimum_importance="JOB_MESSAGE_ERROR")
        while page:
            more, page = self.client.list_messages(self.id, minimum_importance="JOB_MESSAGE_ERROR", page_token=page)
            messages = [*messages, *more]
        last = [m.message_text.strip() for m in messages if m.message_text.strip()][-1:]
        return "".join(last)


def submit(
    make: Make,
    options: Mapping[str, Any],
    *,
    labels: Mapping[str, str],
    replaces: Running | None = None,
    names: Callable[[Any], Mapping[str, str]] = lambda graph: {},
) -> Submitted:
    """Makes a job and gives it to Dataflow.

    Args:
        make: Makes the pipeline.
        options: As `places.dataflow_options` gives them.
        labels: What the job is labelled with.
        replaces: The running job in whose place it goes on.
        names: Of the new graph: transform of the running job -> its name now.

    Raises:
        EngineError: `engine-failed`: Dataflow, or a bucket, refuses; or Beam cannot make a job of it.
    """
    job = make_job(make, {**options, "update": False})
    job.proto.labels.update(labels)
    if replaces is not None:
        job.proto.replace_job_id = replaces.id
        job.proto.transform_name_mapping.update(names(job.proto_pipeline))
    with_client = client(job)
    _check_bucket(with_client, job.options.view_as(GoogleCloudOptions).staging_location)
    answer = _asked(lambda: with_client.create_job(job), "Dataflow refuses the job")
    cloud = job.options.view_as(GoogleCloudOptions)
    if answer is None:  # a flex template's launcher asks for the description alone, and submits it itself
        return Submitted("", cloud.job_name, str(cloud.template_location), with_client)
    console = f"https://console.cloud.google.com/dataflow/jobs/{cloud.region}/{answer.id}?project={cloud.project}"
    return Submitted(answer.id, cloud.job_name, console, with_client)


def running(options: Mapping[str, Any]) -> Running:
    """The job of this name that runs.

    Raises:
        EngineError: `engine-failed`: none runs, or Dataflow does not say.
    """
    from google.cloud import dataflow

    beams = PipelineOptions.from_dictionary(options)
    cloud = beams.view_as(GoogleCloudOptions)
    request = dataflow.ListJobsRequest(project_id=cloud.project, location=cloud.region, filter="ACTIVE")
    jobs = _asked(lambda: list(_jobs(beams).list_jobs(request)), "Dataflow does not list its jobs")
    for job in jobs:
        if job.name == cloud.job_name and _state(job) in _RUNS:
            return Running(job.id, dict(job.labels))
    what = f"no job {cloud.job_name} runs in {cloud.region}"
    raise EngineError("engine-failed", what, fix="Leave out --update to start one.")


def _check_bucket(with_client: Any, place: str) -> None:
    """Beam would try for minutes to write to a bucket that is not there.

    Raises:
        EngineError: `engine-failed`.
    """
    if not place.startswith("gs://"):
        return
    name = place.removeprefix("gs://").partition("/")[0]
    found = _asked(lambda: with_client._storage_client.lookup_bucket(name), f"gs://{name} cannot be used")
    if found is None:
        raise EngineError("engine-failed", f"there is no bucket gs://{name}", fix="Make it, or name another.")


def _jobs(options: PipelineOptions) -> Any:
    from apache_beam.runners.dataflow.internal import apiclient

    return apiclient.DataflowApplicationClient(options)._jobs_client


def _state(job: Any) -> str:
    return str(job.current_state.name).removeprefix("JOB_STATE_")


def _asked(ask: Callable[[], Any], what: str) -> Any:
    try:
        return ask()
    except OntoFlowError:
        raise
    except Exception as error:  # Google's errors have several roots, and Beam wraps some
        said = getattr(error, "message", "") or str(error)
        raise EngineError("engine-failed", f"{what}: {said.strip()}", fix="Nothing was started.") from error
