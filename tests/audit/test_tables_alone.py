"""Audits without state: what differs is named, and a repair that knows little does no harm and mends what it can."""

from __future__ import annotations

from random import Random
from unittest import mock

import pytest
from engine_views import ListSource
from hypothesis import given, settings
from hypothesis import strategies as st

from onto_flow import DomainModel, Store, ViewModel, attrs, computed, plan_views, root
from onto_flow.audit.audit import Audit
from onto_flow.audit.tables import Given
from onto_flow.core.change import Change
from onto_flow.core.errors import UsageError
from onto_flow.core.values import Reference
from onto_flow.engines.base import Job
from onto_flow.engines.local import Engine, giving
from onto_flow.plan.nodes import Plan
from onto_flow.sinks.memory import MemorySink
from onto_flow.testing.histories import history_of
from onto_flow.testing.judge_changes import judge_tables
from onto_flow.testing.oracle import recompute
from onto_flow.testing.shapes import Shape, plan_of
from tests.audit.jobs import Damaged, Taken, documents_after, repaired
from tests.audit.stories import Story

VIA = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("via", "b", 0, ("r",)))))
BY = plan_of(Shape("V", "outV", (("root", "a", -1, ()), ("by", "b", 0, ("s",)))))
NOW = 10**15


class A(DomainModel):
    class Meta:
        collection_name = "a"

    n: int = attrs.int


class RoomStore(Store):
    a = root(A)


class Room(ViewModel):
    class Meta:
        collection_name = "rooms"

    store: RoomStore

    @computed
    def shown(self) -> int:
        return self.store.a.n


ROOMS = plan_views(Room)


def run(plan: Plan, seeds, changes, snapshot):
    """The tables of a job that nobody can look into."""
    sink = MemorySink()
    with mock.patch.object(giving, "now", lambda: 0):
        Engine().run(Job(plan, ListSource(seeds), sink, feed=ListSource(changes), snapshot=snapshot))
    return {view.name: sink.documents(view.name) for view in plan.views}


def audited(plan: Plan, tables, export, **options):
    return Audit(plan, export, tables=Given(tables), whole_export=True, now=lambda: NOW, **options).run()


class Small:
    """A history written down, of which some commits are lost."""

    def __init__(self, plan: Plan, *writes, exported: int, lost: set[int]) -> None:
        self.plan, self.history = plan, history_of(*writes, exported=exported)
        self.changes = [self.history.change(i) for i in self.history.feed if i not in lost]
        self.right = documents_after(self.history.commits)
        self.at = self.history.commits[-1].time
        self.export = Taken(self.right, self.at)
        self.since = Taken(self.history.documents, self.history.snapshot or 0)

    def tables(self, *changes: Change):
        return run(self.plan, self.history.seeds(), [*self.changes, *changes], self.history.snapshot)

    def audit(self, *changes: Change, **options):
        return audited(self.plan, self.tables(*changes), self.export, **options)


def test_what_a_wrong_view_document_reads_is_sent():
    story = Small(
        VIA, ("b/1", {"n": 1}), ("b/2", {"n": 1}), ("a/1", {"r": [Reference("b/1"), Reference("b/2")]}),
        ("b/1", {"n": 2}), ("b/2", None), exported=3, lost={3, 4},
    )  # fmt: skip
    report = story.audit()
    assert [(f.path, f.kind) for f in report.view_findings] == [("outV/a~1", "wrong-view")]
    assert report.changes == {"a/1": True, "b/1": True, "b/2": False}
    assert not report.state and "without state" in report.as_text()
    assert story.audit(*repaired(VIA, report, story.export)).is_right


@pytest.mark.parametrize(("plan", "shown"), [(ROOMS, "rooms/1"), (BY, "outV/a~1")])
def test_the_root_of_a_view_document_that_should_not_be_there_is_deleted_where_its_id_says_it(plan, shown):
    story = Small(plan, ("a/1", {"n": 1}), ("a/2", {"n": 1}), ("a/1", None), exported=2, lost={2})
    report = story.audit()
    assert [(f.path, f.kind) for f in report.view_findings] == [(shown, "extra-view")]
    told = shown == "rooms/1"
    assert report.changes == ({"a/1": False} if told else {})
    assert [f.path for f in report.helpless] == ([] if told else [shown])
    assert ("give an earlier export" in report.as_text()) is not told
    assert story.audit(*repaired(plan, report, story.export)).is_right is told


def test_a_ghost_needs_an_earlier_export():
    story = Small(BY, ("a/1", {"n": 1}), ("b/1", {"s": Reference("a/1")}), ("b/1", None), exported=2, lost={2})
    report = story.audit()
    assert report.changes == {"a/1": True}
    assert not story.audit(*repaired(BY, report, story.export)).is_right
    report = story.audit(since=story.since)
    assert report.changes == {"a/1": True, "b/1": False}
    assert story.audit(*repaired(BY, report, story.export)).is_right


def test_what_changed_and_changed_back_is_sent_with_the_whole_collection():
    here, away = {"s": Reference("a/1")}, {"s": None}
    story = Small(BY, ("a/1", {"n": 1}), ("b/1", away), ("b/1", here), ("b/1", away), exported=2, lost={3})
    assert not story.audit(*repaired(BY, story.audit(since=story.since), story.export)).is_right
    report = story.audit(since=story.since, whole_collections=True)
    assert report.changes == {"a/1": True, "b/1": True}
    assert story.audit(*repaired(BY, report, story.export)).is_right


def test_nothing_is_deleted_that_may_be_there():
    """A collection that was not exported, a document that cannot be decoded, one of which not even the path is known."""
    story = Small(
        VIA, ("b/1", {"n": 1}), ("b/2", {"n": 1}), ("a/1", {"r": [Reference("b/1"), Reference("b/2")]}), exported=3, lost=set()
    )  # fmt: skip
    root, one = {"a/1": story.right["a/1"]}, {"b/1": story.right["b/1"]}
    for documents, key, wrong, changes in (
        (root, "", ["wrong-view"], {"a/1": True}),
        (root | one, "", ["wrong-view"], {"a/1": True, "b/1": True, "b/2": False}),
        (root | one, "document:b/2", [], {}),
        (root | one, "record:output-0, byte 7", ["wrong-view"], {"a/1": True, "b/1": True}),
    ):
        export = Damaged(documents, story.at, key) if key else Taken(documents, story.at)
        report = Audit(VIA, export, tables=Given(story.tables()), now=lambda: NOW).run()
        assert [f.kind for f in report.view_findings] == wrong
        assert report.changes == changes
        assert ("the export has nothing of b," in report.as_text()) is (documents == root)


def test_there_must_be_something_to_compare_with():
    with pytest.raises(UsageError, match="nothing to compare with"):
        Audit(VIA, Taken({}, 1)).run()


@settings(max_examples=25)
@given(st.randoms(use_true_random=False))
def test_one_repair_makes_any_tables_right_but_for_what_neither_export_has(random: Random):
    story = Story.of(random, loses=True)
    history, plan = story.case.history, story.case.plan
    if random.random() < 0.5:
        story.lost = {i for i in story.lost if random.random() < 0.2}
    early = story.early()
    tables = run(plan, history.seeds(), early, history.snapshot)
    export, since = story.export(), Taken(history.documents, 0)
    report = audited(plan, tables, export, since=since, whole_collections=True)
    right = recompute(plan, documents_after(history.commits[: story.taken]))
    assert report.is_right == (not list(judge_tables(right, tables))), story.case.describe()
    changes = [*early, *repaired(plan, report, export)]
    random.shuffle(changes)
    tables = run(plan, history.seeds(), changes, history.snapshot)
    left = list(judge_tables(right, tables))
    assert not left or story.ghosts, (left, story.case.describe())
    assert audited(plan, tables, export).is_right == (not left)
