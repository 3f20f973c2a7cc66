"""Jobs on Dataflow from Python: the same job as the tool's, and the same refusals, before anything is contacted."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

from onto_flow import ViewModel, udf
from onto_flow.cli import main
from onto_flow.core.errors import EngineError, OntoFlowError, UsageError
from onto_flow.core.values import to_micros
from onto_flow.demo.meeting_room import Meeting, MeetingSession, MeetingSessionStore
from onto_flow.engines.base import Job
from onto_flow.engines.beam import Engine
from onto_flow.engines.metrics import Metrics
from onto_flow.run import start
from onto_flow.sinks.memory import MemorySink
from onto_flow.sources.jsonl import JsonLines
from onto_flow.testing.dataflow import DataflowDouble, dataflow_double

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

VIEWS = "onto_flow.demo.meeting_room:MeetingSession"
ENDS = {"source": "gs://no-such-bucket/exports/1", "sink": "firestore://my-shop"}
FEED, AT = "pubsub://my-shop/changes", datetime(2026, 5, 1, 12, tzinfo=timezone.utc)
PLACE = {
    "runner": "DataflowRunner",
    "project": "my-shop-1",
    "region": "europe-west1",
    "temp_location": "gs://my-bucket/temp",
    "job_name": "rooms",
    "sdk_container_image": "docker.pkg.dev/my-shop-1/views/worker:1",
}


def words(given: dict[str, Any]) -> list[str]:
    """As the tool takes options."""
    return [word for name, value in given.items() for word in (f"--{name}", *([] if value is True else [str(value)]))]


@pytest.fixture
def double(monkeypatch: pytest.MonkeyPatch) -> Iterator[DataflowDouble]:
    with dataflow_double() as double:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", double.address)
        yield double


def staged(folder: Path) -> tuple[Any, bytes]:
    job = json.loads((folder / "job.json").read_text())
    place = job["environment"]["sdkPipelineOptions"]["options"]["pipelineUrl"]
    return job, (folder / place.removeprefix("gs://")).read_bytes()


def test_python_compiles_the_job_of_the_tool(tmp_path: Path) -> None:
    MeetingSession.backfill(**ENDS, engine="beam", **PLACE, compile=tmp_path / "python")
    assert (
        main(["backfill", VIEWS, *words({**ENDS, "engine": "beam", **PLACE}), "--compile", str(tmp_path / "tool")]) == 0
    )
    (one, graph), (other, of_tool) = staged(tmp_path / "python"), staged(tmp_path / "tool")
    assert graph == of_tool
    assert one["environment"]["workerPools"] == other["environment"]["workerPools"]
    assert not {"compile", "wait"} & set(one["environment"]["sdkPipelineOptions"]["options"])


def test_a_backfill_is_given_away_and_goes_on_by_itself(double: DataflowDouble) -> None:
    run = MeetingSession.backfill(**ENDS, engine="beam", **PLACE, **double.options(), wait=False)
    (posted,) = double.jobs.values()
    assert (run.job.id, run.job.state(), posted["name"]) == (posted["id"], "RUNNING", "rooms")
    assert (run.report.submitted, run.report.published) == (f"rooms {posted['id']}", False)
    assert posted["labels"]["onto_flow_generation"].isdigit()
    assert posted["id"] in run._repr_html_()
    with pytest.raises(UsageError, match="went to a sink outside this process"):
        run.documents()


def test_a_backfill_is_waited_for(double: DataflowDouble) -> None:
    double.states, double.messages = ["FAILED"], ["bad-export: it is cut off"]
    with pytest.raises(EngineError, match=r"the job rooms ended as FAILED: bad-export: it is cut off"):
        MeetingSession.backfill(**ENDS, engine="beam", **PLACE, **double.options())


def test_a_stream_is_given_away(double: DataflowDouble) -> None:
    notes: list[str] = []
    job: dict[str, Any] = {**ENDS, "feed": FEED, "snapshot_time": AT, "on_note": notes.append}
    run = start([MeetingSession], **job, engine="beam", options={**PLACE, **double.options()})
    (posted,) = double.jobs.values()
    assert (run.job.id, posted["labels"]["onto_flow_snapshot"]) == (posted["id"], str(to_micros(AT)))
    assert [note.partition(" ")[0] for note in notes] == ["workers", run.job.console]


def made_here() -> type:
    class Loose(ViewModel):
        class Meta:
            collection_name = "loose"

        store: MeetingSessionStore

        @udf
        @staticmethod
        def sold(meeting: Meeting) -> int:
            return len(meeting.tickets)

    return Loose


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"views": [made_here()]}, r"not-portable.*made_here.*is made in a function"),
        ({"options": {"region": None}}, "Dataflow needs --region"),
        ({"options": {"job_name": "Meeting Rooms"}}, "cannot be --job_name"),
        ({"options": {"machine_tipe": "n1"}}, "Beam has no pipeline option 'machine_tipe'"),
        ({"options": {"sdk_container_image": None, "extra_package": "no.whl"}}, "no.whl is no package"),
        ({"options": {"update": True}}, "an update must know which version"),
        ({"options": {"template": "folder"}}, "a stream is no classic template"),
        (
            {"options": {"dataflow_service_options": ["streaming_mode_at_least_once"]}},
            "at-least-once mode repeats steps",
        ),
        ({"sink": "parquet:gs://b/tables"}, "does not take writers on several machines"),
        ({"sink": None}, "workers open the sink themselves"),
        ({"source": JsonLines("no-such-file.jsonl")}, "workers open the source themselves"),
        ({"feed": "feed.jsonl"}, "follows a subscription of Pub/Sub"),
        ({"dead_letters": "letters.sqlite"}, r"cannot write dead letters to 'letters.sqlite'.*Give pubsub:"),
        ({"feed": None, "dead_letters": "pubsub://p/t", "snapshot_time": None}, r"cannot write .* Give a folder"),
        ({"feed": None}, "is what its seeds say"),
        ({"feed": None, "options": {"seeds": "seeds"}}, "'seeds' cannot be --seeds"),
        ({"publish_every": 5.0}, "nothing is published every so many seconds"),
        ({"inconsistent_export": True}, "begins with an export whose time is known"),
        ({"metrics": Metrics()}, "metrics: that is of a job that runs in this process"),
    ],
)
def test_what_is_refused_before_anything_is_contacted(
    given: dict[str, Any], said: str, double: DataflowDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("feed.jsonl").write_text("")
    Path("no-such-file.jsonl").write_text("")
    options = {**PLACE, **double.options(), "wait": False, **given.get("options", {})}
    job = {"views": [MeetingSession], **ENDS, "feed": FEED, "snapshot_time": AT, "engine": "beam", **given}
    job["options"] = {name: value for name, value in options.items() if value is not None}
    with pytest.raises(OntoFlowError, match=f"(?s){said}"):
        start(job.pop("views"), **job)
    assert double.calls == []


def test_declared_time_is_of_this_process(double: DataflowDouble) -> None:
    with pytest.raises(UsageError, match="declared time: that is of a job that runs in this process"):
        MeetingSession.backfill(**ENDS, engine="beam", **PLACE, **double.options(), now=AT)


def test_the_engine_by_hand_gives_nothing_to_dataflow(tmp_path: Path) -> None:
    (tmp_path / "documents.jsonl").write_text("")
    job = Job(MeetingSession.plan(), JsonLines(tmp_path / "documents.jsonl"), MemorySink(), options=PLACE)
    with pytest.raises(EngineError, match=r"engine-refused.*give the job by its URIs to `View\.backfill`"):
        Engine().run(job)


def test_what_is_for_dataflow_alone_is_refused_elsewhere(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backfill", VIEWS, "--source", "x", "--sink", "jsonl:y", "--compile", str(tmp_path / "job")]) == 2
    assert "--compile is for jobs on Dataflow" in capsys.readouterr().err
