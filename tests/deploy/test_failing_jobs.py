"""Views whose code fails, in jobs that workers carry out: a backfill fails before it shows anything, a stream is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("apache_beam", reason="pip install 'onto-flow[beam]'")

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions

from onto_flow.beam import Maintain, ReadChanges
from onto_flow.core.errors import EngineError, UsageError
from onto_flow.demo.data import EXPORTED_AT
from onto_flow.deploy.backfill_job import BackfillJob
from onto_flow.engines.beam.runners import BOUNDED, STREAM
from onto_flow.engines.breaker import DEFAULT_LIMITS, Limits
from onto_flow.formats.export_writer import write_export
from onto_flow.run import start
from tests.engines.failing_views import Halves, MustBeWhole

pytestmark = [pytest.mark.beam, pytest.mark.filterwarnings("ignore")]

PLACE = {"project": "my-shop-1", "region": "europe-west1", "temp_location": "gs://my-bucket/temp"}
FEED = "pubsub://my-shop/changes"


def run(tmp_path: Path, view: type, *, seeds: bool, limits: Limits | None = DEFAULT_LIMITS) -> dict[str, Any]:
    """Carries a backfill out whose workers are here; what its table has then."""
    documents = {f"numbers/n{n}": {"of": 8, "by": n} for n in range(4)}
    write_export(tmp_path / "export", sorted(documents.items()))
    table = tmp_path / "views"
    ends = (str(tmp_path / "export"), f"jsonl:{table}", str(tmp_path / "letters"))
    job = BackfillJob(
        (view,), *ends, generation=7, seeds=str(tmp_path / "seeds") if seeds else "", snapshot=9 if seeds else None
    )
    options = {"runner": BOUNDED}
    try:
        BackfillJob(**{**vars(job), "limits": limits}).pipeline(options).run().wait_until_finish()
    finally:
        assert not seeds or table.exists() == (tmp_path / "seeds" / "manifest.json").exists()
    return {row["path"]: row["new"] for row in map(json.loads, table.read_text().splitlines())}


@pytest.mark.parametrize("seeds", [False, True])
def test_a_backfill_fails_with_the_letter_named_and_shows_nothing(seeds: bool, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"udf-failed\] view:MustBeWhole:numbers/n0: .*on_error = 'fail'"):
        run(tmp_path, MustBeWhole, seeds=seeds)
    assert not (tmp_path / "views").exists()


def test_so_does_one_of_which_too_much_fails(tmp_path: Path) -> None:
    with pytest.raises(
        Exception, match=r"breaker-open\] 1 of 4 evaluations failed; the last one: view:Halves:numbers/n0"
    ):
        run(tmp_path, Halves, seeds=False, limits=Limits(share=0.2, least=1))
    assert not (tmp_path / "views").exists()


def test_what_the_limits_allow_is_shown(tmp_path: Path) -> None:
    assert set(run(tmp_path, Halves, seeds=True, limits=Limits(share=0.3, least=1))) == {
        f"halves/n{n}" for n in (1, 2, 3)
    }
    assert len([*(tmp_path / "letters").iterdir()]) == 1


def test_a_stream_on_dataflow_cannot_end_itself_and_is_refused(tmp_path: Path) -> None:
    job: dict[str, Any] = {"source": "gs://b/export", "sink": "firestore://my-shop", "engine": "beam", "feed": FEED}
    options = {"runner": "DataflowRunner", **PLACE, "sdk_container_image": "docker.pkg.dev/p/views:1", "no_auth": True}
    with pytest.raises(
        EngineError, match=r"MustBeWhole says on_error = 'fail', and a stream on DataflowRunner cannot end"
    ):
        start([MustBeWhole], **job, snapshot_time=EXPORTED_AT, options={**options, "compile": tmp_path / "job"})
    with pytest.raises(UsageError, match="nobody counts the failures of a stream on Dataflow"):
        start(
            [Halves],
            **job,
            snapshot_time=EXPORTED_AT,
            limits=Limits(least=5),
            options={**options, "compile": tmp_path / "job"},
        )


@pytest.mark.parametrize(("runner", "refused"), [("DataflowRunner", True), (STREAM, False)])
def test_a_pipeline_by_hand_is_refused_too(runner: str, refused: bool) -> None:
    options = PipelineOptions.from_dictionary({"runner": runner, "streaming": True, "dry_run": "true", **PLACE})
    changes = beam.Pipeline(options=options) | ReadChanges(FEED)
    if refused:
        with pytest.raises(EngineError, match="engine-refused.*MustBeWhole says on_error = 'fail'"):
            _ = changes | Maintain(Halves, MustBeWhole)
    else:
        assert (changes | Maintain(Halves, MustBeWhole)).gated is not None
