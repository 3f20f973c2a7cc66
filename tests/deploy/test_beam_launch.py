"""The tool's jobs on Dataflow: compiled to a folder, as a template, submitted and updated, refused."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from apache_beam.options.value_provider import RuntimeValueProvider
from apache_beam.portability.api import beam_runner_api_pb2 as api
from google.cloud import dataflow
from google.protobuf import json_format

from jobs import template
from onto_flow import plan_views
from onto_flow.cli import _engine_options, _parser, main
from onto_flow.core.values import to_micros
from onto_flow.database.embedded import EmbeddedDatabase
from onto_flow.demo import data as demo
from onto_flow.demo.meeting_room import MeetingSession
from onto_flow.deploy.backfill_job import BackfillJob
from onto_flow.deploy.template_options import _sink, _source, metadata
from onto_flow.engines.beam.runners import BOUNDED
from onto_flow.engines.beam.seeds import SeedsAt
from onto_flow.formats.export_writer import write_export
from onto_flow.formats.times import parse_time
from onto_flow.model.fingerprint import fingerprint
from onto_flow.testing.dataflow import DataflowDouble, dataflow_double
from onto_flow.testing.oracle import recompute

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

VIEWS = "onto_flow.demo.meeting_room:MeetingSession"
ENDS = ["--source", "gs://no-such-bucket/exports/1", "--sink", "firestore://my-shop"]
FEED = ["--feed", "pubsub://my-shop/changes", "--snapshot-time", "2026-05-01T12:00:00Z"]
PLACE = ["--engine", "beam", "--runner", "DataflowRunner", "--project", "my-shop-1", "--region", "europe-west1"]
PLACE += ["--temp_location", "gs://my-bucket/temp", "--job_name", "rooms"]
IMAGE = ["--sdk_container_image", "docker.pkg.dev/my-shop-1/views/worker:1"]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataflowDouble]:
    with dataflow_double() as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.address)
        yield double


def here(double: DataflowDouble) -> list[str]:
    return ["--dataflow_endpoint", double.address, "--no_auth"]


def graph(folder: Path) -> tuple[dict[str, Any], dict[str, api.PTransform]]:
    job = json.loads((folder / "job.json").read_text())
    place = job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
    pipeline = api.Pipeline.FromString((folder / place.removeprefix("gs://")).read_bytes())
    return job, {t.unique_name: t for t in pipeline.components.transforms.values()}


def test_a_stream_is_compiled_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", VIEWS, *ENDS, *FEED, *PLACE, *IMAGE, "--compile", str(tmp_path / "job")]) == 0
    job, steps = graph(tmp_path / "job")
    assert (job["name"], job["type"]) == ("rooms", "JOB_TYPE_STREAMING")
    (image,) = job["environment"]["workerPools"][0]["sdkHarnessContainerImages"]
    assert image["containerImage"] == IMAGE[1]
    for name in ("messages/Read", "views/ingest/ParDo(step)", "views/gate/ParDo(gate)", "letters/ParDo(lines)"):
        assert any(step.startswith(name.partition("/ParDo")[0]) for step in steps), name
    assert "workers have image docker.pkg.dev/my-shop-1/views/worker:1" in capsys.readouterr().err


def test_two_jobs_are_compiled_and_nobody_is_contacted(tmp_path: Path) -> None:
    """The batch job writes the manifest of its seeds behind its table; neither export nor seeds are there."""
    seeds = "gs://no-such-bucket/seeds/1"
    batch = ["backfill", VIEWS, *ENDS, *FEED[2:], *PLACE, *IMAGE, "--seeds", seeds]
    stream = ["run", VIEWS, "--source", f"seeds:{seeds}", *ENDS[2:], *FEED, *PLACE, *IMAGE]
    assert main([*batch, "--compile", str(tmp_path / "batch")]) == 0
    assert main([*stream, "--compile", str(tmp_path / "stream")]) == 0
    job, steps = graph(tmp_path / "batch")
    assert job["type"] == "JOB_TYPE_BATCH"
    assert {"views/seeds/files", "table/write"} <= set(steps)
    written, waits = steps["table/write"].outputs.values(), steps["complete/after"].inputs.values()
    assert set(written) == set(waits), "the manifest waits until the table is written"
    assert len(steps["complete/write"].inputs) == 2
    job, steps = graph(tmp_path / "stream")
    assert job["type"] == "JOB_TYPE_STREAMING"
    heads = {"/".join(name.split("/")[:2]) for name in steps}
    assert {"views/seeds.read", "views/fence", "views/gate"} <= heads
    assert not [name for name in heads if name.startswith("load")], "no document is read again"


def test_the_backfill_of_two_jobs_writes_its_table_and_then_what_its_seeds_are(tmp_path: Path) -> None:
    write_export(tmp_path / "export", demo.documents().items())
    at = to_micros(demo.EXPORTED_AT)
    ends = (str(tmp_path / "export"), f"jsonl:{tmp_path / 'views'}", str(tmp_path / "letters"))
    job = BackfillJob((MeetingSession,), *ends, generation=7, seeds=str(tmp_path / "seeds"), snapshot=at)
    job.pipeline({"runner": BOUNDED}).run().wait_until_finish()
    manifest = SeedsAt(
        job.seeds, plan_views(MeetingSession), {"MeetingSession": fingerprint(MeetingSession)}
    ).manifest()
    assert (manifest.generation, manifest.snapshot) == (7, at)
    assert (manifest.seeds["ingest"], len(manifest.shards)) == (16, len([*(tmp_path / "seeds").iterdir()]) - 1)
    shown = recompute(plan_views(MeetingSession), demo.documents())["MeetingSession"]
    assert {json.loads(line)["path"] for line in (tmp_path / "views").read_text().splitlines()} == set(shown)


def test_two_jobs_are_submitted(double: DataflowDouble) -> None:
    seeds = "gs://no-such-bucket/seeds/1"
    words = [*PLACE[:-2], *IMAGE, *here(double)]
    batch = ["backfill", VIEWS, *ENDS, *FEED[2:], *words, "--seeds", seeds, "--job_name", "rooms-backfill", "--no-wait"]
    stream = ["run", VIEWS, "--source", f"seeds:{seeds}", *ENDS[2:], *FEED, *words, "--job_name", "rooms"]
    assert main(batch) == 0
    assert main(stream) == 0
    first, second = double.jobs.values()
    assert (first["name"], second["name"]) == ("rooms-backfill", "rooms")
    of = "onto_flow_generation"
    assert int(first["labels"][of]) < int(second["labels"][of]), "else the stream would refuse the seeds"
    assert second["labels"]["onto_flow_snapshot"] == str(to_micros(parse_time(FEED[3])))


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        ("backfill", ["--seeds", "seeds"], "'seeds' cannot be --seeds"),
        ("backfill", ["--seeds", "gs://b/s", "--template", "job"], "a template is for any"),
        ("backfill", [], "--snapshot-time of a backfill is what its seeds say"),
        ("run", [*FEED[:2], "--publish-every", "0"], "nothing is published every so many seconds"),
    ],
)
def test_what_two_jobs_cannot_be_told(
    command: str, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([command, VIEWS, *ENDS, *FEED[2:], *PLACE, *IMAGE, *words]) == 2
    assert said in capsys.readouterr().err


def test_a_template_takes_source_and_sink_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parquet = ["--source", "gs://no-such-bucket/exports/1", "--sink", "parquet:gs://no-such-bucket/tables"]
    assert main(["backfill", VIEWS, *parquet, *PLACE, *IMAGE, "--template", str(tmp_path / "job")]) == 0
    job, _ = graph(tmp_path / "job")
    told = job["environment"]["sdkPipelineOptions"]["options"]
    assert (told["view_source"], told["view_sink"]) == (None, None)
    said = json.loads((tmp_path / "job" / "job.json_metadata").read_text())
    assert [p["name"] for p in said["parameters"]] == ["view_source", "view_sink"]
    given = RuntimeValueProvider("view_source", str, None), RuntimeValueProvider("view_sink", str, None)
    lines = tmp_path / "documents.jsonl"
    lines.write_text("")
    for runtime, expected in (({}, "b.jsonl"), ({"view_source": f"jsonl:{lines}"}, "documents.jsonl")):
        monkeypatch.setattr(RuntimeValueProvider, "runtime_options", runtime)
        (tmp_path / "b.jsonl").write_text("")
        assert [p.name for p in _source(given[0], f"jsonl:{tmp_path / 'b.jsonl'}").partitions()][0].endswith(expected)
    assert _sink(given[1], f"jsonl:{tmp_path / 'out'}", {}).capabilities


@pytest.mark.parametrize(
    "said", [metadata("rooms", VIEWS), json.loads(Path(template.__file__).with_suffix(".json").read_text())]
)
def test_metadata_is_what_google_documents(said: dict[str, Any]) -> None:
    parsed = json_format.ParseDict(said, dataflow.TemplateMetadata.pb(dataflow.TemplateMetadata()))
    assert parsed.name
    assert all(p.name and p.label and p.help_text for p in parsed.parameters)
    assert not parsed.supports_at_least_once


def test_a_backfill_is_submitted_and_waited_for(double: DataflowDouble, capsys: pytest.CaptureFixture[str]) -> None:
    double.states, double.messages = ["FAILED"], ["bad-export: it is cut off"]
    assert main(["backfill", VIEWS, *ENDS, *PLACE, *IMAGE, *here(double)]) == 1
    said = capsys.readouterr()
    assert said.out == "rooms 2026-11-26_00_00_00-1\n"
    assert "the job rooms ended as FAILED: bad-export: it is cut off" in said.err


def explained(tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Callable[[Any], None]) -> str:
    capsys.readouterr()
    assert main(["explain", VIEWS, "--format", "json"]) == 0
    said = json.loads(capsys.readouterr().out)
    change(said)
    (tmp_path / "old.json").write_text(json.dumps(said))
    return str(tmp_path / "old.json")


def test_a_stream_is_updated_in_place_or_refused(
    double: DataflowDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = ["run", VIEWS, *ENDS, *FEED, *PLACE, *IMAGE, *here(double)]
    assert main(run) == 0

    def renamed(said: Any) -> None:
        said["views"][0]["name"] = "OldSession"
        for operator in said["operators"]:
            operator["id"] = operator["id"].replace("MeetingSession", "OldSession")

    def changed(said: Any) -> None:
        said["views"][0]["fingerprint"]["structure"] = "other"

    old = explained(tmp_path, capsys, changed)
    before = len(double.calls)
    assert main([*run, "--update", "--against", old]) == 2
    assert "cannot be updated in place" in (said := capsys.readouterr().err)
    assert "rebuild" in said
    assert len(double.calls) == before
    assert main([*run, "--update"]) == 2
    old = explained(tmp_path, capsys, renamed)
    assert main([*run, "--update", "--against", old]) == 0
    first, second = double.jobs.values()
    assert (first["currentState"], second["replaceJobId"]) == ("JOB_STATE_UPDATED", first["id"])
    assert second["labels"] == first["labels"]
    assert second["labels"]["onto_flow_generation"].isdigit()
    names = second["transformNameMapping"]
    assert names["views/OldSession.assemble/ParDo(step)"] == "views/MeetingSession.assemble/ParDo(step)"
    graphs = [api.Pipeline.FromString(double.graph(job)) for job in (first, second)]
    assert {t.unique_name for t in graphs[0].components.transforms.values()} == {
        t.unique_name for t in graphs[1].components.transforms.values()
    }
    double.jobs[second["id"]]["labels"] = {}
    assert main([*run, "--update", "--against", old]) == 2
    assert "does not say the generation" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*PLACE, "--extra_package", "no.tar.gz"], "is no package"),
        ([*PLACE, *IMAGE, "--clock", "clock.jsonl"], "--clock is for a job that runs in this process"),
        ([*PLACE, *IMAGE, "--template_location", "here.json"], "Say --template DIR."),
        ([*PLACE[:6], *IMAGE], "Dataflow needs --region"),
        ([*PLACE, "--setup_file", "no/setup.py"], "there is no file no/setup.py"),
        ([*PLACE, *IMAGE, "--machine_tipe", "n1"], "option 'machine_tipe'\n  Did you mean machine_type?\n"),
        ([*PLACE, *IMAGE, "--dead-leters", "gs://b/l"], "Or is it --dead-letters, of onto-flow itself?"),
        (
            [*PLACE, *IMAGE, "--source", "exports/1"],
            "exports/1 is on this machine, where workers of Dataflow see nothing",
        ),
        ([*PLACE, *IMAGE, "--sink", "parquet:tables"], "parquet:tables is on this machine"),
        ([*PLACE, *IMAGE, "--sink", "sqlite:views.sqlite"], "sqlite:views.sqlite is on this machine"),
        ([*PLACE, *IMAGE, "--sink", "memory:"], "memory: is on this machine"),
    ],
)
def test_what_is_refused_before_anything_is_contacted(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["backfill", VIEWS, *ENDS, *words, "--no-wait"]) == 2
    assert said in capsys.readouterr().err


def test_a_view_that_workers_do_not_have_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "loose_rooms.py").write_text(
        "from onto_flow.demo.meeting_room import MeetingSession\n\n\nclass Loose(MeetingSession):\n    pass\n"
    )
    views = f"{tmp_path / 'loose_rooms.py'}:Loose"
    assert main(["backfill", views, *ENDS, *PLACE, *IMAGE, "--no-wait"]) == 1
    assert "loose_rooms (loose_rooms.py) is in no package that the job brings" in capsys.readouterr().err


def test_a_database_of_this_machine_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    EmbeddedDatabase(tmp_path / "app.sqlite").close()
    database = f"sqlite:{tmp_path / 'app.sqlite'}"
    assert main(["run", VIEWS, *ENDS, *FEED, *PLACE, *IMAGE, "--database", database]) == 2
    assert f"{database} is on this machine" in capsys.readouterr().err


def test_where_thin_events_are_read_needs_its_package_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    listed = tmp_path / "requirements.txt"
    ends = [*ENDS[:2], "--sink", "bigquery://my-shop/views", "--database", "firestore://my-shop"]
    run = ["run", VIEWS, *ends, *FEED, *PLACE, "--requirements_file", str(listed)]
    listed.write_text("onto-flow\n")
    assert main([*run, "--compile", str(tmp_path / "no")]) == 1
    assert "firestore: needs the package google-cloud-firestore" in capsys.readouterr().err
    listed.write_text("onto-flow\ngoogle-cloud-firestore\n")
    assert main([*run, "--compile", str(tmp_path / "job")]) == 0


def test_a_flex_template_runs_either_job(double: DataflowDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[Any] = []
    given = [f"--views={VIEWS}", "--source=gs://b/exports/1", "--sink=firestore://my-shop"]
    with monkeypatch.context() as patch:
        patch.setattr(template, "main", lambda words: ran.append(words) or 0)
        assert template.run([*given, "--dead_letters=gs://b/l", "--runner=DataflowRunner"]) == 0
    assert ran[0][:4] == ["backfill", VIEWS, "--no-wait", "--dead-letters=gs://b/l"]
    assert ran[0][4:] == ["--engine=beam", *given[1:], "--runner=DataflowRunner"]
    stream = ["--feed=pubsub://my-shop/changes", "--snapshot_time=2026-05-01T12:00:00Z"]
    place = "gs://my-bucket/staging/template_launches/1/job_object"
    launcher = [*PLACE[2:], *IMAGE, *here(double), f"--template_location={place}"]
    assert template.run([*given, *stream, *launcher]) == 0
    assert double.jobs == {}
    assert json.loads(double.bucket.objects[place])["type"] == "JOB_TYPE_STREAMING"


def test_a_flex_template_updates_its_own_job(
    double: DataflowDouble, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The service puts the launched job in the other's place: the graph has the generation, and nobody is asked for it."""
    place = "gs://my-bucket/staging/template_launches/2/job_object"
    given = [
        f"--views={VIEWS}",
        "--source=gs://b/exports/1",
        "--sink=firestore://my-shop",
        "--feed=pubsub://my-shop/changes",
    ]
    launcher = [
        *PLACE[2:],
        *IMAGE,
        *here(double),
        "--snapshot_time=2026-05-01T12:00:00Z",
        f"--template_location={place}",
    ]
    assert template.run([*given, *launcher, "--update"]) == 2
    assert "--generation N: the label onto_flow_generation" in capsys.readouterr().err
    assert double.calls == []
    assert template.run([*given, *launcher, "--update", "--generation=1764158400000000"]) == 0
    assert double.jobs == {}
    job = json.loads(double.bucket.objects[place])
    assert job["labels"]["onto_flow_generation"] == "1764158400000000"
    assert not [call for call in double.calls if call[1].endswith("/jobs")], "the running job is not looked for"


def test_a_compiled_version_says_the_names_of_the_running_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def renamed(said: Any) -> None:
        said["views"][0]["name"] = "OldSession"
        for operator in said["operators"]:
            operator["id"] = operator["id"].replace("MeetingSession", "OldSession")

    def changed(said: Any) -> None:
        said["views"][0]["fingerprint"]["structure"] = "other"

    run = ["run", VIEWS, *ENDS, *FEED, *PLACE, *IMAGE]
    assert main([*run, "--compile", str(tmp_path / "no"), "--against", explained(tmp_path, capsys, changed)]) == 2
    assert not (tmp_path / "no").exists()
    assert main([*run, "--compile", str(tmp_path / "new"), "--against", explained(tmp_path, capsys, renamed)]) == 0
    names = json.loads((tmp_path / "new" / "transform_names.json").read_text())
    assert names["views/OldSession.assemble/ParDo(step)"] == "views/MeetingSession.assemble/ParDo(step)"


def test_a_template_of_views_with_state_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views = "onto_flow.demo.meeting_room:MeetingSession"
    ends = ["--source", "gs://b/exports/1", "--sink", "firestore://my-shop"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("onto_flow.deploy.backfill_job.refusals", lambda plan: ["a clock"])
        assert main(["backfill", views, *ends, *PLACE, *IMAGE, "--template", str(tmp_path / "job")]) == 2
    assert "a clock: these views need state, and their generation is part of the graph" in capsys.readouterr().err


def test_options_that_may_be_given_again_are_all_kept(capsys: pytest.CaptureFixture[str]) -> None:
    parser = _parser()
    given = ["--experiments=a", "--experiments", "b", "--experiments=c", "--machine_type=n"]
    kept = {"experiments": ["a", "b", "c"], "machine_type": "n"}
    assert _engine_options(given, parser, allowed=True) == kept
    with pytest.raises(SystemExit):
        _engine_options(["--region=a", "--region=b"], parser, allowed=True)
    assert "--region is given twice" in capsys.readouterr().err
