"""Jobs for Dataflow: what is compiled without a network, what is submitted to a double, and a version in place of another."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import beam_dataflow_jobs as jobs
from apache_beam.portability.api import beam_runner_api_pb2 as api
from google.cloud import dataflow
from google.protobuf import json_format

from onto_flow import plan_views
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.engines.beam.dataflow.compiled import Compiled, compile_job
from onto_flow.engines.beam.dataflow.names import mapping
from onto_flow.engines.beam.dataflow.places import dataflow_options
from onto_flow.engines.beam.dataflow.submitting import Submitted, running, submit
from onto_flow.testing.dataflow import DataflowDouble, dataflow_double

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def compiled() -> Iterator[Mapping[str, Compiled]]:
    """Both jobs, made while no socket can be opened and no name looked up."""

    def refuse(*arguments: Any, **_: Any) -> Any:
        raise AssertionError(f"something was contacted: {arguments}")

    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", refuse)
    patch.setattr(socket, "getaddrinfo", refuse)
    found = {name: compile_job(make, dataflow_options(jobs.GIVEN)) for name, make in jobs.JOBS.items()}
    patch.undo()
    yield found


def steps(pipeline: api.Pipeline) -> dict[str, api.PTransform]:
    return {t.unique_name: t for t in pipeline.components.transforms.values()}


def payload(transform: api.PTransform) -> api.ParDoPayload:
    return api.ParDoPayload.FromString(transform.spec.payload)


def test_a_stream_has_a_stateful_step_for_each_operator_and_reads_the_subscription(compiled: Any) -> None:
    found = steps(compiled["stream"].pipeline())
    for node in plan_views(MeetingSession).operators:
        spec = payload(found[f"views/{node.id}/ParDo(step)"])
        cells = {name.rpartition("_")[0] if name[-1].isdigit() else name for name in spec.state_specs}
        assert {c.name for c in node.cells if c.name != "inbox"} <= cells
        domains = {t.time_domain for t in spec.timer_family_specs.values()}
        assert domains <= {api.TimeDomain.PROCESSING_TIME}
        assert not spec.requires_time_sorted_input
    read = next(t for t in found.values() if t.spec.urn == "beam:transform:pubsub_read:v1")
    pubsub = api.PubSubReadPayload.FromString(read.spec.payload)
    assert (pubsub.subscription, pubsub.with_attributes) == ("projects/my-shop/subscriptions/changes", True)


def test_a_backfill_has_no_state(compiled: Any) -> None:
    found = steps(compiled["batch"].pipeline())
    pardos = [payload(t) for t in found.values() if t.spec.urn == "beam:transform:pardo:v1"]
    assert len(pardos) > 10
    assert not any(p.state_specs or p.timer_family_specs for p in pardos)
    assert any(p.restriction_coder_id for p in pardos)


def test_the_description_is_what_dataflow_takes(compiled: Any) -> None:
    for name, kind in (("stream", "STREAMING"), ("batch", "BATCH")):
        job = compiled[name].job
        parsed = json_format.Parse(json.dumps(job), dataflow.Job.pb(dataflow.Job()))
        assert (parsed.name, job["type"]) == ("meeting-rooms", f"JOB_TYPE_{kind}")
        (pool,) = job["environment"]["workerPools"]
        assert pool["kind"] == "harness"
        assert [i["containerImage"] for i in pool["sdkHarnessContainerImages"]] == [pool["workerHarnessContainerImage"]]
        told = job["environment"]["sdkPipelineOptions"]["options"]
        assert (told["dry_run"], told["no_auth"], told["save_main_session"]) == (False, False, False)
        assert told["pipelineProtoHash"] == sha256(compiled[name].files[told["pipelineUrl"]]).hexdigest()
        experiments = job["environment"]["experiments"]
        assert "use_runner_v2" in experiments
        assert not any("at_least_once" in e for e in [*experiments, *told["dataflow_service_options"]])
        assert ("enable_streaming_engine" in experiments) is (name == "stream")
        (environment,) = compiled[name].pipeline().components.environments.values()
        assert not environment.dependencies


def test_the_same_declarations_give_the_same_bytes_in_two_processes() -> None:
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[2])]
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", jobs.__file__, *jobs.JOBS],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(folders), "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "77")
    ]
    first, second = [process.communicate()[0].split() for process in processes]
    assert first == second
    assert [len(digest) for digest in first] == [64, 64]


def test_what_is_compiled_is_written_as_it_must_lie_in_the_bucket(compiled: Any, tmp_path: Path) -> None:
    job = compiled["batch"]
    job.write(tmp_path / "job")
    url = job.job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
    assert (tmp_path / "job" / url.removeprefix("gs://")).read_bytes() == job.graph
    assert json.loads((tmp_path / "job" / "job.json").read_text()) == job.job
    with pytest.raises(UsageError, match="is there already"):
        job.write(tmp_path / "job")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("project", None),
        ("project", "My Project"),
        ("region", None),
        ("region", "europe"),
        ("temp_location", None),
        ("temp_location", "/tmp/here"),
        ("temp_location", "gs://b/too-short"),
        ("staging_location", "s3://bucket/x"),
        ("job_name", "Meeting Rooms"),
        ("regoin", "europe-west1"),
        ("num_workers", "many"),
    ],
)
def test_what_beam_would_ask_the_network_for_is_refused_first(name: str, value: str | None) -> None:
    given = {k: v for k, v in {**jobs.GIVEN, name: value}.items() if v is not None}
    with pytest.raises(UsageError):
        dataflow_options(given)


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataflowDouble]:
    with dataflow_double() as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.address)
        yield double


def options(double: DataflowDouble, **other: Any) -> dict[str, Any]:
    return dataflow_options({**jobs.GIVEN, **double.options(), **other})


def submitted(double: DataflowDouble, make: Any = jobs.tiny, **other: Any) -> Submitted:
    return submit(make, options(double), labels={"onto_flow": "yes"}, **other)


def test_a_job_is_submitted_as_it_is_compiled(double: DataflowDouble, compiled: Any) -> None:
    job = submitted(double, jobs.batch)
    (posted,) = double.jobs.values()
    assert (posted["name"], posted["labels"], job.state()) == ("meeting-rooms", {"onto_flow": "yes"}, "RUNNING")
    staged = api.Pipeline.FromString(double.graph(posted)).SerializeToString(deterministic=True)
    assert staged == compiled["batch"].graph
    assert job.id in job.console


def no_pause() -> None:
    pass


def test_a_job_that_fails_is_one_clear_error(double: DataflowDouble) -> None:
    double.states, double.messages = (
        ["FAILED"],
        ["Worker pool stopped.", "Root cause: bad-export: half of it is missing"],
    )
    with pytest.raises(EngineError, match=r"ended as FAILED: Root cause: bad-export: half") as raised:
        submitted(double).wait(no_pause)
    assert raised.value.where.startswith("https://console.cloud.google.com/dataflow/jobs/europe-west1/")


def test_a_job_is_waited_for(double: DataflowDouble) -> None:
    job = submitted(double)

    def pause() -> None:
        double.jobs[job.id]["currentState"] = "JOB_STATE_DONE"

    job.wait(pause)


def test_what_dataflow_refuses_is_one_clear_error(double: DataflowDouble) -> None:
    double.refusals = [(403, "(abc): you may not")]
    with pytest.raises(EngineError, match=r"Dataflow refuses the job: .*you may not"):
        submitted(double)
    assert double.jobs == {}
    submitted(double)
    with pytest.raises(EngineError, match="already active job named meeting-rooms"):
        submitted(double)
    double.bucket.missing.add("my-bucket")
    with pytest.raises(EngineError, match="there is no bucket gs://my-bucket"):
        submitted(double)


def test_a_job_that_does_not_run_cannot_be_updated(double: DataflowDouble) -> None:
    with pytest.raises(EngineError, match="no job meeting-rooms runs in europe-west1"):
        running(options(double))


def state_is_found(old: bytes, new: bytes, names: Mapping[str, str]) -> str:
    """What Dataflow looks for: each stateful step of the old graph by its name, or by the name that it is mapped to."""
    before, now = (steps(api.Pipeline.FromString(g)) for g in (old, new))
    for name, transform in before.items():
        if transform.spec.urn == "beam:transform:pardo:v1" and payload(transform).state_specs:
            to = names.get(name, name)
            if to and to not in now:
                return f"The new job is missing steps {name}"
    return ""


def test_a_new_version_takes_the_place_of_the_running_job(double: DataflowDouble) -> None:
    double.judge = state_is_found
    first = submitted(double, jobs.stream)
    operators = [node.id for node in plan_views(MeetingSession).operators]
    renamed = {o: o.replace("MeetingSession", "RoomSession") for o in operators if o.startswith("MeetingSession")}
    before = running(options(double))
    assert before == (first.id, {"onto_flow": "yes"})
    MeetingSession.__name__ = "RoomSession"
    try:
        unmapped = submitted(double, jobs.stream, replaces=before)
        mapped = submitted(double, jobs.stream, replaces=before, names=lambda graph: mapping(graph, renamed))
    finally:
        MeetingSession.__name__ = "MeetingSession"
    with pytest.raises(EngineError, match=r"not compatible .* missing steps views/MeetingSession"):
        unmapped.wait_for_start(no_pause)
    mapped.wait_for_start(no_pause)
    assert running(options(double)).id == mapped.id
    assert first.state() == "UPDATED"
    names = double.jobs[mapped.id]["transformNameMapping"]
    assert names["views/MeetingSession.assemble/ParDo(step)"] == "views/RoomSession.assemble/ParDo(step)"
    assert names["views/MeetingSession.assemble.in"] == "views/RoomSession.assemble.in"


def test_state_that_goes_is_named(compiled: Any) -> None:
    assert mapping(compiled["stream"].pipeline(), {"Old.assemble": ""}) == {"views/Old.assemble/ParDo(step)": ""}
