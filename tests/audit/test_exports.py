"""Audits of a job on a real export, a hundredth of whose events was lost; and what cannot be judged."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random

import pytest

from onto_flow.audit.audit import Audit
from onto_flow.audit.documents import DELETED_SINCE, FORGOTTEN, NO_COLLECTION, UNREADABLE
from onto_flow.audit.tables import Given, open_tables
from onto_flow.connect import open_source
from onto_flow.core.change import Change
from onto_flow.core.values import Reference, from_micros, to_micros
from onto_flow.engines.local.reading import CheckpointReading
from onto_flow.formats.export_writer import write_export
from onto_flow.model.compile import plan_views
from onto_flow.model.fingerprint import fingerprint
from onto_flow.operators.base import DAY
from onto_flow.run import start
from onto_flow.testing.histories import history_of
from onto_flow.testing.shapes import Shape, plan_of
from tests.audit.jobs import ANY, Damaged, LossyJob, Taken, documents_after, repaired
from tests.jobs.feeds import documents_of, generated_feed, write_feed
from tests.jobs.small import JOBS

VIA = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)))))
EXPORTED_AT = datetime(2019, 1, 18, 4, tzinfo=timezone.utc)


@pytest.mark.parametrize("name", ["swapi", pytest.param("stocks", marks=pytest.mark.long)])
def test_a_hundredth_of_the_events_of_a_real_export_is_lost_and_mended(name, real_exports, tmp_path):
    documents = documents_of(real_exports / name)
    views, _, edit, new = JOBS[name]
    feed, now = generated_feed(documents, 400, exported_at=EXPORTED_AT, edit=edit, new=new)
    taken = max(change.time for change in feed) + timedelta(seconds=1)
    newest = {c.path: c for c in sorted(feed, key=lambda c: c.version)}
    lost = {newest[path].version for path in Random(3).sample(sorted(newest), max(4, len(feed) // 100))}
    kept = [c for c in feed if c.version not in lost]
    write_export(tmp_path / "later", now.items(), snapshot_time=taken)
    source = str(real_exports / name)
    options = {"checkpoint": str(tmp_path / "state")}
    sink = f"parquet:{tmp_path / 'tables'}"

    def run(changes, name):
        place = write_feed(tmp_path / name, changes)
        start(views, source=source, feed=place, sink=sink, options=options, snapshot_time=EXPORTED_AT)

    def audit():
        return Audit(
            plan_views(*views),
            open_source(str(tmp_path / "later")),
            checkpoint=tmp_path / "state",
            fingerprints={view.__name__: fingerprint(view) for view in views},
            tables=open_tables(sink),
            now=lambda: to_micros(taken),
        )

    run(kept, "feed.jsonl")
    report = audit().run()
    assert {f.path for f in report.findings} <= {c.path for c in feed if c.version in lost}
    assert report.findings and report.view_findings and all(f.because for f in report.view_findings)
    changes = repaired(plan_views(*views), report, audit().source, ANY)
    run(changes, "repair.jsonl")
    assert audit().run().is_right


@pytest.fixture
def job(tmp_path):
    """A job that has a/1 with b/1, and deleted b/2."""
    history = history_of(
        ("a/1", {"r": [Reference("b/1")]}), ("b/1", {"n": 1}), ("b/2", {"n": 2}), ("b/2", None), exported=3
    )  # fmt: skip
    made = LossyJob(tmp_path / "state", VIA, history.seeds(), history.snapshot)
    made.right = documents_after(history.commits)
    made.at = history.commits[-1].time
    made.feed([history.change(3)], made.at)
    return made


def test_a_collection_that_was_not_exported_is_not_judged(job):
    export = Taken({"a/1": job.right["a/1"]}, job.at)
    report = Audit(VIA, export, checkpoint=job.folder, now=lambda: job.at).run()
    assert report.is_right and report.documents.undecided == {NO_COLLECTION: 1}
    assert NO_COLLECTION in report.as_text()
    assert [f.kind for f in job.audit(export).findings] == ["lost-deletion"]


def test_deletions_that_came_after_the_export_may_be_forgotten_after_eight_days(job):
    export = Taken({**job.right, "b/3": {"n": 3}}, job.at)
    for days, found in ((7, ["lost-creation"]), (9, [])):
        report = Audit(VIA, export, checkpoint=job.folder, now=lambda days=days: job.at + days * DAY).run()
        assert [f.kind for f in report.findings] == found
    assert report.documents.undecided == {FORGOTTEN: 1}


def test_what_was_deleted_after_the_export_is_not_judged(job):
    export = Taken({**job.right, "b/2": {"n": 2}}, job.at - 1)
    report = Audit(VIA, export, checkpoint=job.folder, whole_export=True, now=lambda: job.at).run()
    assert report.is_right and set(report.documents.undecided) <= {DELETED_SINCE}


@pytest.mark.parametrize("key", ["document:b/1", "record:output-0, byte 7"])
def test_what_cannot_be_read_is_not_judged(job, key):
    report = job.audit(Damaged({"a/1": job.right["a/1"]}, job.at, key))
    assert report.is_right and report.documents.undecided == {UNREADABLE: 1}


def test_content_as_of_the_export_itself_is_beyond_repair(job):
    export = Taken({**job.right, "b/1": {"n": 7}}, job.snapshot)
    report = job.audit(export)
    assert [(f.path, f.kind) for f in report.findings] == [("b/1", "wrong-content")]
    assert not report.changes and "begin the job again" in report.as_text()


def test_a_job_that_is_behind_is_told_apart_from_one_that_lost_something(job):
    report = job.audit(Taken({**job.right, "b/1": {"n": 7}}, job.at + 100))
    assert "has seen no change after the export" in report.as_text()
    job.feed([Change("b/9", None, {"n": 9}, (job.at + 200, 0), from_micros(job.at + 200))], job.at + 200)
    report = job.audit(Taken({**job.right, "b/1": {"n": 7}}, job.at + 100))
    assert "has seen no change" not in report.as_text() and report.documents.newer == 1


@pytest.mark.parametrize("offset", [50, -1])
def test_of_a_job_that_goes_on_what_it_took_lately_is_not_judged(job, offset):
    """What changed after the export, and what changed before it and came late."""
    stale = Given({"V": {"outV/a~1": {"old": True}}})
    assert [f.kind for f in job.audit(Taken(job.right, job.at), tables=stale).view_findings] == ["wrong-view"]
    at = job.at + offset
    export = Taken({**job.right, **({"b/1": {"n": 5}} if at < job.at else {})}, job.at)
    job.feed([Change("b/1", None, {"n": 5}, (at, 0), from_micros(at))], job.at + 50)
    assert [f.kind for f in job.audit(export, tables=stale).view_findings] == ["wrong-view"]
    with CheckpointReading(job.folder, VIA, {}):
        assert (job.folder / "state.sqlite3-wal").exists(), "as while a process has it open"
        report = job.audit(export, tables=stale)
    assert report.running and not report.view_findings and report.views["V"].undecided
