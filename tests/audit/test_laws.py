"""Of any history of which a feed loses some: an audit names what was lost and nothing else, and one repair makes it right."""

from __future__ import annotations

import tempfile
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow.audit.documents import DELETED_SINCE
from onto_flow.audit.tables import Given
from onto_flow.core.equality import same
from onto_flow.testing.judge_changes import judge_tables
from onto_flow.testing.oracle import recompute
from tests.audit.jobs import LossyJob, documents_after, repaired
from tests.audit.stories import Story


def wrong(job: LossyJob, story: Story, documents) -> list[str]:
    return list(judge_tables(recompute(job.plan, documents), job.tables))


def judged(random: Random, *, loses: bool) -> bool:
    """One story; returns whether anything was lost."""
    story = Story.of(random, loses=loses)
    history = story.case.history
    with tempfile.TemporaryDirectory() as folder:
        job = LossyJob(Path(folder), story.case.plan, history.seeds(), history.snapshot)
        job.feed(story.early(), story.at)
        seen_later = random.random() < 0.5
        if seen_later:
            job.feed(story.later(), story.at + 10**6)
        export = story.export()
        report = job.audit(export, tables=Given(job.tables))
        names = story.names(seen_later=seen_later)
        assert {f.path for f in report.findings} == names, story.case.describe()
        assert set(report.changes) == names
        assert set(report.documents.undecided) <= ({DELETED_SINCE} if seen_later else set())
        assert (report.time, report.state, report.running) == (story.at, True, False)
        _judge_views(job, story, report, seen_later=seen_later)
        if not names:
            assert report.is_right, report.as_text()
        changes = [
            *repaired(job.plan, report, export),
            *story.come(story.late(report.changes)),
        ]
        if not seen_later:
            changes += story.later()
        random.shuffle(changes)
        job.feed(changes, story.at + 2 * 10**6)
        assert not wrong(job, story, history.final), story.case.describe()
        again = job.audit(export, tables=Given(job.tables))
        assert again.is_right, again.as_text()
    return bool(names)


def _judge_views(job, story, report, *, seen_later):
    """The view documents that are wrong are named, and those that read what is wrong."""
    commits = story.case.history.commits
    right = recompute(job.plan, documents_after(commits if seen_later else commits[: story.taken]))
    differ = {
        (view, path)
        for view, table in right.items()
        for path in table.keys() | job.tables[view].keys()
        if not same(table.get(path), job.tables[view].get(path))
    }
    assert {(f.view, f.path) for f in report.view_findings} == differ, story.case.describe()
    assert differ <= report.affected.keys(), (differ - report.affected.keys(), story.case.describe())
    assert all(f.because for f in report.view_findings)
    assert {p for because in report.affected.values() for p in because} <= {f.path for f in report.findings}


@settings(max_examples=30)
@given(st.randoms(use_true_random=False))
def test_what_was_lost_is_named_and_one_repair_makes_it_right(random):
    judged(random, loses=True)


@settings(max_examples=10)
@given(st.randoms(use_true_random=False))
def test_of_a_job_that_lost_nothing_nothing_is_named(random):
    assert not judged(random, loses=False)


@pytest.mark.parametrize("seed", [496, 670, 801])
def test_stories_that_once_went_wrong(seed):
    """Lost events that left a document as it was (two), and a group that shows nothing while a deletion is lost."""
    assert judged(Random(seed), loses=True)


@pytest.mark.long
def test_many_stories():
    assert sum(judged(Random(seed), loses=True) for seed in range(3000)) > 2000
